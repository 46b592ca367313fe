//===- CpuProgram.cpp - A program ready to run on the CPU -----------------===//

#include "CpuProgram.h"

#include "AMK/Runtime/RopeTable.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TraceLayout.h"
#include "AMK/Schedule/WeightPacking.h"
#include "Clock.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace amk::runtime {

namespace {

/// No buffer is larger; keeps sums of sizes from an untrusted file in range.
constexpr uint64_t kMostBytes = uint64_t(1) << 44;

Status inputError(const std::string &message) {
  return {ErrorKind::Input, message};
}

/// The bytes of a buffer's values, or `kMostBytes` if there are too many.
uint64_t valueBytes(const core::Buffer &buffer) {
  uint64_t n = core::byteWidth(buffer.type);
  for (int64_t d : buffer.shape) {
    if (d < 0 || uint64_t(d) >= kMostBytes)
      return kMostBytes;
    n *= uint64_t(d);
    if (n >= kMostBytes)
      return kMostBytes;
  }
  return n;
}

} // namespace

Status CpuProgram::load(const core::Program &program, WeightSource &source,
                        const Progress &progress) {
  s = &program.schedule;
  const core::Numerics &n = s->numerics;
  if (n.kBlock < 1 || n.kvBlock < 1 || n.kvChunk < 1 || n.kvSplits < 1)
    return inputError("numerics: expected blocks of at least one element");
  if (Status status = placeBuffers(); !status.ok())
    return status;
  if (Status status = planTasks(); !status.ok())
    return status;
  memory = Memory();
  if (Status status = memory.allocate(globalSize, "buffers"); !status.ok())
    return status;
  if (Status status = fillConstants(); !status.ok())
    return status;
  return findWeights(source, progress);
}

Status CpuProgram::placeBuffers() {
  globalSize = scratchSize = sharedSize = inboxSize = 0;
  bufferPlans.assign(s->buffers.size(), {});
  for (uint32_t b = 0; b < s->buffers.size(); ++b)
    if (Status status = placeBuffer(b); !status.ok())
      return status;
  // The scratch arena follows the buffers with storage of their own.
  scratchStart = globalSize;
  globalSize += alignBuffer(scratchSize);
  for (uint32_t b = 0; b < s->buffers.size(); ++b)
    if (s->concurrent && s->buffers[b].space == core::Space::Scratch)
      bufferPlans[b].offset += scratchStart;
  return {};
}

Status CpuProgram::placeBuffer(uint32_t b) {
  const core::Buffer &buffer = s->buffers[b];
  BufferPlan &plan = bufferPlans[b];
  plan.bytes = valueBytes(buffer);
  if (plan.bytes >= kMostBytes)
    return inputError("buffer '" + buffer.name + "': too large");
  if (buffer.kind == core::BufferKind::Weight) {
    plan.home = Home::Weight;
    return {};
  }
  if (buffer.kind == core::BufferKind::Local) {
    plan.home = Home::Temp;
    return {};
  }
  uint64_t bytes = plan.bytes;
  // Placement and hand-offs are inert until the schedule is concurrent.
  if (s->concurrent && buffer.packetElements) {
    plan.packets = true;
    if (std::string error = plan.map.build(*s, buffer); !error.empty())
      return inputError("buffer '" + buffer.name + "': " + error);
    bytes = uint64_t(plan.map.count()) * sizeof(PacketSlot);
  }
  if (!s->concurrent || buffer.space == core::Space::Own) {
    plan.offset = globalSize;
    globalSize += alignBuffer(bytes);
    return {};
  }
  const uint64_t align =
      plan.packets ? sizeof(PacketSlot) : core::byteWidth(buffer.type);
  if (buffer.pageOffset % align || buffer.pageOffset >= kMostBytes)
    return inputError("buffer '" + buffer.name + "': page offset " +
                      std::to_string(buffer.pageOffset) +
                      " is no multiple of " + std::to_string(align) +
                      " or too large");
  uint64_t *size = &scratchSize;
  if (buffer.space == core::Space::Shared) {
    plan.home = Home::Shared;
    size = &sharedSize;
  } else if (buffer.space == core::Space::Cluster) {
    if (!plan.packets || buffer.packetRoom < 1)
      return inputError("buffer '" + buffer.name +
                        "': cluster memory is for packets, with room for one "
                        "at least");
    plan.home = Home::Inbox;
    plan.room = buffer.packetRoom;
    bytes = uint64_t(plan.room) * sizeof(PacketSlot);
    size = &inboxSize;
  }
  plan.offset = buffer.pageOffset;
  *size = std::max(*size, alignBuffer(buffer.pageOffset + bytes));
  return {};
}

