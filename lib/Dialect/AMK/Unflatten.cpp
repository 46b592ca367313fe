//===- Unflatten.cpp - From the flat schedule to amk.schedule -------------===//

#include "AMK/Dialect/AMK/Flatten.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace amk;

namespace {

class Unflattener {
public:
  Unflattener(const core::Schedule &flat, OpBuilder &builder,
              const LocationMap &locations)
      : flat(flat), builder(builder), context(builder.getContext()),
        locations(locations) {}
  ScheduleOp run();

private:
  LogicalResult buffersUpTo(uint32_t end);
  void countersUpTo(uint32_t end);
  LogicalResult buffer(const core::Buffer &b);
  LogicalResult task(const core::Task &t);
  LogicalResult bodyOp(const core::Operator &op);
  std::optional<OperationName> operationName(const std::string &name);

  SmallVector<int64_t> list(uint32_t table) const {
    if (table == core::kNone)
      return {};
    return SmallVector<int64_t>(flat.tables[table].begin(),
                                flat.tables[table].end());
  }
  /// Built once per table: a table of a large schedule is long.
  CutAttr cut(uint32_t table);
  FanAttr fan(const core::Fan &fan) {
    return FanAttr::get(context, list(fan.first), list(fan.last));
  }

  const core::Schedule &flat;
  OpBuilder &builder;
  MLIRContext *context;
  const LocationMap &locations;
  std::vector<Value> buffers, counters;
  llvm::DenseMap<uint32_t, CutAttr> cuts;
};

CutAttr Unflattener::cut(uint32_t table) {
  CutAttr &attr = cuts[table];
  if (!attr)
    attr = CutAttr::get(context, list(table));
  return attr;
}

LogicalResult Unflattener::buffer(const core::Buffer &b) {
  Location loc = locations.buffer(b.name);
  Type element = b.type == core::ElementType::BF16 ? Type(builder.getBF16Type())
                 : b.type == core::ElementType::F32 ? Type(builder.getF32Type())
                                                    : builder.getI32Type();
  auto type = BufferType::getChecked([&] { return emitError(loc); }, context,
                                     ArrayRef<int64_t>(b.shape), element);
  if (!type)
    return failure();
  if (b.kind == core::BufferKind::Weight) {
    SmallVector<Attribute> tensors;
    SmallVector<int64_t> rows, pairs;
    for (const core::WeightPart &part : flat.views[b.view].parts) {
      tensors.push_back(builder.getStringAttr(part.tensor));
      rows.push_back(part.rows);
      pairs.push_back(part.ropeHeadDim);
    }
    buffers.push_back(WeightOp::create(builder, loc, type, b.name,
                                       builder.getArrayAttr(tensors), rows,
                                       pairs, flat.views[b.view].interleave));
    return success();
  }
  PacketsAttr packets;
  if (b.packetElements)
    packets = PacketsAttr::get(
        context, b.packetElements,
        b.packetTiles == core::kNone ? CutAttr() : cut(b.packetTiles));
  PageAttr page;
  if (b.space != core::Space::Own)
    page = PageAttr::get(context, static_cast<PageSpace>(b.space),
                         int64_t(b.pageOffset), b.packetRoom);
  RopeAttr rope;
  if (b.rope != core::kNone) {
    const core::RopeTable &t = flat.ropeTables[b.rope];
    rope = RopeAttr::get(context, t.headDim, builder.getF64FloatAttr(t.theta),
                         builder.getF64FloatAttr(t.factor),
                         builder.getF64FloatAttr(t.lowFreqFactor),
                         builder.getF64FloatAttr(t.highFreqFactor),
                         t.originalPositions);
  }
  buffers.push_back(BufferOp::create(builder, loc, type,
                                     static_cast<BufferKind>(b.kind), b.name,
                                     packets, page, b.packetGeneration, rope));
  return success();
}

LogicalResult Unflattener::buffersUpTo(uint32_t end) {
  for (uint32_t i = buffers.size(); i < end; ++i)
    if (failed(buffer(flat.buffers[i])))
      return failure();
  return success();
}

void Unflattener::countersUpTo(uint32_t end) {
  for (uint32_t i = counters.size(); i < end; ++i) {
    const core::CounterArray &c = flat.counters[i];
    counters.push_back(CounterOp::create(builder, locations.counter(c.name),
                                         CounterType::get(context), c.name,
                                         c.count));
  }
}

/// The op of this dialect, else one of another dialect that has the model's
/// name: operators can come from a plugin.
std::optional<OperationName>
Unflattener::operationName(const std::string &name) {
  if (auto known = RegisteredOperationName::lookup("amk." + name, context))
    return *known;
  for (RegisteredOperationName other : context->getRegisteredOperations())
    if (other.stripDialect() == name && other.hasInterface<OperatorOp>())
      return other;
  return std::nullopt;
}

LogicalResult Unflattener::bodyOp(const core::Operator &op) {
  Location loc = locations.op(flat, op);
  std::optional<OperationName> name = operationName(op.name);
  if (!name)
    return emitError(loc) << "V1: no op for operator '" << op.name << "'";
  OperationState state(loc, *name);
  for (uint32_t operand : op.operands)
    state.operands.push_back(buffers[operand]);
  for (const core::OpAttribute &a : op.attributes)
    state.addAttribute(
        a.name, a.isFloat ? Attribute(builder.getF64FloatAttr(a.real))
                          : Attribute(builder.getI64IntegerAttr(a.integer)));
  if (op.prologue)
    state.addAttribute("prologue", builder.getUnitAttr());
  builder.create(state);
  return success();
}

LogicalResult Unflattener::task(const core::Task &t) {
  uint32_t lastBuffer = 0, lastCounter = 0;
  for (const core::Operator &op : t.ops)
    for (uint32_t operand : op.operands)
      lastBuffer = std::max(lastBuffer, operand + 1);
  SmallVector<Value> waits, signals;
  SmallVector<Attribute> waitFans, thresholds, signalFans;
  for (const core::Wait &wait : t.waits)
    lastCounter = std::max(lastCounter, wait.counters + 1);
  for (const core::Signal &signal : t.signals)
    lastCounter = std::max(lastCounter, signal.counters + 1);
  if (failed(buffersUpTo(lastBuffer)))
    return failure();
  countersUpTo(lastCounter);
  for (const core::Wait &wait : t.waits) {
    waits.push_back(counters[wait.counters]);
    waitFans.push_back(fan(wait.fan));
    thresholds.push_back(ThresholdsAttr::get(context, list(wait.threshold)));
  }
  for (const core::Signal &signal : t.signals) {
    signals.push_back(counters[signal.counters]);
    signalFans.push_back(fan(signal.fan));
  }
  auto array = [&](ArrayRef<Attribute> attrs) {
    return attrs.empty() ? ArrayAttr() : builder.getArrayAttr(attrs);
  };
  PlaceAttr place;
  if (t.workers != core::kNone)
    place = PlaceAttr::get(context, list(t.workers), list(t.slots));
  StreamAttr stream;
  if (t.stream.rows)
    stream = StreamAttr::get(context, t.stream.rows, t.stream.columns,
                             t.stream.held, t.stream.bySlice);
  auto op = TaskOp::create(builder, locations.task(t.name), t.name,
                           t.bounds == core::kNone ? CutAttr() : cut(t.bounds),
                           place, waits, array(waitFans), array(thresholds),
                           signals, array(signalFans), stream, t.clusterGather);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&op.getBody().emplaceBlock());
  for (const core::Operator &body : t.ops)
    if (failed(bodyOp(body)))
      return failure();
  return success();
}

