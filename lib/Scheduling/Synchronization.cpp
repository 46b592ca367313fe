//===- Synchronization.cpp - Choosing hand-offs ---------------------------===//
//
// Queues are in program order, and every hand-off made here waits for all of
// its producers. So clocks can be kept as the tasks go by, and a hand-off that
// others imply is seen before it is made.
//
//===----------------------------------------------------------------------===//

#include "AMK/Scheduling/Synchronization.h"

#include "AMK/Schedule/DirectReads.h"
#include "AMK/Schedule/HappensBefore.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "ClusterGathers.h"
#include "ClusterPackets.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace amk::scheduling {

using namespace core;

namespace {

//===----------------------------------------------------------------------===//
// Packets
//===----------------------------------------------------------------------===//

/// Finds the buffers that can be handed over as packets.
class PacketChooser {
public:
  PacketChooser(Schedule &s, const Tiles &tiles)
      : s(s), tiles(tiles), state(s.buffers.size()) {
    for (size_t b = 0; b < state.size(); ++b)
      state[b].fits = s.buffers[b].kind == BufferKind::Activation &&
                      s.buffers[b].type != ElementType::I32 &&
                      s.buffers[b].space == Space::Own;
  }

  uint32_t run(uint32_t elements) {
    for (const Tile &tile : tiles.tiles) {
      const bool direct = directRead(s, tiles, tile) != kNone;
      for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
        visit(tile, i);
        state[tiles.accesses[i].buffer].fits &=
            !(direct && tiles.accesses[i].write);
      }
    }
    uint32_t chosen = 0;
    for (size_t b = 0; b < state.size(); ++b) {
      Buffer &buffer = s.buffers[b];
      if (!state[b].fits || !state[b].crosses ||
          state[b].bounds.back() != uint32_t(buffer.elements()))
        continue;
      buffer.packetElements =
          std::min(elements, mostPacketElements(buffer.type));
      buffer.packetTiles =
          state[b].bounds.size() == 2 ? kNone : s.addTable(state[b].bounds);
      ++chosen;
    }
    return chosen;
  }

private:
  struct State {
    bool fits = true;
    bool crosses = false; ///< read by a worker that has not written it all
    uint32_t task = kNone, op = kNone; ///< the writer
    std::vector<uint32_t> bounds{0};
    std::vector<uint32_t> workers; ///< of the tiles between the bounds
  };

  void visit(const Tile &tile, uint32_t i) {
    const Access &a = tiles.accesses[i];
    State &st = state[a.buffer];
    if (!st.fits)
      return;
    const uint64_t width = byteWidth(s.buffers[a.buffer].type);
    const uint32_t lo = uint32_t(a.region.offset / width);
    const uint32_t hi = uint32_t(a.region.end() / width);
    if (a.write) {
      // One operator writes it, from the front to the end.
      const bool first = st.task == kNone;
      st.fits =
          (first || (st.task == tile.task && st.op == tiles.accessOp[i])) &&
          a.region.contiguous() && lo == st.bounds.back() && hi > lo;
      st.task = tile.task;
      st.op = tiles.accessOp[i];
      st.bounds.push_back(hi);
      st.workers.push_back(tile.worker);
      return;
    }
    if (tile.task == st.task) {
      // A tile may read on what it has just written, and no more.
      st.fits = hi <= st.bounds.back() && lo >= st.bounds.end()[-2];
      return;
    }
    const Operator &op = s.tasks[tile.task].ops[tiles.accessOp[i]];
    const OperatorModel *model = lookupOperator(op.name);
    const bool floats = s.buffers[a.buffer].type == ElementType::F32;
    for (unsigned k = 0; k < model->inputs(); ++k)
      if (op.operands[k] == a.buffer)
        st.fits &= floats ? model->gathersFloats(k) : model->gathers(k);
    // Before its writer: what it reads is from nowhere, and V6 will say so.
    st.fits &= st.task != kNone && hi <= st.bounds.back();
    if (!st.fits || st.crosses)
      return;
    for (size_t k = 0; k < st.workers.size(); ++k)
      st.crosses |= st.workers[k] != tile.worker && st.bounds[k] < hi &&
                    st.bounds[k + 1] > lo;
  }

  Schedule &s;
  const Tiles &tiles;
  std::vector<State> state;
};

//===----------------------------------------------------------------------===//
// Clocks
//===----------------------------------------------------------------------===//

/// Entry w: how many tiles of worker w are done when a tile starts.
using Clock = std::vector<uint32_t>;

void join(Clock &into, const uint32_t *from) {
  for (size_t w = 0; w < into.size(); ++w)
    into[w] = std::max(into[w], from[w]);
}