Status CpuProgram::planTasks() {
  taskPlans.clear();
  tempSize = 0;
  for (const core::Task &task : s->tasks) {
    TaskPlan plan;
    plan.stream = task.stream;
    // Temporaries of this task by buffer; tasks use the same memory in turn.
    std::vector<uint64_t> temps(s->buffers.size(), ~uint64_t(0));
    uint64_t used = 0;
    for (const core::Operator &op : task.ops)
      if (Status status = planOperator(op, plan, temps, used); !status.ok())
        return inputError("task '" + task.name + "': " + status.message());
    tempSize = std::max(tempSize, used);
    taskPlans.push_back(std::move(plan));
  }
  return {};
}

Status CpuProgram::planOperator(const core::Operator &op, TaskPlan &task,
                                std::vector<uint64_t> &temps, uint64_t &used) {
  OperatorPlan plan;
  plan.op = &op;
  plan.model = core::lookupOperator(op.name);
  plan.kernel = lookupKernel(op.name);
  if (!plan.model || !plan.kernel)
    return inputError("operator '" + op.name + "' has no reference kernel");
  plan.whole = {0, plan.model->extent(*s, op)};
  for (uint32_t b : op.operands) {
    const BufferPlan &buffer = bufferPlans[b];
    OperandPlan operand;
    operand.home = buffer.packets ? Home::Temp : buffer.home;
    operand.offset = buffer.offset;
    if (operand.home == Home::Weight)
      operand.weight = b; // the index among the weights is not known yet
    if (operand.home == Home::Temp) {
      if (temps[b] == ~uint64_t(0)) {
        temps[b] = used;
        used += alignBuffer(buffer.bytes);
        if (buffer.packets)
          task.staged.push_back({b, temps[b]});
      }
      operand.offset = temps[b];
    }
    plan.operands.push_back(operand);
  }
  task.ops.push_back(std::move(plan));
  return {};
}

Status CpuProgram::fillConstants() {
  for (uint32_t b = 0; b < s->buffers.size(); ++b) {
    const core::Buffer &buffer = s->buffers[b];
    if (buffer.kind != core::BufferKind::Constant)
      continue;
    if (buffer.rope >= s->ropeTables.size() || buffer.shape.size() != 3 ||
        buffer.type != core::ElementType::F32)
      return inputError("constant '" + buffer.name +
                        "': expected a RoPE table");
    const core::RopeTable &rope = s->ropeTables[buffer.rope];
    if (rope.headDim < 2 || rope.headDim != buffer.shape[1] * 2 ||
        buffer.shape[2] != 2)
      return inputError("constant '" + buffer.name +
                        "': the RoPE table is for heads of " +
                        std::to_string(rope.headDim));
    const std::vector<float> values = ropeTable(rope, buffer.shape[0]);
    std::memcpy(memory.data() + bufferPlans[b].offset, values.data(),
                values.size() * sizeof(float));
  }
  return {};
}

Status CpuProgram::findWeights(WeightSource &source, const Progress &progress) {
  weights.clear();
  weightOf.assign(s->buffers.size(), core::kNone);
  for (uint32_t b = 0; b < s->buffers.size(); ++b) {
    if (s->buffers[b].kind != core::BufferKind::Weight)
      continue;
    weightOf[b] = uint32_t(weights.size());
    weights.emplace_back();
    if (Status status = weights.back().resolve(*s, s->buffers[b], source);
        !status.ok())
      return status;
    if (progress)
      progress(0.5 * double(b) / double(s->buffers.size()));
  }
  for (TaskPlan &task : taskPlans)
    for (OperatorPlan &op : task.ops)
      for (OperandPlan &operand : op.operands)
        if (operand.home == Home::Weight)
          operand.weight = weightOf[operand.weight];
  touchWeights(progress);
  return {};
}

