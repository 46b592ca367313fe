//===- Explain.cpp - Why a schedule orders what it orders -----------------===//

#include "AMK/Scheduling/Explain.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <queue>

namespace amk::scheduling {

using namespace core;

namespace {

/// Who signals every counter.
std::vector<std::vector<uint32_t>> signalers(const Tiles &tiles,
                                             const HandOffs &h) {
  std::vector<std::vector<uint32_t>> out(h.counterCount);
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
    for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
      out[h.signals[i]].push_back(t);
  return out;
}

/// In the run without `first`, `second` or a mate of it stands behind a tile of
/// its queue or at a counter that other tiles did not signal, and so do those:
/// the fewest such steps back to `first`. There are some, since in a run of all
/// tiles each of them was let go by one that ran before it.
std::vector<Edge> findChain(const Tiles &tiles, const HandOffs &h,
                            uint32_t limit, const std::vector<bool> &ran,
                            uint32_t first, uint32_t second) {
  const std::vector<std::vector<uint32_t>> from = signalers(tiles, h);
  std::vector<uint32_t> value(h.counterCount, 0);
  for (uint32_t c = 0; c < h.counterCount; ++c)
    value[c] = uint32_t(std::count_if(from[c].begin(), from[c].end(),
                                      [&](uint32_t t) { return ran[t]; }));
  std::vector<Edge> out(tiles.tiles.size(), {kNone, kNone, kNone});
  std::vector<bool> seen(tiles.tiles.size(), false);
  std::vector<uint32_t> open{second};
  seen[second] = true;
  for (size_t next = 0; next < open.size() && !seen[first]; ++next) {
    const uint32_t t = open[next];
    const auto reach = [&](uint32_t before, uint32_t counter, uint32_t mate) {
      if (ran[before] || seen[before])
        return;
      seen[before] = true;
      out[before] = {before, t, counter, mate};
      open.push_back(before);
    };
    // What holds up `of`, which is t or a mate of it: hand-offs below `end`.
    const auto follow = [&](uint32_t of, uint32_t end, uint32_t mate) {
      const Tile &tile = tiles.tiles[of];
      if (tile.slot)
        reach(tiles.queues[tile.worker][tile.slot - 1], kNone, mate);
      for (uint32_t i = h.firstWait[of]; i < h.firstWait[of + 1]; ++i)
        if (const TileWait &w = h.waits[i];
            w.counter < end && value[w.counter] < w.threshold)
          for (uint32_t before : from[w.counter])
            reach(before, w.counter, mate);
    };
    follow(t, limit, kNone);
    if (const uint32_t meeting = h.meetingOf(t); meeting != kNone)
      for (uint32_t mate : h.gang(meeting))
        if (mate != t)
          follow(mate, h.firstMeeting, mate);
  }
  std::vector<Edge> chain;
  for (uint32_t t = first; t != second; t = chain.back().to)
    chain.push_back(out[t]);
  return chain;
}

/// Runs the tiles, each for as long as it weighs.
class Timing {
public:
  Timing(const Tiles &tiles, const HandOffs &h,
         const std::vector<uint64_t> &weights, Paths &out)
      : tiles(tiles), h(h), weights(weights), out(out),
        missing(tiles.tiles.size()), meeting(tiles.tiles.size(), kNone),
        unreached(tiles.tiles.size(), 0), place(h.signals.size()),
        reason(tiles.tiles.size(), kNone), value(h.counterCount, 0),
        waiters(h.counterCount) {
    out.earliest.resize(tiles.tiles.size());
  }

  /// Starts every tile as early as it can. Who lets it go last is the tile
  /// before it on its longest path.
  void forward() {
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
      missing[t] = h.firstWait[t + 1] - h.firstWait[t];
      missing[t] += tiles.tiles[t].slot != 0;
      meeting[t] = h.meetingOf(t);
      unreached[t] += tiles.tiles[t].slot != 0;
      for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i) {
        waiters[h.waits[i].counter].push_back({h.waits[i].threshold, t});
        unreached[t] += h.waits[i].counter < h.firstMeeting;
      }
      if (!missing[t])
        running.push({weights[t], t});
    }
    for (auto &list : waiters) // the lowest threshold last
      std::sort(list.begin(), list.end(), std::greater<>());
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
      if (meeting[t] != kNone && !unreached[t])
        count(meeting[t], kNone, 0);
    while (!running.empty()) {
      const auto [now, t] = running.top();
      running.pop();
      finish(t, now);
    }
  }

