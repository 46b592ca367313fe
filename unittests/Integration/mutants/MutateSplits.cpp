//===- MutateSplits.cpp - Attention split by positions --------------------===//
//
// What a KV head's splits make is handed to its join, and the keys and values
// of earlier positions come through the ring.
//
//===----------------------------------------------------------------------===//

#include "ExtraOperators.h"
#include "Judge.h"
#include "Mutators.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

/// The tasks of which an operator is one of these.
std::vector<uint32_t> tasksWith(const Schedule &s,
                                bool (*is)(const Operator &)) {
  std::vector<uint32_t> tasks;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (std::any_of(s.tasks[t].ops.begin(), s.tasks[t].ops.end(), is))
      tasks.push_back(t);
  return tasks;
}

Operator &joinOf(Task &task) {
  return *std::find_if(task.ops.begin(), task.ops.end(), isJoin);
}

/// The task that writes a buffer, before task `t`.
uint32_t writerBefore(const Schedule &s, uint32_t t, uint32_t buffer) {
  while (t-- > 0)
    for (const Operator &op : s.tasks[t].ops)
      for (uint32_t i = arity(op).inputs; i < op.operands.size(); ++i)
        if (op.operands[i] == buffer)
          return t;
  return kNone;
}

/// A task waits for all tiles of an earlier one.
void waitForAll(Schedule &s, uint32_t waiter, uint32_t signaler) {
  CounterArray c;
  c.name = "mutant";
  s.counters.push_back(c);
  Wait wait;
  wait.counters = uint32_t(s.counters.size() - 1);
  wait.threshold = s.addTable({tilesOf(s, s.tasks[signaler])});
  Signal signal;
  signal.counters = wait.counters;
  s.tasks[waiter].waits.push_back(wait);
  s.tasks[signaler].signals.push_back(signal);
}

/// Takes what is said of a tile out of the task's tables, but for its bounds.
void dropTile(Schedule &s, Task &task, uint32_t tile) {
  const auto drop = [&](uint32_t &table) {
    if (table == kNone || s.tables[table].size() == 1)
      return;
    std::vector<uint32_t> entries = s.tables[table];
    entries.erase(entries.begin() + tile);
    table = s.addTable(std::move(entries));
  };
  drop(task.workers);
  drop(task.slots);
  for (Wait &w : task.waits)
    for (uint32_t *table : {&w.fan.first, &w.fan.last, &w.threshold})
      drop(*table);
  for (Signal &signal : task.signals)
    for (uint32_t *table : {&signal.fan.first, &signal.fan.last})
      drop(*table);
}

} // namespace

