//===- ClusterPackets.h - Packets in the memory of a cluster ----*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULING_CLUSTERPACKETS_H
#define AMK_LIB_SCHEDULING_CLUSTERPACKETS_H

#include "AMK/Schedule/Tiles.h"

namespace amk::scheduling {

/// What became of packet buffers.
struct InboxReport {
  uint32_t buffers = 0; ///< in cluster memory now
  uint64_t bytes = 0;   ///< of a worker's shared memory, for all of them
};

/// Puts packet buffers in cluster memory: those that only the cluster of who
/// writes them reads, first come first served, while their pages take at most
/// `limit` bytes. Buffers share a page if whatever one of them has written at a
/// place is written and read before the other writes there, as rule V5 asks.
/// The schedule's hand-offs are chosen, and its queues in program order.
InboxReport chooseInboxes(core::Schedule &schedule, const core::Tiles &tiles,
                          uint64_t limit);

} // namespace amk::scheduling

#endif // AMK_LIB_SCHEDULING_CLUSTERPACKETS_H
