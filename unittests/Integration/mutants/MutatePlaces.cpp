//===- MutatePlaces.cpp - Cuts, workers, queues ---------------------------===//

#include "Judge.h"
#include "Mutators.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

struct Place {
  uint32_t task, tile, worker, slot;
  bool streams;
};

/// Every tile with its place in the queues, by worker and slot. Slots are
/// even, so that there is room between two.
std::vector<Place> placesOf(const Schedule &s) {
  std::vector<Place> places;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (uint32_t i = 0; i < tilesOf(s, s.tasks[t]); ++i)
      places.push_back(
          {t, i, entryOf(s, s.tasks[t].workers, i, 0),
           2 * entryOf(s, s.tasks[t].slots, i, uint32_t(places.size())),
           s.tasks[t].stream.rows != 0});
  std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) {
    return a.worker != b.worker ? a.worker < b.worker : a.slot < b.slot;
  });
  return places;
}

void setPlaces(Schedule &s, const std::vector<Place> &places) {
  std::vector<std::vector<uint32_t>> slots(s.tasks.size());
  std::vector<std::vector<uint32_t>> workers(s.tasks.size());
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    slots[t].resize(tilesOf(s, s.tasks[t]));
    workers[t].resize(slots[t].size());
  }
  for (const Place &p : places) {
    slots[p.task][p.tile] = p.slot;
    workers[p.task][p.tile] = p.worker;
  }
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    s.tasks[t].slots = s.addTable(std::move(slots[t]));
    s.tasks[t].workers = s.addTable(std::move(workers[t]));
  }
}

bool swapTwo(Schedule &s, Random &r, bool streams) {
  std::vector<Place> places = placesOf(s);
  std::vector<size_t> pairs;
  for (size_t i = 0; i + 1 < places.size(); ++i)
    if (places[i].worker == places[i + 1].worker &&
        (!streams || (places[i].streams && places[i + 1].streams)))
      pairs.push_back(i);
  if (pairs.empty())
    return false;
  const size_t i = r.pick(pairs);
  std::swap(places[i].slot, places[i + 1].slot);
  setPlaces(s, places);
  return true;
}

std::vector<uint32_t> cutTasksOf(const Schedule &s) {
  std::vector<uint32_t> tasks;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (s.tasks[t].bounds != kNone)
      tasks.push_back(t);
  return tasks;
}

} // namespace

namespace mutate {

bool swapNeighbours(Schedule &s, Random &r) { return swapTwo(s, r, false); }

/// The loader fetches in queue order: that of two tiles that stream.
bool swapStages(Schedule &s, Random &r) { return swapTwo(s, r, true); }

/// Keeps its place among the tiles of the step, half of the time another.
bool moveTile(Schedule &s, Random &r) {
  if (!s.target || s.target->workers < 2)
    return false;
  std::vector<Place> places = placesOf(s);
  const uint32_t count = uint32_t(places.size());
  Place &p = places[r.below(count)];
  const bool simple = s.tasks[p.task].slots == kNone && !r.once(3);
  p.worker =
      (p.worker + 1 + r.below(s.target->workers - 1)) % s.target->workers;
  if (simple) {
    // Queues stay in program order.
    Task &task = s.tasks[p.task];
    std::vector<uint32_t> workers =
        entriesOf(s, task.workers, tilesOf(s, task), 0);
    workers[p.tile] = p.worker;
    task.workers = s.addTable(std::move(workers));
    return true;
  }
  p.slot = r.below(2) ? p.slot + 1 : 2 * r.below(count) + 1;
  setPlaces(s, places);
  return true;
}

/// Two tasks that share gathers come in another order on one worker of a
/// cluster than on the others.
bool swapGangTiles(Schedule &s, Random &r) {
  std::vector<Place> places = placesOf(s);
  std::vector<size_t> gangs;
  for (size_t i = 0; i < places.size(); ++i)
    if (s.tasks[places[i].task].clusterGather)
      gangs.push_back(i);
  if (gangs.size() < 2)
    return false;
  const size_t k = r.below(gangs.size() - 1);
  Place &a = places[gangs[k]], &b = places[gangs[k + 1]];
  if (a.worker != b.worker)
    return false;
  std::swap(a.slot, b.slot);
  setPlaces(s, places);
  return true;
}

/// Every tile gathers for itself again; or a task shares its gathers, that may
/// have nothing to share.
bool toggleGather(Schedule &s, Random &r) {
  if (!s.target || s.target->cluster < 2)
    return false;
  Task &task = s.tasks[r.below(s.tasks.size())];
  task.clusterGather = !task.clusterGather;
  return true;
}

bool changeCluster(Schedule &s, Random &r) {
  if (!s.target || s.target->cluster < 2)
    return false;
  s.target->cluster = r.pick(std::vector<uint32_t>{0, 1, 2, 3, 4, 8, 16});
  return true;
}

bool noSuchPlace(Schedule &s, Random &r) {
  if (!s.target)
    return false;
  if (r.once(2)) {
    std::vector<Place> places = placesOf(s);
    const size_t i = r.below(places.size());
    const Place &other = r.pick(places);
    if (&other == &places[i])
      return false;
    places[i].worker = other.worker;
    places[i].slot = other.slot;
    setPlaces(s, places);
    return true;
  }
  Task &task = s.tasks[r.below(s.tasks.size())];
  std::vector<uint32_t> workers =
      entriesOf(s, task.workers, tilesOf(s, task), 0);
  workers[r.below(workers.size())] = s.target->workers + r.below(4);
  task.workers = s.addTable(std::move(workers));
  return true;
}

/// One tile loses an end that no other gets.
bool shrinkTile(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = cutTasksOf(s);
  if (tasks.empty())
    return false;
  Task &task = s.tasks[r.pick(tasks)];
  std::vector<uint32_t> bounds = s.tables[task.bounds];
  const uint32_t by = 1 + r.below(4);
  switch (r.below(3)) {
  case 0:
    bounds.front() += by;
    break;
  case 1:
    bounds.back() -= std::min(by, bounds.back());
    break;
  default:
    // A tile of nothing.
    if (bounds.size() < 3)
      return false;
    const size_t i = 1 + r.below(bounds.size() - 2);
    bounds[i] = bounds[i - 1];
  }
  task.bounds = s.addTable(std::move(bounds));
  return true;
}

/// A bound between two tiles moves; half of the time in every task that is cut
/// alike, packets included.
bool shiftTile(Schedule &s, Random &r) {
  const std::vector<uint32_t> tasks = cutTasksOf(s);
  if (tasks.empty())
    return false;
  const uint32_t chosen = r.pick(tasks), table = s.tasks[chosen].bounds;
  std::vector<uint32_t> bounds = s.tables[table];
  if (bounds.size() < 3)
    return false;
  uint32_t &bound = bounds[1 + r.below(bounds.size() - 2)];
  const uint32_t by = 1u << r.below(5);
  bound = r.once(2) ? bound + by : bound - std::min(bound, by);
  const uint32_t moved = s.addTable(std::move(bounds));
  if (r.once(2)) {
    s.tasks[chosen].bounds = moved;
    return true;
  }
  for (Task &task : s.tasks)
    task.bounds = task.bounds == table ? moved : task.bounds;
  for (Buffer &b : s.buffers)
    if (b.packetTiles == table)
      b.packetTiles = moved;
  return true;
}

} // namespace mutate

} // namespace amk::mutants
