//===- Fusion.cpp - Grouping operators into tasks -------------------------===//

#include "AMK/Scheduling/Fusion.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/Verify.h"
#include "AMK/Scheduling/Ownership.h"
#include "FusionMerge.h"

#include <algorithm>
#include <map>
#include <set>

namespace amk::scheduling {

using namespace core;

namespace {

/// A task in the making.
struct Group {
  std::vector<FusionOp> ops;
  std::string name;
  bool gone = false;
};

size_t inputs(const Operator &op) { return lookupOperator(op.name)->inputs(); }

/// Whether `b` can go past `a`: neither writes what the other touches.
bool independent(const Operator &a, const Operator &b) {
  for (size_t i = 0; i < a.operands.size(); ++i)
    for (size_t k = 0; k < b.operands.size(); ++k)
      if (a.operands[i] == b.operands[k] && (i >= inputs(a) || k >= inputs(b)))
        return false;
  return true;
}

bool independent(const Group &a, const Group &b) {
  for (const FusionOp &x : a.ops)
    for (const FusionOp &y : b.ops)
      if (!independent(x.op, y.op))
        return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Whether an operator can follow in the tiles of a task
//===----------------------------------------------------------------------===//

/// What one tile of a task touches.
std::vector<Access> tileAccesses(const Schedule &s, const Task &task,
                                 Range tile, size_t firstOp, size_t lastOp) {
  std::vector<Access> accesses;
  for (size_t i = firstOp; i < lastOp; ++i) {
    const Operator &op = task.ops[i];
    lookupOperator(op.name)->accesses(s, op, operatorRange(s, task, i, tile),
                                      accesses);
  }
  return accesses;
}

bool contains(const Region &outer, const Region &inner) {
  return outer.contiguous() && outer.offset <= inner.offset &&
         inner.end() <= outer.end();
}

/// Whether two tiles that run at the same time would disturb each other.
bool disturb(const std::vector<Access> &a, const std::vector<Access> &b) {
  for (const Access &x : a)
    for (const Access &y : b)
      if (x.buffer == y.buffer && (x.write || y.write) &&
          mayMeet(x.position, y.position) && overlap(x.region, y.region))
        return true;
  return false;
}

/// Whether an operator reads no matrix and no cache: it costs little.
bool onlyVectors(const Schedule &s, const Operator &op) {
  return std::all_of(
      op.operands.begin(), op.operands.end(),
      [&](uint32_t operand) { return s.buffers[operand].shape.size() == 1; });
}

/// Whether the last operator of a task can be computed tile by tile: it covers
/// its extent, reads nothing of the task's results but what its own tile made,
/// and the task can still be cut.
bool alignedAtEnd(const Schedule &s, const Task &task) {
  const size_t last = task.ops.size() - 1;
  const Operator &op = task.ops[last];
  const int64_t extent = taskExtent(s, task);
  const Range whole = operatorRange(s, task, last, {0, extent});
  if (!(whole == Range{0, lookupOperator(op.name)->extent(s, op)}))
    return false;
  const int64_t granule = taskGranule(s, task);
  if (granule >= extent) {
    // One tile does it all: no loss where that was so before, unless the
    // operator is better cut by itself.
    Task before = task;
    before.ops.pop_back();
    return taskGranule(s, before) >= extent && onlyVectors(s, op);
  }
  // Models are linear in the tile, so the first two and the last tile stand
  // for all.
  std::vector<Range> tiles{{0, granule},
                           {granule, std::min(2 * granule, extent)}};
  const int64_t tail = (extent - 1) / granule * granule;
  if (tail > granule)
    tiles.push_back({tail, extent});
  std::vector<std::vector<Access>> touched;
  for (const Range &tile : tiles) {
    const std::vector<Access> before = tileAccesses(s, task, tile, 0, last);
    const std::vector<Access> own = tileAccesses(s, task, tile, last, last + 1);
    for (const Access &read : own) {
      bool made = false, covered = false;
      for (const Access &write : before)
        if (write.write && !read.write && write.buffer == read.buffer &&
            mayMeet(write.position, read.position)) {
          made = true;
          covered = covered || contains(write.region, read.region);
        }
      if (made && !covered)
        return false;
    }
    touched.push_back(before);
    touched.back().insert(touched.back().end(), own.begin(), own.end());
  }
  for (size_t i = 0; i < touched.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      if (disturb(touched[i], touched[k]))
        return false;
  return true;
}

Task asTask(const Group &group, const FusionOp *more) {
  Task task;
  for (const FusionOp &op : group.ops)
    task.ops.push_back(op.op);
  if (more)
    task.ops.push_back(more->op);
  return task;
}

//===----------------------------------------------------------------------===//
// Grouping
//===----------------------------------------------------------------------===//

/// The latest group that writes an input of the operator, or the number of
/// groups.
size_t latestProducer(const std::vector<Group> &groups, const Operator &op) {
  for (size_t g = groups.size(); g-- > 0;)
    for (const FusionOp &other : groups[g].ops)
      for (size_t k = inputs(other.op); k < other.op.operands.size(); ++k)
        for (size_t i = 0; i < inputs(op); ++i)
          if (other.op.operands[k] == op.operands[i])
            return g;
  return groups.size();
}

std::vector<Group> appendToProducers(const Schedule &s,
                                     std::vector<FusionOp> ops) {
  std::vector<Group> groups;
  for (FusionOp &op : ops) {
    const size_t producer = latestProducer(groups, op.op);
    bool append = producer < groups.size();
    for (size_t g = producer + 1; append && g < groups.size(); ++g)
      for (const FusionOp &between : groups[g].ops)
        append = append && independent(between.op, op.op);
    if (append && alignedAtEnd(s, asTask(groups[producer], &op))) {
      groups[producer].ops.push_back(std::move(op));
      continue;
    }
    Group &fresh = groups.emplace_back();
    fresh.name = op.task;
    fresh.ops.push_back(std::move(op));
  }
  return groups;
}

/// Whether every tile may compute the group in full.
bool cheapInFull(const Schedule &s, const Group &group) {
  return group.ops.size() == 1 && onlyVectors(s, group.ops[0].op);
}

/// The one group that reads what `group` writes, or the number of groups: if
/// there are several, or if what it writes is not just passed on.
size_t onlyConsumer(const Schedule &s, const std::vector<Group> &groups,
                    size_t group) {
  std::set<size_t> consumers;
  const Operator &op = groups[group].ops[0].op;
  for (size_t k = inputs(op); k < op.operands.size(); ++k) {
    if (s.buffers[op.operands[k]].kind != BufferKind::Activation)
      return groups.size();
    for (size_t g = 0; g < groups.size(); ++g) {
      if (g == group || groups[g].gone)
        continue;
      for (const FusionOp &other : groups[g].ops)
        for (size_t i = 0; i < other.op.operands.size(); ++i)
          if (other.op.operands[i] == op.operands[k]) {
            if (i >= inputs(other.op) || g < group)
              return groups.size();
            consumers.insert(g);
          }
    }
  }
  return consumers.size() == 1 ? *consumers.begin() : groups.size();
}

/// Backwards, so that a norm goes where its rounding went.
void takePrologues(const Schedule &s, std::vector<Group> &groups) {
  for (size_t g = groups.size(); g-- > 0;) {
    if (!cheapInFull(s, groups[g]))
      continue;
    const size_t consumer = onlyConsumer(s, groups, g);
    // A vector operator alone is no better off with its input's producer.
    if (consumer == groups.size() || cheapInFull(s, groups[consumer]))
      continue;
    bool free = true;
    for (size_t k = g + 1; free && k < consumer; ++k)
      free = groups[k].gone || independent(groups[k], groups[g]);
    if (!free)
      continue;
    FusionOp op = std::move(groups[g].ops[0]);
    op.op.prologue = true;
    groups[g].gone = true;
    groups[g].ops.clear();
    std::vector<FusionOp> &ops = groups[consumer].ops;
    ops.insert(ops.begin(), std::move(op));
  }
}

/// Tasks `first` to `last` become one, cut where it costs most.
std::string explicitGroups(const Schedule &s, std::vector<FusionOp> ops,
                           const std::vector<TaskGroup> &list,
                           std::vector<Group> &groups) {
  auto find = [&](const std::string &name) {
    size_t i = 0;
    while (i < ops.size() && ops[i].task != name)
      ++i;
    return i;
  };
  std::vector<size_t> end(ops.size(), 0); // by first member, past the last
  for (const TaskGroup &g : list) {
    const size_t first = find(g.first), last = find(g.last);
    if (first == ops.size() || last == ops.size())
      return "groups: no task '" + (first == ops.size() ? g.first : g.last) +
             "'";
    size_t past = last;
    while (past < ops.size() && ops[past].task == g.last)
      ++past;
    if (past <= first)
      return "groups: '" + g.first + "' comes after '" + g.last + "'";
    end[first] = std::max(end[first], past);
  }
  for (size_t i = 0; i < ops.size();) {
    size_t past = end[i];
    if (past == 0)
      for (past = i + 1; past < ops.size() && ops[past].task == ops[i].task;)
        ++past;
    for (size_t k = i + 1; k < past; ++k)
      if (end[k])
        return "groups: '" + ops[k].task + "' is in two groups";
    Group &group = groups.emplace_back();
    group.name = ops[i].task;
    size_t cut = i;
    uint64_t most = 0;
    for (size_t k = i; k < past; ++k) {
      const OperatorModel *model = lookupOperator(ops[k].op.name);
      const uint64_t bytes =
          model->cost(s, ops[k].op, {0, model->extent(s, ops[k].op)}).bytes;
      if (bytes > most) {
        most = bytes;
        cut = k;
      }
    }
    if (end[i])
      group.name = ops[cut].task;
    for (size_t k = i; k < past; ++k) {
      if (end[i])
        ops[k].op.prologue = k < cut;
      group.ops.push_back(std::move(ops[k]));
    }
    i = past;
  }
  return {};
}

//===----------------------------------------------------------------------===//
// The result
//===----------------------------------------------------------------------===//

void makeLocal(Schedule &s) {
  std::vector<std::set<size_t>> users(s.buffers.size());
  for (size_t t = 0; t < s.tasks.size(); ++t)
    for (const Operator &op : s.tasks[t].ops)
      for (uint32_t operand : op.operands)
        users[operand].insert(t);
  for (size_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].kind == BufferKind::Activation && users[b].size() == 1 &&
        s.tasks[*users[b].begin()].ops.size() > 1)
      s.buffers[b].kind = BufferKind::Local;
}

/// Drops what nobody uses any more and puts buffers in the order of their
/// first use.
void compact(Schedule &s) {
  std::vector<uint32_t> index(s.buffers.size(), kNone);
  std::vector<Buffer> buffers;
  std::vector<WeightView> views;
  std::vector<RopeTable> ropes;
  for (Task &task : s.tasks)
    for (Operator &op : task.ops)
      for (uint32_t &operand : op.operands) {
        uint32_t &to = index[operand];
        if (to == kNone) {
          to = uint32_t(buffers.size());
          Buffer &b = buffers.emplace_back(std::move(s.buffers[operand]));
          if (b.view != kNone) {
            views.push_back(std::move(s.views[b.view]));
            b.view = uint32_t(views.size() - 1);
          }
          if (b.rope != kNone) {
            ropes.push_back(s.ropeTables[b.rope]);
            b.rope = uint32_t(ropes.size() - 1);
          }
        }
        operand = to;
      }
  s.buffers = std::move(buffers);
  s.views = std::move(views);
  s.ropeTables = std::move(ropes);
}

} // namespace

FusionReport countHandOffs(const Schedule &s) {
  FusionReport report;
  report.tasks = uint32_t(s.tasks.size());
  for (const Buffer &b : s.buffers)
    report.layers += b.kind == BufferKind::KvCache;
  const std::vector<uint32_t> owners = ownerGroups(s);
  std::vector<uint32_t> writer(s.buffers.size(), kNone);
  uint32_t crossing = 0;
  // At the first write of the first cache, and of the last one.
  uint32_t first = kNone, last = 0, firstChain = 0, lastChain = 0;
  std::vector<uint32_t> chain(s.tasks.size(), 0); // up to a task's start
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    std::set<uint32_t> producers, others;
    bool newCache = false;
    for (const Operator &op : s.tasks[t].ops)
      for (size_t i = 0; i < op.operands.size(); ++i) {
        uint32_t &w = writer[op.operands[i]];
        const Buffer &b = s.buffers[op.operands[i]];
        if (i >= inputs(op)) {
          newCache |= b.kind == BufferKind::KvCache && w == kNone;
          w = t;
        } else if (w != kNone && w != t) {
          const bool crosses = owners[t] == kNone || owners[t] != owners[w] ||
                               b.type != ElementType::F32;
          producers.insert(w);
          if (crosses)
            others.insert(w);
          chain[t] = std::max(chain[t], chain[w] + uint32_t(crosses));
        }
      }
    report.handOffs += uint32_t(producers.size());
    crossing += uint32_t(others.size());
    if (newCache) {
      firstChain = first == kNone ? chain[t] : firstChain;
      lastChain = chain[t];
      first = first == kNone ? crossing : first;
      last = crossing;
    }
  }
  const bool several = report.layers > 1 && first != kNone;
  report.crossingPerLayer =
      several ? double(last - first) / (report.layers - 1) : crossing;
  report.chainPerLayer =
      several         ? double(lastChain - firstChain) / (report.layers - 1)
      : chain.empty() ? 0
                      : *std::max_element(chain.begin(), chain.end());
  return report;
}

namespace {

std::string group(Schedule &s, const std::vector<TaskGroup> &list,
                  FusionOrigins &origins) {
  if (s.concurrent)
    return "expected a sequential schedule: grouping comes before "
           "synchronization";
  std::vector<FusionOp> ops;
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    const Task &task = s.tasks[t];
    if (task.bounds != kNone)
      return "expected whole tasks: grouping comes before tiling; task '" +
             task.name + "' is cut";
    for (const Operator &op : task.ops)
      ops.push_back({op, {t}, task.name});
  }
  // Which values stay within a task is decided anew: what was one may be cut.
  for (Buffer &b : s.buffers)
    if (b.kind == BufferKind::Local)
      b.kind = BufferKind::Activation;
  std::vector<Group> groups;
  if (list.empty()) {
    for (const FusionOp &op : ops)
      if (op.op.prologue)
        return "expected an imported schedule: task '" + op.task +
               "' has a prologue already";
    mergeQueryKeyValue(s, ops);
    mergeGateUp(s, ops);
    splitArgmax(s, ops);
    groups = appendToProducers(s, std::move(ops));
    takePrologues(s, groups);
  } else if (std::string m = explicitGroups(s, std::move(ops), list, groups);
             !m.empty()) {
    return m;
  }
  s.tasks.clear();
  std::map<std::string, unsigned> names;
  for (Group &group : groups) {
    if (group.gone)
      continue;
    Task &task = s.tasks.emplace_back(asTask(group, nullptr));
    const unsigned before = names[group.name]++;
    task.name = before ? group.name + "_" + std::to_string(before) : group.name;
    std::vector<std::vector<uint32_t>> &from = origins.emplace_back();
    for (FusionOp &op : group.ops)
      from.push_back(std::move(op.origins));
  }
  makeLocal(s);
  compact(s);
  if (list.empty())
    return {};
  // Not every range of tasks can be one: its tiles must not need each other,
  // what comes before the cut must be cheap to compute in full.
  const std::vector<Diagnostic> wrong = verify(s, 1);
  return wrong.empty() ? std::string()
                       : "groups: the tasks cannot be grouped so: " +
                             toString(s, wrong[0]);
}

} // namespace

std::string groupOperators(Schedule &s, const std::vector<TaskGroup> &list,
                           FusionOrigins &origins) {
  Schedule next = s;
  FusionOrigins from;
  if (std::string m = group(next, list, from); !m.empty())
    return m;
  s = std::move(next);
  origins = std::move(from);
  return {};
}

} // namespace amk::scheduling
