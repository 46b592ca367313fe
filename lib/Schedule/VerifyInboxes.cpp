//===- VerifyInboxes.cpp - V1 and V7: packets in a cluster's memory -------===//
//
// A packet can be written to the shared memory of the workers of one cluster
// only, so whoever reads it is one of them. And a worker has room for what is
// written to it: its packets lie apart. Those of one buffer have one
// generation, so a reader could not tell two of them apart in one place.
//
//===----------------------------------------------------------------------===//

#include "VerifyImpl.h"

#include <algorithm>
#include <map>

namespace amk::core::verifier {

namespace {

/// Places of an inbox that a tile's packets take.
struct Places {
  uint64_t lo, hi; ///< half-open
  uint32_t tile;
};

class Checker {
public:
  Checker(Report &r, const Tiles &tiles, const Inboxes &inboxes)
      : r(r), s(r.s), tiles(tiles), inboxes(inboxes) {}

  void checkBuffer(uint32_t b) {
    if (checkReaders(b))
      checkRoom(b);
  }

private:
  bool checkReaders(uint32_t b) {
    const uint32_t width = s.target->cluster;
    for (const Delivery &d : inboxes.of(b)) {
      const Tile &from = tiles.tiles[d.tile], &to = tiles.tiles[d.reader];
      const uint32_t first = from.worker / width * width;
      if (to.worker / width == from.worker / width)
        continue;
      r.add("V1", atTask(to.task, kNone, to.index),
            say({"reads packets of '", s.buffers[b].name,
                 "' in cluster memory: expected a tile on workers ", first,
                 " to ", first + width - 1, ", the cluster of ",
                 tileName(s, from), ", which writes them, found worker ",
                 to.worker}))
          .notes.push_back({atTask(from.task, kNone, from.index),
                            say({tileName(s, from), " on worker ", from.worker,
                                 " writes them"})});
      return false;
    }
    return true;
  }

  void checkRoom(uint32_t b) {
    const Buffer &buffer = s.buffers[b];
    const uint64_t room = buffer.packetRoom;
    const PacketIndex index(s, buffer);
    std::map<uint32_t, std::vector<Places>> taken; ///< by worker
    for (const Delivery &d : inboxes.of(b)) {
      const Tile &from = tiles.tiles[d.tile];
      for (uint32_t i = from.firstAccess; i < from.lastAccess; ++i) {
        const Access &a = tiles.accesses[i];
        if (!a.write || a.buffer != b || !a.region.bytes || !a.region.count)
          continue;
        const Range bytes = index.packets(a.region.offset, a.region.end());
        const uint64_t count = uint64_t(bytes.size()) / 16;
        if (count > room) {
          r.add("V7", atTask(from.task, tiles.accessOp[i], from.index),
                say({"writes ", count, " packets of '", buffer.name,
                     "': expected at most ", room, ", for which worker ",
                     d.worker, " has room"}))
              .notes.push_back({atBuffer(b), "the buffer"});
          return;
        }
        anyPlaces(room, uint64_t(bytes.lo) / 16, count,
                  [&](uint64_t lo, uint64_t hi) {
                    taken[d.worker].push_back({lo, hi, d.tile});
                    return false;
                  });
      }
    }
    for (auto &[worker, places] : taken)
      if (!checkApart(b, worker, places))
        return;
  }

  bool checkApart(uint32_t b, uint32_t worker, std::vector<Places> &places) {
    std::sort(
        places.begin(), places.end(), [](const Places &a, const Places &b) {
          return std::make_pair(a.lo, a.tile) < std::make_pair(b.lo, b.tile);
        });
    for (size_t i = 1; i < places.size(); ++i) {
      if (places[i].lo >= places[i - 1].hi)
        continue;
      const Tile &one = tiles.tiles[places[i - 1].tile];
      const Tile &other = tiles.tiles[places[i].tile];
      r.add("V7", atBuffer(b),
            say({"expected room at worker ", worker,
                 " for all packets that it reads, found ",
                 s.buffers[b].packetRoom, ": ", tileName(s, one), " and ",
                 tileName(s, other), " both write place ", places[i].lo}))
          .notes.push_back({atTask(other.task, kNone, other.index),
                            say({"by ", tileName(s, other)})});
      return false;
    }
    return true;
  }

  Report &r;
  const Schedule &s;
  const Tiles &tiles;
  const Inboxes &inboxes;
};

} // namespace

void checkInboxes(Report &r, const Tiles &tiles, const Inboxes &inboxes) {
  if (inboxes.empty())
    return;
  Checker checker(r, tiles, inboxes);
  for (uint32_t b = 0; b < r.s.buffers.size() && !r.full(); ++b)
    if (r.s.buffers[b].space == Space::Cluster)
      checker.checkBuffer(b);
}

} // namespace amk::core::verifier
