//===- VerifyConcurrency.cpp - V2 and V3: every tile runs -----------------===//

#include "VerifyImpl.h"

#include <algorithm>

namespace amk::core::verifier {

namespace {

/// Calls fn(counter) for the flat counters of a fan.
template <typename Fn>
void forEachCounter(const Schedule &s, uint32_t base, const Fan &fan,
                    uint32_t tile, Fn fn) {
  const uint32_t first = s.entry(fan.first, tile, 0);
  const uint32_t last = s.entry(fan.last, tile, first);
  for (uint64_t c = first; c <= last; ++c)
    fn(base + uint32_t(c));
}

class Deadlock {
public:
  Deadlock(Report &r, const Tiles &tiles, const HandOffs &h,
           const std::vector<Stuck> &stuck)
      : r(r), s(r.s), tiles(tiles), h(h), stuckAt(tiles.workers, nullptr) {
    for (const Stuck &st : stuck)
      stuckAt[tiles.tiles[st.tile].worker] = &st;
    // Who has not signaled the counters that somebody is stuck at.
    missing.assign(h.counterCount, kNone);
    for (uint32_t t = uint32_t(tiles.tiles.size()); t-- > 0;)
      if (!ran(t))
        for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
          missing[h.signals[i]] = t;
    for (uint32_t m = 0; m + 1 < h.firstMate.size(); ++m)
      for (uint32_t i = h.firstMate[m + 1]; i-- > h.firstMate[m];)
        if (!reached(h.mates[i]))
          missing[h.firstMeeting + m] = h.mates[i];
  }

  /// Follows "waits for a signal from", or for a mate in the queue of, over the
  /// stuck workers to the cycle.
  void report(const Stuck &first) {
    std::vector<const Stuck *> path;
    std::vector<bool> seen(tiles.workers, false);
    const Stuck *at = &first;
    while (at && !seen[tiles.tiles[at->tile].worker]) {
      seen[tiles.tiles[at->tile].worker] = true;
      path.push_back(at);
      at = next(*at);
    }
    if (at)
      path.erase(path.begin(), std::find(path.begin(), path.end(), at));
    const Tile &tile = tiles.tiles[path[0]->tile];
    Diagnostic &d =
        r.add("V3", atTask(tile.task, kNone, tile.index),
              say({"deadlock: never runs; ", path.size(),
                   path.size() == 1 ? " worker waits for itself"
                                    : " workers wait for each other"}));
    for (const Stuck *step : path)
      d.notes.push_back(note(*step));
  }

private:
  bool ran(uint32_t t) const {
    const Stuck *st = stuckAt[tiles.tiles[t].worker];
    return !st || tiles.tiles[t].slot < tiles.tiles[st->tile].slot;
  }

  /// Whether a tile of a gang has started, or could but for its mates and its
  /// packets.
  bool reached(uint32_t t) const {
    const Stuck *st = stuckAt[tiles.tiles[t].worker];
    return ran(t) || (st->tile == t && st->counter >= h.firstMeeting);
  }

  const Stuck *next(const Stuck &st) const {
    const uint32_t t = missing[st.counter];
    return t == kNone ? nullptr : stuckAt[tiles.tiles[t].worker];
  }

  Note note(const Stuck &st) const {
    const Tile &tile = tiles.tiles[st.tile];
    std::string text = say({"worker ", tile.worker, " is stuck at ",
                            tileName(s, tile), ", waiting for "});
    const uint32_t t = missing[st.counter];
    if (h.isMeeting(st.counter)) {
      const Tile &mate = tiles.tiles[t];
      text += say({"the ", st.threshold, " tiles of its gang to be reached (",
                   st.value, st.value == 1 ? " is" : " are", "); ",
                   tileName(s, mate), " in the queue of worker ", mate.worker,
                   " is not"});
      return {atTask(tile.task, kNone, tile.index), text};
    }
    text += say({handOffName(s, tiles, h, st.counter), " to reach ",
                 st.threshold, " (it is at ", st.value, ")"});
    if (t != kNone) {
      const Tile &from = tiles.tiles[t];
      text += say({"; the next signal is of ", tileName(s, from),
                   " in the queue of worker ", from.worker});
    }
    return {atTask(tile.task, kNone, tile.index), text};
  }

  Report &r;
  const Schedule &s;
  const Tiles &tiles;
  const HandOffs &h;
  std::vector<const Stuck *> stuckAt; ///< by worker
  std::vector<uint32_t> missing;      ///< by counter
};

} // namespace

void checkThresholds(Report &r) {
  const Schedule &s = r.s;
  if (!s.concurrent)
    return; // hand-offs are inert
  std::vector<uint32_t> base, signals;
  for (const CounterArray &c : s.counters) {
    base.push_back(uint32_t(signals.size()));
    signals.resize(signals.size() + c.count, 0);
  }
  for (const Task &task : s.tasks)
    for (uint32_t i = 0; i < tileCount(s, task); ++i)
      for (const Signal &signal : task.signals)
        forEachCounter(s, base[signal.counters], signal.fan, i,
                       [&](uint32_t c) { ++signals[c]; });
  for (uint32_t t = 0; t < s.tasks.size() && !r.full(); ++t)
    for (uint32_t i = 0; i < tileCount(s, s.tasks[t]); ++i)
      for (const Wait &w : s.tasks[t].waits) {
        const uint32_t threshold = s.entry(w.threshold, i, 1);
        forEachCounter(s, base[w.counters], w.fan, i, [&](uint32_t c) {
          if (threshold >= 1 && threshold <= signals[c])
            return;
          const std::string &name = s.counters[w.counters].name;
          r.add("V2", atTask(t, kNone, i),
                say({"waits for '", name, "'[", c - base[w.counters],
                     "] to reach ", threshold, ": expected 1 to ", signals[c],
                     ", the number of its signals"}))
              .notes.push_back({atCounters(w.counters), "the counters"});
        });
        if (r.full())
          return;
      }
}

bool checkDeadlock(Report &r, const Tiles &tiles, const HandOffs &h) {
  const std::vector<Stuck> stuck = findStuck(tiles, h);
  if (!stuck.empty())
    Deadlock(r, tiles, h, stuck).report(stuck[0]);
  return stuck.empty();
}

} // namespace amk::core::verifier
