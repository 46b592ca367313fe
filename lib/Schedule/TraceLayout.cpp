//===- TraceLayout.cpp - What a kernel that records times writes ----------===//

#include "AMK/Schedule/TraceLayout.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/WeightPacking.h"

#include <algorithm>

namespace amk::core {

namespace {

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Positions of a split, where `position` are before this one.
int64_t splitSize(const Numerics &n, int64_t position) {
  const int64_t blocks = ceilDiv(position, n.kvBlock);
  const int64_t each =
      blocks <= n.kvChunk ? n.kvChunk : ceilDiv(blocks, n.kvSplits);
  return each * n.kvBlock;
}

/// Stages of a split at the position where it is longest, or a few more.
int64_t mostCacheStages(const Schedule &s, const Task &task) {
  const int64_t last = std::max<int64_t>(s.positions - 1, 0);
  const int64_t longest = std::min(
      last, std::max(splitSize(s.numerics, last),
                     std::min(s.numerics.kvChunk * s.numerics.kvBlock, last)));
  return ceilDiv(longest, task.stream.rows);
}

/// Stages of a tile, as many as it may have; and its later waits.
struct TileTrace {
  int64_t stages = 0, waits = 0;
};

TileTrace traceOf(const Schedule &s, const Tile &tile) {
  const Task &task = s.tasks[tile.task];
  TileTrace trace;
  for (size_t o = 0; o < task.ops.size(); ++o) {
    const Operator &op = task.ops[o];
    const Range range = operatorRange(s, task, o, tile.range);
    trace.waits += lookupOperator(op.name)->laterWaits(s, op, range);
    if (task.stream.rows == 0)
      continue;
    if (streamedCache(s, op))
      trace.stages += range.size() * mostCacheStages(s, task);
    if (const Buffer *weight = streamedWeight(s, op))
      trace.stages += ceilDiv(range.size(), kPackRows) *
                      columnSlices(weight->shape[1], task.stream);
  }
  return trace;
}

} // namespace

TraceLayout traceLayout(const Schedule &s, const Tiles &tiles) {
  TraceLayout layout;
  uint32_t waits = 0;
  for (const std::vector<uint32_t> &queue : tiles.queues) {
    layout.rows = std::max(layout.rows, uint32_t(queue.size()));
    uint64_t stages = 0;
    for (uint32_t t : queue) {
      const TileTrace trace = traceOf(s, tiles.tiles[t]);
      stages += uint64_t(trace.stages);
      waits = std::max(waits, uint32_t(trace.waits));
    }
    layout.stages = std::max(layout.stages, stages);
  }
  layout.points += 2 * waits;
  layout.stagesAt = (layout.row(tiles.workers, 0) * 8 + 127) / 128 * 128;
  layout.bytes = layout.stagesAt +
                 uint64_t(tiles.workers) * layout.stages * kStageWords * 4;
  return layout;
}

uint32_t cacheStages(const Schedule &s, const Stream &stream,
                     const Operator &op, int64_t index, int64_t position) {
  const int64_t split = lookupOperator(op.name)->cachePiece(s, op, index).split;
  const int64_t size = splitSize(s.numerics, position);
  const int64_t left = std::clamp<int64_t>(position - split * size, 0, size);
  return uint32_t(ceilDiv(left, stream.rows));
}

} // namespace amk::core
