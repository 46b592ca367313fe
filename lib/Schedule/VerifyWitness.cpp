//===- VerifyWitness.cpp - How a race can happen --------------------------===//
//
// A tile is not before another one if that one runs in the maximal run in which
// the first is withheld. That run shows how, but it is as long as the schedule.
// Here it is cut to what the second tile needs.
//
//===----------------------------------------------------------------------===//

#include "VerifyImpl.h"

#include <algorithm>

namespace amk::core::verifier {

namespace {

/// The maximal run in which one tile is withheld.
class Run {
public:
  /// Leaves out waits for counters from `counterLimit` on.
  Run(const Tiles &tiles, const HandOffs &h, uint32_t counterLimit,
      uint32_t withheld)
      : tiles(tiles), h(h), limit(counterLimit), withheld(withheld),
        at(tiles.tiles.size(), kNone), value(h.counterCount, 0),
        waiters(h.counterCount), position(tiles.workers, 0) {
    std::vector<uint32_t> ready(tiles.workers);
    for (uint32_t w = 0; w < tiles.workers; ++w)
      ready[w] = tiles.workers - 1 - w;
    while (!ready.empty()) {
      const uint32_t w = ready.back();
      ready.pop_back();
      while (position[w] < tiles.queues[w].size() && step(w, ready)) {
      }
    }
  }

  bool ran(uint32_t tile) const { return at[tile] != kNone; }

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
    std::vector<bool> isUsed(at.size(), false);
    std::vector<uint32_t> open;
    const auto need = [&](uint32_t t) {
      const Tile &x = tiles.tiles[t];
      for (uint32_t &n = needed[x.worker]; n <= x.slot; ++n)
        open.push_back(tiles.queues[x.worker][n]);
    };
    need(tile);
    isUsed[tile] = true;
    while (!open.empty()) {
      const uint32_t t = open.back();
      open.pop_back();
      for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i) {
        const TileWait &wait = h.waits[i];
        if (wait.counter >= limit)
          continue;
        // The first to signal: they ran before t.
        const std::vector<uint32_t> &all = signalers[wait.counter];
        for (uint32_t k = 0; k < wait.threshold; ++k) {
          need(all[k]);
          isUsed[all[k]] = true;
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
  bool step(uint32_t w, std::vector<uint32_t> &ready) {
    const uint32_t t = tiles.queues[w][position[w]];
    if (t == withheld)
      return false;
    for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i) {
      const TileWait &wait = h.waits[i];
      if (wait.counter >= limit || value[wait.counter] >= wait.threshold)
        continue;
      waiters[wait.counter].push_back(w);
      return false;
    }
    at[t] = uint32_t(order.size());
    order.push_back(t);
    ++position[w];
    for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i) {
      std::vector<uint32_t> &woken = waiters[h.signals[i]];
      ++value[h.signals[i]];
      ready.insert(ready.end(), woken.begin(), woken.end());
      woken.clear();
    }
    return true;
  }

  const Tiles &tiles;
  const HandOffs &h;
  uint32_t limit, withheld;
  std::vector<uint32_t> order; ///< tiles that ran
  std::vector<uint32_t> at;    ///< when a tile ran
  std::vector<uint32_t> value;
  std::vector<std::vector<uint32_t>> waiters; ///< workers, by counter
  std::vector<uint32_t> position;
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

std::string witness(const Schedule &s, const Tiles &tiles, const HandOffs &h,
                    uint32_t before, uint32_t after) {
  const std::string other = tileName(s, tiles.tiles[before]);
  const Run run(tiles, h, h.counterCount, before);
  if (run.ran(after)) {
    const Run::Cut cut = run.cut(after);
    return say({"the hand-offs allow ", list(s, tiles, cut.used),
                cut.all.size() > cut.used.size()
                    ? ", after what is ahead in the queues,"
                    : "",
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
