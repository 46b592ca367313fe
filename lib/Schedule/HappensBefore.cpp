//===- HappensBefore.cpp - Exact happens-before by token runs -------------===//

#include "AMK/Schedule/HappensBefore.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace amk::core {

//===----------------------------------------------------------------------===//
// Packets as counters
//===----------------------------------------------------------------------===//

namespace {

/// Finds which tiles a read of packets waits for, and gives every distinct set
/// of them one counter that each of them signals once.
class PacketCounters {
public:
  PacketCounters(const Schedule &s, const Tiles &tiles)
      : producers(s.buffers.size()) {
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
      for (uint32_t i = tiles.tiles[t].firstAccess;
           i < tiles.tiles[t].lastAccess; ++i) {
        const Access &a = tiles.accesses[i];
        if (a.write && s.buffers[a.buffer].packetElements)
          producers[a.buffer].push_back({a.region.offset, a.region.end(), t});
      }
    for (std::vector<Producer> &list : producers)
      std::sort(list.begin(), list.end(),
                [](const Producer &a, const Producer &b) {
                  return std::tie(a.lo, a.tile) < std::tie(b.lo, b.tile);
                });
  }

  /// The counter that a read waits for; kNone if nobody else writes it.
  uint32_t counter(uint32_t reader, const Access &a) {
    const std::vector<Producer> &list = producers[a.buffer];
    const auto first =
        std::partition_point(list.begin(), list.end(), [&](const Producer &p) {
          return p.hi <= a.region.offset;
        });
    const auto last =
        std::partition_point(first, list.end(), [&](const Producer &p) {
          return p.lo < a.region.end();
        });
    bool whole = a.region.contiguous();
    for (auto p = first; p != last && whole; ++p)
      whole = p->tile != reader;
    if (whole) {
      // The common case, without building the set.
      const Key key{a.buffer, uint32_t(first - list.begin()),
                    uint32_t(last - list.begin())};
      if (const auto known = intervals.find(key); known != intervals.end())
        return known->second;
      return intervals[key] = make(a, reader, first, last);
    }
    return make(a, reader, first, last);
  }

  std::vector<std::vector<uint32_t>> sets; ///< producers of every counter
  std::vector<uint32_t> buffers;           ///< buffer of every counter

private:
  struct Producer {
    uint64_t lo, hi;
    uint32_t tile;
  };
  using Key = std::tuple<uint32_t, uint32_t, uint32_t>;
  using Iterator = std::vector<Producer>::const_iterator;

  uint32_t make(const Access &a, uint32_t reader, Iterator first,
                Iterator last) {
    std::vector<uint32_t> set;
    for (auto p = first; p != last; ++p)
      // A tile's own packets are there when its next operator reads them.
      if (p->tile != reader && overlap(a.region, {p->lo, p->hi - p->lo, 0, 1}))
        set.push_back(p->tile);
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    if (set.empty())
      return kNone;
    const auto [it, isNew] = counters.try_emplace(std::make_pair(a.buffer, set),
                                                  uint32_t(sets.size()));
    if (isNew) {
      sets.push_back(std::move(set));
      buffers.push_back(a.buffer);
    }
    return it->second;
  }

  std::vector<std::vector<Producer>> producers; ///< by buffer, by offset
  std::map<Key, uint32_t> intervals;
  std::map<std::pair<uint32_t, std::vector<uint32_t>>, uint32_t> counters;
};

} // namespace

/// Finds the gangs. Returns the meeting of every tile that has one, as an index
/// from 0; empty if there are no gangs.
static std::vector<uint32_t> findMeetings(const Schedule &s, const Tiles &tiles,
                                          HandOffs &h) {
  std::vector<uint32_t> meetingOf;
  h.firstMate.push_back(0);
  if (!s.concurrent || !s.target || s.target->cluster < 2)
    return meetingOf;
  std::map<uint32_t, std::vector<uint32_t>> gangs; ///< of a task, by cluster
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    if (!s.tasks[t].clusterGather)
      continue;
    meetingOf.resize(tiles.tiles.size(), kNone);
    gangs.clear();
    for (uint32_t i = tiles.firstTile[t]; i < tiles.firstTile[t + 1]; ++i)
      gangs[tiles.tiles[i].worker / s.target->cluster].push_back(i);
    for (const auto &[cluster, gang] : gangs) {
      for (uint32_t i : gang)
        meetingOf[i] = uint32_t(h.firstMate.size() - 1);
      h.mates.insert(h.mates.end(), gang.begin(), gang.end());
      h.firstMate.push_back(uint32_t(h.mates.size()));
    }
  }
  return meetingOf;
}

