//===- SynchronizationTest.cpp --------------------------------------------===//

#include "AMK/Scheduling/Synchronization.h"

#include "ToyLlama.h"

#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Tiling.h"

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/Tiles.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <map>
#include <random>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

Schedule placed(bool fused, uint32_t workers, const ToyShape &shape = {}) {
  Schedule s = toyLlama(shape, fused);
  s.target = Target{"sm_90", workers, 232448};
  EXPECT_EQ(cutTasks(s, {workers, true, false}), "");
  EXPECT_EQ(assignWorkers(s, {workers, AssignmentPolicy::Contiguous, true}),
            "");
  return s;
}

uint32_t bufferOf(const Schedule &s, std::string_view name) {
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].name == name && s.buffers[b].kind != BufferKind::Local)
      return b;
  ADD_FAILURE() << "no buffer " << name;
  return 0;
}

/// Two operators with a hash between: x -> y -> z.
Schedule chain(uint32_t tiles, ElementType between) {
  Schedule s;
  s.name = "chain";
  s.positions = 1;
  s.target = Target{"sm_90", tiles, 232448};
  const auto buffer = [&](const char *name, BufferKind kind, ElementType type) {
    Buffer b;
    b.name = name;
    b.kind = kind;
    b.type = type;
    b.shape = {16};
    s.buffers.push_back(b);
  };
  buffer("x", BufferKind::Input, ElementType::F32);
  buffer("y", BufferKind::Activation, between);
  buffer("z", BufferKind::Output, ElementType::F32);
  for (uint32_t t = 0; t < 2; ++t) {
    Task task;
    task.name = t == 0 ? "first" : "second";
    task.ops.emplace_back();
    task.ops[0].name = "hash";
    task.ops[0].operands = {t, t + 1};
    s.tasks.push_back(task);
  }
  EXPECT_EQ(cutTasks(s, {tiles, true, false}), "");
  EXPECT_EQ(assignWorkers(s, {tiles, AssignmentPolicy::Contiguous, true}), "");
  return s;
}

TEST(Synchronization, OneWorkerNeedsNothing) {
  Schedule s = placed(true, 1);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  EXPECT_TRUE(s.concurrent);
  EXPECT_EQ(report.counters, 0u);
  EXPECT_EQ(report.packetBuffers, 0u);
  EXPECT_EQ(report.dependences, report.sameWorker);
  EXPECT_EQ(check(s), "");
}

TEST(Synchronization, OneCounterForAll) {
  Schedule s = chain(4, ElementType::F32);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  EXPECT_EQ(report.dependences, 16u);
  EXPECT_EQ(report.sameWorker, 4u);
  EXPECT_EQ(report.byCounter, 12u);
  EXPECT_EQ(report.signals, 4u);
  ASSERT_EQ(s.counters.size(), 1u);
  EXPECT_EQ(s.counters[0].count, 1u);
  EXPECT_EQ(s.counters[0].name, "second_in");
  ASSERT_EQ(s.tasks[1].waits.size(), 1u);
  EXPECT_EQ(s.entry(s.tasks[1].waits[0].threshold, 2, 0), 4u);
  EXPECT_EQ(check(s), "");
}

TEST(Synchronization, PacketsWhereTheReaderGathers) {
  Schedule s = chain(4, ElementType::BF16);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  EXPECT_EQ(report.packetBuffers, 1u);
  EXPECT_EQ(report.byPackets, 12u);
  EXPECT_EQ(s.counters.size(), 0u);
  EXPECT_EQ(s.buffers[1].packetElements, 6u);
  EXPECT_EQ(s.tables[s.buffers[1].packetTiles],
            (std::vector<uint32_t>{0, 4, 8, 12, 16}));
  EXPECT_EQ(check(s), "");
  // By request, counters instead; and again, packets.
  ASSERT_EQ(synchronize(s, {0}, &report), "");
  EXPECT_EQ(s.buffers[1].packetElements, 0u);
  EXPECT_EQ(s.counters.size(), 1u);
  ASSERT_EQ(synchronize(s, {4}, &report), "");
  EXPECT_EQ(s.buffers[1].packetElements, 4u);
  EXPECT_EQ(s.counters.size(), 0u);
  EXPECT_EQ(check(s), "");
}