/// One relation's clocks of all tiles so far.
class RunningClocks {
public:
  explicit RunningClocks(const Tiles &tiles)
      : tiles(tiles), entries(tiles.tiles.size() * tiles.workers) {}

  uint32_t *of(uint32_t tile) {
    return entries.data() + size_t(tile) * tiles.workers;
  }
  bool ordered(uint32_t before, uint32_t after) {
    const Tile &b = tiles.tiles[before];
    return of(after)[b.worker] > b.slot;
  }
  void startFromQueue(uint32_t tile) {
    const Tile &t = tiles.tiles[tile];
    if (t.slot > 0)
      std::copy_n(of(tiles.queues[t.worker][t.slot - 1]), tiles.workers,
                  of(tile));
    of(tile)[t.worker] = t.slot;
  }
  /// What is known once all of `set` are done.
  Clock after(const std::vector<uint32_t> &set) {
    Clock c(tiles.workers, 0);
    for (uint32_t t : set) {
      join(c, of(t));
      const Tile &p = tiles.tiles[t];
      c[p.worker] = std::max(c[p.worker], p.slot + 1);
    }
    return c;
  }
  void add(uint32_t tile, const Clock &c) {
    uint32_t *to = of(tile);
    for (size_t w = 0; w < c.size(); ++w)
      to[w] = std::max(to[w], c[w]);
  }

private:
  const Tiles &tiles;
  std::vector<uint32_t> entries;
};

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

using Set = std::vector<uint32_t>;

/// The hand-off of a task: one counter per distinct set of producers.
struct HandOff {
  std::vector<uint32_t> producers;      ///< tasks
  std::vector<Set> groups;              ///< producers of every counter
  std::vector<uint32_t> groupOf;        ///< by tile of the consumer
  std::vector<std::vector<Range>> fans; ///< per producer task and tile
  std::vector<uint32_t> thresholds;     ///< by group
};

class Synchronizer {
public:
  Synchronizer(Schedule &s, const SynchronizationOptions &options)
      : s(s), options(options) {}
  std::string run(SynchronizationReport &report);

private:
  void clear();
  std::string checkQueues();
  std::string checkProgress();
  void countDependences();
  void synchronizeTask(uint32_t task);
  Set fromTask(const Dependences::OfTile &d, uint32_t task) const;
  bool needed(uint32_t task, uint32_t producer);
  void addHandOff(uint32_t task, const std::vector<uint32_t> &producers);
  void makeGroups(HandOff &h, uint32_t task);
  void makeFans(HandOff &h);
  uint32_t makeArray(const HandOff &h, uint32_t task);
  uint32_t shared(std::vector<uint32_t> entries);
  std::string counterName(uint32_t task) const;
  std::string checkRoom() const;
  void useClusters();

  Schedule &s;
  const SynchronizationOptions options;
  SynchronizationReport report;
  Tiles tiles;
  Dependences dependences;
  bool programOrder = true; ///< every queue is
  std::optional<RunningClocks> order, visibility;
  std::map<std::pair<std::vector<uint32_t>, std::vector<Set>>, uint32_t> arrays;
  std::set<std::string> names;
};

/// A buffer of cluster memory, back to storage of its own.
static void leaveCluster(Buffer &b) {
  if (b.space != Space::Cluster)
    return;
  b.space = Space::Own;
  b.pageOffset = 0;
  b.packetRoom = b.packetGeneration = 0;
}

void Synchronizer::clear() {
  s.counters.clear();
  s.concurrent = false;
  for (Buffer &b : s.buffers) {
    b.packetElements = b.packetGeneration = 0;
    b.packetTiles = kNone;
    names.insert(b.name);
  }
  for (Task &t : s.tasks) {
    t.waits.clear();
    t.signals.clear();
    t.clusterGather = false;
  }
}

/// A queue may leave program order (places given by hand), but not between
/// tiles that depend on each other.
std::string Synchronizer::checkQueues() {
  for (const std::vector<uint32_t> &queue : tiles.queues)
    programOrder &= std::is_sorted(queue.begin(), queue.end());
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Dependences::OfTile &d = dependences.tiles[t];
    for (const Set *set : {&d.visible, &d.ordered, &d.packets})
      for (uint32_t p : *set) {
        const Tile &from = tiles.tiles[p], &to = tiles.tiles[t];
        const bool sameWorker = from.worker == to.worker;
        const auto name = [&](const Tile &tile) {
          return "task '" + s.tasks[tile.task].name + "' tile " +
                 std::to_string(tile.index);
        };
        if (sameWorker && from.slot > to.slot)
          return name(to) + " depends on " + name(from) +
                 ", which is behind it in the queue of worker " +
                 std::to_string(to.worker);
        if (!sameWorker && from.task == to.task)
          return name(to) + " depends on " + name(from) +
                 ": expected tiles of a task to be independent";
      }
  }
  return {};
}

