//===- CostModel.cpp - How long a step will take --------------------------===//

#include "AMK/Scheduling/CostModel.h"

#include "StepSimulation.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TargetInfo.h"

#include <algorithm>
#include <map>
#include <set>

namespace amk::scheduling {

using namespace core;

namespace {

/// Positions that the kernel's warps attend to in one round of direct loads:
/// four each.
constexpr int64_t kRoundPositions = 4 * kConsumerWarps;

class WorkCounter {
public:
  /// The schedule, with caches of as many positions as are attended to: then an
  /// operator's cost is that at the position.
  WorkCounter(const Schedule &schedule, int64_t position)
      : s(schedule), position(position) {
    s.positions = position;
  }

  TileWork count(const Tiles &tiles, const Tile &tile);

private:
  void countStages(const Task &task, const Tile &tile, TileWork &work) const;
  void countCaches(const Operator &op, Range range, TileWork &work) const;
  void countAccess(const Task &task, const Operator &op, const Access &access,
                   TileWork &work);

  Schedule s;
  int64_t position;
  bool streams = false;                         ///< the operator at hand
  std::set<std::pair<uint32_t, uint64_t>> seen; ///< buffer and offset, by tile
};

void WorkCounter::countStages(const Task &task, const Tile &tile,
                              TileWork &work) const {
  for (size_t i = 0; i < task.ops.size(); ++i) {
    const Buffer *weight = streamedWeight(s, task.ops[i]);
    if (!weight)
      continue;
    const Range rows = operatorRange(s, task, i, tile.range);
    if (!s.ring || task.stream.rows == 0) {
      work.directBytes +=
          lookupOperator(task.ops[i].name)->cost(s, task.ops[i], rows).bytes;
      continue;
    }
    work.stageBytes = task.stream.rows * task.stream.columns * 2;
    work.stages +=
        uint32_t((rows.size() + task.stream.rows - 1) / task.stream.rows) *
        columnSlices(weight->shape[1], task.stream);
  }
}

/// Earlier keys and values by direct loads: dependent rounds, each of a few
/// positions of one query head.
void WorkCounter::countCaches(const Operator &op, Range range,
                              TileWork &work) const {
  work.directBytes += lookupOperator(op.name)->cost(s, op, range).bytes;
  work.rounds += uint64_t(range.size()) *
                 uint64_t((position + kRoundPositions - 1) / kRoundPositions);
}

void WorkCounter::countAccess(const Task &task, const Operator &op,
                              const Access &a, TileWork &work) {
  const Buffer &b = s.buffers[a.buffer];
  const uint64_t bytes = a.region.bytes * a.region.count;
  if (b.kind == BufferKind::Local)
    return;
  if (a.write) {
    // A value that is rounded or appended besides is pulled once.
    if (b.kind == BufferKind::Activation || b.kind == BufferKind::Output)
      work.elements = std::max(work.elements, bytes / byteWidth(b.type));
    return;
  }
  switch (b.kind) {
  case BufferKind::Activation:
    if (b.space == Space::Shared ||
        !seen.insert({a.buffer, a.region.offset}).second)
      return;
    if (b.packetElements) {
      const uint64_t values = bytes / byteWidth(b.type);
      // Measured: six values are scattered one by one, four in one piece.
      const bool whole = (b.packetElements & (b.packetElements - 1)) == 0;
      work.packets += uint32_t((values + b.packetElements - 1) /
                               b.packetElements * (whole ? 2 : 5) / 2);
    } else
      work.plainBytes += bytes;
    return;
  case BufferKind::Constant:
    work.constantRead = true;
    return;
  case BufferKind::Weight:
    // What a prologue reads comes while its input is awaited.
    work.coldRead |= !op.prologue && !streams;
    return;
  default:
    return;
  }
}

TileWork WorkCounter::count(const Tiles &tiles, const Tile &tile) {
  const Task &task = s.tasks[tile.task];
  TileWork work;
  seen.clear();
  countStages(task, tile, work);
  uint32_t current = kNone;
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const uint32_t o = tiles.accessOp[i];
    const Operator &op = task.ops[o];
    streams = streamedWeight(s, op) != nullptr;
    const Access &a = tiles.accesses[i];
    if (a.position == Position::Past && !a.write) {
      if (o != current)
        countCaches(op, operatorRange(s, task, o, tile.range), work);
      current = o;
      continue;
    }
    countAccess(task, op, a, work);
  }
  return work;
}

uint64_t bytesOf(const TileWork &w) {
  return uint64_t(w.stages) * w.stageBytes + w.directBytes;
}

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
      bytes[worker] += double(bytesOf(work[i]));
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
  WorkCounter counter(s, position);
  std::vector<TileWork> work;
  work.reserve(tiles.tiles.size());
  for (const Tile &tile : tiles.tiles) {
    work.push_back(counter.count(tiles, tile));
    TaskEstimate &task = e.tasks[groups[tile.task]];
    ++task.tiles;
    task.bytes += bytesOf(work.back());
    e.bytes += bytesOf(work.back());
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
