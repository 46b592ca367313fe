//===- BodyBuilder.cpp - A task's body as amk_exec ------------------------===//

#include "BodyBuilder.h"

#include "AMK/Schedule/Operators.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/Sequence.h"

using namespace mlir;

namespace amk {

OperatorEmitter::~OperatorEmitter() = default;

int64_t OperatorEmitter::storeExtent(const BodyBuilder &body, size_t op,
                                     unsigned output) const {
  const unsigned inputs = core::lookupOperator(body.op(op).name)->inputs();
  return body.operand(op, inputs + output).elements();
}

LogicalResult OperatorEmitter::store(BodyBuilder &body, size_t op,
                                     unsigned output, Value index) const {
  const unsigned inputs = core::lookupOperator(body.op(op).name)->inputs();
  const uint32_t buffer = body.op(op).operands[inputs + output];
  Value value = body.pull(buffer, index, op + 1);
  if (!value)
    return failure();
  body.storeElement(buffer, value, index);
  return success();
}

BodyBuilder::BodyBuilder(OpBuilder &builder, Location loc,
                         const core::Schedule &schedule,
                         const core::KernelPlan &plan,
                         const core::TaskClass &taskClass)
    : b(builder), loc(loc), schedule(schedule), plan(plan),
      taskClass(taskClass), task(schedule.tasks[taskClass.task]) {}

LogicalResult BodyBuilder::error(size_t op, const llvm::Twine &message) {
  return emitError(loc) << "task '" << task.name << "', operator '"
                        << task.ops[op].name << "': " << message;
}

Type BodyBuilder::typeOf(core::ElementType type) {
  switch (type) {
  case core::ElementType::F32:
    return b.getF32Type();
  case core::ElementType::BF16:
    return b.getBF16Type();
  case core::ElementType::I32:
    return b.getI32Type();
  }
  return Type();
}

Value BodyBuilder::constant(int64_t v) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(v)));
}
Value BodyBuilder::add(Value x, int64_t y) {
  return y == 0 ? x : Value(arith::AddIOp::create(b, loc, x, constant(y)));
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

Value BodyBuilder::field(uint32_t word) {
  Value &v = fields[word];
  if (!v) {
    // At the start of the class: read once, used in every loop.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&body.getBody().front());
    v = exec::FieldOp::create(b, loc, b.getI32Type(), word);
  }
  return v;
}

const core::ClassFields &BodyBuilder::fieldsOf(uint32_t id) const {
  const auto at =
      std::find(taskClass.buffers.begin(), taskClass.buffers.end(), id);
  return taskClass.fields[size_t(at - taskClass.buffers.begin())];
}

Value BodyBuilder::place(uint32_t id) {
  if (buffer(id).space == core::Space::Shared)
    return constant(int64_t(buffer(id).pageOffset));
  return field(fieldsOf(id).place);
}
Value BodyBuilder::generation(uint32_t id) {
  return fieldsOf(id).packets == core::kNone ? Value() : packetField(id).first;
}
Value BodyBuilder::firstPacket(uint32_t id) { return packetField(id).second; }

std::pair<Value, Value> BodyBuilder::packetField(uint32_t id) {
  const core::ClassFields &f = fieldsOf(id);
  Value word = field(f.packets);
  if (!f.written)
    return {word, Value()};
  std::pair<Value, Value> &halves = packetFields[f.packets];
  if (!halves.first) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(word.getDefiningOp());
    halves = {arith::AndIOp::create(b, loc, word, constant(0xffff)),
              arith::ShRUIOp::create(b, loc, word, constant(16))};
  }
  return halves;
}
Value BodyBuilder::peers(uint32_t id) {
  const uint32_t word = fieldsOf(id).peers;
  return word == core::kNone ? Value() : field(word);
}
Value BodyBuilder::rangeFirst() { return field(1); }
Value BodyBuilder::rangeSize() { return field(2); }

std::optional<exec::PacketsAttr> BodyBuilder::packets(uint32_t id) const {
  const core::Buffer &buffer = schedule.buffers[id];
  if (!buffer.packetElements)
    return std::nullopt;
  const auto &t = plan.packetTables.at(core::packetKey(buffer));
  return exec::PacketsAttr::get(b.getContext(), buffer.packetElements,
                                t.layout.first.back(), t.packets, t.locate,
                                buffer.packetRoom);
}

