//===- Tiles.cpp - A schedule's tiles, expanded ---------------------------===//

#include "AMK/Schedule/Tiles.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>

namespace amk::core {

namespace {

class Expander {
public:
  explicit Expander(const Schedule &schedule) : s(schedule) {}

  Tiles run() {
    out.counterBase.reserve(s.counters.size());
    for (const CounterArray &c : s.counters) {
      out.counterBase.push_back(out.counterCount);
      out.counterCount += c.count;
    }
    for (uint32_t t = 0; t < s.tasks.size(); ++t)
      addTask(t);
    out.firstTile.push_back(uint32_t(out.tiles.size()));
    fillQueues();
    return std::move(out);
  }

private:
  void addTask(uint32_t t) {
    const Task &task = s.tasks[t];
    models.clear();
    extents.clear();
    for (const Operator &op : task.ops) {
      models.push_back(lookupOperator(op.name));
      extents.push_back(op.prologue ? models.back()->extent(s, op) : 0);
    }
    out.firstTile.push_back(uint32_t(out.tiles.size()));
    const uint32_t n = tileCount(s, task);
    for (uint32_t i = 0; i < n; ++i) {
      Tile tile;
      tile.task = t;
      tile.index = i;
      tile.range = tileRange(s, task, i);
      tile.worker = s.entry(task.workers, i, 0);
      // Until the queues are sorted: the place as written.
      tile.slot = s.entry(task.slots, i, uint32_t(out.tiles.size()));
      addAccesses(task, tile);
      addHandOffs(task, tile);
      out.tiles.push_back(tile);
    }
  }

  void addAccesses(const Task &task, Tile &tile) {
    tile.firstAccess = uint32_t(out.accesses.size());
    Range range = tile.range;
    for (uint32_t o = 0; o < task.ops.size(); ++o) {
      const Operator &op = task.ops[o];
      scratch.clear();
      if (op.prologue) {
        models[o]->accesses(s, op, {0, extents[o]}, scratch);
      } else {
        models[o]->accesses(s, op, range, scratch);
        range = models[o]->mapTile(s, op, range);
      }
      for (const Access &a : scratch) {
        if (s.buffers[a.buffer].kind == BufferKind::Local)
          continue;
        out.accesses.push_back(a);
        out.accessOp.push_back(o);
      }
    }
    tile.lastAccess = uint32_t(out.accesses.size());
  }

  void addHandOffs(const Task &task, Tile &tile) {
    tile.firstWait = uint32_t(out.waits.size());
    for (const Wait &w : task.waits) {
      const uint32_t threshold = s.entry(w.threshold, tile.index, 1);
      forEachCounter(w.counters, w.fan, tile.index, [&](uint32_t counter) {
        out.waits.push_back({counter, threshold});
      });
    }
    tile.lastWait = uint32_t(out.waits.size());
    tile.firstSignal = uint32_t(out.signals.size());
    for (const Signal &signal : task.signals)
      forEachCounter(signal.counters, signal.fan, tile.index,
                     [&](uint32_t counter) { out.signals.push_back(counter); });
    tile.lastSignal = uint32_t(out.signals.size());
  }

  template <typename Fn>
  void forEachCounter(uint32_t array, const Fan &fan, uint32_t tile, Fn fn) {
    const uint32_t first = s.entry(fan.first, tile, 0);
    const uint32_t last = s.entry(fan.last, tile, first);
    for (uint64_t c = first; c <= last; ++c)
      fn(out.counterBase[array] + uint32_t(c));
  }

  void fillQueues() {
    uint32_t workers = s.target ? s.target->workers : 1;
    for (const Tile &t : out.tiles)
      workers = std::max(workers, t.worker + 1);
    out.workers = workers;
    out.queues.resize(workers);
    for (uint32_t t = 0; t < out.tiles.size(); ++t)
      out.queues[out.tiles[t].worker].push_back(t);
    for (std::vector<uint32_t> &queue : out.queues) {
      std::sort(queue.begin(), queue.end(), [&](uint32_t a, uint32_t b) {
        return std::make_pair(out.tiles[a].slot, a) <
               std::make_pair(out.tiles[b].slot, b);
      });
      for (uint32_t i = 0; i < queue.size(); ++i)
        out.tiles[queue[i]].slot = i;
    }
  }

  const Schedule &s;
  Tiles out;
  // Of the task at hand.
  std::vector<const OperatorModel *> models;
  std::vector<int64_t> extents;
  std::vector<Access> scratch;
};

} // namespace

Tiles expand(const Schedule &schedule) { return Expander(schedule).run(); }

} // namespace amk::core
