//===- TileWork.cpp - What a tile gives its worker to do ------------------===//

#include "TileWork.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"

#include <algorithm>
#include <set>

namespace amk::scheduling {

using namespace core;

namespace {

/// Positions that the kernel's warps attend to in one round of direct loads:
/// four each.
constexpr int64_t kRoundPositions = 4 * kConsumerWarps;

/// Packets that a thread of the kernel polls at a time.
constexpr uint64_t kPacketsAtOnce = 6;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// How the earlier positions are split (docs/operators.md).
struct Splits {
  Splits(const Numerics &n, int64_t position) : position(position) {
    const int64_t blocks = ceilDiv(position, n.kvBlock);
    const int64_t each =
        blocks <= n.kvChunk ? n.kvChunk : ceilDiv(blocks, n.kvSplits);
    size = each * n.kvBlock;
  }
  int64_t positionsOf(int64_t split) const {
    return std::clamp<int64_t>(position - split * size, 0, size);
  }
  /// Splits that have positions.
  int64_t live() const { return ceilDiv(position, size); }
  int64_t position, size;
};

class WorkCounter {
public:
  /// The schedule, with caches of as many positions as are attended to: then an
  /// operator's cost is that at the position.
  WorkCounter(const Schedule &schedule, int64_t position)
      : s(schedule), position(position), splits(s.numerics, position) {
    s.positions = position;
  }

  TileWork count(const Tiles &tiles, const Tile &tile);

private:
  void countWeights(const Task &task, const Tile &tile, TileWork &work) const;
  void countSplit(const Task &task, const Operator &op, Range range,
                  TileWork &work) const;
  void countCaches(const Task &task, const Operator &op, Range range,
                   TileWork &work) const;
  void countRead(const Task &task, const Operator &op, const Access &access,
                 TileWork &work);
  void countPackets(const Buffer &buffer, uint64_t values,
                    TileWork &work) const;

