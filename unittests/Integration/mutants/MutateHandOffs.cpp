//===- MutateHandOffs.cpp - Waits, signals, counters, epochs --------------===//

#include "Judge.h"
#include "Mutators.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

/// A wait or a signal: its task, and its place in the task's list.
struct Site {
  uint32_t task, at;
};

std::vector<Site> waitsOf(const Schedule &s) {
  std::vector<Site> sites;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (uint32_t i = 0; i < s.tasks[t].waits.size(); ++i)
      sites.push_back({t, i});
  return sites;
}

std::vector<Site> signalsOf(const Schedule &s) {
  std::vector<Site> sites;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (uint32_t i = 0; i < s.tasks[t].signals.size(); ++i)
      sites.push_back({t, i});
  return sites;
}

/// Takes one counter from the fan of one tile that has several.
bool narrowFan(Schedule &s, Random &r, const Task &task, Fan &fan) {
  const uint32_t tiles = tilesOf(s, task);
  std::vector<uint32_t> first = entriesOf(s, fan.first, tiles, 0);
  std::vector<uint32_t> last = first;
  if (fan.last != kNone)
    last = entriesOf(s, fan.last, tiles, 0);
  std::vector<uint32_t> wide;
  for (uint32_t i = 0; i < tiles; ++i)
    if (first[i] < last[i])
      wide.push_back(i);
  if (wide.empty())
    return false;
  const uint32_t i = r.pick(wide);
  if (r.once(2))
    ++first[i];
  else
    --last[i];
  fan.first = s.addTable(std::move(first));
  fan.last = s.addTable(std::move(last));
  return true;
}

/// One counter for all tiles.
Fan fanOf(Schedule &s, uint32_t counter) {
  Fan fan;
  fan.first = s.addTable({counter});
  return fan;
}

/// A counter that a wait of some tile looks at.
uint32_t counterOf(const Schedule &s, Random &r, Site at) {
  const Task &task = s.tasks[at.task];
  return entryOf(s, task.waits[at.at].fan.first, r.below(tilesOf(s, task)), 0);
}

/// How many signals a counter gets in a launch.
uint32_t signalsTo(const Schedule &s, uint32_t array, uint32_t counter) {
  uint32_t n = 0;
  for (const Task &task : s.tasks)
    for (const Signal &signal : task.signals)
      for (uint32_t i = 0; signal.counters == array && i < tilesOf(s, task);
           ++i) {
        const uint32_t first = entryOf(s, signal.fan.first, i, 0);
        const uint32_t last = entryOf(s, signal.fan.last, i, first);
        n += first <= counter && counter <= last;
      }
  return n;
}

/// Adds to the threshold of one tile; wraps around.
void changeThreshold(Schedule &s, Site at, uint32_t tile, int64_t by) {
  const Task &task = s.tasks[at.task];
  std::vector<uint32_t> thresholds =
      entriesOf(s, task.waits[at.at].threshold, tilesOf(s, task), 1);
  thresholds[tile] += uint32_t(by);
  s.tasks[at.task].waits[at.at].threshold = s.addTable(std::move(thresholds));
}

} // namespace

