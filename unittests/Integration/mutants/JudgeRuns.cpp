//===- JudgeRuns.cpp - V3 and V5 by withholding every tile ----------------===//

#include "Judge.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

/// What runs if a tile never does.
class MaximalRun {
public:
  explicit MaximalRun(const Model &m)
      : m(m), value(m.counters), at(m.queues.size()), wait(m.queues.size()) {}

  /// With `packets` a tile waits for the packets that it reads; without,
  /// packets are there at any time. Returns how many tiles ran.
  size_t run(uint32_t withheld, bool packets) {
    const uint32_t limit = packets ? m.counters : m.packetCounters;
    ran.assign(m.tiles.size(), 0);
    std::fill(value.begin(), value.end(), 0);
    std::fill(at.begin(), at.end(), 0);
    std::fill(wait.begin(), wait.end(), 0);
    size_t count = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (uint32_t w = 0; w < m.queues.size(); ++w)
        while (at[w] < m.queues[w].size()) {
          const uint32_t t = m.queues[w][at[w]];
          if (t == withheld || !mayStart(m.tiles[t], w, limit))
            break;
          for (uint32_t c : m.tiles[t].signals)
            ++value[c];
          ran[t] = 1;
          ++count;
          ++at[w];
          wait[w] = 0;
          moved = true;
        }
    }
    return count;
  }

  std::vector<char> ran;

private:
  /// Counters only grow: what was waited for once need not be looked at again.
  bool mayStart(const JudgedTile &tile, uint32_t w, uint32_t limit) {
    for (; wait[w] < tile.waits.size(); ++wait[w]) {
      const auto &[counter, threshold] = tile.waits[wait[w]];
      if (counter < limit && value[counter] < threshold)
        return false;
    }
    return std::all_of(tile.gang.begin(), tile.gang.end(),
                       [&](uint32_t t) { return ran[t] || isReached(t); });
  }

  /// Whether a tile is next in its queue, and its counters let it start. The
  /// one that is withheld can be reached too.
  bool isReached(uint32_t t) const {
    const JudgedTile &tile = m.tiles[t];
    const std::vector<uint32_t> &queue = m.queues[tile.worker];
    return at[tile.worker] < queue.size() && queue[at[tile.worker]] == t &&
           std::all_of(
               tile.waits.begin(), tile.waits.end(),
               [&](auto &w) {
                 return w.first >= m.packetCounters ||
                        value[w.first] >= w.second;
               });
  }

  const Model &m;
  std::vector<uint32_t> value, at, wait;
};

/// For a tile the later ones that it has to come before.
struct Later {
  std::vector<uint32_t> seen;  ///< its writes must be visible to them
  std::vector<uint32_t> after; ///< it must have read before them
};

/// Every pair of tiles that conflict, from the bytes between two places where
/// some access begins or ends.
std::vector<Later> findConflicts(const Model &m) {
  struct Event {
    uint32_t tile;
    const Piece *piece;
  };
  std::vector<std::vector<Event>> byStorage(m.storages);
  for (uint32_t t = 0; t < m.tiles.size(); ++t)
    for (const Piece &p : m.tiles[t].pieces)
      byStorage[p.storage].push_back({t, &p});
  std::vector<Later> later(m.tiles.size());
  for (const std::vector<Event> &events : byStorage) {
    std::vector<uint64_t> ends;
    for (const Event &e : events) {
      ends.push_back(e.piece->lo);
      ends.push_back(e.piece->hi);
    }
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    std::vector<std::vector<Event>> cells(ends.size());
    for (const Event &e : events)
      for (size_t i = std::lower_bound(ends.begin(), ends.end(), e.piece->lo) -
                      ends.begin();
           ends[i] < e.piece->hi; ++i)
        cells[i].push_back(e);
    for (const std::vector<Event> &cell : cells)
      for (const Event &a : cell)
        for (const Event &b : cell) {
          if (a.tile >= b.tile || (!a.piece->write && !b.piece->write))
            continue;
          if (!a.piece->write)
            later[a.tile].after.push_back(b.tile);
          else if (b.piece->write || !b.piece->packet)
            later[a.tile].seen.push_back(b.tile);
        }
  }
  for (Later &l : later)
    for (std::vector<uint32_t> *list : {&l.seen, &l.after}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  return later;
}

std::string nameOf(const Schedule &s, const JudgedTile &t) {
  return "'" + s.tasks[t.task].name + "' tile " + std::to_string(t.index);
}

} // namespace

void judgeRuns(const Schedule &s, const Model &m, Verdict &v) {
  MaximalRun run(m);
  const uint32_t nobody = kNone;
  if (run.run(nobody, true) != m.tiles.size()) {
    const size_t stuck =
        std::find(run.ran.begin(), run.ran.end(), 0) - run.ran.begin();
    v.add(3, nameOf(s, m.tiles[stuck]) + " never runs");
    return;
  }
  const std::vector<Later> later = findConflicts(m);
  for (uint32_t t = 0; t < m.tiles.size(); ++t) {
    const auto check = [&](const std::vector<uint32_t> &tiles, bool packets,
                           const char *what) {
      if (tiles.empty())
        return;
      run.run(t, packets);
      for (uint32_t o : tiles)
        if (run.ran[o])
          v.add(5, nameOf(s, m.tiles[o]) + what + nameOf(s, m.tiles[t]));
    };
    check(later[t].seen, false, " may not see the writes of ");
    check(later[t].after, true, " may overwrite what is yet to be read by ");
  }
}

} // namespace amk::mutants
