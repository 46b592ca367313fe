//===- Assignment.cpp - Which worker runs which tile ----------------------===//

#include "AMK/Scheduling/Assignment.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Scheduling/Ownership.h"

#include <algorithm>
#include <map>

namespace amk::scheduling {

using namespace core;

double tileCost(const Schedule &s, const Task &task, uint32_t tile) {
  // A worker does about eight operations in the time that a byte takes.
  constexpr double kOperationsPerByte = 8;
  const Range range = tileRange(s, task, tile);
  double cost = 0;
  for (size_t i = 0; i < task.ops.size(); ++i) {
    const Operator &op = task.ops[i];
    const Cost c =
        lookupOperator(op.name)->cost(s, op, operatorRange(s, task, i, range));
    // The gain of a prologue is read by every tile, from the L2.
    cost += op.prologue ? 0 : double(c.bytes);
    cost += double(c.operations) / kOperationsPerByte;
  }
  return cost;
}

uint64_t streamedBytes(const Schedule &s, const Task &task, uint32_t tile) {
  const Range range = tileRange(s, task, tile);
  uint64_t bytes = 0;
  for (size_t i = 0; i < task.ops.size(); ++i)
    if (const Buffer *weight = streamedWeight(s, task.ops[i]);
        weight && weight->kind == BufferKind::Weight)
      bytes += lookupOperator(task.ops[i].name)
                   ->cost(s, task.ops[i], operatorRange(s, task, i, range))
                   .bytes;
  return bytes;
}

std::vector<uint32_t> spreadTiles(uint32_t tiles, uint32_t workers) {
  std::vector<uint32_t> out;
  out.reserve(tiles);
  for (uint32_t i = 0; i < tiles; ++i)
    out.push_back(tiles <= workers ? i * (workers / tiles)
                                   : uint32_t(uint64_t(i) * workers / tiles));
  return out;
}

namespace {

/// Tasks that are placed as one: a group of owners, or a task.
struct Unit {
  std::vector<uint32_t> tasks;
  std::vector<double> costs; ///< by tile
};

std::vector<Unit> unitsOf(const Schedule &s, bool keepOwners) {
  std::vector<uint32_t> groups(s.tasks.size(), kNone);
  if (keepOwners)
    groups = ownerGroups(s);
  std::vector<Unit> units;
  // Members that were cut otherwise (by hand) stand for themselves.
  std::map<std::pair<uint32_t, uint32_t>, size_t> known;
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    const Task &task = s.tasks[t];
    size_t unit = units.size();
    if (groups[t] != kNone)
      unit = known.try_emplace({groups[t], task.bounds}, unit).first->second;
    if (unit == units.size())
      units.push_back({{}, std::vector<double>(tileCount(s, task), 0)});
    units[unit].tasks.push_back(t);
    for (uint32_t i = 0; i < units[unit].costs.size(); ++i)
      units[unit].costs[i] += tileCost(s, task, i);
  }
  return units;
}

/// Longest tile first. Two tiles of a unit share a worker only where there are
/// more tiles than workers: the unit would take twice as long.
std::vector<std::vector<uint32_t>> balance(const std::vector<Unit> &units,
                                           uint32_t workers) {
  struct Item {
    double cost;
    uint32_t unit, tile;
  };
  std::vector<Item> items;
  std::vector<std::vector<uint32_t>> places;
  for (uint32_t u = 0; u < units.size(); ++u) {
    places.emplace_back(units[u].costs.size());
    for (uint32_t i = 0; i < units[u].costs.size(); ++i)
      items.push_back({units[u].costs[i], u, i});
  }
  std::stable_sort(
      items.begin(), items.end(),
      [](const Item &a, const Item &b) { return a.cost > b.cost; });
  std::vector<double> load(workers, 0);
  std::vector<std::vector<uint32_t>> taken(units.size());
  for (const Item &item : items) {
    std::vector<uint32_t> &count = taken[item.unit];
    count.resize(workers, 0);
    const size_t tiles = units[item.unit].costs.size();
    const uint32_t most = uint32_t((tiles + workers - 1) / workers);
    uint32_t best = kNone;
    for (uint32_t w = 0; w < workers; ++w)
      if (count[w] < most && (best == kNone || load[w] < load[best]))
        best = w;
    places[item.unit][item.tile] = best;
    ++count[best];
    load[best] += item.cost;
  }
  return places;
}

std::vector<std::vector<uint32_t>> place(const std::vector<Unit> &units,
                                         const AssignmentOptions &options) {
  if (options.policy == AssignmentPolicy::LoadBalanced)
    return balance(units, options.workers);
  std::vector<std::vector<uint32_t>> places;
  uint32_t start = 0;
  for (const Unit &unit : units) {
    const uint32_t tiles = uint32_t(unit.costs.size());
    if (options.policy == AssignmentPolicy::Contiguous) {
      places.push_back(spreadTiles(tiles, options.workers));
      continue;
    }
    places.emplace_back();
    for (uint32_t i = 0; i < tiles; ++i)
      places.back().push_back(
          uint32_t((uint64_t(start) + i) % options.workers));
    start = uint32_t((uint64_t(start) + tiles) % options.workers);
  }
  return places;
}

} // namespace

std::string assignWorkers(Schedule &s, const AssignmentOptions &options,
                          AssignmentReport *report) {
  if (options.workers == 0)
    return "expected at least one worker, found 0";
  if (s.concurrent)
    return "expected a sequential schedule, found a concurrent one: its "
           "hand-offs belong to its placement";
  const std::vector<Unit> units = unitsOf(s, options.keepOwners);
  const std::vector<std::vector<uint32_t>> places = place(units, options);
  AssignmentReport r;
  std::vector<double> load(options.workers, 0);
  std::vector<double> bytes(options.workers, 0);
  std::vector<bool> used(options.workers, false);
  for (size_t u = 0; u < units.size(); ++u) {
    for (size_t i = 0; i < places[u].size(); ++i) {
      load[places[u][i]] += units[u].costs[i];
      used[places[u][i]] = true;
      r.tiles += uint32_t(units[u].tasks.size());
    }
    for (uint32_t t : units[u].tasks) {
      s.tasks[t].slots = kNone;
      s.tasks[t].workers = s.addTable(places[u]);
      for (uint32_t i = 0; i < places[u].size(); ++i)
        bytes[places[u][i]] += double(streamedBytes(s, s.tasks[t], i));
    }
  }
  const auto [least, most] = std::minmax_element(load.begin(), load.end());
  r.leastLoad = *least;
  r.mostLoad = *most;
  for (double l : load)
    r.meanLoad += l / options.workers;
  r.mostBytes = *std::max_element(bytes.begin(), bytes.end());
  for (double b : bytes)
    r.meanBytes += b / options.workers;
  r.usedWorkers = uint32_t(std::count(used.begin(), used.end(), true));
  if (report)
    *report = r;
  return {};
}

} // namespace amk::scheduling
