//===- Flatten.cpp - From amk.schedule to the flat schedule ---------------===//

#include "AMK/Dialect/AMK/Flatten.h"

#include "Describe.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

using namespace mlir;
using namespace amk;

// The dialect's enums are numbered as the core's.
static_assert(int(BufferKind::Activation) == int(core::BufferKind::Activation));
static_assert(int(BufferKind::Local) == int(core::BufferKind::Local));
static_assert(int(BufferKind::Input) == int(core::BufferKind::Input));
static_assert(int(BufferKind::Output) == int(core::BufferKind::Output));
static_assert(int(BufferKind::KvCache) == int(core::BufferKind::KvCache));
static_assert(int(BufferKind::Constant) == int(core::BufferKind::Constant));
static_assert(int(PageSpace::Scratch) == int(core::Space::Scratch));
static_assert(int(PageSpace::Shared) == int(core::Space::Shared));
static_assert(int(PageSpace::Cluster) == int(core::Space::Cluster));

namespace {

class Flattener {
public:
  explicit Flattener(FlattenMap &map) : map(map) {}
  FailureOr<core::Schedule> run(ScheduleOp op);

private:
  LogicalResult header(ScheduleOp op);
  LogicalResult buffer(BufferOp op);
  LogicalResult weight(WeightOp op);
  LogicalResult counter(CounterOp op);
  LogicalResult task(TaskOp op);
  LogicalResult bodyOp(OperatorOp op, core::Operator &result);
  LogicalResult number(Operation *op, StringRef what, int64_t value,
                       uint32_t &result);
  LogicalResult handOff(TaskOp op, Value value, Attribute fan,
                        uint32_t &counters, core::Fan &result);

  /// The table of one list of an attribute; kNone for an empty list. Equal
  /// attributes are one object, so that most tables are found by address.
  uint32_t table(Attribute attribute, unsigned list, ArrayRef<int64_t> values);

