//===- HappensBefore.h - Exact happens-before by token runs -----*- C++ -*-===//
//
// Rule V4: tile s is before tile t iff t cannot run in the maximal run in
// which s is withheld. One token run per worker, moving that worker only when
// nothing else can, gives every tile's clock entry for it. Counters only grow,
// so the maximal run does not depend on the interleaving; all-join waits,
// first-k-of-n waits, progress counters and meetings are all exact. A tile that
// is withheld never completes, but it may be reached.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_HAPPENSBEFORE_H
#define AMK_SCHEDULE_HAPPENSBEFORE_H

#include "AMK/Schedule/Tiles.h"

#include <string>

namespace amk::core {

/// The hand-offs of a schedule as counters: its own, one for every meeting, and
/// one for every set of producers of packets that some tile reads.
///
/// The tiles of a task with a cluster gather on one cluster, a gang, meet: one
/// of them starts no earlier than all are reached, that is, are at the head of
/// their queues with their counters satisfied (or have started). The counter of
/// a meeting counts the tiles that are reached, so nothing signals it: a tile
/// adds one before it waits for it. That wait stands between those for the
/// tile's counters and those for its packets.
struct HandOffs {
  uint32_t counterCount = 0;
  uint32_t firstMeeting = 0;       ///< counters from here on are meetings
  uint32_t firstPacketCounter = 0; ///< counters from here on are packets
  bool isMeeting(uint32_t counter) const {
    return counter >= firstMeeting && counter < firstPacketCounter;
  }
  /// Per tile, half-open ranges in waits and signals.
  std::vector<uint32_t> firstWait, firstSignal; ///< tiles + 1 entries each
  std::vector<TileWait> waits;
  std::vector<uint32_t> signals;
  std::vector<uint32_t> packetBuffer; ///< buffer of every packet counter
  /// The gang of every meeting: half-open ranges in mates.
  std::vector<uint32_t> firstMate; ///< meetings + 1 entries
  std::vector<uint32_t> mates;     ///< tiles
  /// The tiles that meet, by the meeting's counter.
  std::vector<uint32_t> gang(uint32_t counter) const {
    const uint32_t m = counter - firstMeeting;
    return {mates.begin() + firstMate[m], mates.begin() + firstMate[m + 1]};
  }
  /// The counter of a tile's meeting; kNone if it has none.
  uint32_t meetingOf(uint32_t tile) const {
    for (uint32_t i = firstWait[tile]; i < firstWait[tile + 1]; ++i)
      if (isMeeting(waits[i].counter))
        return waits[i].counter;
    return kNone;
  }
};

HandOffs handOffs(const Schedule &schedule, const Tiles &tiles);

/// Clocks: entry (t, w) is the number of tiles of worker w, in queue order,
/// that have run whenever tile t starts.
class Clocks {
public:
  /// Whether tile `before` is done whenever tile `after` starts.
  bool ordered(const Tiles &tiles, uint32_t before, uint32_t after) const {
    const Tile &b = tiles.tiles[before];
    return entries[size_t(after) * workers + b.worker] > b.slot;
  }
  uint32_t workers = 0;
  std::vector<uint32_t> entries; ///< tiles x workers
};

/// A tile that never runs, and why.
struct Stuck {
  uint32_t tile;
  uint32_t counter; ///< kNone: stuck behind another tile of its queue
  uint32_t threshold, value;
};

/// A counter as messages name it: 'name'[index].
std::string counterName(const Schedule &schedule, const Tiles &tiles,
                        uint32_t counter);
/// Likewise for one of the hand-offs', which may stand for packets: counter
/// 'name'[index], or packets of 'buffer'.
std::string handOffName(const Schedule &schedule, const Tiles &tiles,
                        const HandOffs &handOffs, uint32_t counter);

/// Runs the queues against the hand-offs. Returns the tile that every stuck
/// worker stands at; empty if every tile runs (V3).
std::vector<Stuck> findStuck(const Tiles &tiles, const HandOffs &handOffs);

/// Order: every edge. Call only when nothing is stuck.
Clocks orderClocks(const Tiles &tiles, const HandOffs &handOffs);
/// Visibility: queues and counters only; packets make nothing visible but
/// their own bytes.
Clocks visibilityClocks(const Tiles &tiles, const HandOffs &handOffs);

/// The maximal run in which one tile is withheld: every tile that can run, in
/// an order in which they can. Leaves out waits for counters from
/// `counterLimit` on. Call only when nothing is stuck.
std::vector<uint32_t> runWithout(const Tiles &tiles, const HandOffs &handOffs,
                                 uint32_t counterLimit, uint32_t withheld);

} // namespace amk::core

#endif // AMK_SCHEDULE_HAPPENSBEFORE_H
