//===- Synchronization.h - Dependences and hand-offs ------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_SYNCHRONIZATION_H
#define AMK_SCHEDULING_SYNCHRONIZATION_H

#include "AMK/Schedule/Tiles.h"

namespace amk::scheduling {

/// What a tile must wait for, by tile in program order.
struct Dependences {
  struct OfTile {
    std::vector<uint32_t> visible; ///< RAW and WAW: tiles, sorted
    std::vector<uint32_t> ordered; ///< WAR only: tiles, sorted
    std::vector<uint32_t> packets; ///< RAW that packets satisfy: tiles, sorted
  };
  std::vector<OfTile> tiles;
};

/// The dependences of a schedule from the bytes that its tiles touch. Each
/// conflicting pair follows from these and their transitive closure.
Dependences findDependences(const core::Schedule &schedule,
                            const core::Tiles &tiles);

struct SynchronizationOptions {
  /// Values of a packet, 4 or 6; 0: hand over by counters only.
  uint32_t packetElements = 6;
  /// Leave out hand-offs that others imply.
  bool reduce = true;
  /// Let tasks that wait for the same share counters.
  bool share = true;
  /// Let the workers of a cluster share what their tiles gather.
  bool clusterGathers = true;
  /// Most bytes of a worker's shared memory for packets that stay in a cluster;
  /// 0: they go through global memory like all others.
  uint64_t inboxBytes = 0;
};

struct SynchronizationReport {
  uint32_t dependences = 0; ///< pairs of tiles
  uint32_t sameWorker = 0;  ///< of these, kept by a queue
  uint32_t byPackets = 0;
  uint32_t implied = 0; ///< by other hand-offs
  uint32_t byCounter = 0;
  uint32_t packetBuffers = 0;
  uint32_t counterArrays = 0, counters = 0;
  uint32_t signals = 0, waits = 0; ///< of one launch
  /// The same without reduction and sharing: every dependence between workers
  /// that packets do not keep has its own.
  uint32_t countersBefore = 0, signalsBefore = 0, waitsBefore = 0;
  uint32_t clusterGathers = 0; ///< tasks whose gather is shared in clusters
  uint32_t clusterPackets = 0; ///< buffers of packets in cluster memory
  uint64_t inboxBytes = 0;     ///< that they take of a worker's shared memory
  /// Packets that all workers poll together, and would without sharing.
  uint64_t polled = 0, polledBefore = 0;
};

/// Chooses a hand-off for every dependence and marks the schedule concurrent.
/// Hand-offs that it has are dropped. Returns why it cannot be done, or an
/// empty string.
std::string synchronize(core::Schedule &schedule,
                        const SynchronizationOptions &options,
                        SynchronizationReport *report = nullptr);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_SYNCHRONIZATION_H
