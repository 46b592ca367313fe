//===- Inboxes.h - Packets in the memory of a cluster -----------*- C++ -*-===//
//
// A buffer in the Cluster space has no memory of its own: each worker that
// reads packets of it has an *inbox*, a page of its shared memory, and who
// writes a packet writes it to the inbox of every worker that reads it.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_INBOXES_H
#define AMK_SCHEDULE_INBOXES_H

#include "AMK/Schedule/Tiles.h"

#include <cstddef>

namespace amk::core {

/// A tile writes packets of a buffer, and a tile on `worker` reads some of
/// them: so all that it writes there goes to that worker.
struct Delivery {
  uint32_t tile;
  uint32_t worker;
  uint32_t reader; ///< the first such tile
};

/// The places of an inbox with `room` that `count` packets from `first` on
/// take: packet p takes p mod room, so they are one run [lo, hi), or two where
/// the packets go on at place 0; all places if they are more. fn(lo, hi)
/// returns whether to stop; the result is whether it did.
template <typename Fn>
bool anyPlaces(uint64_t room, uint64_t first, uint64_t count, Fn fn) {
  const uint64_t lo = first % room, hi = lo + (count < room ? count : room);
  return fn(lo, hi < room ? hi : room) || (hi > room && fn(0, hi - room));
}

/// The deliveries of a schedule's buffers in the Cluster space.
class Inboxes {
public:
  /// The schedule is concurrent, and its regions and packets hold (V1).
  Inboxes(const Schedule &schedule, const Tiles &tiles);

  /// Whether no buffer is in the Cluster space.
  bool empty() const { return byBuffer.empty(); }

  struct Deliveries {
    const Delivery *first, *last;
    const Delivery *begin() const { return first; }
    const Delivery *end() const { return last; }
  };
  /// By tile, then by worker. Of a buffer with a delivery to another cluster
  /// not all, but one such at least.
  Deliveries of(uint32_t buffer) const;
  Deliveries of(uint32_t buffer, uint32_t tile) const;

private:
  void add(const Schedule &schedule, const Tiles &tiles, uint32_t buffer);

  std::vector<std::vector<Delivery>> byBuffer; ///< empty if there are none
};

} // namespace amk::core

#endif // AMK_SCHEDULE_INBOXES_H
