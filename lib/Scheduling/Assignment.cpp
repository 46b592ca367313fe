//===- Assignment.cpp - Which worker runs which tile ----------------------===//

#include "AMK/Scheduling/Assignment.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/TargetInfo.h"
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
/// The workers of a task that does some splits of an attention, as if all
/// splits of all KV heads were one task: the tiles of its other tasks, which
/// are done at the same time, are on other workers then. The splits of a KV
/// head are in one cluster if they are no more than its workers, so that what
/// they hand over can stay there. Empty for any other task.
std::vector<uint32_t> spreadSplits(const Schedule &s, const Task &task,
                                   const AssignmentOptions &options) {
  const size_t cut = cutOperator(task);
  const Operator &op = task.ops[cut];
  const Buffer *cache = streamedCache(s, op);
  if (!cache)
    return {};
  const int64_t splits = s.numerics.kvSplits;
  const uint32_t heads = uint32_t(cache->shape[1]), c = options.cluster;
  std::vector<uint32_t> all;
  if (c > 1 && splits <= c) {
    uint32_t last = kNone, rank = 0;
    for (uint32_t cluster : spreadTiles(heads, options.workers / c)) {
      rank = cluster == last ? rank : 0; // several heads go round
      last = cluster;
      for (int64_t split = 0; split < splits; ++split)
        all.push_back(cluster * c + rank++ % c);
    }
  } else {
    all = spreadTiles(uint32_t(heads * splits), options.workers);
  }
  std::vector<uint32_t> out;
  for (uint32_t i = 0, n = tileCount(s, task); i < n; ++i) {
    const CachePiece piece =
        lookupOperator(op.name)->cachePiece(s, op, tileRange(s, task, i).lo);
    out.push_back(all[size_t(piece.head * splits + piece.split)]);
  }
  return out;
}

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

