//===- VerifyWitness.cpp - How a race can happen --------------------------===//
//
// A tile is not before another one if that one runs in the maximal run in which
// the first is withheld. That run shows how, but it is as long as the schedule.
// Here it is cut to what the second tile needs.
//
//===----------------------------------------------------------------------===//

#include "VerifyImpl.h"

namespace amk::core::verifier {

namespace {

/// The maximal run in which one tile is withheld.
class Run {
public:
  Run(const Tiles &tiles, const HandOffs &h, uint32_t limit, uint32_t withheld)
      : tiles(tiles), h(h), limit(limit),
        order(runWithout(tiles, h, limit, withheld)),
        done(tiles.tiles.size(), false), value(h.counterCount, 0) {
    for (uint32_t t : order) {
      done[t] = true;
      for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
        ++value[h.signals[i]];
    }
  }

  bool ran(uint32_t tile) const { return done[tile]; }
  uint32_t reached(uint32_t counter) const { return value[counter]; }

  /// What is necessary of it for one tile, in the order in which it ran.
  struct Cut {
    std::vector<uint32_t> all;
    std::vector<uint32_t> used; ///< that tile, and whose signals it takes
  };
  Cut cut(uint32_t tile) const {
    std::vector<std::vector<uint32_t>> signalers(h.counterCount);
    for (uint32_t t : order)
      for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
        if (h.signals[i] < limit)
          signalers[h.signals[i]].push_back(t);
    std::vector<uint32_t> needed(tiles.workers, 0); // how much of every queue
    std::vector<bool> isUsed(done.size(), false);
    std::vector<uint32_t> taken(h.counterCount, 0); // signals
    std::vector<uint32_t> open;
    const auto need = [&](uint32_t t) {
      const Tile &x = tiles.tiles[t];
      for (uint32_t &n = needed[x.worker]; n <= x.slot; ++n)
        open.push_back(tiles.queues[x.worker][n]);
    };
    // What tile t waits for, up to the counters below `end`.
    const auto takeSignals = [&](uint32_t t, uint32_t end) {
      for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i) {
        const TileWait &wait = h.waits[i];
        if (wait.counter >= end || h.isMeeting(wait.counter))
          continue;
        // The first to signal: they ran before t.
        for (uint32_t &k = taken[wait.counter]; k < wait.threshold; ++k) {
          const uint32_t from = signalers[wait.counter][k];
          need(from);
          isUsed[from] = true;
        }
      }
    };
    need(tile);
    isUsed[tile] = true;
    std::vector<bool> met(h.firstMate.size(), false);
    while (!open.empty()) {
      const uint32_t t = open.back();
      open.pop_back();
      takeSignals(t, limit);
      for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i) {
        if (!h.isMeeting(h.waits[i].counter))
          continue;
        const uint32_t m = h.waits[i].counter - h.firstMeeting;
        if (met[m])
          continue;
        met[m] = true;
        // Its mates need not run, only be reached.
        for (uint32_t k = h.firstMate[m]; k < h.firstMate[m + 1]; ++k) {
          const Tile &mate = tiles.tiles[h.mates[k]];
          if (mate.slot)
            need(tiles.queues[mate.worker][mate.slot - 1]);
          takeSignals(h.mates[k], h.firstMeeting);
        }
      }
    }
    Cut cut;
    for (uint32_t t : order) {
      if (tiles.tiles[t].slot < needed[tiles.tiles[t].worker])
        cut.all.push_back(t);
      if (isUsed[t])
        cut.used.push_back(t);
    }
    return cut;
  }

private:
  const Tiles &tiles;
  const HandOffs &h;
  uint32_t limit;
  std::vector<uint32_t> order; ///< tiles that ran
  std::vector<bool> done;      ///< by tile
  std::vector<uint32_t> value; ///< of counters, at the end
};

std::string list(const Schedule &s, const Tiles &tiles,
                 const std::vector<uint32_t> &some) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < some.size(); ++i) {
    if (some.size() > kShown && i == kShown / 2) {
      i = some.size() - kShown / 2;
      text += say({", ", i - kShown / 2, " more"});
    }
    const Tile &t = tiles.tiles[some[i]];
    text += say({i ? ", then " : "", tileName(s, t), " on worker ", t.worker});
  }
  return text;
}

} // namespace

std::string witness(const Schedule &s, const Tiles &tiles, const Concurrency &c,
                    uint32_t before, uint32_t after) {
  const HandOffs &h = c.handOffs;
  const std::string other = tileName(s, tiles.tiles[before]);
  const Run run(tiles, h, h.counterCount, before);
  if (run.ran(after)) {
    const Run::Cut cut = run.cut(after);
    std::vector<uint32_t> shown;
    for (uint32_t t : cut.used) // not what is there before either of the two
      if (!c.order.ordered(tiles, t, before))
        shown.push_back(t);
    return say(
        {"the hand-offs allow ", list(s, tiles, shown),
         cut.all.size() > shown.size() ? ", after what has to run first," : "",
         " while ", other, " has not run"});
  }
  // Only visibility is missing: on the way there packets are waited for.
  const Run seen(tiles, h, h.firstPacketCounter, before);
  for (uint32_t t : seen.cut(after).all)
    for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i) {
      const TileWait &wait = h.waits[i];
      if (run.ran(t) || wait.counter < h.firstPacketCounter ||
          run.reached(wait.counter) >= wait.threshold)
        continue;
      const uint32_t b = h.packetBuffer[wait.counter - h.firstPacketCounter];
      return say({tileName(s, tiles.tiles[t]), " waits for packets of '",
                  s.buffers[b].name, "', which order it after ", other,
                  " but make nothing visible but their own bytes"});
    }
  return {};
}

} // namespace amk::core::verifier
