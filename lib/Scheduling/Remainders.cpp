//===- Remainders.cpp - Who gets the granule that is left over ------------===//
//
// A task of 512 granules over 132 workers gives 116 of them one more than the
// rest. If it is always the first tiles that are longer, the same workers are
// late in every task, and the others wait for them in the end. So the shares
// are balanced over the whole step: the cuts whose granules weigh most come
// first, and each gives to the workers that have least so far. A cut of large
// granules has only its remainder to give; one of small granules evens out what
// the others have left.
//
//===----------------------------------------------------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "AMK/Scheduling/Assignment.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>

namespace amk::scheduling {

using namespace core;

namespace {

/// A tile has at most one more granule than the even share and a twelfth of it,
/// and at least a twelfth less. With a sixth the 1B step gains 0.1 %, and the
/// 8B step loses 0.15 %.
constexpr int64_t kLeewayShare = 12;

/// Tasks that are cut alike.
struct CutGroup {
  uint32_t bounds = kNone;
  int64_t granule = 1;
  std::vector<uint32_t> tasks;
  double weight = 0; ///< bytes of a granule, of all tasks together
};

/// Bounds of as many granules for each worker.
std::vector<uint32_t> boundsOf(int64_t extent, int64_t granule,
                               const std::vector<int64_t> &shares) {
  std::vector<uint32_t> bounds{0};
  int64_t at = 0;
  for (const int64_t share : shares) {
    at += share;
    bounds.push_back(uint32_t(std::min(at * granule, extent)));
  }
  return bounds;
}

/// The groups with a tile for every worker, heaviest granule first; `load` gets
/// what the others stream.
std::vector<CutGroup> groupsOf(const Schedule &s, uint32_t workers,
                               const std::vector<int64_t> &granules,
                               std::vector<double> &load) {
  std::map<uint32_t, CutGroup> groups;
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    const Task &task = s.tasks[t];
    const uint32_t tiles = tileCount(s, task);
    if (tiles != workers || granules[t] == 0) {
      const std::vector<uint32_t> places = spreadTiles(tiles, workers);
      for (uint32_t i = 0; i < tiles; ++i)
        load[places[i]] += double(streamedBytes(s, task, i));
      continue;
    }
    CutGroup &g = groups[task.bounds];
    g.bounds = task.bounds;
    g.granule = std::lcm(g.granule, granules[t]);
    g.tasks.push_back(t);
    double bytes = 0;
    for (uint32_t i = 0; i < tiles; ++i)
      bytes += double(streamedBytes(s, task, i));
    g.weight += bytes / std::max<double>(s.tables[task.bounds].back(), 1);
  }
  std::vector<CutGroup> sorted;
  for (auto &[bounds, g] : groups) {
    g.weight *= double(g.granule);
    sorted.push_back(std::move(g));
  }
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const CutGroup &a, const CutGroup &b) { return a.weight > b.weight; });
  return sorted;
}

} // namespace

void spreadRemainders(Schedule &s, uint32_t workers,
                      const std::vector<int64_t> &granules) {
  // One worker has everything; and then a task has no bounds.
  if (workers < 2)
    return;
  std::vector<double> load(workers, 0);
  for (const CutGroup &g : groupsOf(s, workers, granules, load)) {
    const int64_t extent = s.tables[g.bounds].back();
    const int64_t all = (extent + g.granule - 1) / g.granule;
    // Members of different granules that happen to be cut alike.
    if (all < workers)
      continue;
    // One by one to whoever has least, but no share far from the mean: until
    // its last tile is done, those that read the task wait. What is there only
    // once has nothing behind it that would make up for that.
    const int64_t even = all / workers;
    const int64_t leeway = g.tasks.size() > 1 ? even / kLeewayShare : 0;
    std::vector<int64_t> shares(workers, even - leeway);
    for (double &l : load)
      l += double(even - leeway) * g.weight;
    using Entry = std::pair<double, uint32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> least;
    for (uint32_t w = 0; w < workers; ++w)
      least.push({load[w], w});
    for (int64_t left = all - (even - leeway) * workers; left > 0; --left) {
      const uint32_t w = least.top().second;
      least.pop();
      load[w] += g.weight;
      if (++shares[w] <= even + leeway)
        least.push({load[w], w});
    }
    const uint32_t bounds = s.addTable(boundsOf(extent, g.granule, shares));
    for (uint32_t t : g.tasks)
      s.tasks[t].bounds = bounds;
  }
}

} // namespace amk::scheduling