/// A kernel's lanes publish packets while others still read what is not
/// gathered, and a reader of the packets may overwrite that. The same with what
/// the tile itself writes is fine: who overwrites that waits for the whole
/// tile.
TEST(Synchronization, NoPacketsOfWhatIsReadMeanwhile) {
  for (const bool inPlace : {false, true}) {
    Schedule s = chain(4, ElementType::BF16);
    Buffer plain = s.buffers[1];
    plain.name = "plain";
    plain.type = ElementType::F32;
    s.buffers.push_back(plain);
    Task round = s.tasks[0];
    s.tasks[0].ops[0].operands = {0, 3};
    round.name = "round";
    round.ops[0].name = "round";
    round.ops[0].operands = {3, 1};
    if (inPlace) {
      Operator add = round.ops[0];
      add.name = "add";
      add.operands = {3, 3, 3};
      round.ops.insert(round.ops.begin(), add);
    }
    s.tasks.insert(s.tasks.begin() + 1, round);
    SynchronizationReport report;
    ASSERT_EQ(synchronize(s, {}, &report), "");
    EXPECT_EQ(s.buffers[1].packetElements, inPlace ? 6u : 0u);
    EXPECT_EQ(check(s), "");
    if (inPlace)
      continue;
    // Nobody makes a kernel of it either.
    KernelPlan plan;
    std::string error;
    uint32_t task = kNone;
    EXPECT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
    s.buffers[1].packetElements = 4;
    EXPECT_FALSE(buildKernelPlan(s, plan, error, task));
    EXPECT_EQ(error, "operator 'round': expected 'y' without packets, since "
                     "the tile reads 'plain' while it publishes them, found "
                     "packets of 4");
    EXPECT_EQ(task, 1u);
  }
}

TEST(Synchronization, FusedLlamaHandsOverByPackets) {
  Schedule s = placed(true, 13);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  for (const char *name : {"x0", "L0_qkv", "L0_a", "L0_o_x", "L0_m"})
    EXPECT_EQ(s.buffers[bufferOf(s, name)].packetElements, 6u) << name;
  // What remains is the argmax.
  EXPECT_EQ(report.counterArrays, 1u);
  EXPECT_EQ(s.counters[0].name, "argmax_in");
  EXPECT_EQ(check(s), "");
}

TEST(Synchronization, HeadsHaveCountersOfTheirOwn) {
  ToyShape shape;
  shape.heads = 8;
  shape.kvHeads = 4;
  Schedule s = placed(true, 16, shape);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {0}, &report), "");
  for (const CounterArray &c : s.counters)
    if (c.name == "L0_attention_in")
      EXPECT_GE(c.count, 4u);
  EXPECT_EQ(check(s), "");
}

/// Three tasks in a row on two workers: the third needs the first, but the
/// second's hand-off implies it.
Schedule threeInARow() {
  Schedule s = chain(2, ElementType::F32);
  Buffer w;
  w.name = "w";
  w.kind = BufferKind::Output;
  w.shape = {16};
  s.buffers.push_back(w);
  s.buffers[2].kind = BufferKind::Activation;
  Task third;
  third.name = "third";
  third.ops.emplace_back();
  third.ops[0].name = "add";
  third.ops[0].operands = {1, 2, 3};
  third.bounds = s.addTable({0, 12, 16});
  third.workers = s.tasks[0].workers;
  s.tasks.push_back(third);
  return s;
}

TEST(Synchronization, DropsWhatIsImplied) {
  Schedule s = threeInARow();
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  ASSERT_EQ(s.tasks[2].waits.size(), 1u);
  EXPECT_EQ(s.tasks[0].signals.size(), 1u);
  EXPECT_GT(report.implied, 0u);
  EXPECT_EQ(check(s), "");
}

