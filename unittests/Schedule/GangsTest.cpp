//===- GangsTest.cpp - V1, V3, V4 and V7 of gathers that a cluster shares -===//

#include "AMK/Schedule/HappensBefore.h"
#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// A vector in packets, made on worker 0, and a product of it on the workers 0
/// and 1, in clusters of two.
struct Gangs : testing::Test {
  Builder b;
  uint32_t x = b.input("x", 12), v = b.packets("v", 12, 6, {0, 6, 12});
  uint32_t y = b.output("y", 12);
  Gangs() {
    b.s.target->cluster = 2;
    b.hash("vector", x, v, {}, {0});
    gang("product", y, {0, 1});
  }
  Task &gang(std::string name, uint32_t to, std::vector<uint32_t> workers) {
    std::vector<uint32_t> bounds{0};
    for (uint32_t i = 1; i <= workers.size(); ++i)
      bounds.push_back(uint32_t(12 * i / workers.size()));
    Task &t = b.hash(std::move(name), v, to, bounds, workers);
    t.clusterGather = true;
    return t;
  }
  void workers(std::vector<uint32_t> of) {
    b.s.tasks[1].workers = b.s.addTable(std::move(of));
  }
  void expect(const char *message) {
    EXPECT_NE(b.check().find(message), std::string::npos)
        << "expected: " << message << "\nfound: " << b.check();
  }
};

TEST_F(Gangs, V1OneTileOnEachWorkerOfACluster) {
  EXPECT_EQ(b.check(), "");
  workers({1, 0});
  EXPECT_EQ(b.check(), "");
  workers({3, 2});
  EXPECT_EQ(b.check(), "");
  workers({1, 2}); // neighbours, but of two clusters
  EXPECT_EQ(b.check(),
            "V1: task 'product' tile 0: cluster_gather: expected one tile on "
            "each of the workers 0 to 1 of a cluster, found none on worker 0\n"
            "V1: task 'product' tile 1: cluster_gather: expected one tile on "
            "each of the workers 2 to 3 of a cluster, found none on worker "
            "3\n");
  workers({1, 1});
  EXPECT_EQ(b.check(),
            "V1: task 'product' tile 1: cluster_gather: expected one tile on "
            "each of the workers 0 to 1 of a cluster, found tile 0 and tile 1 "
            "on worker 1\n");
  b.s.target->cluster = 4;
  workers({0, 1});
  expect("workers 0 to 3 of a cluster, found none on worker 2");
  b.s.tasks.pop_back();
  gang("product", y, {3, 1, 0, 2});
  EXPECT_EQ(b.check(), "");
  b.s.target->cluster = 2; // a gang on each of two clusters
  EXPECT_EQ(b.check(), "");
}

TEST_F(Gangs, V1ATargetWithClusters) {
  b.s.target->cluster = 1;
  expect("V1: task 'product': cluster_gather: expected a target with clusters "
         "of 2 or more workers, found 1");
  b.s.target.reset();
  expect("V1: task 'product': cluster_gather: expected a target with clusters, "
         "found no target");
}

TEST_F(Gangs, V1InertInProgramOrder) {
  workers({1, 3});
  b.s.concurrent = false;
  EXPECT_EQ(b.check(), "");
  b.s.target->cluster = 1;
  EXPECT_EQ(b.check(), "");
}

TEST_F(Gangs, V1TheSamePacketsForAll) {
  // A prologue reads the whole vector in every tile.
  const uint32_t l = b.local("l", 12);
  Task &t = b.s.tasks[1];
  t.ops[0] = Builder::op("hash", {v, l});
  t.ops[0].prologue = true;
  t.ops.push_back(
      Builder::op("round", {l, b.value("r", 12, ElementType::BF16)}));
  b.s.buffers[y].kind = BufferKind::Activation;
  EXPECT_EQ(b.check(), "");
  // What is cut as the tiles are is another part for each.
  const uint32_t f = b.value("f", 12);
  b.s.buffers[f].packetElements = 3;
  b.s.buffers[f].packetTiles = b.s.addTable({0, 6, 12});
  t.ops[1].operands[0] = f;
  b.s.tasks.insert(b.s.tasks.begin(), b.s.tasks[0]);
  b.s.tasks[0].name = "f";
  b.s.tasks[0].ops[0].operands[1] = f;
  expect("V1: task 'product' operator 1 'round' tile 1: cluster_gather: "
         "expected all tiles of a cluster to read the same packets, found a "
         "read of bytes [24, 48) of 'f' that tile 0 does not have");
  b.s.tasks[2].clusterGather = false;
  EXPECT_EQ(b.check(), "");
}

TEST_F(Gangs, V1SomePacketsAndOfOthers) {
  b.s.tasks[1].ops[0].operands[0] = x;
  EXPECT_EQ(b.check(), "V1: task 'product' tile 0: cluster_gather: expected to "
                       "read packets, found no read of any\n");
  b.s.tasks.erase(b.s.tasks.begin());
  b.s.tasks[0].ops = {Builder::op("hash", {x, v}), Builder::op("hash", {v, y})};
  expect(
      "V1: task 'product' operator 0 'hash' tile 0: cluster_gather: expected "
      "to write other buffers than those whose packets it reads, found a "
      "write of 'v'");
}

