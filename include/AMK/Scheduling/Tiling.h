//===- Tiling.h - Cutting tasks into tiles ----------------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_TILING_H
#define AMK_SCHEDULING_TILING_H

#include "AMK/Scheduling/Fusion.h"

namespace amk::scheduling {

struct TilingOptions {
  uint32_t workers = 1;
  /// Cut all tasks that update a buffer in place alike (Ownership.h).
  bool keepOwners = true;
  /// Use as few tiles as keep the longest as short: 2048 rows over 132
  /// workers in groups of 4 are then 128 tiles of 16 rows.
  bool fewest = false;
  /// Balance what the workers stream over the whole step (Remainders.cpp); off:
  /// the granules that are left over go to the first tiles of every task.
  bool balance = true;
  /// Rows of a product's tile come in multiples of this.
  uint32_t rows = 4;
  /// Split attention by positions, where the numerics have several splits.
  bool splitAttention = true;
};

/// An attention that was split by positions.
struct AttentionSplit {
  core::Operator whole; ///< as it was; its operands are buffers of the result
  uint32_t partial = 0; ///< task of attention_partial; attention_join is next
};

struct TilingReport {
  uint32_t tasks = 0;
  uint32_t tiles = 0;
  /// What the longest tiles of all tasks stream together, over the mean of all
  /// workers: 1 is perfect.
  double imbalance = 1;
  /// What the worker with most streams over the whole step, tile i on worker i,
  /// over the mean: 1 is perfect.
  double mostOverMean = 1;
  std::vector<AttentionSplit> splits;
  FusionReport before, after; ///< the hand-offs without the splits, and with
  /// Of the attention of a layer: ranges of positions that are worked on at
  /// the same time, and workers that do it, without the splits and with.
  int64_t attentionRanges = 1;
  uint32_t attentionWorkersBefore = 0, attentionWorkers = 0;
};

/// Splits attention by positions and cuts every task, evenly in granules;
/// `balance` then has the last word. Placement, clusters, queue order and
/// streams, which belong to the old cut, are dropped. Returns why it cannot be
/// done, or an empty string.
std::string cutTasks(core::Schedule &schedule, const TilingOptions &options,
                     TilingReport *report = nullptr);

/// Splits the attention of every task that begins with one: into a task
/// `attention_partial` of all splits but the first, which is put before it, and
/// `attention_join`. Not where the numerics have one split, nor where a KV head
/// has more query heads than the kernel can do at once.
std::vector<AttentionSplit> splitAttention(core::Schedule &schedule);

/// Cuts the tasks that have as many tiles as workers anew, with more where
/// least is streamed: what is left over, and up to a twelfth of the mean where
/// a cut is that of several tasks. `granules` of every task, 0 for one to leave
/// alone.
void spreadRemainders(core::Schedule &schedule, uint32_t workers,
                      const std::vector<int64_t> &granules);

/// The bounds of an even cut of `extent` into at most `tiles` tiles.
std::vector<uint32_t> evenCut(int64_t extent, int64_t granule, uint32_t tiles,
                              bool fewest = false);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_TILING_H
