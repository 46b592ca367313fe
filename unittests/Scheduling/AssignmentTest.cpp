//===- AssignmentTest.cpp -------------------------------------------------===//

#include "AMK/Scheduling/Assignment.h"

#include "ToyLlama.h"

#include "AMK/Scheduling/Ownership.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

Schedule cut(bool fused, uint32_t workers, const ToyShape &shape = {}) {
  Schedule s = toyLlama(shape, fused);
  EXPECT_EQ(cutTasks(s, {workers, true, false}), "");
  return s;
}

std::vector<uint32_t> placeOf(const Schedule &s, std::string_view name) {
  for (const Task &t : s.tasks)
    if (t.name == name)
      return s.tables[t.workers];
  ADD_FAILURE() << "no task " << name;
  return {};
}

TEST(Ownership, FindsTheResidual) {
  for (bool fused : {false, true}) {
    const Schedule s = toyLlama({}, fused);
    const std::vector<uint32_t> groups = ownerGroups(s);
    size_t members = 0;
    for (uint32_t g : groups)
      members += g == 0;
    // embed, and per layer o and down; apart: embed and its rounding, and per
    // update the addition and the rounding.
    EXPECT_EQ(members, fused ? 5u : 10u);
  }
}

TEST(Assignment, ContiguousSpreadsHeads) {
  ToyShape shape;
  shape.heads = 32;
  shape.kvHeads = 8;
  Schedule s = cut(true, 132, shape);
  AssignmentReport report;
  ASSERT_EQ(
      assignWorkers(s, {132, AssignmentPolicy::Contiguous, true}, &report), "");
  const std::vector<uint32_t> heads = placeOf(s, "L0_attention");
  ASSERT_EQ(heads.size(), 32u);
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(heads[i], 4 * i);
  EXPECT_GT(report.mostLoad, 0);
}

TEST(Assignment, MoreTilesThanWorkers) {
  Schedule s = cut(true, 3);
  ASSERT_EQ(assignWorkers(s, {3, AssignmentPolicy::Contiguous, true}), "");
  EXPECT_EQ(placeOf(s, "L0_attention"), (std::vector<uint32_t>{0, 0, 1, 2}));
}

