//===- SequentialRun.cpp - A schedule in program order --------------------===//

#include "SequentialRun.h"

#include "Clock.h"

#include <algorithm>

namespace amk::runtime {

namespace {

/// Work (bytes read and operations) that is worth a barrier of all threads: a
/// few tenths of a millisecond, since on a busy machine a barrier can take
/// long.
constexpr uint64_t kParallelWork = 4 << 20;
/// Parts per thread: enough that a slow core does not hold up the others.
constexpr int64_t kPartsPerThread = 8;

uint64_t workOf(const core::Schedule &s, const core::Task &task,
                core::Range range) {
  uint64_t work = 0;
  for (size_t o = 0; o < task.ops.size(); ++o) {
    const core::Operator &op = task.ops[o];
    const core::Cost cost = core::lookupOperator(op.name)->cost(
        s, op, core::operatorRange(s, task, o, range));
    work += cost.bytes + cost.operations;
  }
  return work;
}

/// One access of one part, as an interval of bytes.
struct Interval {
  uint64_t lo, hi;
  uint32_t part;
  bool write;
  core::Position position;
};

/// Whether two different parts touch the same bytes, one of them writing.
bool anyConflict(std::vector<Interval> &intervals) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval &a, const Interval &b) { return a.lo < b.lo; });
  std::vector<const Interval *> open;
  for (const Interval &i : intervals) {
    open.erase(std::remove_if(open.begin(), open.end(),
                              [&](const Interval *o) { return o->hi <= i.lo; }),
               open.end());
    for (const Interval *o : open)
      if (o->part != i.part && (o->write || i.write) &&
          core::mayMeet(o->position, i.position))
        return true;
    open.push_back(&i);
  }
  return false;
}

} // namespace

SequentialRun::SequentialRun(const CpuProgram &program, unsigned threads,
                             bool trace)
    : program(program), threads(trace ? 1 : threads), trace(trace) {}

Status SequentialRun::prepare() {
  temps.resize(threads);
  for (Memory &m : temps)
    if (Status s = m.allocate(program.tempBytes(), "temporaries"); !s.ok())
      return s;
  const core::Schedule &s = program.schedule();
  phases.clear();
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    std::vector<core::Range> parts = cutTask(t);
    if (parts.empty() && !phases.empty() && phases.back().parts.empty())
      phases.back().lastTask = t + 1;
    else
      phases.push_back({t, t + 1, std::move(parts)});
  }
  taken = std::vector<std::atomic<uint32_t>>(phases.size());
  return {};
}

/// The parts that may run at once; empty if the task is to run on one thread.
std::vector<core::Range> SequentialRun::cutTask(uint32_t t) const {
  const core::Schedule &s = program.schedule();
  const core::Task &task = s.tasks[t];
  const core::Range whole{0, core::taskExtent(s, task)};
  if (threads == 1 || workOf(s, task, whole) < kParallelWork)
    return {};
  // A tile that is larger than a part's share is split further, at multiples
  // of the granule; a small one is left as it is.
  const int64_t granule = core::taskGranule(s, task);
  int64_t share = whole.size() / (kPartsPerThread * int64_t(threads)) + 1;
  share = (share + granule - 1) / granule * granule;
  std::vector<core::Range> parts;
  for (uint32_t i = 0; i < core::tileCount(s, task); ++i) {
    const core::Range tile = core::tileRange(s, task, i);
    std::vector<core::Range> split;
    for (int64_t lo = tile.lo; lo < tile.hi; lo += share)
      split.push_back({lo, std::min(lo + share, tile.hi)});
    if (split.size() > 1 &&
        !std::all_of(split.begin(), split.end(), [&](const core::Range &r) {
          return localsStayInside(t, r);
        }))
      split = {tile};
    parts.insert(parts.end(), split.begin(), split.end());
  }
  if (parts.size() < 2 || !independent(t, parts))
    return {};
  return parts;
}