/// A product's tiles that are fewer than the workers fill whole clusters, as
/// far as they do, so that these can share what they gather.
std::vector<uint32_t> spreadUnit(const Schedule &s, const Unit &unit,
                                 const AssignmentOptions &options) {
  const uint32_t tiles = uint32_t(unit.costs.size()), c = options.cluster;
  const auto streams = [&](uint32_t t) {
    const std::vector<Operator> &ops = s.tasks[t].ops;
    return std::any_of(ops.begin(), ops.end(), [&](const Operator &op) {
      return streamedWeight(s, op) != nullptr;
    });
  };
  if (c == 1 || tiles % c || tiles >= options.workers ||
      std::none_of(unit.tasks.begin(), unit.tasks.end(), streams))
    return spreadTiles(tiles, options.workers);
  std::vector<uint32_t> out;
  for (uint32_t first : spreadTiles(tiles / c, options.workers / c))
    for (uint32_t rank = 0; rank < c; ++rank)
      out.push_back(first * c + rank);
  return out;
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

/// Every tile where most bytes of its inputs were written, as far as the worker
/// has room for a tile of this unit; else in a cluster with them. What a tile
/// reads in full has no place.
class LocalPlaces {
public:
  LocalPlaces(const Schedule &s, const std::vector<Unit> &units,
              const AssignmentOptions &options)
      : s(s), units(units), workers(options.workers), cluster(options.cluster),
        writes(s.buffers.size()) {}

  std::vector<std::vector<uint32_t>> run() {
    std::vector<std::vector<uint32_t>> places;
    for (const Unit &unit : units) {
      places.push_back(placeUnit(unit));
      for (uint32_t t : unit.tasks)
        noteWrites(s.tasks[t], places.back());
    }
    return places;
  }

private:
  struct Written {
    Region region;
    uint32_t worker;
  };

  template <typename Fn>
  void forEachAccess(const Task &task, uint32_t tile, Fn fn) {
    const Range range = tileRange(s, task, tile);
    for (size_t i = 0; i < task.ops.size(); ++i) {
      accesses.clear();
      lookupOperator(task.ops[i].name)
          ->accesses(s, task.ops[i], operatorRange(s, task, i, range),
                     accesses);
      for (const Access &a : accesses)
        if (s.buffers[a.buffer].kind == BufferKind::Activation)
          fn(a);
    }
  }

  std::vector<uint32_t> placeUnit(const Unit &unit) {
    const uint32_t tiles = uint32_t(unit.costs.size());
    const uint32_t most = (tiles + workers - 1) / workers;
    std::vector<uint32_t> places = spreadTiles(tiles, workers);
    std::vector<uint32_t> taken(workers, 0);
    for (uint32_t tile = 0; tile < tiles; ++tile) {
      std::vector<uint64_t> bytes(workers, 0);
      for (uint32_t t : unit.tasks)
        countBytes(s.tasks[t], tile, bytes);
      std::vector<uint64_t> near(workers / cluster, 0);
      for (uint32_t w = 0; w < workers; ++w)
        near[w / cluster] += bytes[w];
      const auto share = [&](uint32_t w) {
        return std::make_pair(bytes[w], near[w / cluster]);
      };
      uint32_t best = taken[places[tile]] < most ? places[tile] : kNone;
      for (uint32_t w = 0; w < workers; ++w)
        if (taken[w] < most && (best == kNone || share(w) > share(best)))
          best = w;
      places[tile] = best;
      ++taken[best];
    }
    return places;
  }

  void countBytes(const Task &task, uint32_t tile,
                  std::vector<uint64_t> &bytes) {
    forEachAccess(task, tile, [&](const Access &a) {
      const uint64_t size = a.region.bytes * a.region.count;
      if (a.write || size == s.buffers[a.buffer].regionBytes())
        return;
      for (const Written &w : writes[a.buffer])
        if (overlap(a.region, w.region)) {
          const uint64_t lo = std::max(a.region.offset, w.region.offset);
          const uint64_t hi = std::min(a.region.end(), w.region.end());
          bytes[w.worker] += hi - lo;
        }
    });
  }

  void noteWrites(const Task &task, const std::vector<uint32_t> &places) {
    for (uint32_t tile = 0; tile < places.size(); ++tile)
      forEachAccess(task, tile, [&](const Access &a) {
        if (a.write)
          writes[a.buffer].push_back({a.region, places[tile]});
      });
  }

  const Schedule &s;
  const std::vector<Unit> &units;
  const uint32_t workers, cluster;
  std::vector<std::vector<Written>> writes; ///< by buffer
  std::vector<Access> accesses;
};

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty())
    return name.empty();
  if (pattern[0] == '*')
    return matches(pattern.substr(1), name) ||
           (!name.empty() && matches(pattern, name.substr(1)));
  return !name.empty() && pattern[0] == name[0] &&
         matches(pattern.substr(1), name.substr(1));
}