HandOffs handOffs(const Schedule &schedule, const Tiles &tiles) {
  HandOffs h;
  const std::vector<uint32_t> meetingOf = findMeetings(schedule, tiles, h);
  h.firstMeeting = tiles.counterCount;
  h.firstPacketCounter = h.firstMeeting + uint32_t(h.firstMate.size() - 1);
  PacketCounters packets(schedule, tiles);
  h.firstWait.reserve(tiles.tiles.size() + 1);
  h.waits.reserve(tiles.waits.size());
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Tile &tile = tiles.tiles[t];
    h.firstWait.push_back(uint32_t(h.waits.size()));
    h.waits.insert(h.waits.end(), tiles.waits.begin() + tile.firstWait,
                   tiles.waits.begin() + tile.lastWait);
    if (!meetingOf.empty() && meetingOf[t] != kNone)
      h.waits.push_back(
          {h.firstMeeting + meetingOf[t],
           h.firstMate[meetingOf[t] + 1] - h.firstMate[meetingOf[t]]});
    const size_t firstPacket = h.waits.size();
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const Access &a = tiles.accesses[i];
      if (a.write || !schedule.buffers[a.buffer].packetElements)
        continue;
      const uint32_t c = packets.counter(t, a);
      if (c == kNone)
        continue;
      const uint32_t counter = h.firstPacketCounter + c;
      const auto same = [&](const TileWait &w) { return w.counter == counter; };
      if (std::none_of(h.waits.begin() + firstPacket, h.waits.end(), same))
        h.waits.push_back({counter, uint32_t(packets.sets[c].size())});
    }
  }
  h.firstWait.push_back(uint32_t(h.waits.size()));
  h.counterCount = h.firstPacketCounter + uint32_t(packets.sets.size());
  h.packetBuffer = std::move(packets.buffers);

  // Signals by tile: count, then fill.
  std::vector<uint32_t> count(tiles.tiles.size(), 0);
  for (const std::vector<uint32_t> &set : packets.sets)
    for (uint32_t t : set)
      ++count[t];
  h.firstSignal.push_back(0);
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Tile &tile = tiles.tiles[t];
    h.signals.insert(h.signals.end(), tiles.signals.begin() + tile.firstSignal,
                     tiles.signals.begin() + tile.lastSignal);
    h.signals.resize(h.signals.size() + count[t]);
    h.firstSignal.push_back(uint32_t(h.signals.size()));
  }
  for (uint32_t c = 0; c < packets.sets.size(); ++c)
    for (uint32_t t : packets.sets[c])
      h.signals[h.firstSignal[t + 1] - count[t]--] = h.firstPacketCounter + c;
  return h;
}

//===----------------------------------------------------------------------===//
// Token runs
//===----------------------------------------------------------------------===//

namespace {

/// Runs the queues against the hand-offs. Everything is laid out in queue
/// order, since a schedule is run once per worker.
class Machine {
public:
  /// Leaves out waits for counters from `counterLimit` on.
  Machine(const Tiles &tiles, const HandOffs &h, uint32_t counterLimit)
      : workers(tiles.workers), counterCount(counterLimit) {
    const size_t n = tiles.tiles.size();
    tileAt.reserve(n);
    for (const std::vector<uint32_t> &queue : tiles.queues) {
      queueBase.push_back(uint32_t(tileAt.size()));
      tileAt.insert(tileAt.end(), queue.begin(), queue.end());
    }
    queueBase.push_back(uint32_t(tileAt.size()));
    for (uint32_t t : tileAt) {
      firstWait.push_back(uint32_t(waits.size()));
      for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i)
        if (h.waits[i].counter < counterLimit) {
          if (h.isMeeting(h.waits[i].counter))
            waits.push_back({h.waits[i].counter, kNone, kArrival});
          waits.push_back({h.waits[i].counter, h.waits[i].threshold, 0});
        }
      firstSignal.push_back(uint32_t(signals.size()));
      for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
        if (h.signals[i] < counterLimit)
          signals.push_back(h.signals[i]);
    }
    firstWait.push_back(uint32_t(waits.size()));
    firstSignal.push_back(uint32_t(signals.size()));
    makeBuckets();
    value.resize(counterCount);
    next.resize(counterCount);
    cursor.resize(counterCount);
    position.resize(workers);
    waitAt.resize(workers);
    nextWaiter.resize(workers);
    ready.reserve(workers);
  }

