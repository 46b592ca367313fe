//===- CostModel.cpp - How long a step will take --------------------------===//

#include "AMK/Scheduling/CostModel.h"

#include "StepSimulation.h"

#include <algorithm>
#include <map>

namespace amk::scheduling {

using namespace core;

namespace {

/// Tasks with the same operators and sizes stand in one line of the report.
std::vector<uint32_t> groupTasks(const Schedule &s) {
  std::map<std::string, uint32_t> known;
  std::vector<uint32_t> groups;
  for (const Task &task : s.tasks) {
    std::string key;
    for (const Operator &op : task.ops) {
      key += op.name + (op.prologue ? "*" : "");
      for (uint32_t b : op.operands)
        key += " " + std::to_string(s.buffers[b].elements());
      key += ";";
    }
    groups.push_back(known.try_emplace(std::move(key), uint32_t(known.size()))
                         .first->second);
  }
  return groups;
}

std::string simulate(const Schedule &s, const Tiles &tiles,
                     const std::vector<TileWork> &work,
                     const DeviceRecord &device,
                     const std::vector<uint32_t> &groups, Estimate &e) {
  const SimulationResult r = simulateStep(s, tiles, work, device);
  if (r.stuck != kNone)
    return "task '" + s.tasks[tiles.tiles[r.stuck].task].name + "' tile " +
           std::to_string(tiles.tiles[r.stuck].index) + " never runs";
  e.simulated = true;
  e.microseconds = r.end / 1000;
  e.memoryIdle = std::max(0., (r.end - r.memoryBusy) / 1000);
  for (size_t i = 0; i < tiles.tiles.size(); ++i) {
    const TileTimes &t = r.tiles[i];
    TaskEstimate &task = e.tasks[groups[tiles.tiles[i].task]];
    task.wait += (t.ready - t.begin) / 1000;
    task.exposed += t.exposed / 1000;
    task.work += (t.done - t.ready) / 1000;
    task.publish += (t.end - t.done) / 1000;
    e.wait += (t.ready - t.begin) / 1000 / tiles.workers;
    e.exposed += t.exposed / 1000 / tiles.workers;
  }
  for (TaskEstimate &task : e.tasks)
    for (double *v : {&task.wait, &task.exposed, &task.work, &task.publish})
      *v /= std::max(task.tiles, 1u);
  return {};
}

/// One task after the other: each takes as long as its slowest worker, and
/// hands over by a counter.
void addUp(const Schedule &s, const Tiles &tiles,
           const std::vector<TileWork> &work, const DeviceRecord &device,
           const std::vector<uint32_t> &groups, Estimate &e) {
  e.microseconds = device.launch.value / 1000;
  for (size_t t = 0; t < s.tasks.size(); ++t) {
    std::map<uint32_t, double> bytes, rounds, elements;
    for (uint32_t i = tiles.firstTile[t]; i < tiles.firstTile[t + 1]; ++i) {
      const uint32_t worker = tiles.tiles[i].worker;
      bytes[worker] += double(work[i].bytes());
      rounds[worker] += double(work[i].rounds);
      elements[worker] += double(work[i].elements);
    }
    const double rate =
        streamRate(device, uint32_t(bytes.size())) / double(bytes.size());
    double busy = 0, publish = 0;
    for (const auto &[worker, b] : bytes) {
      busy = std::max(
          {busy, b / rate, rounds[worker] * device.attentionRound.value});
      publish =
          std::max(publish, device.publish.value +
                                device.publishElement.value * elements[worker]);
    }
    const double wait = t ? device.counterLatency.value : 0;
    TaskEstimate &task = e.tasks[groups[t]];
    const double share = 1e-3 / task.tasks;
    task.wait += wait * share;
    task.exposed += wait * share;
    task.work += busy * share;
    task.publish += publish * share;
    e.microseconds += (wait + busy + publish) / 1000;
    e.wait += wait / 1000;
    e.memoryIdle += (wait + publish) / 1000;
  }
  e.exposed = e.wait;
}

} // namespace

std::string estimateStep(const Schedule &s, const DeviceRecord &device,
                         int64_t position, Estimate &e) {
  if (position < 0 || position >= s.positions)
    return "position: expected 0 to " + std::to_string(s.positions - 1) +
           ", found " + std::to_string(position);
  const Tiles tiles = expand(s);
  if (tiles.workers > device.workers.value)
    return "workers: expected at most the " +
           std::to_string(uint32_t(device.workers.value)) + " of " +
           device.name + ", found " + std::to_string(tiles.workers);
  e = {};
  const std::vector<uint32_t> groups = groupTasks(s);
  e.tasks.resize(*std::max_element(groups.begin(), groups.end()) + 1);
  for (size_t t = 0; t < s.tasks.size(); ++t) {
    TaskEstimate &task = e.tasks[groups[t]];
    if (task.tasks++ == 0)
      task.name = s.tasks[t].name;
  }
  const std::vector<TileWork> work = countWork(s, tiles, position);
  for (size_t i = 0; i < work.size(); ++i) {
    TaskEstimate &task = e.tasks[groups[tiles.tiles[i].task]];
    ++task.tiles;
    task.bytes += work[i].bytes();
    e.bytes += work[i].bytes();
  }
  if (s.concurrent) {
    if (std::string m = simulate(s, tiles, work, device, groups, e); !m.empty())
      return m;
  } else {
    addUp(s, tiles, work, device, groups, e);
  }
  e.streamLimit = double(e.bytes) / device.streamBandwidth.value / 1000;
  if (e.microseconds > 0)
    e.bandwidthShare = double(e.bytes) / (e.microseconds * 1000) /
                       device.memoryBandwidth.value;
  return {};
}

} // namespace amk::scheduling
