//===- Ownership.cpp - Tasks that share a buffer in place -----------------===//

#include "AMK/Scheduling/Ownership.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace amk::scheduling {

using namespace core;

namespace {

/// How a task uses a buffer.
struct Use {
  bool reads = false, writes = false;
  bool own = true; ///< tile [lo, hi) touches elements [lo, hi) and no others
};

/// How the tile of one granule in the middle of a task uses each buffer.
std::map<uint32_t, Use> usesOf(const Schedule &s, const Task &task) {
  const int64_t extent = taskExtent(s, task);
  const int64_t granule = taskGranule(s, task);
  Range tile{extent / granule / 2 * granule, 0};
  tile.hi = std::min(tile.lo + granule, extent);
  std::map<uint32_t, Use> uses;
  std::vector<Access> accesses;
  for (size_t i = 0; i < task.ops.size(); ++i)
    lookupOperator(task.ops[i].name)
        ->accesses(s, task.ops[i], operatorRange(s, task, i, tile), accesses);
  for (const Access &a : accesses) {
    const Buffer &b = s.buffers[a.buffer];
    const uint64_t w = byteWidth(b.type);
    Use &use = uses[a.buffer];
    (a.write ? use.writes : use.reads) = true;
    use.own &= b.elements() == extent && a.region.contiguous() &&
               a.region.offset == uint64_t(tile.lo) * w &&
               a.region.bytes * a.region.count == uint64_t(tile.size()) * w;
  }
  return uses;
}

} // namespace

std::vector<uint32_t> ownerGroups(const Schedule &s) {
  std::vector<uint32_t> parent(s.tasks.size());
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](uint32_t t) {
    while (parent[t] != t)
      t = parent[t] = parent[parent[t]];
    return t;
  };
  struct Users {
    std::vector<uint32_t> tasks; ///< that touch their own elements only
    uint32_t writers = 0;
  };
  std::map<uint32_t, Users> users;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (const auto &[buffer, use] : usesOf(s, s.tasks[t])) {
      const Buffer &b = s.buffers[buffer];
      if (b.kind != BufferKind::Activation || b.type != ElementType::F32 ||
          !use.own)
        continue;
      users[buffer].tasks.push_back(t);
      users[buffer].writers += use.writes;
    }
  std::vector<uint32_t> members(s.tasks.size(), 1);
  for (const auto &[buffer, u] : users) {
    if (u.writers < 2)
      continue;
    for (uint32_t t : u.tasks) {
      const uint32_t a = root(u.tasks.front()), b = root(t);
      if (a == b)
        continue;
      parent[std::max(a, b)] = std::min(a, b);
      members[std::min(a, b)] += members[std::max(a, b)];
    }
  }
  std::vector<uint32_t> groups(s.tasks.size(), kNone);
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (members[root(t)] > 1)
      groups[t] = root(t);
  return groups;
}

} // namespace amk::scheduling