/// Whether a part of a task reads of a Local buffer only what it has written
/// itself, so that a tile can be split there.
bool SequentialRun::localsStayInside(uint32_t t, core::Range part) const {
  const core::Schedule &s = program.schedule();
  const core::Task &task = s.tasks[t];
  std::vector<core::Access> accesses;
  std::vector<core::Access> written;
  for (size_t o = 0; o < task.ops.size(); ++o) {
    accesses.clear();
    core::lookupOperator(task.ops[o].name)
        ->accesses(s, task.ops[o], core::operatorRange(s, task, o, part),
                   accesses);
    for (const core::Access &a : accesses) {
      if (s.buffers[a.buffer].kind != core::BufferKind::Local)
        continue;
      if (a.write) {
        written.push_back(a);
        continue;
      }
      const bool covered = std::any_of(
          written.begin(), written.end(), [&](const core::Access &w) {
            return w.buffer == a.buffer && w.region.contiguous() &&
                   w.region.offset <= a.region.offset &&
                   a.region.end() <= w.region.end();
          });
      if (!covered)
        return false;
    }
  }
  return true;
}

/// Whether no part touches what another one writes.
bool SequentialRun::independent(uint32_t t,
                                const std::vector<core::Range> &parts) const {
  const core::Schedule &s = program.schedule();
  std::vector<std::vector<Interval>> byBuffer(s.buffers.size());
  std::vector<bool> written(s.buffers.size());
  std::vector<core::Access> accesses;
  for (uint32_t p = 0; p < parts.size(); ++p) {
    core::Range range = parts[p];
    for (const OperatorPlan &op : program.tasks()[t].ops) {
      accesses.clear();
      op.model->accesses(s, *op.op, op.op->prologue ? op.whole : range,
                         accesses);
      if (!op.op->prologue)
        range = op.model->mapTile(s, *op.op, range);
      for (const core::Access &a : accesses) {
        if (s.buffers[a.buffer].kind == core::BufferKind::Local)
          continue;
        byBuffer[a.buffer].push_back(
            {a.region.offset, a.region.end(), p, a.write, a.position});
        if (a.write)
          written[a.buffer] = true;
      }
    }
  }
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (written[b] && anyConflict(byBuffer[b]))
      return false;
  return true;
}

void SequentialRun::runSerial(const Phase &phase, int64_t position,
                              const TileMemory &at) {
  const core::Schedule &s = program.schedule();
  std::vector<UsedStages> stages;
  for (uint32_t t = phase.firstTask; t < phase.lastTask; ++t) {
    const TaskPlan &task = program.tasks()[t];
    for (uint32_t i = 0; i < core::tileCount(s, s.tasks[t]); ++i) {
      const uint64_t begin = trace ? uint64_t(nanoseconds()) : 0;
      program.runPrologues(task, position, at);
      program.runBody(task, core::tileRange(s, s.tasks[t], i), position, at,
                      trace ? &stages : nullptr);
      if (!trace)
        continue;
      recorded.tiles.push_back(
          {0, t, i, begin, begin, uint64_t(nanoseconds()), 0, {}});
      for (const UsedStages &u : stages)
        recorded.stages.push_back(
            {0, t, i, u.first, u.count, 0, 0, u.from, u.to});
      stages.clear();
    }
  }
}

void SequentialRun::run(ThreadTeam &team, int64_t position) {
  for (std::atomic<uint32_t> &n : taken)
    n.store(0, std::memory_order_relaxed);
  recorded = {};
  if (phases.size() == 1 && phases[0].parts.empty()) {
    runSerial(phases[0], position, {temps[0].data(), nullptr});
    return;
  }
  team.run([&](unsigned thread) {
    const TileMemory at{temps[thread].data(), nullptr};
    for (size_t p = 0; p < phases.size(); ++p) {
      const Phase &phase = phases[p];
      if (p > 0)
        team.barrier();
      if (phase.parts.empty()) {
        if (taken[p].fetch_add(1, std::memory_order_relaxed) == 0)
          runSerial(phase, position, at);
        continue;
      }
      const TaskPlan &task = program.tasks()[phase.firstTask];
      bool first = true;
      while (true) {
        const uint32_t part = taken[p].fetch_add(1, std::memory_order_relaxed);
        if (part >= phase.parts.size())
          break;
        if (first)
          program.runPrologues(task, position, at);
        first = false;
        program.runBody(task, phase.parts[part], position, at);
      }
    }
  });
}

} // namespace amk::runtime