  /// Starts every tile as late as it can.
  void backward() {
    constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
    out.latest.assign(tiles.tiles.size(), 0);
    // By counter: the latest start of those that wait for it, by threshold.
    std::vector<std::map<uint32_t, uint64_t>> needed(h.counterCount);
    for (auto t = order.rbegin(); t != order.rend(); ++t) {
      const Tile &tile = tiles.tiles[*t];
      const std::vector<uint32_t> &queue = tiles.queues[tile.worker];
      uint64_t end = out.length;
      if (tile.slot + 1 < queue.size())
        forGang(queue[tile.slot + 1],
                [&](uint32_t next) { end = std::min(end, out.latest[next]); });
      for (uint32_t i = h.firstSignal[*t]; i < h.firstSignal[*t + 1]; ++i)
        for (const auto &[threshold, start] : needed[h.signals[i]])
          if (threshold >= place[i])
            end = std::min(end, start);
      out.latest[*t] = end - weights[*t];
      forGang(*t, [&](uint32_t mate) {
        // Of a mate only what it needs to be reached.
        const uint32_t limit = mate == *t ? h.counterCount : h.firstMeeting;
        for (uint32_t i = h.firstWait[mate]; i < h.firstWait[mate + 1]; ++i) {
          if (h.waits[i].counter >= limit)
            continue;
          auto &map = needed[h.waits[i].counter];
          uint64_t &start =
              map.try_emplace(h.waits[i].threshold, kNever).first->second;
          start = std::min(start, out.latest[*t]);
        }
      });
    }
  }

  void trace() {
    if (order.empty())
      return;
    for (uint32_t t = order.back(); t != kNone; t = reason[t])
      out.critical.push_back(t);
    std::reverse(out.critical.begin(), out.critical.end());
  }

private:
  /// Calls fn for a tile and its mates, if it has some.
  template <typename Fn>
  void forGang(uint32_t t, Fn fn) const {
    if (meeting[t] == kNone)
      return fn(t);
    for (uint32_t mate : h.gang(meeting[t]))
      fn(mate);
  }

  /// Something that tile t waits for is there; `reaches`: by its queue, or a
  /// counter of the schedule.
  void release(uint32_t t, uint32_t by, uint64_t now, bool reaches) {
    if (reaches && --unreached[t] == 0 && meeting[t] != kNone)
      count(meeting[t], by, now);
    if (--missing[t])
      return;
    out.earliest[t] = now;
    reason[t] = by;
    running.push({now + weights[t], t});
  }

  void finish(uint32_t t, uint64_t now) {
    order.push_back(t);
    out.length = now;
    const Tile &tile = tiles.tiles[t];
    const std::vector<uint32_t> &queue = tiles.queues[tile.worker];
    if (tile.slot + 1 < queue.size())
      release(queue[tile.slot + 1], t, now, true);
    for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
      place[i] = count(h.signals[i], t, now);
  }

  /// Returns the new value of the counter.
  uint32_t count(uint32_t c, uint32_t by, uint64_t now) {
    const uint32_t reached = ++value[c];
    auto &list = waiters[c];
    while (!list.empty() && list.back().first <= reached) {
      const uint32_t t = list.back().second;
      list.pop_back();
      release(t, by, now, c < h.firstMeeting);
    }
    return reached;
  }

  using Event = std::pair<uint64_t, uint32_t>; ///< end, tile
  const Tiles &tiles;
  const HandOffs &h;
  const std::vector<uint64_t> &weights;
  Paths &out;
  std::vector<uint32_t> missing;   ///< by tile: what it still waits for
  std::vector<uint32_t> meeting;   ///< by tile: the counter, or kNone
  std::vector<uint32_t> unreached; ///< by tile: what it waits for to be reached
  std::vector<uint32_t> place;     ///< by signal: the how manyth of its counter
  std::vector<uint32_t> reason;    ///< by tile: who let it go
  std::vector<uint32_t> value;
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> waiters;
  std::vector<uint32_t> order; ///< in which tiles end
  std::priority_queue<Event, std::vector<Event>, std::greater<>> running;
};

} // namespace

Relation relate(const Tiles &tiles, const HandOffs &h, uint32_t first,
                uint32_t second) {
  Relation r;
  const auto whoRuns = [&](uint32_t limit) {
    std::vector<bool> ran(tiles.tiles.size(), false);
    r.without = runWithout(tiles, h, limit, first);
    for (uint32_t t : r.without)
      ran[t] = true;
    return ran;
  };
  // Without packets first: what is visible is ordered too.
  uint32_t limit = h.firstPacketCounter;
  std::vector<bool> ran = whoRuns(limit);
  r.visible = first != second && !ran[second];
  if (!r.visible) {
    limit = h.counterCount;
    ran = whoRuns(limit);
  }
  r.before = first != second && !ran[second];
  if (r.before) {
    r.without.clear();
    r.chain = findChain(tiles, h, limit, ran, first, second);
  }
  return r;
}

std::vector<uint64_t> tileWeights(const Schedule &s, const Tiles &tiles) {
  std::vector<uint64_t> weights;
  weights.reserve(tiles.tiles.size());
  for (const Tile &tile : tiles.tiles) {
    const Task &task = s.tasks[tile.task];
    Cost sum;
    for (size_t o = 0; o < task.ops.size(); ++o) {
      const Cost cost =
          lookupOperator(task.ops[o].name)
              ->cost(s, task.ops[o], operatorRange(s, task, o, tile.range));
      sum.bytes += cost.bytes;
      sum.operations += cost.operations;
    }
    weights.push_back(sum.bytes ? sum.bytes : sum.operations);
  }
  return weights;
}

Paths findPaths(const Tiles &tiles, const HandOffs &h,
                const std::vector<uint64_t> &weights) {
  Paths out;
  Timing timing(tiles, h, weights, out);
  timing.forward();
  timing.backward();
  timing.trace();
  return out;
}

} // namespace amk::scheduling
