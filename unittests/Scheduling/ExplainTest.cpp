//===- ExplainTest.cpp - Relations and paths, by hand and by brute force --===//

#include "../Schedule/Builder.h"

#include "AMK/Scheduling/Explain.h"

#include <algorithm>
#include <random>

using namespace amk::core;
using namespace amk::core::test;
using namespace amk::scheduling;

namespace {

/// Two halves on workers 0 and 1, each of 4 elements, a reader on worker 2 that
/// waits for `threshold` of them, and one more tile behind it.
Builder joined(uint32_t threshold) {
  Builder b;
  const uint32_t x = b.input("x", 8), y = b.value("y", 8);
  const uint32_t z = b.output("z", 8), u = b.output("u", 8);
  const uint32_t c = b.counters("c");
  b.hash("halves", x, y, {0, 2, 8}, {0, 1});
  b.hash("reader", threshold == 2 ? y : x, z, {0, 8}, {2});
  b.hash("behind", x, u, {0, 8}, {2});
  b.signal(0, c);
  b.wait(1, c, threshold);
  return b;
}

TEST(Explain, ChainOfCounterAndQueue) {
  const Builder b = joined(2);
  ASSERT_EQ(b.check(), "");
  const Tiles tiles = expand(b.s);
  const HandOffs h = handOffs(b.s, tiles);
  const Relation r = relate(tiles, h, 1, 3);
  EXPECT_TRUE(r.before);
  EXPECT_TRUE(r.visible);
  ASSERT_EQ(r.chain.size(), 2u);
  EXPECT_EQ(r.chain[0].from, 1u);
  EXPECT_EQ(r.chain[0].to, 2u);
  EXPECT_EQ(r.chain[0].counter, 0u);
  EXPECT_EQ(r.chain[1].to, 3u);
  EXPECT_EQ(r.chain[1].counter, kNone);
  EXPECT_FALSE(relate(tiles, h, 3, 1).before);
  EXPECT_FALSE(relate(tiles, h, 1, 1).before);
}

TEST(Explain, FirstOfTwoOrdersNeither) {
  const Builder b = joined(1);
  ASSERT_EQ(b.check(), "");
  const Tiles tiles = expand(b.s);
  const Relation r = relate(tiles, handOffs(b.s, tiles), 0, 2);
  EXPECT_FALSE(r.before);
  EXPECT_TRUE(r.chain.empty());
  EXPECT_EQ(r.without, (std::vector<uint32_t>{1, 2, 3}));
}

TEST(Explain, PacketsOrderButShowNothing) {
  Builder b;
  const uint32_t x = b.input("x", 8), y = b.packets("y", 8, 4);
  const uint32_t z = b.output("z", 8, ElementType::BF16);
  b.hash("writer", x, y, {}, {0});
  b.hash("reader", y, z, {}, {1});
  const Tiles tiles = expand(b.s);
  const HandOffs h = handOffs(b.s, tiles);
  const Relation r = relate(tiles, h, 0, 1);
  EXPECT_TRUE(r.before);
  EXPECT_FALSE(r.visible);
  ASSERT_EQ(r.chain.size(), 1u);
  EXPECT_EQ(r.chain[0].counter, h.firstPacketCounter);
}

TEST(Explain, PathsByHand) {
  // A hash costs one operation an element: 2, 6, 8 and 8.
  for (const uint32_t threshold : {2u, 1u}) {
    const Builder b = joined(threshold);
    const Tiles tiles = expand(b.s);
    const Paths p =
        findPaths(tiles, handOffs(b.s, tiles), tileWeights(b.s, tiles));
    const uint64_t start = threshold == 2 ? 6 : 2;
    EXPECT_EQ(p.length, start + 16);
    EXPECT_EQ(p.earliest, (std::vector<uint64_t>{0, 0, start, start + 8}));
    EXPECT_EQ(p.latest,
              (std::vector<uint64_t>{start - 2, threshold == 2 ? 0u : 12u,
                                     start, start + 8}));
    EXPECT_EQ(p.critical, (std::vector<uint32_t>{threshold == 2, 2, 3}));
  }
}

/// The longest path between any two tiles by repeated relaxation of all edges,
/// where every wait is for all signals, and some tasks' tiles meet.
TEST(Explain, PathsOfRandomSchedulesByRelaxation) {
  std::mt19937 random(7);
  const auto below = [&](uint32_t n) { return uint32_t(random() % n); };
  for (int round = 0; round < 200; ++round) {
    Builder b;
    b.s.target->cluster = 2;
    const uint32_t x = b.input("x", 16);
    const uint32_t count = 3 + below(8);
    for (uint32_t t = 0; t < count; ++t) {
      const std::string n = std::to_string(t);
      const bool meets = round % 2 && below(2);
      const uint32_t worker = below(4);
      b.hash("t" + n, x, b.output("o" + n, 16), {0, 4, 16},
             {worker, meets ? worker ^ 1 : below(4)})
          .clusterGather = meets;
      const uint32_t c = b.counters("c" + n);
      b.signal(t, c);
      for (uint32_t from = 0; from < t; ++from)
        if (!below(3))
          b.wait(t, from, 2);
    }
    const Tiles tiles = expand(b.s);
    const HandOffs h = handOffs(b.s, tiles);
    const size_t n = tiles.tiles.size();
    std::vector<uint64_t> weights(n);
    for (uint64_t &w : weights)
      w = below(10);
    std::vector<std::vector<bool>> edge(n, std::vector<bool>(n, false));
    for (uint32_t from = 0; from < n; ++from)
      for (uint32_t to = 0; to < n; ++to) {
        const Tile &p = tiles.tiles[from], &q = tiles.tiles[to];
        edge[from][to] = p.worker == q.worker && p.slot + 1 == q.slot;
        for (uint32_t i = h.firstWait[to]; i < h.firstWait[to + 1]; ++i)
          if (h.waits[i].counter == p.task)
            edge[from][to] = true;
      }
    // What the one of two that meet needs to be reached, the other needs too.
    const std::vector<std::vector<bool>> own = edge;
    for (uint32_t to = 0; to < n; ++to)
      if (b.s.tasks[tiles.tiles[to].task].clusterGather)
        for (uint32_t from = 0; from < n; ++from)
          edge[from][to] = own[from][to] || own[from][to ^ 1];
    std::vector<uint64_t> head(n, 0), tail(n, 0); // before and after a tile
    std::vector<std::vector<bool>> reach = edge;
    for (size_t k = 0; k < n; ++k)
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
          if (edge[i][j]) {
            head[j] = std::max(head[j], head[i] + weights[i]);
            tail[i] = std::max(tail[i], tail[j] + weights[j]);
          }
          if (reach[i][k] && reach[k][j])
            reach[i][j] = true;
        }
    const Paths p = findPaths(tiles, h, weights);
    uint64_t length = 0, sum = 0;
    for (size_t t = 0; t < n; ++t)
      length = std::max(length, head[t] + weights[t] + tail[t]);
    ASSERT_EQ(p.length, length);
    for (size_t t = 0; t < n; ++t) {
      ASSERT_EQ(p.earliest[t], head[t]) << t;
      ASSERT_EQ(p.latest[t], length - tail[t] - weights[t]) << t;
    }
    for (size_t i = 0; i < p.critical.size(); ++i) {
      sum += weights[p.critical[i]];
      if (i)
        ASSERT_TRUE(edge[p.critical[i - 1]][p.critical[i]]);
    }
    ASSERT_EQ(sum, length);
    for (uint32_t i = 0; i < n; ++i)
      for (uint32_t j = 0; j < n; ++j) {
        const Relation r = relate(tiles, h, i, j);
        ASSERT_EQ(r.before, reach[i][j]) << i << " " << j;
        for (const Edge &e : r.chain)
          ASSERT_TRUE(edge[e.from][e.to]);
      }
  }
}

} // namespace