DenseI32ArrayAttr BodyBuilder::rounds() const {
  const core::Buffer *input = core::gatheredPackets(schedule, task);
  if (!task.stream.bySlice || !input)
    return {};
  const auto &t = plan.packetTables.at(core::packetKey(*input));
  llvm::SmallVector<int32_t> words;
  for (uint32_t bits : core::sliceRounds(t.layout, task.stream.columns))
    words.push_back(int32_t(bits));
  return b.getDenseI32ArrayAttr(words);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::optional<size_t> BodyBuilder::producer(uint32_t id, size_t before) const {
  for (size_t i = before; i-- > 0;) {
    const core::Operator &o = task.ops[i];
    for (size_t k = core::lookupOperator(o.name)->inputs();
         k < o.operands.size(); ++k)
      if (o.operands[k] == id)
        return i;
  }
  return std::nullopt;
}

Value BodyBuilder::load(uint32_t id, Value index) {
  const core::Buffer &buffer = schedule.buffers[id];
  const Type type = typeOf(buffer.type);
  const Type result = buffer.type == core::ElementType::I32
                          ? Type(b.getI32Type())
                          : Type(b.getF32Type());
  return exec::LoadOp::create(b, loc, result, place(id), index, Value(), type,
                              /*columns=*/0, /*slice=*/0,
                              buffer.space == core::Space::Shared);
}

Value BodyBuilder::pull(uint32_t id, Value index, size_t before) {
  const std::optional<size_t> from = producer(id, before);
  if (!from) {
    if (schedule.buffers[id].packetElements) {
      (void)error(before, "expected a plain input, found packets in '" +
                              schedule.buffers[id].name + "'");
      return Value();
    }
    return load(id, index);
  }
  const core::Operator &o = task.ops[*from];
  const unsigned inputs = core::lookupOperator(o.name)->inputs();
  unsigned output = 0;
  while (o.operands[inputs + output] != id)
    ++output;
  Value &known = elements[{*from, output, index.getAsOpaquePointer()}];
  if (!known)
    known = lookupEmitter(o.name)->element(*this, *from, output, index);
  return known;
}

LogicalResult BodyBuilder::gather(size_t by, uint32_t id,
                                  std::optional<size_t> norm, bool applyGain) {
  if (gathered)
    return error(by, "expected the only operator of its task that gathers its "
                     "input, found another before it");
  gathered = true;
  const core::Buffer &from = schedule.buffers[id];
  Value gain;
  if (norm && applyGain)
    gain = place(op(*norm).operands[1]);
  const std::optional<exec::PacketsAttr> p = packets(id);
  exec::GatherOp::create(
      b, loc, place(id), generation(id), gain, uint32_t(from.elements()),
      core::byteWidth(from.type), p ? *p : exec::PacketsAttr(),
      norm.has_value(), from.space == core::Space::Shared,
      core::sharesGather(schedule, task), p && task.stream.bySlice);
  stamp(1);
  return success();
}

void BodyBuilder::stamp(uint32_t point) {
  if (plan.trace)
    exec::StampOp::create(b, loc, point);
}

Value BodyBuilder::normScale(size_t norm) {
  Value &v = scales[norm];
  const auto p = packets(op(norm).operands[0]);
  const uint32_t shares =
      p && core::sharesGather(schedule, task)
          ? core::clusterShares(schedule.target->cluster, p->getCount())
          : 0;
  if (!v)
    v = exec::NormScaleOp::create(
        b, loc, b.getF32Type(), uint32_t(operand(norm, 0).elements()),
        llvm::APFloat(op(norm).getFloat("eps")), shares);
  return v;
}

void BodyBuilder::storeElement(uint32_t id, Value value, Value index,
                               Value condition) {
  const core::Buffer &to = schedule.buffers[id];
  if (to.packetElements)
    exec::PublishOp::create(b, loc, value, place(id), generation(id),
                            firstPacket(id), peers(id), to.packetRoom);
  else
    exec::StoreOp::create(b, loc, value, place(id), index, condition,
                          typeOf(to.type), to.space == core::Space::Shared);
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

std::vector<BodyBuilder::Sink> BodyBuilder::sinks() const {
  std::vector<Sink> out;
  for (size_t i = 0; i < task.ops.size(); ++i) {
    const core::Operator &o = task.ops[i];
    const OperatorEmitter *emitter = lookupEmitter(o.name);
    if (o.prologue || emitter->storesInPrepare())
      continue;
    const core::OperatorModel *model = core::lookupOperator(o.name);
    for (unsigned k = 0; k < model->outputs(); ++k)
      if (buffer(o.operands[model->inputs() + k]).kind !=
          core::BufferKind::Local) {
        const int64_t extent = emitter->storeExtent(*this, i, k);
        if (extent > 0)
          out.push_back({i, k, extent});
      }
  }
  return out;
}

/// Outputs of one index space are stored by one loop, in program order.
LogicalResult BodyBuilder::groupSinks(std::vector<SinkGroup> &groups) {
  for (const Sink &s : sinks()) {
    const auto at = llvm::find_if(groups, [&](const SinkGroup &g) {
      return g.sinks.front().extent == s.extent;
    });
    SinkGroup &group =
        at == groups.end() ? groups.emplace_back(SinkGroup{}) : *at;
    group.sinks.push_back(s);
    const unsigned inputs = core::lookupOperator(op(s.op).name)->inputs();
    const uint32_t n = operand(s.op, inputs + s.output).packetElements;
    if (group.packet && n && n != group.packet)
      return error(s.op, "expected packets of " + llvm::Twine(group.packet) +
                             " values as the task's other output, found " +
                             llvm::Twine(n));
    group.packet = std::max(group.packet, n);
  }
  return success();
}

llvm::SmallVector<const core::Task *> BodyBuilder::tasks() const {
  llvm::SmallVector<const core::Task *> all;
  for (size_t t = 0; t < schedule.tasks.size(); ++t)
    if (&plan.classes[plan.classOfTask[t]] == &taskClass)
      all.push_back(&schedule.tasks[t]);
  return all;
}

/// Whether no lane has a second element, in any tile of the class.
bool BodyBuilder::isOneRound(const SinkGroup &group) const {
  if (group.sinks.front().extent != core::taskExtent(schedule, task))
    return false;
  const int64_t most = exec::elementLanes(group.packet) * core::kConsumerWarps;
  return llvm::none_of(tasks(), [&](const core::Task *other) {
    const auto tiles = llvm::seq(0u, core::tileCount(schedule, *other));
    return llvm::any_of(tiles, [&](uint32_t i) {
      return core::tileRange(schedule, *other, i).size() > most;
    });
  });
}

/// The tile's part of an output's index space.
LogicalResult BodyBuilder::elementRange(const Sink &sink, Value &first,
                                        Value &count) {
  const int64_t whole = core::taskExtent(schedule, task);
  const int64_t extent = sink.extent;
  first = rangeFirst();
  count = rangeSize();
  if (extent == whole)
    return success();
  if (extent > whole) {
    if (extent % whole)
      return error(sink.op, "expected a multiple of " + llvm::Twine(whole) +
                                " elements, found " + llvm::Twine(extent));
    first = arith::MulIOp::create(b, loc, first, constant(extent / whole));
    count = arith::MulIOp::create(b, loc, count, constant(extent / whole));
    return success();
  }
  if (whole % extent)
    return error(sink.op, "expected a divisor of " + llvm::Twine(whole) +
                              " elements, found " + llvm::Twine(extent));
  first = arith::DivUIOp::create(b, loc, first, constant(whole / extent));
  count = arith::DivUIOp::create(b, loc, count, constant(whole / extent));
  return success();
}

LogicalResult BodyBuilder::emitElements(const SinkGroup &group, bool isAhead) {
  Value first, count;
  if (failed(elementRange(group.sinks.front(), first, count)))
    return failure();
  // What does not depend on the element, before the loop.
  for (const Sink &s : group.sinks) {
    for (size_t i = 0; i <= s.op; ++i)
      lookupEmitter(op(i).name)->prepareElements(*this, i);
    for (uint32_t id : op(s.op).operands)
      if (buffer(id).kind != core::BufferKind::Local)
        place(id);
  }
  auto loop = exec::ElementsOp::create(b, loc, first, count, group.packet);
  OpBuilder::InsertionGuard guard(b);
  Block &block = loop.getBody().emplaceBlock();
  Value index = block.addArgument(b.getI32Type(), loc);
  b.setInsertionPointToStart(&block);
  elements.clear();
  aheadIndex = isAhead ? index : Value();
  for (const Sink &s : group.sinks)
    if (failed(
            lookupEmitter(op(s.op).name)->store(*this, s.op, s.output, index)))
      return failure();
  return success();
}

LogicalResult BodyBuilder::build(exec::TaskClassOp into) {
  body = into;
  for (size_t i = 0; i < task.ops.size(); ++i)
    if (!lookupEmitter(task.ops[i].name))
      return error(i, "has no emitter for the kernel");
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(&body.getBody().front());
  bool waits = false, signals = false;
  for (const core::Task *other : tasks()) {
    waits |= !other->waits.empty();
    signals |= !other->signals.empty();
  }
  stamp(0);
  std::vector<SinkGroup> groups;
  if (failed(groupSinks(groups)))
    return failure();
  const bool isAhead = !groups.empty() && isOneRound(groups.front());
  if (isAhead) {
    Value element =
        exec::LaneElementOp::create(b, loc, b.getI32Type(), rangeFirst(),
                                    rangeSize(), groups.front().packet);
    for (size_t i = 0; i < task.ops.size(); ++i)
      lookupEmitter(task.ops[i].name)->loadAhead(*this, i, element);
    if (ahead.empty())
      element.getDefiningOp()->erase();
  }
  if (waits) {
    exec::PollOp::create(b, loc);
    stamp(1); // again where packets are gathered
  }
  for (size_t i = 0; i < task.ops.size(); ++i)
    if (!task.ops[i].prologue &&
        failed(lookupEmitter(task.ops[i].name)->prepare(*this, i)))
      return failure();
  stamp(2);
  for (const SinkGroup &group : groups)
    if (failed(emitElements(group, isAhead && &group == &groups.front())))
      return failure();
  // Either ends with a barrier: the next tile overwrites the shared areas.
  if (signals)
    exec::SignalOp::create(b, loc);
  else
    exec::SyncOp::create(b, loc);
  stamp(3);
  return success();
}

} // namespace amk