  core::Schedule flat;
  FlattenMap &map;
  llvm::DenseMap<Value, uint32_t> indices; ///< of buffers and counters
  llvm::DenseMap<std::pair<Attribute, unsigned>, uint32_t> tables;
  std::map<std::vector<uint32_t>, uint32_t> tableIndex;
  /// Groups of packets, by buffer.
  llvm::SmallVector<std::pair<uint32_t, CutAttr>> packetCuts;
};

uint32_t Flattener::table(Attribute attribute, unsigned list,
                          ArrayRef<int64_t> values) {
  if (values.empty())
    return core::kNone;
  auto [known, isNew] = tables.try_emplace({attribute, list}, 0);
  if (!isNew)
    return known->second;
  std::vector<uint32_t> entries(values.begin(), values.end());
  auto [entry, added] =
      tableIndex.try_emplace(std::move(entries), flat.tables.size());
  if (added)
    flat.tables.push_back(entry->first);
  return known->second = entry->second;
}

LogicalResult Flattener::number(Operation *op, StringRef what, int64_t value,
                                uint32_t &result) {
  if (value < 0 || value >= int64_t(core::kNone))
    return op->emitOpError()
           << "V1: expected " << what << " from 0 to 2^32 - 2, found " << value;
  result = uint32_t(value);
  return success();
}

LogicalResult Flattener::header(ScheduleOp op) {
  flat.name = op.getSymName().str();
  flat.positions = op.getPositions();
  const NumericsAttr numerics = op.getNumerics();
  flat.numerics = {numerics.getKBlock(), numerics.getKvBlock(),
                   numerics.getKvChunk(), numerics.getKvSplits()};
  flat.concurrent = op.getConcurrent();
  if (std::optional<TargetAttr> target = op.getTarget()) {
    core::Target &t = flat.target.emplace();
    t.chip = target->getChip().str();
    if (target->getSharedBytes() < 0)
      return op.emitOpError() << "V1: expected 0 or more bytes of shared "
                                 "memory, found "
                              << target->getSharedBytes();
    t.sharedBytes = uint64_t(target->getSharedBytes());
    if (failed(number(op, "workers", target->getWorkers(), t.workers)) ||
        failed(number(op, "workers of a cluster", target->getCluster(),
                      t.cluster)))
      return failure();
  }
  if (std::optional<RingAttr> ring = op.getRing()) {
    core::Ring &r = flat.ring.emplace();
    if (failed(number(op, "ring slots", ring->getSlots(), r.slots)) ||
        failed(number(op, "ring bytes", ring->getBytes(), r.bytes)) ||
        failed(number(op, "a ring window", ring->getWindow(), r.window)) ||
        failed(number(op, "stages ahead", ring->getAhead(), r.ahead)) ||
        failed(number(op, "ring teams", ring->getTeams(), r.teams)))
      return failure();
  }
  if (std::optional<ArrayRef<int64_t>> tokens = op.getEndTokens())
    flat.endTokens.assign(tokens->begin(), tokens->end());
  return success();
}

LogicalResult Flattener::buffer(BufferOp op) {
  core::Buffer b = amk::detail::describeBuffer(op);
  if (std::optional<PacketsAttr> packets = op.getPackets()) {
    if (failed(number(op, "elements of a packet", packets->getElements(),
                      b.packetElements)))
      return failure();
    if (CutAttr cut = packets->getTiles())
      packetCuts.push_back({uint32_t(flat.buffers.size()), cut});
  }
  if (failed(
          number(op, "a generation", op.getGeneration(), b.packetGeneration)))
    return failure();
  if (std::optional<PageAttr> page = op.getPage()) {
    if (page->getOffset() < 0)
      return op.emitOpError() << "V1: expected a page offset of 0 or more, "
                                 "found "
                              << page->getOffset();
    b.space = static_cast<core::Space>(page->getSpace());
    b.pageOffset = uint64_t(page->getOffset());
    if (failed(number(op, "room for packets", page->getRoom(), b.packetRoom)))
      return failure();
  }
  if (std::optional<RopeAttr> rope = op.getRope()) {
    core::RopeTable t;
    t.headDim = rope->getHeadDim();
    t.theta = rope->getTheta().getValueAsDouble();
    t.factor = rope->getFactor().getValueAsDouble();
    t.lowFreqFactor = rope->getLowFreqFactor().getValueAsDouble();
    t.highFreqFactor = rope->getHighFreqFactor().getValueAsDouble();
    t.originalPositions = rope->getOriginalPositions();
    b.rope = flat.ropeTables.size();
    flat.ropeTables.push_back(t);
  }
  indices[op.getResult()] = flat.buffers.size();
  map.buffers.push_back(op);
  flat.buffers.push_back(std::move(b));
  return success();
}

LogicalResult Flattener::weight(WeightOp op) {
  core::Buffer b = amk::detail::describeBuffer(op);
  core::WeightView view;
  view.interleave = op.getInterleave();
  for (auto [i, tensor] : llvm::enumerate(op.getTensors()))
    view.parts.push_back({cast<StringAttr>(tensor).getValue().str(),
                          op.getRows()[i], op.getRopePairs()[i]});
  b.view = flat.views.size();
  flat.views.push_back(std::move(view));
  indices[op.getResult()] = flat.buffers.size();
  map.buffers.push_back(op);
  flat.buffers.push_back(std::move(b));
  return success();
}

LogicalResult Flattener::counter(CounterOp op) {
  core::CounterArray c;
  c.name = op.getName().str();
  if (failed(number(op, "counters", op.getCount(), c.count)))
    return failure();
  indices[op.getResult()] = flat.counters.size();
  map.counters.push_back(op);
  flat.counters.push_back(std::move(c));
  return success();
}

LogicalResult Flattener::handOff(TaskOp op, Value value, Attribute attribute,
                                 uint32_t &counters, core::Fan &result) {
  auto found = indices.find(value);
  if (found == indices.end())
    return op.emitOpError() << "V1: expected counters of this schedule";
  counters = found->second;
  auto fan = cast<FanAttr>(attribute);
  result.first = table(fan, 0, fan.getFirst());
  result.last = table(fan, 1, fan.getLast());
  return success();
}

LogicalResult Flattener::bodyOp(OperatorOp op, core::Operator &result) {
  result = amk::detail::describeOperator(op);
  for (Value operand : op->getOperands()) {
    auto found = indices.find(operand);
    if (found == indices.end())
      return op->emitOpError() << "V1: expected buffers of this schedule";
    result.operands.push_back(found->second);
  }
  return success();
}

LogicalResult Flattener::task(TaskOp op) {
  core::Task t;
  t.name = op.getSymName().str();
  if (std::optional<CutAttr> cut = op.getTiles())
    t.bounds = table(*cut, 0, cut->getBounds());
  if (std::optional<PlaceAttr> place = op.getPlace()) {
    t.workers = table(*place, 0, place->getWorkers());
    t.slots = table(*place, 1, place->getSlots());
  }
  for (auto [i, value] : llvm::enumerate(op.getWaitCounters())) {
    core::Wait &wait = t.waits.emplace_back();
    if (failed(handOff(op, value, (*op.getWaitFans())[i], wait.counters,
                       wait.fan)))
      return failure();
    auto thresholds = cast<ThresholdsAttr>((*op.getWaitThresholds())[i]);
    wait.threshold = table(thresholds, 0, thresholds.getValues());
  }
  for (auto [i, value] : llvm::enumerate(op.getSignalCounters())) {
    core::Signal &signal = t.signals.emplace_back();
    if (failed(handOff(op, value, (*op.getSignalFans())[i], signal.counters,
                       signal.fan)))
      return failure();
  }
  if (std::optional<StreamAttr> s = op.getStream()) {
    t.stream.bySlice = s->getBySlice();
    if (failed(number(op, "rows", s->getRows(), t.stream.rows)) ||
        failed(number(op, "columns", s->getColumns(), t.stream.columns)) ||
        failed(number(op, "held stages", s->getHeld(), t.stream.held)))
      return failure();
  }
  t.clusterGather = op.getClusterGather();
  std::vector<Operation *> &ops = map.ops.emplace_back();
  for (OperatorOp body : op.getBody().getOps<OperatorOp>()) {
    ops.push_back(body);
    if (failed(bodyOp(body, t.ops.emplace_back())))
      return failure();
  }
  map.tasks.push_back(op);
  flat.tasks.push_back(std::move(t));
  return success();
}

FailureOr<core::Schedule> Flattener::run(ScheduleOp op) {
  map = FlattenMap();
  map.schedule = op;
  if (failed(header(op)))
    return failure();
  for (Operation &child : op.getBody().front()) {
    LogicalResult result = llvm::TypeSwitch<Operation *, LogicalResult>(&child)
                               .Case([&](BufferOp o) { return buffer(o); })
                               .Case([&](WeightOp o) { return weight(o); })
                               .Case([&](CounterOp o) { return counter(o); })
                               .Case([&](TaskOp o) { return task(o); })
                               .Default([](Operation *o) {
                                 return o->emitOpError()
                                        << "V1: expected a buffer, weight, "
                                           "counter or task in a schedule";
                               });
    if (failed(result))
      return failure();
  }
  // After those of the tasks: where among them a buffer stands says nothing.
  for (auto [buffer, cut] : packetCuts)
    flat.buffers[buffer].packetTiles = table(cut, 0, cut.getBounds());
  return std::move(flat);
}

} // namespace

