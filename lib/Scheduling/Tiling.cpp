//===- Tiling.cpp - Cutting tasks into tiles ------------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/WeightPacking.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Ownership.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace amk::scheduling {

using namespace core;

std::vector<uint32_t> evenCut(int64_t extent, int64_t granule, uint32_t tiles,
                              bool fewest) {
  const int64_t granules = (extent + granule - 1) / granule;
  int64_t n = std::clamp<int64_t>(granules, 1, tiles);
  if (fewest && granules > 0) {
    const int64_t longest = (granules + n - 1) / n;
    n = (granules + longest - 1) / longest;
  }
  std::vector<uint32_t> bounds{0};
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    at += granules / n + (i < granules % n);
    bounds.push_back(uint32_t(std::min(at * granule, extent)));
  }
  return bounds;
}

namespace {

/// What the cut of a task must respect.
struct Shape {
  int64_t extent = 1;
  int64_t granule = 1;
  int64_t perTile = 0; ///< granules; 0: even
};

Shape shapeOf(const Schedule &s, const Task &task, uint32_t rows) {
  Shape shape{taskExtent(s, task), taskGranule(s, task), 0};
  const size_t cut = cutOperator(task);
  if (cut < task.ops.size())
    shape.perTile = lookupOperator(task.ops[cut].name)->granulesPerTile();
  // A product's weight comes in tiles of four rows. Elementwise tasks follow,
  // so that an unfused chain stays on its workers.
  if (shape.perTile == 0)
    shape.granule =
        std::lcm(shape.granule, std::lcm(int64_t(kPackRows), int64_t(rows)));
  return shape;
}

/// What one attention is cut into, and between how many workers: of the first
/// split, or of the first that there is.
void reportAttention(const Schedule &s, uint32_t workers, TilingReport &r) {
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (const Operator &op : s.tasks[t].ops) {
      const bool join = op.name == "attention_join";
      if (!join && op.name != "attention")
        continue;
      const uint32_t tiles = tileCount(s, s.tasks[t]);
      r.attentionWorkers = r.attentionWorkersBefore = std::min(tiles, workers);
      if (!join)
        continue;
      r.attentionRanges = s.numerics.kvSplits;
      r.attentionWorkers =
          std::min(uint32_t(tiles * s.numerics.kvSplits), workers);
      r.attentionWorkersBefore =
          std::min(uint32_t(tiles * op.getInt("group")), workers);
      return;
    }
}

TilingReport reportOf(const Schedule &s, uint32_t workers) {
  TilingReport r;
  reportAttention(s, workers, r);
  double longest = 0, all = 0, streamed = 0;
  std::vector<double> load(workers, 0);
  for (const Task &task : s.tasks) {
    const uint32_t tiles = tileCount(s, task);
    const std::vector<uint32_t> places = spreadTiles(tiles, workers);
    ++r.tasks;
    r.tiles += tiles;
    double most = 0;
    for (uint32_t i = 0; i < tiles; ++i) {
      const double cost = tileCost(s, task, i);
      most = std::max(most, cost);
      all += cost;
      load[places[i]] += double(streamedBytes(s, task, i));
    }
    longest += most;
  }
  for (double l : load)
    streamed += l;
  if (all > 0)
    r.imbalance = longest * workers / all;
  if (streamed > 0)
    r.mostOverMean =
        *std::max_element(load.begin(), load.end()) * workers / streamed;
  return r;
}

std::string cut(Schedule &s, const TilingOptions &options,
                std::vector<AttentionSplit> &splits) {
  if (options.workers == 0)
    return "expected at least one worker, found 0";
  if (s.concurrent)
    return "expected a sequential schedule, found a concurrent one: its "
           "hand-offs belong to its tiles";
  if (options.rows == 0 || options.rows % kPackRows)
    return "rows: expected a multiple of " + std::to_string(kPackRows) +
           ", found " + std::to_string(options.rows);
  if (options.splitAttention)
    splits = splitAttention(s);
  std::vector<Shape> shapes;
  for (const Task &task : s.tasks) {
    shapes.push_back(shapeOf(s, task, options.rows));
    if (shapes.back().extent > std::numeric_limits<int32_t>::max())
      return "task '" + task.name + "': expected an extent below 2^31, found " +
             std::to_string(shapes.back().extent);
  }
  if (options.keepOwners) {
    const std::vector<uint32_t> groups = ownerGroups(s);
    std::map<uint32_t, int64_t> granules;
    for (size_t t = 0; t < groups.size(); ++t)
      if (groups[t] != kNone) {
        int64_t &g = granules.try_emplace(groups[t], 1).first->second;
        g = std::lcm(g, shapes[t].granule);
      }
    for (size_t t = 0; t < groups.size(); ++t)
      if (groups[t] != kNone)
        shapes[t].granule = granules[groups[t]];
  }
  // The ring was sized for the old tiles, and maybe for another target. Which
  // workers are a cluster is said with the places.
  s.ring.reset();
  if (s.target)
    s.target->cluster = 1;
  for (Task &task : s.tasks) {
    task.stream = {};
    task.clusterGather = false;
  }
  std::vector<int64_t> granulesOf;
  for (size_t t = 0; t < s.tasks.size(); ++t) {
    Task &task = s.tasks[t];
    const Shape &shape = shapes[t];
    const int64_t granules = (shape.extent + shape.granule - 1) / shape.granule;
    const int64_t tiles = shape.perTile
                              ? (granules + shape.perTile - 1) / shape.perTile
                              : options.workers;
    std::vector<uint32_t> bounds =
        evenCut(shape.extent, shape.granule, uint32_t(tiles), options.fewest);
    task.bounds = bounds.size() == 2 ? kNone : s.addTable(std::move(bounds));
    task.workers = task.slots = kNone;
    granulesOf.push_back(shape.perTile ? 0 : shape.granule);
  }
  if (options.balance)
    spreadRemainders(s, options.workers, granulesOf);
  return {};
}

} // namespace

std::string cutTasks(Schedule &s, const TilingOptions &options,
                     TilingReport *report) {
  Schedule next = s;
  std::vector<AttentionSplit> splits;
  if (std::string m = cut(next, options, splits); !m.empty())
    return m;
  if (report) {
    *report = reportOf(next, options.workers);
    report->before = countHandOffs(s);
    report->after = countHandOffs(next);
    report->splits = std::move(splits);
  }
  s = std::move(next);
  return {};
}

} // namespace amk::scheduling