  Schedule s;
  int64_t position;
  Splits splits;
  std::set<std::pair<uint32_t, uint64_t>> seen; ///< buffer and offset, by tile
  uint64_t sharers = 1; ///< workers that poll for the tile together
};

void WorkCounter::countWeights(const Task &task, const Tile &tile,
                               TileWork &work) const {
  for (size_t i = 0; i < task.ops.size(); ++i) {
    const Buffer *weight = streamedWeight(s, task.ops[i]);
    if (!weight)
      continue;
    const Range rows = operatorRange(s, task, i, tile.range);
    if (!s.ring || task.stream.rows == 0) {
      work.directBytes +=
          lookupOperator(task.ops[i].name)->cost(s, task.ops[i], rows).bytes;
      continue;
    }
    work.stageBytes = task.stream.rows * task.stream.columns * 2;
    work.lastBytes = work.stageBytes;
    work.stages += uint32_t(ceilDiv(rows.size(), task.stream.rows)) *
                   columnSlices(weight->shape[1], task.stream);
  }
}

/// The keys and values of the tile's splits: as many stages as the loader
/// issues at this position.
void WorkCounter::countSplit(const Task &task, const Operator &op, Range range,
                             TileWork &work) const {
  const OperatorModel &model = *lookupOperator(op.name);
  const int64_t group = std::max<int64_t>(op.getInt("group", 1), 1);
  const uint64_t row = uint64_t(op.getInt("head_dim")) * 4; // key and value
  for (int64_t i = range.lo; i < range.hi; ++i) {
    const int64_t split = model.cachePiece(s, op, i).split;
    const int64_t count = splits.positionsOf(split);
    work.empty |= split != 0 && count == 0;
    work.stored |= split != 0;
    if (count)
      work.columns += uint32_t(ceilDiv(group, kHeadColumn));
    if (!s.ring || task.stream.rows == 0) {
      work.directBytes += uint64_t(count) * row;
      work.rounds += uint64_t(group * ceilDiv(count, kRoundPositions));
      continue;
    }
    work.caches = true;
    const int64_t rows = task.stream.rows;
    work.stages += uint32_t(ceilDiv(count, rows));
    work.stageBytes = uint32_t(uint64_t(rows) * row);
    if (count)
      work.lastBytes = uint32_t(uint64_t((count - 1) % rows + 1) * row);
  }
}

/// Earlier keys and values by direct loads: dependent rounds, each of a few
/// positions of one query head.
void WorkCounter::countCaches(const Task &task, const Operator &op, Range range,
                              TileWork &work) const {
  if (streamedCache(s, op))
    return countSplit(task, op, range, work);
  work.directBytes += lookupOperator(op.name)->cost(s, op, range).bytes;
  work.rounds +=
      uint64_t(range.size()) * uint64_t(ceilDiv(position, kRoundPositions));
}

void WorkCounter::countPackets(const Buffer &b, uint64_t values,
                               TileWork &work) const {
  uint64_t packets = (values + b.packetElements - 1) / b.packetElements;
  if (b.type == ElementType::F32) {
    // What other splits hand over: of those that have positions.
    const auto others = uint64_t(std::max<int64_t>(s.numerics.kvSplits - 1, 1));
    const auto live = uint64_t(std::max<int64_t>(splits.live() - 1, 0));
    work.parts += uint32_t(packets * live / others);
    return;
  }
  // A pair is stored in every worker of the cluster, so pairs are as many as
  // without.
  packets = (packets + sharers - 1) / sharers;
  // A batch is polled until all of it is there; the first one's round trip is
  // the hand-off's.
  if (packets > kConsumerThreads * kPacketsAtOnce)
    work.batches +=
        uint32_t((packets - 1) / (kConsumerThreads * kPacketsAtOnce));
  work.packets += uint32_t(packets);
  work.pairs += uint32_t(values / 2);
}

void WorkCounter::countRead(const Task &task, const Operator &op,
                            const Access &a, TileWork &work) {
  const Buffer &b = s.buffers[a.buffer];
  const uint64_t bytes = a.region.bytes * a.region.count;
  switch (b.kind) {
  case BufferKind::Activation:
    if (b.space == Space::Shared ||
        !seen.insert({a.buffer, a.region.offset}).second)
      return;
    if (b.packetElements)
      countPackets(b, bytes / byteWidth(b.type), work);
    else
      work.plainBytes += bytes;
    return;
  case BufferKind::Constant:
    work.constantRead = true;
    return;
  case BufferKind::Weight:
    // What a prologue reads comes while its input is awaited.
    work.coldRead |= !op.prologue && !streamedWeight(s, op);
    return;
  default:
    return;
  }
}

TileWork WorkCounter::count(const Tiles &tiles, const Tile &tile) {
  const Task &task = s.tasks[tile.task];
  TileWork work;
  seen.clear();
  sharers = task.clusterGather && s.concurrent && s.target
                ? std::max(s.target->cluster, 1u)
                : 1;
  countWeights(task, tile, work);
  uint32_t current = kNone;
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const uint32_t o = tiles.accessOp[i];
    const Operator &op = task.ops[o];
    const Access &a = tiles.accesses[i];
    const Buffer &b = s.buffers[a.buffer];
    if (a.position == Position::Past && !a.write) {
      if (o != current)
        countCaches(task, op, operatorRange(s, task, o, tile.range), work);
      current = o;
    } else if (b.kind == BufferKind::Local) {
      continue;
    } else if (!a.write) {
      countRead(task, op, a, work);
    } else if (b.kind == BufferKind::Activation ||
               b.kind == BufferKind::Output) {
      // A value that is rounded or appended besides is pulled once.
      work.elements = std::max<uint64_t>(
          work.elements, a.region.bytes * a.region.count / byteWidth(b.type));
    }
  }
  return work;
}

} // namespace

std::vector<TileWork> countWork(const Schedule &schedule, const Tiles &tiles,
                                int64_t position) {
  WorkCounter counter(schedule, position);
  std::vector<TileWork> work;
  work.reserve(tiles.tiles.size());
  for (const Tile &tile : tiles.tiles)
    work.push_back(counter.count(tiles, tile));
  return work;
}

} // namespace amk::scheduling