TEST_F(Gangs, V3CrosswiseInOneCluster) {
  const uint32_t z = b.output("z", 12);
  gang("other", z, {0, 1});
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].slots = b.s.addTable({0});
  b.s.tasks[1].slots = b.s.addTable({1, 2});
  b.s.tasks[2].slots = b.s.addTable({2, 1});
  EXPECT_EQ(
      b.check(),
      "V3: task 'product' tile 0: deadlock: never runs; 2 workers wait for "
      "each other\n"
      "  note: worker 0 is stuck at task 'product' tile 0, waiting for the 2 "
      "tiles of its gang to be reached (1 is); task 'product' tile 1 in the "
      "queue of worker 1 is not\n"
      "  note: worker 1 is stuck at task 'other' tile 1, waiting for the 2 "
      "tiles of its gang to be reached (1 is); task 'other' tile 0 in the "
      "queue of worker 0 is not\n");
  // In two clusters nobody waits for the other order.
  b.s.tasks[1].workers = b.s.addTable({2, 3});
  EXPECT_EQ(b.check(), "");
}

/// Three workers, of which the third stands before its gang at packets that
/// come from behind the first's.
TEST_F(Gangs, V3AMateStandsElsewhere) {
  b.s.target->cluster = 4;
  b.s.tasks.pop_back();
  const uint32_t p = b.packets("p", 12, 6), z = b.output("z", 12);
  gang("product", y, {0, 1, 2, 3});
  b.hash("late", x, p, {}, {0});
  b.hash("needs", p, z, {}, {2});
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].slots = b.s.addTable({0});
  b.s.tasks[1].slots = b.s.addTable({2});
  b.s.tasks[2].slots = b.s.addTable({3});
  b.s.tasks[3].slots = b.s.addTable({1});
  EXPECT_EQ(
      b.check(),
      "V3: task 'product' tile 0: deadlock: never runs; 2 workers wait for "
      "each other\n"
      "  note: worker 0 is stuck at task 'product' tile 0, waiting for the 4 "
      "tiles of its gang to be reached (3 are); task 'product' tile 2 in the "
      "queue of worker 2 is not\n"
      "  note: worker 2 is stuck at task 'needs' tile 0, waiting for packets "
      "of 'p' to reach 1 (it is at 0); the next signal is of task 'late' tile "
      "0 in the queue of worker 0\n");
}

/// What a mate has before it is done when a tile of the gang starts; the mate
/// itself need not be, and what its counters wait for is.
TEST_F(Gangs, V4ReachedAndNotDone) {
  const uint32_t c = b.counters("c", 2), p = b.value("p", 12);
  b.s.tasks.pop_back();
  b.hash("before", x, p, {}, {1});
  b.hash("signals", x, b.value("q", 12), {}, {2});
  b.s.tasks[2].signals.push_back({c, {}});
  gang("product", y, {0, 1});
  // Only tile 1 waits for something that is not there at once.
  b.s.tasks[0].signals.push_back({c, {b.s.addTable({1}), kNone}});
  b.s.tasks[3].waits.push_back(
      {c, {b.s.addTable({1, 0}), kNone}, b.s.addTable({1})});
  ASSERT_EQ(b.check(), "");
  const Tiles tiles = expand(b.s);
  const HandOffs h = handOffs(b.s, tiles);
  ASSERT_EQ(h.firstMate.size(), 2u);
  EXPECT_TRUE(h.isMeeting(h.firstMeeting));
  const uint32_t before = 1, signals = 2, first = 3, second = 4;
  for (const Clocks &clocks :
       {orderClocks(tiles, h), visibilityClocks(tiles, h)}) {
    EXPECT_TRUE(clocks.ordered(tiles, before, first));
    EXPECT_TRUE(clocks.ordered(tiles, signals, first));
    EXPECT_TRUE(clocks.ordered(tiles, signals, second));
    EXPECT_FALSE(clocks.ordered(tiles, first, second));
    EXPECT_FALSE(clocks.ordered(tiles, second, first));
  }
  b.s.tasks[3].clusterGather = false;
  const HandOffs apart = handOffs(b.s, tiles);
  EXPECT_EQ(apart.firstMeeting, apart.firstPacketCounter);
  EXPECT_FALSE(orderClocks(tiles, apart).ordered(tiles, before, first));
  EXPECT_FALSE(orderClocks(tiles, apart).ordered(tiles, signals, first));
}

TEST_F(Gangs, V7Clusters) {
  b.s.tasks[1].clusterGather = false;
  for (uint32_t cluster : {1u, 2u, 4u, 8u}) {
    b.s.target->workers = 8;
    b.s.target->cluster = cluster;
    EXPECT_EQ(b.check(), "");
  }
  for (uint32_t cluster : {0u, 3u, 6u, 16u, ~0u}) {
    b.s.target->cluster = cluster;
    EXPECT_EQ(b.check(), "V7: target: expected clusters of 1, 2, 4 or 8 "
                         "workers, found " +
                             std::to_string(cluster) + "\n");
  }
  b.s.target = Target{"sm_90", 6, 232448, 4};
  expect(
      "V7: target: expected a number of workers that is a multiple of 4, the "
      "workers of a cluster, found 6");
  b.s.target = Target{"sm_80", 8, 166912, 2};
  expect("V7: target: expected clusters of 1 worker on sm_80, which has none, "
         "found 2");
  b.s.target->cluster = 1;
  EXPECT_EQ(b.check(), "");
}

} // namespace