ScheduleOp Unflattener::run() {
  TargetAttr target;
  if (flat.target)
    target = TargetAttr::get(context, flat.target->chip, flat.target->workers,
                             int64_t(flat.target->sharedBytes),
                             flat.target->cluster);
  RingAttr ring;
  if (flat.ring)
    ring = RingAttr::get(context, flat.ring->slots, flat.ring->bytes,
                         flat.ring->window, flat.ring->ahead, flat.ring->teams);
  DenseI64ArrayAttr endTokens;
  if (!flat.endTokens.empty())
    endTokens = builder.getDenseI64ArrayAttr(flat.endTokens);
  auto op = ScheduleOp::create(
      builder, locations.schedule(), flat.name, flat.concurrent, flat.positions,
      NumericsAttr::get(context, flat.numerics.kBlock, flat.numerics.kvBlock,
                        flat.numerics.kvChunk, flat.numerics.kvSplits),
      target, ring, endTokens);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&op.getBody().emplaceBlock());
  bool ok = true;
  for (const core::Task &t : flat.tasks)
    ok = ok && succeeded(task(t));
  ok = ok && succeeded(buffersUpTo(flat.buffers.size()));
  if (!ok) {
    op.erase();
    return {};
  }
  countersUpTo(flat.counters.size());
  return op;
}

} // namespace