TEST(Synchronization, WithoutReductionEveryDependenceIsHandedOver) {
  for (bool reduce : {false, true}) {
    Schedule s = threeInARow();
    SynchronizationOptions options;
    options.reduce = reduce;
    SynchronizationReport report;
    ASSERT_EQ(synchronize(s, options, &report), "");
    EXPECT_EQ(report.implied == 0, !reduce);
    EXPECT_EQ(check(s), "");
  }
}

/// What a launch of the schedule does, counted by tiles.
std::array<size_t, 3> countersSignalsWaits(const Schedule &s) {
  const Tiles tiles = expand(s);
  return {tiles.counterCount, tiles.signals.size(), tiles.waits.size()};
}

TEST(Synchronization, WhatIsRemovedIsRemoved) {
  uint64_t removed = 0, shared = 0;
  const uint32_t first = std::random_device{}();
  std::printf("seeds %u to %u\n", first, first + 39);
  for (uint32_t seed = first; seed < first + 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto pick = [&](std::initializer_list<uint32_t> from) {
      return from.begin()[random() % from.size()];
    };
    ToyShape shape;
    shape.layers = pick({1, 2, 3});
    shape.kvHeads = pick({1, 2, 4});
    const Schedule before =
        placed(pick({0, 1}) == 1, pick({2, 3, 7, 16, 31}), shape);
    const uint32_t packets = pick({0, 0, 6});
    Schedule reduced = before, one = before, whole = before;
    SynchronizationReport now, plain;
    ASSERT_EQ(synchronize(reduced, {packets, true, true}, &now), "");
    ASSERT_EQ(synchronize(one, {packets, false, true}), "");
    ASSERT_EQ(synchronize(whole, {packets, false, false}, &plain), "");
    // The figures are those of the schedules, and all are legal.
    EXPECT_EQ(check(reduced), "");
    EXPECT_EQ(check(one), "");
    EXPECT_EQ(check(whole), "");
    const auto r = countersSignalsWaits(reduced), o = countersSignalsWaits(one),
               w = countersSignalsWaits(whole);
    EXPECT_EQ(r, (std::array<size_t, 3>{now.counters, now.signals, now.waits}));
    EXPECT_EQ(w, (std::array<size_t, 3>{now.countersBefore, now.signalsBefore,
                                        now.waitsBefore}));
    EXPECT_EQ(
        w, (std::array<size_t, 3>{plain.counters, plain.signals, plain.waits}));
    EXPECT_EQ(plain.countersBefore, plain.counters);
    // Nothing is added; reduction removes waits, sharing signals.
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_LE(r[i], o[i]);
      EXPECT_LE(o[i], w[i]);
    }
    EXPECT_EQ(o[2], w[2]);
    removed += w[2] - r[2];
    shared += w[1] - o[1];
  }
  EXPECT_GT(removed, 0u);
  EXPECT_GT(shared, 0u);
}

TEST(Synchronization, OrdersAWriteAfterItsReaders) {
  // y is written again once z has been made of it.
  Schedule s = chain(4, ElementType::F32);
  Task again = s.tasks[0];
  again.name = "again";
  s.tasks.push_back(again);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  EXPECT_EQ(s.tasks[2].waits.size(), 1u);
  EXPECT_EQ(check(s), "");
}

TEST(Synchronization, TasksThatWaitForTheSameShareCounters) {
  Schedule s = chain(4, ElementType::F32);
  Buffer w = s.buffers[2];
  w.name = "w";
  s.buffers.push_back(w);
  Task third = s.tasks[1];
  third.name = "third";
  third.ops[0].operands[1] = 3;
  // Elsewhere, so that the queues do not imply it.
  third.bounds = s.addTable({0, 8, 16});
  third.workers = s.addTable({4, 5});
  s.target->workers = 6;
  s.tasks.push_back(third);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  EXPECT_EQ(s.counters.size(), 1u);
  EXPECT_EQ(s.tasks[0].signals.size(), 1u);
  EXPECT_EQ(s.tasks[2].waits.size(), 1u);
  EXPECT_EQ(check(s), "");
}