  /// One maximal run that moves worker `held` only when nothing else can
  /// (`workers`: no worker is held). Writes to column[t] how many tiles of
  /// `held` had run when tile t started. Returns the number of tiles that ran.
  size_t run(uint32_t held, uint32_t *column) {
    std::fill(value.begin(), value.end(), 0);
    std::fill(head.begin(), head.end(), kNone);
    for (uint32_t c = 0; c < counterCount; ++c) {
      cursor[c] = firstBucket[c];
      next[c] = bucketThreshold[cursor[c]];
    }
    ready.clear();
    for (uint32_t w = workers; w-- > 0;) {
      position[w] = queueBase[w];
      waitAt[w] = firstWait[queueBase[w]];
      if (w != held)
        ready.push_back(w);
    }
    size_t done = 0;
    bool heldReady = held < workers;
    for (;;) {
      while (!ready.empty()) {
        const uint32_t w = ready.back();
        ready.pop_back();
        if (w == held) {
          heldReady = true;
          continue;
        }
        const uint32_t passed =
            held < workers ? position[held] - queueBase[held] : 0;
        while (position[w] != queueBase[w + 1] && enabled(w)) {
          column[tileAt[position[w]]] = passed;
          step(w);
          ++done;
        }
      }
      if (!heldReady)
        return done;
      heldReady = false;
      if (position[held] == queueBase[held + 1] || !enabled(held))
        continue;
      if (!ready.empty()) { // its mates, that only had to know it reached
        heldReady = true;
        continue;
      }
      column[tileAt[position[held]]] = position[held] - queueBase[held];
      step(held);
      ++done;
      heldReady = true;
    }
  }

  /// Lists the tiles of runs from now on in the order in which they run.
  void record(std::vector<uint32_t> &to) { sequence = &to; }

  /// After a run: where every worker that is not through stands.
  std::vector<Stuck> stuck() const {
    std::vector<Stuck> out;
    for (uint32_t w = 0; w < workers; ++w) {
      if (position[w] == queueBase[w + 1])
        continue;
      const Waiting &wait = waits[waitAt[w]];
      out.push_back({tileAt[position[w]], wait.counter, wait.threshold,
                     value[wait.counter]});
    }
    return out;
  }

private:
  struct Waiting {
    uint32_t counter, threshold, bucket;
  };
  /// The bucket of what is no wait: a tile is reached, and its meeting counts
  /// it. No value satisfies its threshold, so that other waits never ask.
  static constexpr uint32_t kArrival = kNone;

  /// One list of waiting workers per counter and distinct threshold, in rising
  /// order, and a sentinel: so a signal looks at one number.
  void makeBuckets() {
    std::vector<uint32_t> order;
    order.reserve(waits.size());
    for (uint32_t i = 0; i < waits.size(); ++i)
      if (waits[i].bucket != kArrival)
        order.push_back(i);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return std::tie(waits[a].counter, waits[a].threshold) <
             std::tie(waits[b].counter, waits[b].threshold);
    });
    size_t i = 0;
    for (uint32_t c = 0; c < counterCount; ++c) {
      firstBucket.push_back(uint32_t(bucketThreshold.size()));
      for (; i < order.size() && waits[order[i]].counter == c; ++i) {
        Waiting &w = waits[order[i]];
        if (firstBucket[c] == bucketThreshold.size() ||
            bucketThreshold.back() != w.threshold)
          bucketThreshold.push_back(w.threshold);
        w.bucket = uint32_t(bucketThreshold.size() - 1);
      }
      bucketThreshold.push_back(kNone);
    }
    head.resize(bucketThreshold.size());
  }

  /// Whether the tile at the head of a queue can run; if not, the worker is
  /// woken by the wait that holds it up.
  bool enabled(uint32_t w) {
    const uint32_t end = firstWait[position[w] + 1];
    for (uint32_t &i = waitAt[w]; i < end; ++i) {
      const Waiting &wait = waits[i];
      if (value[wait.counter] >= wait.threshold)
        continue;
      if (wait.bucket == kArrival)
        return arrive(w);
      nextWaiter[w] = head[wait.bucket];
      head[wait.bucket] = w;
      return false;
    }
    return true;
  }

  /// The tile at the head of a queue is reached. Goes on with its other waits;
  /// not in `enabled`, whose loop is where the token runs spend their time.
  [[gnu::noinline]] bool arrive(uint32_t w) {
    const uint32_t c = waits[waitAt[w]++].counter;
    if (++value[c] >= next[c])
      wake(c);
    return enabled(w);
  }

  void step(uint32_t w) {
    const uint32_t p = position[w]++;
    if (sequence)
      sequence->push_back(tileAt[p]);
    waitAt[w] = firstWait[p + 1];
    for (uint32_t i = firstSignal[p]; i < firstSignal[p + 1]; ++i) {
      const uint32_t c = signals[i];
      if (++value[c] >= next[c])
        wake(c);
    }
  }

  void wake(uint32_t c) {
    // The sentinel's threshold stops this: no counter gets that far.
    while (value[c] >= next[c]) {
      const uint32_t b = cursor[c]++;
      for (uint32_t w = head[b]; w != kNone; w = nextWaiter[w])
        ready.push_back(w);
      head[b] = kNone;
      next[c] = bucketThreshold[cursor[c]];
    }
  }

  uint32_t workers, counterCount;
  std::vector<uint32_t> queueBase, tileAt; ///< tiles in queue order
  std::vector<uint32_t> firstWait, firstSignal, signals;
  std::vector<Waiting> waits;
  std::vector<uint32_t> firstBucket, bucketThreshold;
  // The state of a run.
  std::vector<uint32_t> value, next, cursor, head;
  std::vector<uint32_t> position, waitAt, nextWaiter, ready;
  std::vector<uint32_t> *sequence = nullptr;
};

