//===- Pipelining.cpp - The stream of weights -----------------------------===//

#include "AMK/Scheduling/Pipelining.h"

#include "AMK/Schedule/KernelRoles.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/StreamRing.h"
#include "AMK/Schedule/WeightPacking.h"

#include <algorithm>

namespace amk::scheduling {

using namespace core;

namespace {

constexpr uint32_t kLeastSlots = 4;
/// Two mbarriers of a slot.
constexpr uint32_t kBarrierBytes = 16;

/// The weight that a task streams, or null.
const Buffer *streamedWeight(const Schedule &s, const Task &task) {
  for (const Operator &op : task.ops) {
    const unsigned operand = lookupOperator(op.name)->streamedOperand();
    if (operand != kNone)
      return &s.buffers[op.operands[operand]];
  }
  return nullptr;
}

/// The longest slice of a row that divides it and whose packing is whole.
uint32_t sliceOf(int64_t columns, uint32_t most) {
  for (int64_t c = std::min<int64_t>(columns, most) / kPackBlock * kPackBlock;
       c > 0; c -= kPackBlock)
    if (columns % c == 0)
      return uint32_t(c);
  return 0;
}

/// The KV cache that a task streams, or null.
const Buffer *streamedCache(const Schedule &s, const Task &task) {
  for (const Operator &op : task.ops)
    if (const Buffer *cache = core::streamedCache(s, op))
      return cache;
  return nullptr;
}

/// Positions of a stage of keys and values: the kernel takes 16 at a time and
/// asks for a power of two; no more than `most` bytes beyond that, and no stage
/// across two blocks. 0 if there is no such number.
uint32_t positionsOf(const Schedule &s, const Buffer &cache, uint32_t most) {
  const int64_t d = cache.shape[3], block = s.numerics.kvBlock;
  if (d % kCacheColumns || block % kLeastPositions)
    return 0;
  uint32_t rows = kLeastPositions;
  while (rows < kMostPositions && block % (rows * 2) == 0 &&
         rows * 2 * d * 4 <= most)
    rows *= 2;
  return rows;
}

/// Sets the streams of the caches, in stages as large as those of the weights.
/// Returns the bytes of the largest stage.
uint32_t setCacheStreams(Schedule &s, uint32_t bytes,
                         PipeliningReport &report) {
  const uint32_t most = bytes;
  for (Task &task : s.tasks) {
    const Buffer *cache = streamedCache(s, task);
    if (!cache)
      continue;
    const uint32_t rows = positionsOf(s, *cache, most);
    if (rows == 0) {
      ++report.direct;
      continue;
    }
    task.stream = {rows, uint32_t(cache->shape[3]), 0};
    bytes = std::max(bytes, uint32_t(stageBytes(s, task)));
    ++report.tasks;
  }
  return bytes;
}

/// Sets the streams with slices of at most `columns` columns. Returns the
/// bytes of the largest stage.
uint32_t setStreams(Schedule &s, const PipeliningOptions &options,
                    uint32_t columns, PipeliningReport &report) {
  report = {};
  uint32_t bytes = 0;
  for (Task &task : s.tasks) {
    task.stream = {};
    const Buffer *weight = streamedWeight(s, task);
    if (!weight)
      continue;
    const int64_t k = weight->shape[1];
    const uint32_t slice = sliceOf(k, columns);
    if (slice == 0) {
      ++report.direct;
      continue;
    }
    task.stream = {kPackRows, slice, options.held};
    std::string why;
    task.stream.bySlice =
        options.slices == SlicePolicy::Arrive && canTakeSlices(s, task, why);
    report.bySlice += task.stream.bySlice;
    bytes = std::max(bytes, kPackRows * slice * 2);
    ++report.tasks;
    for (uint32_t i = 0, n = tileCount(s, task); i < n; ++i)
      report.stages += uint64_t(tileRange(s, task, i).size() + kPackRows - 1) /
                       kPackRows * uint64_t(k / slice);
  }
  return setCacheStreams(s, bytes, report);
}

/// No more stages in flight than rule V8 allows.
void setWindows(Ring &ring, const PipeliningOptions &options,
                const TargetInfo *info) {
  // Fewer stages in flight do not reach full bandwidth: then rather fewer
  // slots, as many for every team.
  constexpr uint32_t kFullBandwidth = 3;
  ring.teams = options.teams;
  if (ring.slots - ring.teams <
      std::min(options.window ? options.window : kFullBandwidth,
               kFullBandwidth))
    ring.slots = ring.slots / ring.teams * ring.teams;
  // What is in flight for later tasks makes a hand-off wait behind it. A deep
  // ring takes the memory's full rate while the hand-off lasts; a shallow one
  // is full before it is through, so fewer stages ahead lose nothing and
  // shorten it. At 8B, with 8 slots: docs/measurements.md.
  const bool deep = ring.slots * 2 >= ring.teams * 3;
  uint32_t window = deep ? 4 : 5, ahead = deep ? 3 : 2;
  // Where threads copy, it is they who are slow, not the memory: then any limit
  // below what latency asks for costs more than hand-offs gain. At 1B, sm_80,
  // 15 slots of 8 KB: docs/measurements.md.
  constexpr uint32_t kFullBytes = 64 * 1024;
  if (info && !info->bulkCopies && ring.bytes * window < kFullBytes)
    window = ahead = kFullBytes / ring.bytes;
  window = options.window ? options.window : window;
  ahead = options.ahead ? options.ahead : ahead;
  ring.window = std::min(window, mostInFlight(ring.slots, ring.teams));
  ring.ahead = std::min(ahead, ring.window);
}

} // namespace

std::string makeStreams(Schedule &schedule, const PipeliningOptions &options,
                        PipeliningReport *report) {
  Schedule s = schedule; // what is refused changes nothing
  if (!s.target)
    return "expected a target: the ring is sized by its shared memory";
  if (options.slots == 0 || options.teams == 0)
    return "expected slots and teams of at least 1";
  if (options.held > kMostHeld)
    return "expected at most " + std::to_string(kMostHeld) +
           " held stage, found " + std::to_string(options.held);
  if (options.columns < kPackBlock)
    return "expected stages of at least " + std::to_string(kPackBlock) +
           " columns, found " + std::to_string(options.columns);
  if (options.slots < options.teams)
    return "expected at least as many slots as teams, " +
           std::to_string(options.teams) + ", found " +
           std::to_string(options.slots);
  // Each team its slot, and enough of them to run ahead.
  const uint32_t least =
      std::max(options.teams, std::min(kLeastSlots, options.slots));
  // What is held must leave registers; rule V7: a thread sets up a slot.
  const TargetInfo *info = lookupTarget(s.target->chip);
  const uint32_t longest =
      options.held && info ? goodHeldBytes(*info) : UINT32_MAX;
  const uint32_t most =
      std::min(options.slots, kernelRoles(info && info->registerPools).threads);
  PipeliningReport r;
  s.ring.reset();
  uint32_t columns = options.columns;
  for (;;) {
    const uint32_t bytes = setStreams(s, options, columns, r);
    const uint64_t other = kernelSharedBytes(s);
    r.otherBytes = other;
    if (other > s.target->sharedBytes)
      return "expected at most " + std::to_string(s.target->sharedBytes) +
             " bytes of shared memory besides the ring, found " +
             std::to_string(other);
    if (bytes == 0)
      break;
    const uint64_t room = s.target->sharedBytes - other;
    const uint32_t slots =
        uint32_t(std::min<uint64_t>(most, room / (bytes + kBarrierBytes)));
    if (slots >= least && bytes <= longest) {
      Ring ring;
      ring.slots = slots;
      ring.bytes = bytes;
      setWindows(ring, options, info);
      s.ring = ring;
      r.ringBytes = uint64_t(ring.slots) * bytes;
      break;
    }
    // Too few long stages, or too long to be held: shorter ones then.
    if (columns / 2 < kPackBlock)
      return "expected room for " + std::to_string(least) + " stages of " +
             std::to_string(bytes) + " bytes, found " + std::to_string(room) +
             " bytes";
    columns /= 2;
  }
  schedule = std::move(s);
  if (report)
    *report = r;
  return {};
}

} // namespace amk::scheduling