TEST(Synchronization, QueuesOutOfProgramOrder) {
  // Worker 0 runs an independent task first.
  Schedule s = chain(2, ElementType::F32);
  Task other = s.tasks[0];
  other.name = "other";
  Buffer w = s.buffers[2];
  w.name = "w";
  s.buffers.push_back(w);
  other.ops[0].operands[1] = 3;
  other.slots = s.addTable({0});
  for (Task &t : s.tasks)
    t.slots = s.addTable({uint32_t(&t - s.tasks.data()) + 1});
  s.tasks.push_back(other);
  ASSERT_EQ(synchronize(s, {}), "");
  EXPECT_EQ(check(s), "");
  // The reader before its writer is refused.
  Schedule bad = chain(2, ElementType::F32);
  bad.tasks[0].slots = bad.addTable({1});
  bad.tasks[1].slots = bad.addTable({0});
  EXPECT_NE(synchronize(bad, {}).find("behind it in the queue"),
            std::string::npos);
}

TEST(Synchronization, RefusesPages) {
  Schedule s = chain(2, ElementType::F32);
  s.buffers[1].space = Space::Scratch;
  EXPECT_NE(synchronize(s, {}), "");
  s.buffers[1].space = Space::Own;
  EXPECT_NE(synchronize(s, {5}), "");
}

std::vector<std::string> shared(const Schedule &s) {
  std::vector<std::string> names;
  for (const Task &t : s.tasks)
    if (t.clusterGather)
      names.push_back(t.name);
  return names;
}

Schedule inClusters(uint32_t workers, uint32_t cluster,
                    AssignmentPolicy policy = AssignmentPolicy::Contiguous) {
  Schedule s = toyLlama({}, /*fused=*/true);
  s.target = Target{"sm_90", workers, 232448};
  EXPECT_EQ(cutTasks(s, {workers}), "");
  EXPECT_EQ(assignWorkers(s, {workers, policy, true, {}, cluster}), "");
  return s;
}

TEST(ClusterGathers, EveryProductOfPackets) {
  for (const uint32_t cluster : {2u, 4u, 8u})
    for (const auto policy :
         {AssignmentPolicy::Contiguous, AssignmentPolicy::RoundRobin,
          AssignmentPolicy::LoadBalanced, AssignmentPolicy::Locality}) {
      Schedule s = inClusters(16, cluster, policy);
      SynchronizationReport report;
      ASSERT_EQ(synchronize(s, {}, &report), "");
      EXPECT_EQ(check(s), "");
      EXPECT_EQ(shared(s),
                (std::vector<std::string>{"L0_qkv", "L0_o", "L0_gate_up",
                                          "L0_down", "L1_qkv", "L1_o",
                                          "L1_gate_up", "L1_down", "lm_head"}));
      EXPECT_EQ(report.clusterGathers, 9u);
    }
}

/// What each worker polls of the vectors of 256 values, in groups of 16 with
/// three packets of six each, and of 512 in groups of 32 with six. Attention,
/// which polls for itself: a query of 64 values, a key and a value.
TEST(ClusterGathers, DividePolledPackets) {
  Schedule s = inClusters(16, 4), alone = inClusters(16, 1);
  SynchronizationReport report, before;
  ASSERT_EQ(synchronize(s, {}, &report), "");
  ASSERT_EQ(synchronize(alone, {}, &before), "");
  EXPECT_EQ(before.clusterGathers, 0u);
  EXPECT_EQ(before.polled, before.polledBefore);
  EXPECT_EQ(report.polledBefore, before.polled);
  uint64_t products = 0;
  for (const Task &t : s.tasks) {
    if (!t.clusterGather)
      continue;
    for (const Operator &op : t.ops) {
      const Buffer &x = s.buffers[op.operands[0]];
      if (op.name != "linear" && op.name != "rms_norm")
        continue;
      if (!x.packetElements)
        continue;
      uint64_t packets = 0;
      const std::vector<uint32_t> &bounds = s.tables[x.packetTiles];
      for (size_t g = 0; g + 1 < bounds.size(); ++g)
        packets += (bounds[g + 1] - bounds[g] + 5) / 6;
      products += 16 * packets;
    }
  }
  EXPECT_EQ(report.polled, report.polledBefore - products * 3 / 4);
}