/// The explicit map. Returns what is wrong with it, or an empty string.
std::string placeByMap(const Schedule &s, const std::vector<Unit> &units,
                       const AssignmentOptions &options,
                       std::vector<std::vector<uint32_t>> &places) {
  std::vector<bool> used(options.map.size(), false);
  for (const Unit &unit : units) {
    const uint32_t tiles = uint32_t(unit.costs.size());
    places.push_back(spreadUnit(s, unit, options));
    const Task *first = nullptr;
    std::vector<uint32_t> chosen;
    for (uint32_t t : unit.tasks) {
      const Task &task = s.tasks[t];
      const auto entry = std::find_if(
          options.map.begin(), options.map.end(),
          [&](const PlacedTasks &p) { return matches(p.tasks, task.name); });
      if (entry == options.map.end())
        continue;
      used[size_t(entry - options.map.begin())] = true;
      std::vector<uint32_t> workers = entry->workers;
      if (workers.size() == 1)
        workers.resize(tiles, workers[0]);
      if (workers.size() != tiles)
        return "map: task '" + task.name + "': expected 1 or " +
               std::to_string(tiles) + " workers, found " +
               std::to_string(workers.size());
      for (uint32_t w : workers)
        if (w >= options.workers)
          return "map: task '" + task.name + "': expected workers below " +
                 std::to_string(options.workers) + ", found " +
                 std::to_string(w);
      if (first && chosen != workers)
        return "map: tasks '" + first->name + "' and '" + task.name +
               "' update the same buffer in place: expected the same workers "
               "for both (or keep-owners off)";
      first = &task;
      chosen = places.back() = workers;
    }
  }
  for (size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      return "map: expected the name of a task, found '" +
             options.map[i].tasks + "'";
  return {};
}

std::string checkCluster(const Schedule &s, uint32_t cluster) {
  if (cluster == 1)
    return {};
  if (cluster != 2 && cluster != 4 && cluster != 8)
    return "cluster: expected 1, 2, 4 or 8, found " + std::to_string(cluster);
  const TargetInfo *info = s.target ? lookupTarget(s.target->chip) : nullptr;
  if (info && !info->clusters)
    return "cluster: expected 1, since " + s.target->chip +
           " has no clusters, found " + std::to_string(cluster);
  if (!s.target)
    return "cluster: expected a target, found none";
  if (s.target->workers % cluster)
    return "cluster: expected a size that divides the " +
           std::to_string(s.target->workers) + " workers, found " +
           std::to_string(cluster);
  return {};
}

std::vector<std::vector<uint32_t>> place(const Schedule &s,
                                         const std::vector<Unit> &units,
                                         const AssignmentOptions &options) {
  if (options.policy == AssignmentPolicy::LoadBalanced)
    return balance(units, options.workers);
  if (options.policy == AssignmentPolicy::Locality)
    return LocalPlaces(s, units, options).run();
  std::vector<std::vector<uint32_t>> places;
  uint32_t start = 0;
  for (const Unit &unit : units) {
    const uint32_t tiles = uint32_t(unit.costs.size());
    if (options.policy == AssignmentPolicy::Contiguous) {
      places.push_back(spreadSplits(s, s.tasks[unit.tasks[0]], options));
      if (places.back().empty())
        places.back() = spreadUnit(s, unit, options);
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

std::string parsePlacedTasks(const std::string &text, PlacedTasks &placed) {
  const auto fail = [&] {
    return "map: expected TASK=WORKER:WORKER-WORKER:..., found '" + text + "'";
  };
  const size_t equals = text.rfind('=');
  if (equals == text.npos || equals == 0)
    return fail();
  placed = {text.substr(0, equals), {}};
  const char *at = text.c_str() + equals;
  while (*at) {
    const auto number = [&](uint32_t &n) {
      const char *end = at + 1;
      uint64_t v = 0;
      for (; *end >= '0' && *end <= '9' && v < 1u << 20; ++end)
        v = v * 10 + uint64_t(*end - '0');
      const bool some = end != at + 1;
      at = end;
      n = uint32_t(v);
      return some && v < 1u << 16;
    };
    uint32_t first = 0, last = 0;
    if (!number(first))
      return fail();
    last = first;
    if (*at == '-' && (!number(last) || last < first))
      return fail();
    if (*at && *at != ':')
      return fail();
    for (uint32_t w = first; w <= last; ++w)
      placed.workers.push_back(w);
  }
  return {};
}

std::string assignWorkers(Schedule &s, const AssignmentOptions &options,
                          AssignmentReport *report) {
  if (options.workers == 0)
    return "expected at least one worker, found 0";
  if (s.concurrent)
    return "expected a sequential schedule, found a concurrent one: its "
           "hand-offs belong to its placement";
  const std::vector<Unit> units = unitsOf(s, options.keepOwners);
  std::vector<std::vector<uint32_t>> places;
  if (std::string m = checkCluster(s, options.cluster); !m.empty())
    return m;
  if (options.policy != AssignmentPolicy::Explicit) {
    if (!options.map.empty())
      return "map: expected the policy 'explicit' beside it";
    places = place(s, units, options);
  } else if (std::string m = placeByMap(s, units, options, places);
             !m.empty()) {
    return m;
  }
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
  if (s.target)
    s.target->cluster = options.cluster;
  for (Task &task : s.tasks)
    task.clusterGather = false; // for amk-synchronization to say anew
  if (report)
    *report = r;
  return {};
}

} // namespace amk::scheduling
