//===- SharedLayout.h - A worker's shared memory ----------------*- C++ -*-===//
//
// Where things lie in the dynamic shared memory of a worker's CTA. The
// pipelining pass sizes the ring by what is left, the verifier (V7) checks the
// sum, and the kernel uses the offsets.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_SHAREDLAYOUT_H
#define AMK_SCHEDULE_SHAREDLAYOUT_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core {

/// Warps that consume stages; then those of the loader.
constexpr uint32_t kConsumerWarps = 8;
constexpr uint32_t kConsumerThreads = kConsumerWarps * 32;
constexpr uint32_t kLoaderThreads = 4 * 32;

/// Words of a plan row before the fields of its class (KernelPlan.h).
constexpr uint32_t kPlanHeaderWords = 8;

/// Byte offsets; every area starts at a multiple of 16, the ring at 0.
struct SharedLayout {
  uint32_t ring = 0;
  uint32_t barriers = 0; ///< full[slots], then empty[slots]: 8 bytes each
  uint32_t plan = 0;     ///< this worker's plan rows
  uint32_t planRowWords = 0;
  uint32_t vector = 0;  ///< the gathered input, or attention's state
  uint32_t partial = 0; ///< partial sums: slices x rows, float32
  uint32_t misc = 0;    ///< kMiscBytes: sums of squares, progress
  uint32_t cluster = 0; ///< ClusterArea, if gathers are shared in clusters
  uint32_t inbox = 0;   ///< pages of the Cluster space
  uint32_t arrived = 0; ///< `rounds` barriers of 8 bytes, if inputs are taken
                        ///< by slices
  uint32_t rounds = 0;  ///< of the longest such gather
  uint32_t pages = 0;   ///< pages of the Shared space
  uint32_t total = 0;
};
constexpr uint32_t kMiscBytes = 256;

/// What the workers of a cluster share a gather with: byte offsets in an area
/// that lies at the same place in the shared memory of each.
struct ClusterArea {
  static constexpr uint32_t free = 0;    ///< barrier: all may be stored to
  static constexpr uint32_t arrived = 8; ///< barrier: all is stored here
  static constexpr uint32_t left = 16;   ///< not 0: this worker has given up
  static constexpr uint32_t token = 20;  ///< what says nothing is stored here
  static constexpr uint32_t sums = 24;   ///< of squares: float32 by share
};

/// Packets are dealt 32 at a time over the consumer warps of a cluster. How
/// many of these have any.
constexpr uint32_t clusterShares(uint32_t cluster, uint32_t packets) {
  const uint64_t warps = uint64_t(cluster) * kConsumerWarps;
  const uint64_t whole = (uint64_t(packets) + 31) / 32;
  return uint32_t(whole < warps ? whole : warps);
}

/// What attention works in when its positions are split, for the heads of one
/// KV head: byte offsets in the vector area. Heads come in columns of eight, as
/// the tensor cores take them; the warps' results are combined one such column
/// at a time.
struct SplitArea {
  SplitArea(int64_t group, int64_t headDim);
  uint32_t queryStride; ///< of the queries, bf16; skewed against the banks
  uint32_t key, value;  ///< of this position, bf16
  uint32_t scores;      ///< of this position, float32 by head
  uint32_t states;      ///< (maximum, sum) by warp and head of the column
  uint32_t outputs;     ///< by warp, head of the column and dimension
  uint32_t results;     ///< by head and dimension, float32
  uint32_t total;
};
constexpr uint32_t kHeadColumn = 8;

/// Column slices of a product over K columns: stages per group of four rows.
uint32_t columnSlices(int64_t columns, const Stream &stream);

/// Fields that a task's plan rows carry: one word for the place of every
/// buffer that is not Local, one for the generation of a packet buffer and the
/// tile's first packet in it, and one for the workers that it is written to if
/// it is in the Cluster space.
uint32_t planFieldWords(const Schedule &schedule, const Task &task);

/// Packets of a packet buffer.
uint32_t packetCount(const Schedule &schedule, const Buffer &buffer);

/// Bytes of the Cluster space's pages.
uint64_t inboxBytes(const Schedule &schedule);

/// Whether the tiles of a task share what they gather in their cluster.
inline bool sharesGather(const Schedule &schedule, const Task &task) {
  return task.clusterGather && schedule.target && schedule.target->cluster > 1;
}

/// A gather of packets has rounds: in each, every consumer thread takes one.
constexpr uint32_t gatherRounds(uint32_t packets) {
  return uint32_t((uint64_t(packets) + kConsumerThreads - 1) /
                  kConsumerThreads);
}
/// As many as the lanes of a warp can take one each of.
constexpr uint32_t kMostSliceRounds = 32;

/// The packets of bf16 that every tile of a task gathers as a whole, or null.
const Buffer *gatheredPackets(const Schedule &schedule, const Task &task);

/// Whether a task's tiles can take their input slice by slice: they stream a
/// weight in more than one, and poll the packets of the input themselves.
bool canTakeSlices(const Schedule &schedule, const Task &task,
                   std::string &why);

SharedLayout sharedLayout(const Schedule &schedule);

/// Everything but the ring and its barriers.
uint32_t kernelSharedBytes(const Schedule &schedule);

} // namespace amk::core

#endif // AMK_SCHEDULE_SHAREDLAYOUT_H