namespace mutate {

/// A bound between two splits moves by one, or goes, so that a tile has other
/// positions: none, or those of two splits. Half of the time the groups of
/// their packets change with it.
bool shiftSplit(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = tasksWith(s, isPartial);
  if (tasks.empty())
    return false;
  Task &task = s.tasks[r.pick(tasks)];
  const Operator &op = task.ops[cutOf(task)];
  if (tilesOf(s, task) < 2)
    return false;
  std::vector<uint32_t> bounds = s.tables[task.bounds];
  const uint32_t i = 1 + r.below(bounds.size() - 2);
  if (r.once(4)) {
    bounds[i] = r.once(2) ? bounds[i] + 1 : bounds[i] - 1;
  } else {
    bounds.erase(bounds.begin() + i);
    dropTile(s, task, r.once(2) ? i : i - 1);
  }
  Buffer &parts = s.buffers[op.operands[2]];
  if (parts.packetElements && r.once(2)) {
    std::vector<uint32_t> groups;
    for (uint32_t bound : bounds)
      groups.push_back(uint32_t(feeds(op, {0, bound}).hi));
    parts.packetTiles = s.addTable(std::move(groups));
  }
  task.bounds = s.addTable(std::move(bounds));
  return true;
}

/// The last split of the last KV head is not computed, or the first of the
/// first, or none is.
bool leaveOutSplit(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = tasksWith(s, isPartial);
  if (tasks.empty())
    return false;
  const uint32_t t = r.pick(tasks);
  Task &task = s.tasks[t];
  const uint32_t tiles = tilesOf(s, task);
  if (tiles < 2 || r.once(3)) {
    s.tasks.erase(s.tasks.begin() + t);
    return true;
  }
  std::vector<uint32_t> bounds = s.tables[task.bounds];
  const bool last = r.once(2);
  bounds.erase(last ? bounds.end() - 1 : bounds.begin());
  dropTile(s, task, last ? tiles - 1 : 0);
  task.bounds = s.addTable(std::move(bounds));
  return true;
}

/// The tiles of two splits trade places; from synchronization on, half of the
/// time what they wait for or signal instead.
bool swapSplits(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = tasksWith(s, isPartial);
  if (tasks.empty())
    return false;
  Task &task = s.tasks[r.pick(tasks)];
  const uint32_t tiles = tilesOf(s, task);
  if (tiles < 2)
    return false;
  const uint32_t a = r.below(tiles), b = (a + 1 + r.below(tiles - 1)) % tiles;
  const auto trade = [&](uint32_t &table) {
    if (table == kNone || s.tables[table].size() == 1)
      return;
    std::vector<uint32_t> entries = s.tables[table];
    std::swap(entries[a], entries[b]);
    table = s.addTable(std::move(entries));
  };
  if (!s.concurrent || r.once(2)) {
    trade(task.workers);
    trade(task.slots);
    return true;
  }
  if (!task.signals.empty() && r.once(2)) {
    Fan &fan = task.signals[r.below(task.signals.size())].fan;
    trade(fan.first);
    trade(fan.last);
  } else if (!task.waits.empty()) {
    Wait &w = task.waits[r.below(task.waits.size())];
    trade(w.fan.first);
    trade(w.fan.last);
    trade(w.threshold);
  }
  return true;
}

/// The join comes before some of what it joins, or something of its own, in
/// program order.
bool joinEarly(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = tasksWith(s, isJoin);
  if (tasks.empty())
    return false;
  const uint32_t t = r.pick(tasks);
  const uint32_t by = 1 + r.below(std::min<uint32_t>(t, 4));
  std::rotate(s.tasks.begin() + (t - by), s.tasks.begin() + t,
              s.tasks.begin() + t + 1);
  return true;
}

/// The join waits for one split less, or does not wait for some other thing
/// that it needs.
bool dropJoinWait(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = tasksWith(s, isJoin);
  if (tasks.empty())
    return false;
  Task &task = s.tasks[r.pick(tasks)];
  if (task.waits.empty())
    return false;
  const uint32_t at = r.below(task.waits.size());
  const uint32_t tiles = tilesOf(s, task), tile = r.below(tiles);
  Wait &wait = task.waits[at];
  std::vector<uint32_t> thresholds = entriesOf(s, wait.threshold, tiles, 1);
  if (r.once(2) && thresholds[tile] > 1) {
    --thresholds[tile];
    wait.threshold = s.addTable(std::move(thresholds));
    return true;
  }
  task.waits.erase(task.waits.begin() + at);
  return true;
}

/// What the splits hand over is plain storage: no packet is waited for.
bool partsToPlain(Schedule &s, Random &r) {
  std::vector<uint32_t> found;
  for (uint32_t t : tasksWith(s, isPartial))
    if (s.buffers[s.tasks[t].ops.back().operands[2]].packetElements)
      found.push_back(s.tasks[t].ops.back().operands[2]);
  if (found.empty())
    return false;
  makePlain(s.buffers[r.pick(found)]);
  return true;
}

/// How the keys and values are cut into stages, and whether a warp holds some.
bool cutCacheStages(Schedule &s, Random &r) {
  std::vector<uint32_t> found;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (const Operator &op : s.tasks[t].ops)
      if (streamedCache(op) != kNone)
        found.push_back(t);
  if (found.empty() || !s.ring)
    return false;
  Task &task = s.tasks[r.pick(found)];
  Stream &stream = task.stream;
  constexpr uint32_t rows[] = {0, 4, 8, 12, 16, 24, 32, 48, 64, 128, 256};
  switch (stream.rows ? r.below(4) : 3) {
  case 0:
    stream.columns += r.once(2) ? 64 : uint32_t(-16);
    return true;
  case 1:
    stream.held = r.below(4);
    return true;
  case 2:
    s.ring->bytes = s.ring->bytes / (2u << r.below(3)) / 16 * 16;
    return s.ring->bytes != 0;
  default:
    break;
  }
  stream.rows = rows[r.below(std::size(rows))];
  if (!stream.rows)
    stream = {};
  for (const Operator &op : task.ops)
    if (streamedCache(op) != kNone && stream.rows)
      stream.columns = uint32_t(op.getInt("head_dim"));
  return true;
}

/// The join takes this position from the cache too, so what it streams is
/// written in the launch: through the ring, or directly; with a hand-off from
/// the append, or without.
bool fetchBeforeAppend(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = tasksWith(s, isJoin);
  if (tasks.empty())
    return false;
  registerExtraOperators();
  const uint32_t t = r.pick(tasks);
  Operator &op = joinOf(s.tasks[t]);
  if (op.name != "attention_join")
    return false;
  const uint32_t append = writerBefore(s, t, op.operands[3]);
  if (append == kNone)
    return false;
  op.name = "attention_join_upto";
  if (r.once(2))
    s.tasks[t].stream = {};
  if (r.once(2))
    waitForAll(s, t, append);
  return true;
}

} // namespace mutate

} // namespace amk::mutants