Clocks clocks(const Tiles &tiles, const HandOffs &h, uint32_t counterLimit) {
  // Columns are turned into rows a cache line at a time.
  constexpr uint32_t kColumns = 16;
  const size_t n = tiles.tiles.size();
  Clocks out;
  out.workers = tiles.workers;
  out.entries.resize(n * tiles.workers);
  Machine machine(tiles, h, counterLimit);
  std::vector<uint32_t> columns(n * kColumns);
  for (uint32_t w = 0; w < tiles.workers; w += kColumns) {
    const uint32_t k = std::min(kColumns, tiles.workers - w);
    for (uint32_t i = 0; i < k; ++i)
      machine.run(w + i, columns.data() + n * i);
    for (size_t t = 0; t < n; ++t)
      for (uint32_t i = 0; i < k; ++i)
        out.entries[t * tiles.workers + w + i] = columns[n * i + t];
  }
  return out;
}

} // namespace

std::vector<Stuck> findStuck(const Tiles &tiles, const HandOffs &handOffs) {
  Machine machine(tiles, handOffs, handOffs.counterCount);
  std::vector<uint32_t> column(tiles.tiles.size());
  machine.run(tiles.workers, column.data());
  return machine.stuck();
}

std::vector<uint32_t> runWithout(const Tiles &tiles, const HandOffs &h,
                                 uint32_t counterLimit, uint32_t withheld) {
  Machine machine(tiles, h, counterLimit);
  std::vector<uint32_t> column(tiles.tiles.size()), order;
  machine.record(order);
  machine.run(tiles.tiles[withheld].worker, column.data());
  // Its worker moves only when nothing else can: what comes before it in the
  // run is all that can run without it.
  order.erase(std::find(order.begin(), order.end(), withheld), order.end());
  return order;
}

Clocks orderClocks(const Tiles &tiles, const HandOffs &handOffs) {
  return clocks(tiles, handOffs, handOffs.counterCount);
}

Clocks visibilityClocks(const Tiles &tiles, const HandOffs &handOffs) {
  return clocks(tiles, handOffs, handOffs.firstPacketCounter);
}

std::string counterName(const Schedule &s, const Tiles &tiles,
                        uint32_t counter) {
  const auto base = std::upper_bound(tiles.counterBase.begin(),
                                     tiles.counterBase.end(), counter) -
                    1;
  const CounterArray &array =
      s.counters[size_t(base - tiles.counterBase.begin())];
  return "'" + array.name + "'[" + std::to_string(counter - *base) + "]";
}

std::string handOffName(const Schedule &s, const Tiles &tiles,
                        const HandOffs &h, uint32_t counter) {
  if (counter < h.firstMeeting)
    return "counter " + counterName(s, tiles, counter);
  if (h.isMeeting(counter)) {
    const Tile &mate =
        tiles.tiles[h.mates[h.firstMate[counter - h.firstMeeting]]];
    return "the meeting of task '" + s.tasks[mate.task].name + "' on cluster " +
           std::to_string(mate.worker / s.target->cluster);
  }
  const uint32_t b = h.packetBuffer[counter - h.firstPacketCounter];
  return "packets of '" + s.buffers[b].name + "'";
}

} // namespace amk::core