TEST(Assignment, RoundRobinGoesOn) {
  Schedule s = cut(true, 5);
  ASSERT_EQ(assignWorkers(s, {5, AssignmentPolicy::RoundRobin, true}), "");
  EXPECT_EQ(placeOf(s, "L0_attention"), (std::vector<uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(placeOf(s, "L0_gate_up"), (std::vector<uint32_t>{4, 0, 1, 2, 3}));
  EXPECT_EQ(placeOf(s, "L0_down"), placeOf(s, "embed"));
}

TEST(Assignment, BalancedIsNoWorseAndKeepsOwners) {
  for (uint32_t workers : {3u, 7u, 13u, 132u}) {
    Schedule a = cut(true, workers), b = cut(true, workers);
    AssignmentReport ra, rb;
    ASSERT_EQ(
        assignWorkers(a, {workers, AssignmentPolicy::Contiguous, true}, &ra),
        "");
    ASSERT_EQ(
        assignWorkers(b, {workers, AssignmentPolicy::LoadBalanced, true}, &rb),
        "");
    EXPECT_LE(rb.mostLoad, ra.mostLoad) << workers;
    EXPECT_NEAR(ra.meanLoad, rb.meanLoad, 1e-9 * ra.meanLoad);
    EXPECT_EQ(placeOf(b, "L0_o"), placeOf(b, "embed"));
    EXPECT_EQ(placeOf(b, "L1_down"), placeOf(b, "embed"));
  }
}

/// Bytes that tiles of a task read of their own and that their worker wrote.
uint64_t localQuery(const Schedule &s) {
  const std::vector<uint32_t> heads = placeOf(s, "L0_attention");
  const std::vector<uint32_t> qkv = placeOf(s, "L0_qkv");
  uint64_t bytes = 0;
  for (const Task &t : s.tasks)
    if (t.name == "L0_qkv")
      for (uint32_t h = 0; h < heads.size(); ++h)
        for (uint32_t i = 0; i < qkv.size(); ++i) {
          const Range r = tileRange(s, t, i);
          const int64_t lo = std::max<int64_t>(r.lo, h * 64),
                        hi = std::min<int64_t>(r.hi, h * 64 + 64);
          if (qkv[i] == heads[h] && lo < hi)
            bytes += uint64_t(hi - lo) * 2;
        }
  return bytes;
}

TEST(Assignment, LocalityPutsHeadsWhereTheirQueriesAre) {
  ToyShape shape;
  shape.heads = 32;
  shape.kvHeads = 8;
  Schedule a = cut(true, 132, shape), b = cut(true, 132, shape);
  ASSERT_EQ(assignWorkers(a, {132, AssignmentPolicy::Contiguous, true}), "");
  ASSERT_EQ(assignWorkers(b, {132, AssignmentPolicy::Locality, true}), "");
  EXPECT_EQ(check(b), "");
  EXPECT_GT(localQuery(b), 2 * localQuery(a));
  // Each head on a worker of its own.
  std::vector<uint32_t> heads = placeOf(b, "L0_attention");
  std::sort(heads.begin(), heads.end());
  EXPECT_EQ(std::unique(heads.begin(), heads.end()), heads.end());
  EXPECT_EQ(placeOf(b, "L0_down"), placeOf(b, "embed"));
}

TEST(Assignment, MapsAreParsed) {
  PlacedTasks p;
  ASSERT_EQ(parsePlacedTasks("L*_o=3:5-7:1", p), "");
  EXPECT_EQ(p.tasks, "L*_o");
  EXPECT_EQ(p.workers, (std::vector<uint32_t>{3, 5, 6, 7, 1}));
  for (const char *text : {"", "o", "=1", "o=", "o=1:", "o=2-1", "o=-1", "o=1x",
                           "o=99999999999", "o=1-"})
    EXPECT_NE(parsePlacedTasks(text, p), "") << text;
}

TEST(Assignment, ClustersAreTheTargets) {
  Schedule s = cut(true, 12);
  AssignmentOptions options;
  options.workers = 12;
  options.cluster = 2;
  EXPECT_EQ(assignWorkers(s, options),
            "cluster: expected a target, found none");
  s.target = Target{"sm_90", 12, 232448};
  for (uint32_t cluster : {2u, 4u, 1u}) {
    options.cluster = cluster;
    ASSERT_EQ(assignWorkers(s, options), "");
    EXPECT_EQ(s.target->cluster, cluster);
    EXPECT_EQ(check(s), "");
  }
  options.cluster = 8;
  EXPECT_EQ(assignWorkers(s, options),
            "cluster: expected a size that divides the 12 workers, found 8");
  for (uint32_t cluster : {0u, 3u, 16u}) {
    options.cluster = cluster;
    EXPECT_EQ(assignWorkers(s, options),
              "cluster: expected 1, 2, 4 or 8, found " +
                  std::to_string(cluster));
  }
  EXPECT_EQ(s.target->cluster, 1u) << "what is refused changes nothing";
  options.cluster = 2;
  s.target->chip = "sm_80";
  EXPECT_EQ(assignWorkers(s, options),
            "cluster: expected 1, since sm_80 has no clusters, found 2");
  // Another cut has no places, and no clusters.
  s.target = Target{"sm_90", 12, 232448};
  ASSERT_EQ(assignWorkers(s, options), "");
  ASSERT_EQ(cutTasks(s, {9}), "");
  EXPECT_EQ(s.target->cluster, 1u);
}

/// 64 tiles over 132 workers: every second one, or every second cluster.
TEST(Assignment, ProductsFillWholeClusters) {
  for (const auto policy :
       {AssignmentPolicy::Contiguous, AssignmentPolicy::Explicit}) {
    Schedule s = cut(true, 132);
    s.target = Target{"sm_90", 132, 232448};
    AssignmentOptions options;
    options.workers = 132;
    options.policy = policy;
    ASSERT_EQ(assignWorkers(s, options), "");
    EXPECT_EQ(placeOf(s, "L0_o")[1], 2u);
    options.cluster = 4;
    ASSERT_EQ(assignWorkers(s, options), "");
    const std::vector<uint32_t> places = placeOf(s, "L0_o");
    ASSERT_EQ(places.size(), 64u);
    for (uint32_t i = 0; i < 64; ++i)
      EXPECT_EQ(places[i], i / 4 * 8 + i % 4);
    EXPECT_EQ(placeOf(s, "embed"), places) << "they update the same buffer";
    EXPECT_EQ(placeOf(s, "L0_attention")[1], 33u) << "no product";
  }
}

/// Where the worker that made most is taken, one of its cluster.
TEST(Assignment, LocalityKeepsToTheCluster) {
  ToyShape shape;
  shape.heads = 8;
  shape.kvHeads = 2;
  Schedule s = cut(true, 8, shape);
  s.target = Target{"sm_90", 8, 232448};
  AssignmentOptions options;
  options.workers = 8;
  options.policy = AssignmentPolicy::Locality;
  ASSERT_EQ(assignWorkers(s, options), "");
  const std::vector<uint32_t> alone = placeOf(s, "L0_attention");
  options.cluster = 4;
  ASSERT_EQ(assignWorkers(s, options), "");
  const std::vector<uint32_t> together = placeOf(s, "L0_attention");
  EXPECT_NE(alone, together);
  // A permutation all the same: one head a worker.
  std::vector<bool> used(8, false);
  for (uint32_t w : together)
    used[w] = true;
  EXPECT_EQ(std::count(used.begin(), used.end(), true), 8);
}

} // namespace
