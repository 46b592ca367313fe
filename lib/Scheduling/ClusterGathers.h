//===- ClusterGathers.h - Gathers that a cluster shares ---------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULING_CLUSTERGATHERS_H
#define AMK_LIB_SCHEDULING_CLUSTERGATHERS_H

#include "AMK/Schedule/Tiles.h"

namespace amk::scheduling {

/// What the workers poll in one launch.
struct PolledPackets {
  uint32_t tasks = 0;     ///< that share their gather
  uint64_t packets = 0;   ///< that each worker polls, of all workers
  uint64_t notShared = 0; ///< the same without sharing
};

/// Marks the tasks whose gathers the workers of a cluster can share: a cluster
/// has no tile of the task or one on each of its workers, all of which gather
/// the same packets in a way that the kernel can share. Where queues are in
/// program order, all workers of a cluster come to these tasks in the same
/// order and none waits for a mate for good; elsewhere they may.
void shareGathers(core::Schedule &schedule, const core::Tiles &tiles);

/// Counts the packets that are polled.
PolledPackets countPolled(const core::Schedule &schedule,
                          const core::Tiles &tiles);

} // namespace amk::scheduling

#endif // AMK_LIB_SCHEDULING_CLUSTERGATHERS_H