/// Brings the mapped weights into memory, so that the first step is like the
/// others and the wait for the disk shows its progress.
void CpuProgram::touchWeights(const Progress &progress) const {
  constexpr uint64_t kStep = uint64_t(64) << 20;
  constexpr int kPopulateRead = 22; // MADV_POPULATE_READ, since Linux 5.14
  const uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t total = 0, done = 0;
  for (const WeightRows &w : weights)
    for (size_t p = 0; p < w.partCount(); ++p)
      total += w.partBytes(p);
  for (const WeightRows &w : weights)
    for (size_t p = 0; p < w.partCount(); ++p) {
      const uint64_t start = reinterpret_cast<uint64_t>(w.partData(p));
      const uint64_t end = start + w.partBytes(p);
      for (uint64_t at = start; at < end; at += kStep) {
        const uint64_t lo = at / page * page;
        const uint64_t hi = std::min(at + kStep, end);
        // Only a hint: where it fails the pages come when they are read.
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the address of a page
        (void)madvise(reinterpret_cast<void *>(lo), hi - lo, kPopulateRead);
        done += hi - at;
        if (progress)
          progress(0.5 + 0.5 * double(done) / double(total));
      }
    }
  if (progress)
    progress(1.0);
}

void CpuProgram::runOperator(const OperatorPlan &op, core::Range range,
                             int64_t position, const TileMemory &at) const {
  constexpr size_t kFew = 8;
  KernelOperand few[kFew];
  std::vector<KernelOperand> many;
  KernelOperand *operands = few;
  if (op.operands.size() > kFew) {
    many.resize(op.operands.size());
    operands = many.data();
  }
  for (size_t i = 0; i < op.operands.size(); ++i) {
    const OperandPlan &o = op.operands[i];
    if (o.home == Home::Weight) {
      operands[i].weight = &weights[o.weight];
      continue;
    }
    char *base = o.home == Home::Global   ? memory.data()
                 : o.home == Home::Shared ? at.shared
                                          : at.temp;
    operands[i].data = base + o.offset;
  }
  op.kernel({*s, *op.op, range, position, operands});
}

void CpuProgram::runPrologues(const TaskPlan &task, int64_t position,
                              const TileMemory &at) const {
  for (const OperatorPlan &op : task.ops)
    if (op.op->prologue)
      runOperator(op, op.whole, position, at);
}

/// Rows of a weight that share their stages, or the positions of a head, at a
/// time.
void CpuProgram::runStages(const TaskPlan &task, const OperatorPlan &op,
                           core::Range range, int64_t position,
                           const TileMemory &at,
                           std::vector<UsedStages> &stages) const {
  const core::Buffer *weight = core::streamedWeight(*s, *op.op);
  const int64_t step = weight ? core::kPackRows : 1;
  uint32_t next =
      stages.empty() ? 0 : stages.back().first + stages.back().count;
  for (int64_t lo = range.lo; lo < range.hi; lo += step) {
    const uint32_t count =
        weight ? core::columnSlices(weight->shape[1], task.stream)
               : core::cacheStages(*s, task.stream, *op.op, lo, position);
    const uint64_t from = uint64_t(nanoseconds());
    runOperator(op, {lo, std::min(lo + step, range.hi)}, position, at);
    if (count > 0)
      stages.push_back({next, count, from, uint64_t(nanoseconds())});
    next += count;
  }
}

void CpuProgram::runBody(const TaskPlan &task, core::Range range,
                         int64_t position, const TileMemory &at,
                         std::vector<UsedStages> *stages) const {
  for (const OperatorPlan &op : task.ops) {
    if (op.op->prologue)
      continue;
    if (stages && task.stream.rows &&
        (core::streamedWeight(*s, *op.op) || core::streamedCache(*s, *op.op)))
      runStages(task, op, range, position, at, *stages);
    else
      runOperator(op, range, position, at);
    range = op.model->mapTile(*s, *op.op, range);
  }
}

} // namespace amk::runtime