namespace mutate {

bool dropWait(Schedule &s, Random &r) {
  const std::vector<Site> sites = waitsOf(s);
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  Task &task = s.tasks[at.task];
  if (r.once(2) && narrowFan(s, r, task, task.waits[at.at].fan))
    return true;
  task.waits.erase(task.waits.begin() + at.at);
  return true;
}

bool lowerThreshold(Schedule &s, Random &r) {
  const std::vector<Site> sites = waitsOf(s);
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  const Task &task = s.tasks[at.task];
  std::vector<uint32_t> thresholds =
      entriesOf(s, task.waits[at.at].threshold, tilesOf(s, task), 1);
  uint32_t &threshold = thresholds[r.below(thresholds.size())];
  threshold -= r.once(2) ? 1 : 1 + r.below(threshold);
  s.tasks[at.task].waits[at.at].threshold = s.addTable(std::move(thresholds));
  return true;
}

/// With enough signals from elsewhere half of the time, so that it can be
/// reached.
bool raiseThreshold(Schedule &s, Random &r) {
  const std::vector<Site> sites = waitsOf(s);
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  int64_t by = 1 + r.below(3);
  if (r.once(2)) {
    const Wait wait = s.tasks[at.task].waits[at.at];
    Task &other = s.tasks[r.below(s.tasks.size())];
    Signal signal;
    signal.counters = wait.counters;
    signal.fan = fanOf(s, counterOf(s, r, at));
    other.signals.push_back(signal);
    by = 1 + r.below(tilesOf(s, other));
  }
  changeThreshold(s, at, r.below(tilesOf(s, s.tasks[at.task])), by);
  return true;
}

bool dropSignal(Schedule &s, Random &r) {
  const std::vector<Site> sites = signalsOf(s);
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  Task &task = s.tasks[at.task];
  if (r.once(2) && narrowFan(s, r, task, task.signals[at.at].fan))
    return true;
  task.signals.erase(task.signals.begin() + at.at);
  return true;
}

/// A wait for all of a counter's signals becomes one for the first of more.
bool addSignal(Schedule &s, Random &r) {
  const std::vector<Site> sites = waitsOf(s);
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  Signal signal;
  signal.counters = s.tasks[at.task].waits[at.at].counters;
  signal.fan = fanOf(s, counterOf(s, r, at));
  s.tasks[r.below(s.tasks.size())].signals.push_back(signal);
  return true;
}

bool redirectSignal(Schedule &s, Random &r) {
  const std::vector<Site> sites = signalsOf(s);
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  Task &task = s.tasks[at.task];
  Signal &signal = task.signals[at.at];
  if (r.once(2))
    signal.counters = r.below(s.counters.size());
  const uint32_t count = s.counters[signal.counters].count;
  std::vector<uint32_t> first =
      entriesOf(s, signal.fan.first, tilesOf(s, task), 0);
  std::vector<uint32_t> last =
      entriesOf(s, signal.fan.last, tilesOf(s, task), 0);
  if (signal.fan.last == kNone)
    last = first;
  for (uint32_t i = 0; i < first.size(); ++i) {
    first[i] = std::min(first[i], count - 1);
    last[i] = std::min(last[i], count - 1);
  }
  const uint32_t i = r.below(first.size());
  first[i] = last[i] = r.below(count);
  signal.fan.first = s.addTable(std::move(first));
  signal.fan.last = s.addTable(std::move(last));
  return true;
}

bool mergeCounters(Schedule &s, Random &r) {
  if (s.counters.empty())
    return false;
  const uint32_t to = r.below(s.counters.size());
  const uint32_t from = r.below(s.counters.size());
  if (to != from) {
    s.counters[to].count =
        std::max(s.counters[to].count, s.counters[from].count);
    for (Task &task : s.tasks) {
      for (Wait &w : task.waits)
        w.counters = w.counters == from ? to : w.counters;
      for (Signal &signal : task.signals)
        signal.counters = signal.counters == from ? to : signal.counters;
    }
    return true;
  }
  // Two counters of one array, unless a fan has one of them among others.
  const uint32_t a = r.below(s.counters[to].count);
  const uint32_t b = r.below(s.counters[to].count);
  bool single = true;
  const auto redirect = [&](const Task &task, uint32_t counters, Fan &fan) {
    if (counters != to)
      return;
    std::vector<uint32_t> first = entriesOf(s, fan.first, tilesOf(s, task), 0);
    std::vector<uint32_t> last = first;
    if (fan.last != kNone)
      last = entriesOf(s, fan.last, tilesOf(s, task), 0);
    for (uint32_t i = 0; i < first.size(); ++i) {
      single &= first[i] == last[i] || b < first[i] || b > last[i];
      if (first[i] == b)
        first[i] = last[i] = a;
    }
    fan.first = s.addTable(std::move(first));
    fan.last = s.addTable(std::move(last));
  };
  for (Task &task : s.tasks) {
    for (Wait &w : task.waits)
      redirect(task, w.counters, w.fan);
    for (Signal &signal : task.signals)
      redirect(task, signal.counters, signal.fan);
  }
  return a != b && single;
}

/// One task waits for tiles of another, and half of the time two of theirs wait
/// the other way round.
bool blockAcross(Schedule &s, Random &r) {
  const auto block = [&](uint32_t waiter, uint32_t signaler) {
    CounterArray c;
    c.name = "mutant" + std::to_string(s.counters.size());
    s.counters.push_back(c);
    Wait wait;
    wait.counters = uint32_t(s.counters.size() - 1);
    wait.threshold = s.addTable({1 + r.below(tilesOf(s, s.tasks[signaler]))});
    Signal signal;
    signal.counters = wait.counters;
    s.tasks[waiter].waits.push_back(wait);
    s.tasks[signaler].signals.push_back(signal);
  };
  const uint32_t n = uint32_t(s.tasks.size());
  const uint32_t a = r.below(n), near = 1 + r.below(3);
  const uint32_t later = std::min(n - 1, a + near);
  if (r.once(3))
    block(later, a); // only cross-wise if what follows makes it so
  else
    block(a, later);
  if (r.once(2))
    block(std::min(n - 1, a + r.below(4)), a > near ? a - near : 0);
  return true;
}

/// What belongs to another launch: a threshold off by the signals of one, or
/// packets whose stamps are those of others.
bool resetEpoch(Schedule &s, Random &r) {
  std::vector<uint32_t> packets;
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].packetElements)
      packets.push_back(b);
  const std::vector<Site> sites = waitsOf(s);
  if (packets.size() > 1 && (sites.empty() || r.once(2))) {
    Buffer &b = s.buffers[r.pick(packets)];
    const uint32_t other = s.buffers[r.pick(packets)].packetGeneration;
    b.packetGeneration =
        r.once(4) ? b.packetGeneration + 1 + r.below(100) : other;
    return true;
  }
  if (sites.empty())
    return false;
  const Site at = r.pick(sites);
  const Wait &wait = s.tasks[at.task].waits[at.at];
  const uint32_t tile = r.below(tilesOf(s, s.tasks[at.task]));
  const int64_t n =
      signalsTo(s, wait.counters, entryOf(s, wait.fan.first, tile, 0));
  changeThreshold(s, at, tile, r.once(2) ? n * (1 + r.below(3)) : -n);
  return true;
}

} // namespace mutate

} // namespace amk::mutants
