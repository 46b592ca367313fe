//===- PropertyTest.cpp - The verifier against every execution ------------===//
//
// Small random schedules, run in every way that their queues and hand-offs
// allow: the verifier must say deadlock or race exactly if there is one.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/HappensBefore.h"
#include "Builder.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// Values v0 .. of two elements, written and read by tasks on random workers,
/// in random queues, with random counters, some in packets, some on one page.
Builder randomSchedule(std::mt19937 &r) {
  Builder b(true, 1 + r() % 3);
  const uint32_t workers = b.s.target->workers;
  const uint32_t x = b.input("x", 2);
  std::vector<uint32_t> values;
  const uint32_t n = 3 + r() % 4;
  const uint32_t counters = 1 + r() % 3;
  for (uint32_t c = 0; c < counters; ++c)
    b.counters("c" + std::to_string(c));
  for (uint32_t t = 0; t < n; ++t) {
    const std::string name = std::to_string(t);
    // Read something that is there, write something new or old.
    const uint32_t from =
        values.empty() || r() % 4 == 0 ? x : values[r() % values.size()];
    uint32_t to = kNone;
    if (!values.empty() && r() % 3 == 0) {
      to = values[r() % values.size()];
      if (to == from || b.s.buffers[to].packetElements)
        to = kNone;
    }
    if (to == kNone) {
      to = r() % 3 == 0 ? b.packets("v" + name, 2, 6) : b.value("v" + name, 2);
      if (r() % 3 == 0 && !b.s.buffers[to].packetElements) {
        b.s.buffers[to].space = Space::Scratch;
        b.s.buffers[to].pageOffset = 8 * (r() % 2);
      }
      values.push_back(to);
    }
    b.hash("t" + name, from, to, {}, {uint32_t(r() % workers)});
    if (r() % 2)
      b.signal(t, r() % counters);
  }
  std::vector<uint32_t> total(counters, 0);
  for (const Task &t : b.s.tasks)
    for (const Signal &signal : t.signals)
      ++total[signal.counters];
  for (uint32_t t = 0; t < n; ++t)
    if (const uint32_t c = r() % counters; r() % 3 && total[c])
      b.wait(t, c, 1 + r() % total[c]);
  if (r() % 3 == 0) {
    std::vector<uint32_t> slots(n);
    std::iota(slots.begin(), slots.end(), 0);
    for (int k = r() % 3; k > 0; --k)
      std::swap(slots[r() % n], slots[r() % n]);
    for (uint32_t t = 0; t < n; ++t)
      b.s.tasks[t].slots = b.s.addTable({slots[t]});
  }
  return b;
}

/// [a][b]: whether a is done whenever b starts, in every execution; with the
/// packets left out where they make nothing visible.
struct Executions {
  bool stuck = false;
  std::vector<std::vector<char>> before;

  Executions(const Schedule &s, const Tiles &tiles, bool packets) {
    const size_t n = tiles.tiles.size();
    before.assign(n, std::vector<char>(n, 1));
    std::set<std::vector<uint32_t>> seen;
    std::vector<std::vector<uint32_t>> todo{
        std::vector<uint32_t>(tiles.workers, 0)};
    while (!todo.empty()) {
      const std::vector<uint32_t> at = todo.back();
      todo.pop_back();
      std::vector<char> ran(n, 0);
      for (uint32_t w = 0; w < tiles.workers; ++w)
        for (uint32_t i = 0; i < at[w]; ++i)
          ran[tiles.queues[w][i]] = 1;
      bool any = false;
      for (uint32_t w = 0; w < tiles.workers; ++w) {
        if (at[w] == tiles.queues[w].size())
          continue;
        const uint32_t t = tiles.queues[w][at[w]];
        if (!enabled(s, tiles, ran, t, packets))
          continue;
        any = true;
        for (size_t a = 0; a < n; ++a)
          if (!ran[a])
            before[a][t] = 0;
        std::vector<uint32_t> next = at;
        ++next[w];
        if (seen.insert(next).second)
          todo.push_back(next);
      }
      stuck |= !any && std::count(ran.begin(), ran.end(), 0);
    }
  }