FailureOr<core::Schedule> amk::flatten(ScheduleOp op, FlattenMap &map) {
  return Flattener(map).run(op);
}

FailureOr<core::Schedule> amk::flatten(ScheduleOp op) {
  FlattenMap map;
  return flatten(op, map);
}

Operation *FlattenMap::lookup(const core::Place &place) const {
  if (place.task < tasks.size()) {
    if (place.op < ops[place.task].size())
      return ops[place.task][place.op];
    return tasks[place.task];
  }
  if (place.buffer < buffers.size())
    return buffers[place.buffer];
  if (place.counters < counters.size())
    return counters[place.counters];
  return schedule;
}

LogicalResult amk::verifySchedule(const core::Schedule &schedule,
                                  const FlattenMap &map) {
  std::vector<core::Diagnostic> violations = core::verify(schedule);
  for (const core::Diagnostic &violation : violations) {
    auto tile = [](const core::Place &place) {
      return place.tile == core::kNone
                 ? std::string()
                 : "tile " + std::to_string(place.tile) + ": ";
    };
    InFlightDiagnostic error = map.lookup(violation.place)->emitOpError();
    error << violation.rule << ": " << tile(violation.place)
          << violation.message;
    for (const core::Note &note : violation.notes)
      error.attachNote(map.lookup(note.place)->getLoc())
          << tile(note.place) << note.message;
  }
  return success(violations.empty());
}
