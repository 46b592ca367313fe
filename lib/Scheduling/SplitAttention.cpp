//===- SplitAttention.cpp - Attention by positions ------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"

#include <algorithm>
#include <set>

namespace amk::scheduling {

using namespace core;

namespace {

OpAttribute integer(std::string name, int64_t value) {
  return {std::move(name), false, value, 0};
}

/// Whether the kernel can do a split of a KV head's queries at once: it keeps
/// the results of all heads of a group in registers.
bool fitsKernel(const Operator &attention) {
  constexpr int64_t kMostResults = 1024;
  const int64_t group = attention.getInt("group");
  const int64_t d = attention.getInt("head_dim");
  const int64_t columns = (group + kHeadColumn - 1) / kHeadColumn;
  return d % 2 == 0 && columns * kHeadColumn * d <= kMostResults;
}

/// Splits tasks, one after the other, and puts each one's buffer of partial
/// results behind the buffers that come before its first use.
class Splitter {
public:
  explicit Splitter(Schedule &s) : s(s) {
    for (const Buffer &b : s.buffers)
      buffers.insert(b.name);
    for (const Task &t : s.tasks)
      names.insert(t.name);
  }

  std::vector<AttentionSplit> run() {
    std::vector<Task> tasks;
    for (Task &task : s.tasks) {
      // What comes before the attention in its task would be needed by both
      // halves, so such a task stays whole.
      if (!task.ops.empty() && task.ops[0].name == "attention" &&
          fitsKernel(task.ops[0])) {
        splits.push_back({task.ops[0], uint32_t(tasks.size())});
        tasks.push_back(split(task));
      }
      see(task);
      tasks.push_back(std::move(task));
    }
    s.tasks = std::move(tasks);
    if (!splits.empty())
      insertBuffers();
    return std::move(splits);
  }

private:
  static std::string unique(std::set<std::string> &taken,
                            const std::string &base) {
    std::string name = base;
    for (unsigned i = 1; !taken.insert(name).second; ++i)
      name = base + "_" + std::to_string(i);
    return name;
  }

  void see(const Task &task) {
    for (const Operator &op : task.ops)
      for (uint32_t b : op.operands)
        if (b < s.buffers.size())
          used = std::max(used, b + 1);
  }

  /// Makes the task's attention a join and returns the task of the rest.
  Task split(Task &task) {
    Operator &join = task.ops[0];
    const int64_t group = join.getInt("group"), d = join.getInt("head_dim");
    const uint32_t query = join.operands[0], cache = join.operands[3];
    Buffer parts;
    parts.name = unique(buffers, s.buffers[join.operands[4]].name + "_parts");
    parts.type = ElementType::F32;
    parts.shape = {s.buffers[cache].shape[1] * (s.numerics.kvSplits - 1) *
                   partValues(group, d)};
    // Numbered behind all others until these are moved.
    const uint32_t number = uint32_t(s.buffers.size() + added.size());

    Task partial;
    partial.name = unique(names, task.name + "_partial");
    Operator &op = partial.ops.emplace_back();
    op.name = "attention_partial";
    op.operands = {query, cache, number};
    op.attributes = {integer("group", group), integer("head_dim", d),
                     integer("query_row", join.getInt("query_row"))};
    see(partial);
    added.emplace_back(used, std::move(parts));
    join.name = "attention_join";
    join.operands.insert(join.operands.begin() + 4, number);
    return partial;
  }

  void insertBuffers() {
    const uint32_t before = uint32_t(s.buffers.size());
    std::vector<uint32_t> moved(before + added.size());
    std::vector<Buffer> all;
    size_t next = 0;
    for (uint32_t b = 0; b <= before; ++b) {
      for (; next < added.size() && added[next].first == b; ++next) {
        moved[before + next] = uint32_t(all.size());
        all.push_back(std::move(added[next].second));
      }
      if (b == before)
        break;
      moved[b] = uint32_t(all.size());
      all.push_back(std::move(s.buffers[b]));
    }
    s.buffers = std::move(all);
    const auto move = [&](Operator &op) {
      for (uint32_t &operand : op.operands)
        operand = moved[operand];
    };
    for (Task &task : s.tasks)
      std::for_each(task.ops.begin(), task.ops.end(), move);
    for (AttentionSplit &split : splits)
      move(split.whole);
  }

  Schedule &s;
  std::set<std::string> buffers, names;
  std::vector<AttentionSplit> splits;
  std::vector<std::pair<uint32_t, Buffer>> added; ///< and what is before them
  uint32_t used = 0; ///< buffers up to the last that tasks so far use
};

} // namespace

std::vector<AttentionSplit> splitAttention(Schedule &s) {
  return s.numerics.kvSplits < 2 ? std::vector<AttentionSplit>()
                                 : Splitter(s).run();
}

} // namespace amk::scheduling