  /// From the schedule itself, not from the library's hand-offs.
  static bool enabled(const Schedule &s, const Tiles &tiles,
                      const std::vector<char> &ran, uint32_t t, bool packets) {
    const Task &task = s.tasks[t];
    for (const Wait &w : task.waits) {
      uint32_t value = 0;
      for (uint32_t o = 0; o < s.tasks.size(); ++o)
        for (const Signal &signal : s.tasks[o].signals)
          value += ran[o] && signal.counters == w.counters;
      if (value < s.tables[w.threshold][0])
        return false;
    }
    const uint32_t from = task.ops[0].operands[0];
    if (packets && s.buffers[from].packetElements)
      for (uint32_t o = 0; o < s.tasks.size(); ++o)
        if (s.tasks[o].ops[0].operands[1] == from && !ran[o])
          return false;
    return true;
  }
};

/// Bytes [first, second) of a storage.
struct Bytes {
  uint64_t storage, lo, hi;
};
Bytes bytesOf(const Schedule &s, uint32_t buffer) {
  const Buffer &b = s.buffers[buffer];
  const uint64_t bytes = b.packetElements ? 16 : b.regionBytes();
  if (b.space == Space::Scratch)
    return {~uint64_t(0), b.pageOffset, b.pageOffset + bytes};
  return {buffer, 0, bytes};
}
bool share(const Bytes &a, const Bytes &b) {
  return a.storage == b.storage && a.lo < b.hi && b.lo < a.hi;
}

/// By the definition: some pair of conflicting accesses is not in program
/// order in every execution.
bool races(const Schedule &s, const Executions &order,
           const Executions &visible) {
  for (uint32_t b = 0; b < s.tasks.size(); ++b)
    for (uint32_t a = 0; a < b; ++a) {
      const std::vector<uint32_t> &first = s.tasks[a].ops[0].operands;
      const std::vector<uint32_t> &then = s.tasks[b].ops[0].operands;
      const Bytes written = bytesOf(s, then[1]);
      if (share(bytesOf(s, first[1]), written) && !visible.before[a][b])
        return true;
      if (share(bytesOf(s, first[0]), written) && !order.before[a][b])
        return true;
      if (share(bytesOf(s, first[1]), bytesOf(s, then[0])) &&
          !s.buffers[then[0]].packetElements && !visible.before[a][b])
        return true;
    }
  return false;
}

/// By the definition of V6: the last write to every byte read, in program
/// order, was to the same buffer.
bool wrongWriter(const Schedule &s) {
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    const uint32_t from = s.tasks[t].ops[0].operands[0];
    if (s.buffers[from].readOnly())
      continue;
    const Bytes bytes = bytesOf(s, from);
    for (uint64_t i = bytes.lo; i < bytes.hi; ++i) {
      uint32_t last = kNone;
      for (uint32_t o = 0; o < t; ++o)
        if (const uint32_t to = s.tasks[o].ops[0].operands[1];
            share(bytesOf(s, to), {bytes.storage, i, i + 1}))
          last = to;
      if (last != from)
        return true;
    }
  }
  return false;
}

TEST(PropertyTest, VerdictsAreExact) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 r(seed);
  size_t legal = 0, dead = 0, racy = 0;
  for (int i = 0; i < 30000; ++i) {
    const Builder b = randomSchedule(r);
    std::set<std::string> rules;
    for (const Diagnostic &d : verify(b.s, 64))
      rules.insert(d.rule);
    const Tiles tiles = expand(b.s);
    const Executions order(b.s, tiles, true), visible(b.s, tiles, false);
    const auto context = [&] {
      return "schedule " + std::to_string(i) + "\n" + b.check();
    };
    ASSERT_EQ(rules.count("V3"), size_t(order.stuck)) << context();
    dead += order.stuck;
    if (order.stuck)
      continue;
    // Operands that overlap inside a task are a race of their own.
    bool within = false;
    for (const Task &t : b.s.tasks)
      within |= share(bytesOf(b.s, t.ops[0].operands[0]),
                      bytesOf(b.s, t.ops[0].operands[1]));
    const bool wrong = wrongWriter(b.s);
    const bool race = races(b.s, order, visible);
    ASSERT_EQ(rules.count("V6"), size_t(wrong)) << context();
    // A wrong writer takes the place of the race with it.
    if (!wrong)
      ASSERT_EQ(rules.count("V5"), size_t(race || within)) << context();
    racy += race;
    legal += rules.empty();
  }
  EXPECT_GT(legal, 1000u);
  EXPECT_GT(dead, 1000u);
  EXPECT_GT(racy, 1000u);
}

} // namespace