TEST(ClusterGathers, NotWhereTheyCannotBeShared) {
  Schedule s = inClusters(16, 2);
  SynchronizationOptions off;
  off.clusterGathers = false;
  ASSERT_EQ(synchronize(s, off), "");
  EXPECT_TRUE(shared(s).empty());
  // Counters: nothing is polled for.
  s = inClusters(16, 2);
  SynchronizationOptions counters;
  counters.packetElements = 0;
  ASSERT_EQ(synchronize(s, counters), "");
  EXPECT_TRUE(shared(s).empty());
  // A worker without a tile, and one with two.
  s = inClusters(16, 2);
  for (Task &t : s.tasks)
    if (t.name == "L0_gate_up") {
      std::vector<uint32_t> places = s.tables[t.workers];
      places[5] = 4;
      t.workers = s.addTable(places);
    }
  ASSERT_EQ(synchronize(s, {}), "");
  EXPECT_EQ(check(s), "");
  const std::vector<std::string> names = shared(s);
  EXPECT_EQ(names.size(), 8u);
  EXPECT_EQ(std::count(names.begin(), names.end(), "L0_gate_up"), 0);
  // Fewer tiles than workers in clusters that they do not fill.
  s = inClusters(72, 8, AssignmentPolicy::Explicit);
  for (Task &t : s.tasks)
    if (t.name == "L0_o") {
      std::vector<uint32_t> places = s.tables[t.workers];
      places.back() = 71;
      t.workers = s.addTable(places);
    }
  ASSERT_EQ(synchronize(s, {}), "");
  EXPECT_EQ(check(s), "");
  const std::vector<std::string> some = shared(s);
  EXPECT_EQ(std::count(some.begin(), some.end(), "L0_o"), 0);
  EXPECT_EQ(std::count(some.begin(), some.end(), "L1_o"), 1);
  // A second time, and with other options, it is decided anew.
  s = inClusters(16, 2);
  ASSERT_EQ(synchronize(s, {}), "");
  EXPECT_EQ(shared(s).size(), 9u);
  ASSERT_EQ(synchronize(s, counters), "");
  EXPECT_TRUE(shared(s).empty());
}

/// A second product of the same input, which nobody reads.
void addCopyOf(Schedule &s, const char *name) {
  const auto at = std::find_if(s.tasks.begin(), s.tasks.end(),
                               [&](const Task &t) { return t.name == name; });
  ASSERT_NE(at, s.tasks.end());
  Task copy = *at;
  copy.name = "copy";
  std::map<uint32_t, uint32_t> cloned; // what the task writes
  for (Operator &op : copy.ops)
    for (size_t k = 0; k < op.operands.size(); ++k) {
      uint32_t &b = op.operands[k];
      if (k >= lookupOperator(op.name)->inputs()) {
        cloned[b] = uint32_t(s.buffers.size());
        Buffer buffer = s.buffers[b];
        buffer.name += "_copy";
        s.buffers.push_back(buffer);
      }
      if (const auto clone = cloned.find(b); clone != cloned.end())
        b = clone->second;
    }
  s.tasks.insert(at + 1, copy);
}

/// By hand, mates may come to two gangs in the same order or not.
TEST(ClusterGathers, QueuesOfAnotherOrder) {
  for (const bool crossed : {false, true}) {
    Schedule s = inClusters(2, 2);
    addCopyOf(s, "L0_gate_up");
    ASSERT_EQ(check(s), "");
    for (uint32_t t = 0; t < s.tasks.size(); ++t) {
      Task &task = s.tasks[t];
      std::vector<uint32_t> slots;
      for (uint32_t i = 0, n = tileCount(s, task); i < n; ++i) {
        const bool swapped = i == 1 || !crossed;
        const uint32_t place = task.name == "L0_gate_up" ? t + swapped
                               : task.name == "copy"     ? t - swapped
                                                         : t;
        slots.push_back(place * 16 + i);
      }
      task.slots = s.addTable(slots);
    }
    ASSERT_EQ(synchronize(s, {}), "");
    EXPECT_EQ(check(s), "");
    EXPECT_EQ(shared(s).size(), crossed ? 0u : 10u);
  }
}

} // namespace