ScheduleOp amk::unflatten(const core::Schedule &schedule, OpBuilder &builder,
                          const LocationMap &locations) {
  return Unflattener(schedule, builder, locations).run();
}

OwningOpRef<ModuleOp> amk::unflattenModule(const core::Schedule &schedule,
                                           MLIRContext *context,
                                           const LocationMap &locations) {
  context->getOrLoadDialect<AMKDialect>();
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(locations.schedule());
  builder.setInsertionPointToStart(module->getBody());
  if (!unflatten(schedule, builder, locations))
    return {};
  return module;
}

LogicalResult amk::rewriteSchedule(ScheduleOp op,
                                   const core::Schedule &schedule,
                                   const LocationMap &locations) {
  OpBuilder builder(op.getContext());
  // Detached: a pass must not touch what stands around its op.
  ScheduleOp fresh = unflatten(schedule, builder, locations);
  if (!fresh)
    return failure();
  DictionaryAttr discardable = op->getDiscardableAttrDictionary();
  op->setAttrs(fresh->getAttrDictionary());
  for (NamedAttribute attribute : discardable)
    op->setDiscardableAttr(attribute.getName(), attribute.getValue());
  op.getBody().takeBody(fresh.getBody());
  fresh.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

static std::string opKey(const core::Schedule &schedule,
                         const core::Operator &op) {
  // All operands: two appends write one cache, all adds one residual.
  std::string key = "o:" + op.name;
  for (uint32_t operand : op.operands)
    key += ":" + schedule.buffers[operand].name;
  return key;
}

LocationMap::LocationMap(ScheduleOp op) : otherwise(op.getLoc()) {
  FlattenMap map;
  FailureOr<core::Schedule> flat = flatten(op, map);
  if (failed(flat))
    return;
  for (auto [i, buffer] : llvm::enumerate(flat->buffers))
    setBuffer(buffer.name, map.buffers[i]->getLoc());
  for (auto [i, counter] : llvm::enumerate(flat->counters))
    setCounter(counter.name, map.counters[i]->getLoc());
  for (auto [t, task] : llvm::enumerate(flat->tasks)) {
    setTask(task.name, map.tasks[t]->getLoc());
    for (auto [i, body] : llvm::enumerate(task.ops))
      setOp(*flat, body, map.ops[t][i]->getLoc());
  }
}

Location LocationMap::find(const Twine &key) const {
  SmallString<64> text;
  auto found = locations.find(key.toStringRef(text));
  return found == locations.end() ? otherwise : found->second;
}

void LocationMap::set(const Twine &key, Location location) {
  SmallString<64> text;
  locations.insert_or_assign(key.toStringRef(text), location);
}

Location LocationMap::buffer(StringRef name) const { return find("b:" + name); }
Location LocationMap::counter(StringRef name) const {
  return find("c:" + name);
}
Location LocationMap::task(StringRef name) const { return find("t:" + name); }
Location LocationMap::op(const core::Schedule &schedule,
                         const core::Operator &op) const {
  return find(opKey(schedule, op));
}

void LocationMap::setBuffer(StringRef name, Location location) {
  set("b:" + name, location);
}
void LocationMap::setCounter(StringRef name, Location location) {
  set("c:" + name, location);
}
void LocationMap::setTask(StringRef name, Location location) {
  set("t:" + name, location);
}
void LocationMap::setOp(const core::Schedule &schedule,
                        const core::Operator &op, Location location) {
  set(opKey(schedule, op), location);
}