void Synchronizer::countDependences() {
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Dependences::OfTile &d = dependences.tiles[t];
    for (const Set *set : {&d.visible, &d.ordered, &d.packets})
      for (uint32_t p : *set) {
        const bool same = tiles.tiles[p].worker == tiles.tiles[t].worker;
        ++report.dependences;
        report.sameWorker += same;
        report.byPackets += !same && set == &d.packets;
      }
  }
}

/// The tiles of `task` that a tile depends on, other than through packets.
Set Synchronizer::fromTask(const Dependences::OfTile &d, uint32_t task) const {
  const uint32_t lo = tiles.firstTile[task], hi = tiles.firstTile[task + 1];
  Set out;
  for (const Set *set : {&d.visible, &d.ordered}) {
    const auto first = std::lower_bound(set->begin(), set->end(), lo);
    out.insert(out.end(), first, std::lower_bound(first, set->end(), hi));
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Whether a dependence of `task` on `producer` is not kept yet.
bool Synchronizer::needed(uint32_t task, uint32_t producer) {
  for (uint32_t t = tiles.firstTile[task]; t < tiles.firstTile[task + 1]; ++t) {
    const Dependences::OfTile &d = dependences.tiles[t];
    const uint32_t lo = tiles.firstTile[producer],
                   hi = tiles.firstTile[producer + 1];
    for (const Set *set : {&d.visible, &d.ordered})
      for (auto p = std::lower_bound(set->begin(), set->end(), lo);
           p != set->end() && *p < hi; ++p) {
        if (!programOrder || !options.reduce) {
          if (tiles.tiles[*p].worker != tiles.tiles[t].worker)
            return true;
          continue;
        }
        RunningClocks &clocks = set == &d.visible ? *visibility : *order;
        if (!clocks.ordered(*p, t))
          return true;
      }
  }
  return false;
}

void Synchronizer::synchronizeTask(uint32_t task) {
  std::set<uint32_t, std::greater<uint32_t>> candidates; // the latest first
  std::map<Set, Clock> joined;
  for (uint32_t t = tiles.firstTile[task]; t < tiles.firstTile[task + 1]; ++t) {
    const Dependences::OfTile &d = dependences.tiles[t];
    for (const Set *set : {&d.visible, &d.ordered})
      for (uint32_t p : *set)
        candidates.insert(tiles.tiles[p].task);
    if (!programOrder)
      continue;
    order->startFromQueue(t);
    visibility->startFromQueue(t);
    if (d.packets.empty())
      continue;
    const auto [at, isNew] = joined.try_emplace(d.packets);
    if (isNew)
      at->second = order->after(d.packets);
    order->add(t, at->second);
  }
  std::vector<uint32_t> producers;
  for (uint32_t p : candidates) {
    if (p == task || !needed(task, p))
      continue;
    producers.push_back(p);
    if (!programOrder)
      continue;
    std::map<Set, std::pair<Clock, Clock>> after;
    for (uint32_t t = tiles.firstTile[task]; t < tiles.firstTile[task + 1];
         ++t) {
      const Set set = fromTask(dependences.tiles[t], p);
      const auto [at, isNew] = after.try_emplace(set);
      if (isNew)
        at->second = {order->after(set), visibility->after(set)};
      order->add(t, at->second.first);
      visibility->add(t, at->second.second);
    }
  }
  if (!producers.empty())
    addHandOff(task, producers);
}

void Synchronizer::makeGroups(HandOff &h, uint32_t task) {
  std::map<Set, uint32_t> known;
  const uint32_t n = tiles.firstTile[task + 1] - tiles.firstTile[task];
  h.groupOf.assign(n, kNone);
  for (uint32_t i = 0; i < n; ++i) {
    Set set;
    for (uint32_t p : h.producers) {
      const Set part =
          fromTask(dependences.tiles[tiles.firstTile[task] + i], p);
      set.insert(set.end(), part.begin(), part.end());
    }
    if (set.empty())
      continue;
    std::sort(set.begin(), set.end());
    const auto [at, isNew] = known.try_emplace(set, uint32_t(h.groups.size()));
    if (isNew)
      h.groups.push_back(set);
    h.groupOf[i] = at->second;
  }
  // Every tile of a task waits: one that needs nothing does as its neighbour.
  uint32_t last = 0;
  for (uint32_t &g : h.groupOf)
    last = g = g == kNone ? last : g;
}

/// For every producing tile the counters that it signals: one range, which may
/// hold more than those that wait for it. Every tile of a task signals.
void Synchronizer::makeFans(HandOff &h) {
  h.fans.clear();
  h.thresholds.assign(h.groups.size(), 0);
  for (uint32_t p : h.producers)
    h.fans.emplace_back(tiles.firstTile[p + 1] - tiles.firstTile[p],
                        Range{int64_t(h.groups.size()), -1});
  const auto producerIndex = [&](uint32_t task) {
    return size_t(std::find(h.producers.begin(), h.producers.end(), task) -
                  h.producers.begin());
  };
  for (size_t g = 0; g < h.groups.size(); ++g)
    for (uint32_t t : h.groups[g]) {
      const Tile &tile = tiles.tiles[t];
      Range &fan = h.fans[producerIndex(tile.task)][tile.index];
      fan.lo = std::min(fan.lo, int64_t(g));
      fan.hi = std::max(fan.hi, int64_t(g));
    }
  for (std::vector<Range> &fans : h.fans) {
    Range near{0, 0};
    for (const Range &fan : fans)
      if (fan.hi >= 0) {
        near = {fan.lo, fan.lo};
        break;
      }
    for (Range &fan : fans) {
      if (fan.hi < 0)
        fan = near;
      near = {fan.hi, fan.hi};
      for (int64_t g = fan.lo; g <= fan.hi; ++g)
        ++h.thresholds[size_t(g)];
    }
  }
}

/// One entry where all are equal.
uint32_t Synchronizer::shared(std::vector<uint32_t> entries) {
  if (std::all_of(entries.begin(), entries.end(),
                  [&](uint32_t e) { return e == entries[0]; }))
    entries.resize(1);
  return s.addTable(std::move(entries));
}

std::string Synchronizer::counterName(uint32_t task) const {
  const std::string base = s.tasks[task].name + "_in";
  std::string name = base;
  for (uint32_t i = 1; names.count(name); ++i)
    name = base + std::to_string(i);
  return name;
}

/// The counters of a hand-off, with the signals of its producers. Tasks that
/// wait for the same share them.
uint32_t Synchronizer::makeArray(const HandOff &h, uint32_t task) {
  const auto key = std::make_pair(h.producers, h.groups);
  if (const auto at = arrays.find(key); options.share && at != arrays.end())
    return at->second;
  const auto array = uint32_t(s.counters.size());
  arrays[key] = array;
  s.counters.push_back({counterName(task), uint32_t(h.groups.size())});
  names.insert(s.counters.back().name);
  for (size_t p = 0; p < h.producers.size(); ++p) {
    std::vector<uint32_t> first, last;
    for (const Range &fan : h.fans[p]) {
      first.push_back(uint32_t(fan.lo));
      last.push_back(uint32_t(fan.hi));
      report.signals += uint32_t(fan.hi - fan.lo + 1);
    }
    Signal signal;
    signal.counters = array;
    if (h.groups.size() > 1) {
      const bool same = first == last;
      signal.fan.first = shared(std::move(first));
      signal.fan.last = same ? kNone : shared(std::move(last));
    }
    s.tasks[h.producers[p]].signals.push_back(signal);
  }
  return array;
}

void Synchronizer::addHandOff(uint32_t task,
                              const std::vector<uint32_t> &producers) {
  HandOff h;
  h.producers = producers;
  makeGroups(h, task);
  makeFans(h);
  // Where the sets are scattered, ranges hold too much: one counter then.
  size_t signals = 0, producing = 0;
  for (const std::vector<Range> &fans : h.fans)
    for (const Range &fan : fans) {
      signals += size_t(fan.hi - fan.lo + 1);
      ++producing;
    }
  if (h.groups.size() > 1 && signals > 4 * producing + 2 * h.groups.size()) {
    Set all;
    for (uint32_t p : producers)
      for (uint32_t t = tiles.firstTile[p]; t < tiles.firstTile[p + 1]; ++t)
        all.push_back(t);
    std::sort(all.begin(), all.end());
    h.groups = {all};
    h.groupOf.assign(h.groupOf.size(), 0);
    makeFans(h);
  }
  Wait wait;
  wait.counters = makeArray(h, task);
  std::vector<uint32_t> thresholds;
  thresholds.reserve(h.groupOf.size());
  for (uint32_t g : h.groupOf)
    thresholds.push_back(h.thresholds[g]);
  wait.threshold = shared(std::move(thresholds));
  if (h.groups.size() > 1)
    wait.fan.first = shared(h.groupOf);
  report.waits += uint32_t(h.groupOf.size());
  for (uint32_t t = tiles.firstTile[task]; t < tiles.firstTile[task + 1]; ++t)
    for (uint32_t p : producers)
      for (uint32_t from : fromTask(dependences.tiles[t], p))
        report.byCounter += tiles.tiles[from].worker != tiles.tiles[t].worker;
  s.tasks[task].waits.push_back(wait);
}

/// Queues that leave program order can block each other: mates too, that come
/// to their meetings in different orders. They need not meet.
std::string Synchronizer::checkProgress() {
  for (;;) {
    const Tiles now = expand(s);
    const auto stuck = findStuck(now, handOffs(s, now));
    if (stuck.empty())
      return {};
    bool shared = false;
    for (Task &task : s.tasks)
      shared |= std::exchange(task.clusterGather, false);
    if (!shared)
      return "the queues block each other: task '" +
             s.tasks[now.tiles[stuck[0].tile].task].name + "' tile " +
             std::to_string(now.tiles[stuck[0].tile].index) + " never runs";
  }
}

std::string Synchronizer::run(SynchronizationReport &out) {
  for (Buffer &b : s.buffers) {
    leaveCluster(b); // chosen anew
    if (b.space != Space::Own)
      return "buffer '" + b.name +
             "' has a page: expected no pages before hand-offs are chosen";
  }
  clear();
  tiles = expand(s);
  if (options.packetElements)
    report.packetBuffers = PacketChooser(s, tiles).run(options.packetElements);
  dependences = findDependences(s, tiles);
  if (std::string m = checkQueues(); !m.empty())
    return m;
  countDependences();
  if (programOrder) {
    order.emplace(tiles);
    visibility.emplace(tiles);
  }
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    synchronizeTask(t);
  s.concurrent = true;
  useClusters();
  if (!programOrder)
    if (std::string m = checkProgress(); !m.empty())
      return m;
  const PolledPackets polled = countPolled(s, tiles);
  report.clusterGathers = polled.tasks;
  report.polled = polled.packets;
  report.polledBefore = polled.notShared;
  report.counterArrays = uint32_t(s.counters.size());
  for (const CounterArray &c : s.counters)
    report.counters += c.count;
  report.implied = report.dependences - report.sameWorker - report.byPackets -
                   report.byCounter;
  out = report;
  return checkRoom();
}

/// What of the packets stays in clusters, and which gathers they share. Beside
/// a ring that leaves no room for inboxes there are none.
void Synchronizer::useClusters() {
  if (programOrder) {
    const InboxReport inboxes = chooseInboxes(s, tiles, options.inboxBytes);
    report.clusterPackets = inboxes.buffers;
    report.inboxBytes = inboxes.bytes;
  }
  if (options.clusterGathers)
    shareGathers(s, tiles);
  if (report.clusterPackets == 0 || checkRoom().empty())
    return;
  for (Buffer &b : s.buffers)
    leaveCluster(b);
  report.clusterPackets = 0;
  report.inboxBytes = 0;
  if (options.clusterGathers)
    shareGathers(s, tiles);
}

/// A ring that was made before the packets were known may leave too little.
std::string Synchronizer::checkRoom() const {
  if (!s.ring || !s.target)
    return {};
  const uint64_t needs = sharedLayout(s).total, has = s.target->sharedBytes;
  return needs <= has
             ? std::string()
             : "the ring leaves no room for the plan: expected at most " +
                   std::to_string(has) + " bytes of shared memory, found " +
                   std::to_string(needs);
}

} // namespace

std::string synchronize(Schedule &s, const SynchronizationOptions &options,
                        SynchronizationReport *report) {
  if (options.packetElements != 0 && options.packetElements != 4 &&
      options.packetElements != 6)
    return "expected packets of 4 or 6 values (or 0 for none), found " +
           std::to_string(options.packetElements);
  SynchronizationReport r;
  Schedule next = s; // what is refused changes nothing
  if (std::string m = Synchronizer(next, options).run(r); !m.empty())
    return m;
  if (report) {
    SynchronizationReport before = r;
    if (options.reduce || options.share) {
      Schedule whole = s;
      // Whether that many counters leave room for the ring does not matter.
      (void)Synchronizer(whole, {options.packetElements, false, false})
          .run(before);
    }
    r.countersBefore = before.counters;
    r.signalsBefore = before.signals;
    r.waitsBefore = before.waits;
    *report = r;
  }
  s = std::move(next);
  return {};
}

} // namespace amk::scheduling
