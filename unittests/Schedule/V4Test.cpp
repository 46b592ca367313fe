//===- V4Test.cpp - V4 against brute force --------------------------------===//

#include "AMK/Schedule/HappensBefore.h"
#include "Builder.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// A random schedule of up to 4 workers and 10 tiles, as tiles and hand-offs;
/// counters from firstPacketCounter on stand for packets. Half of them have
/// gangs.
struct Random {
  Tiles tiles;
  HandOffs h;

  explicit Random(std::mt19937 &r) {
    const uint32_t workers = 1 + r() % 4, n = 2 + r() % 9;
    tiles.workers = workers;
    tiles.queues.resize(workers);
    tiles.tiles.resize(n);
    const uint32_t counters = 1 + r() % 6, plain = r() % (counters + 1);
    std::vector<uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    if (r() % 2)
      std::shuffle(order.begin(), order.end(), r);
    for (uint32_t t : order) {
      Tile &tile = tiles.tiles[t];
      tile.worker = r() % workers;
      tile.slot = uint32_t(tiles.queues[tile.worker].size());
      tiles.queues[tile.worker].push_back(t);
    }
    const std::vector<uint32_t> gangOf = r() % 2 ? addGangs(r) : addNone();
    h.firstMeeting = plain;
    h.firstPacketCounter = plain + uint32_t(h.firstMate.size() - 1);
    h.counterCount = counters + uint32_t(h.firstMate.size() - 1);
    // Signals leave out the meetings.
    const auto anyCounter = [&] {
      const uint32_t c = r() % counters;
      return c < plain ? c : c + uint32_t(h.firstMate.size() - 1);
    };
    std::vector<uint32_t> total(h.counterCount, 0);
    for (uint32_t t = 0; t < n; ++t) {
      h.firstSignal.push_back(uint32_t(h.signals.size()));
      std::set<uint32_t> chosen;
      for (uint32_t k = r() % 3; k > 0; --k)
        chosen.insert(anyCounter());
      for (uint32_t c : chosen) {
        h.signals.push_back(c);
        ++total[c];
      }
    }
    h.firstSignal.push_back(uint32_t(h.signals.size()));
    for (uint32_t t = 0; t < n; ++t) {
      h.firstWait.push_back(uint32_t(h.waits.size()));
      for (uint32_t k = r() % 3; k > 0; --k) {
        const uint32_t c = anyCounter();
        if (total[c])
          h.waits.push_back({c, 1 + uint32_t(r() % total[c])});
      }
      if (const uint32_t g = gangOf[t]; g != kNone)
        h.waits.push_back(
            {h.firstMeeting + g, h.firstMate[g + 1] - h.firstMate[g]});
      std::sort(h.waits.begin() + h.firstWait.back(), h.waits.end(),
                [&](const TileWait &a, const TileWait &b) {
                  return kind(a) < kind(b);
                });
    }
    h.firstWait.push_back(uint32_t(h.waits.size()));
  }

private:
  int kind(const TileWait &w) const {
    return w.counter < h.firstMeeting ? 0 : h.isMeeting(w.counter) ? 1 : 2;
  }
  std::vector<uint32_t> addNone() {
    h.firstMate = {0};
    return std::vector<uint32_t>(tiles.tiles.size(), kNone);
  }
  /// Tiles of two or more workers each. Returns the gang of every tile.
  std::vector<uint32_t> addGangs(std::mt19937 &r) {
    std::vector<uint32_t> gangOf = addNone();
    for (uint32_t g = 1 + r() % 3; g > 0; --g) {
      std::vector<uint32_t> gang;
      for (const std::vector<uint32_t> &queue : tiles.queues) {
        const uint32_t t = queue.empty() ? kNone : queue[r() % queue.size()];
        if (t != kNone && gangOf[t] == kNone && r() % 4)
          gang.push_back(t);
      }
      if (gang.size() < 2)
        continue;
      for (uint32_t t : gang)
        gangOf[t] = uint32_t(h.firstMate.size() - 1);
      h.mates.insert(h.mates.end(), gang.begin(), gang.end());
      h.firstMate.push_back(uint32_t(h.mates.size()));
    }
    return gangOf;
  }
};

/// Every reachable state of the queues.
struct BruteForce {
  bool stuck = false;
  std::vector<std::vector<char>> before; ///< [a][b]: a is done when b starts

  BruteForce(const Tiles &tiles, const HandOffs &h, uint32_t counterLimit) {
    const size_t n = tiles.tiles.size();
    before.assign(n, std::vector<char>(n, 1));
    std::vector<std::vector<uint32_t>> todo{
        std::vector<uint32_t>(tiles.workers, 0)};
    std::set<std::vector<uint32_t>> seen(todo.begin(), todo.end());
    while (!todo.empty()) {
      const std::vector<uint32_t> at = todo.back();
      todo.pop_back();
      std::vector<uint32_t> value(h.counterCount, 0);
      std::vector<char> ran(n, 0);
      size_t done = 0;
      for (uint32_t w = 0; w < tiles.workers; ++w)
        for (uint32_t i = 0; i < at[w]; ++i, ++done) {
          const uint32_t t = tiles.queues[w][i];
          ran[t] = 1;
          for (uint32_t k = h.firstSignal[t]; k < h.firstSignal[t + 1]; ++k)
            ++value[h.signals[k]];
        }
      bool any = false;
      for (uint32_t w = 0; w < tiles.workers; ++w) {
        if (at[w] == tiles.queues[w].size())
          continue;
        const uint32_t t = tiles.queues[w][at[w]];
        const auto holds = [&](uint32_t x, uint32_t from, uint32_t to) {
          bool all = true;
          for (uint32_t k = h.firstWait[x]; k < h.firstWait[x + 1]; ++k)
            if (const TileWait &w = h.waits[k];
                w.counter >= from && w.counter < to)
              all &= value[w.counter] >= w.threshold;
          return all;
        };
        bool enabled = holds(t, 0, h.firstMeeting) &&
                       (counterLimit == h.firstPacketCounter ||
                        holds(t, h.firstPacketCounter, h.counterCount));
        for (uint32_t g = 0; g + 1 < h.firstMate.size(); ++g) {
          const auto first = h.mates.begin() + h.firstMate[g],
                     last = h.mates.begin() + h.firstMate[g + 1];
          if (std::find(first, last, t) == last)
            continue;
          enabled &= std::all_of(first, last, [&](uint32_t mate) {
            const Tile &m = tiles.tiles[mate];
            return ran[mate] ||
                   (m.slot == at[m.worker] && holds(mate, 0, h.firstMeeting));
          });
        }
        if (!enabled)
          continue;
        any = true;
        for (uint32_t a = 0; a < n; ++a)
          if (!ran[a])
            before[a][t] = 0;
        std::vector<uint32_t> then = at;
        ++then[w];
        if (seen.insert(then).second)
          todo.push_back(then);
      }
      stuck |= !any && done < n;
    }
  }
};

size_t mismatches(const Tiles &tiles, const Clocks &clocks,
                  const BruteForce &brute) {
  size_t bad = 0;
  for (uint32_t a = 0; a < tiles.tiles.size(); ++a)
    for (uint32_t b = 0; b < tiles.tiles.size(); ++b)
      if (a != b)
        bad += clocks.ordered(tiles, a, b) != bool(brute.before[a][b]);
  return bad;
}

TEST(V4Test, TokenRunsEqualBruteForce) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RecordProperty("seed", std::to_string(seed));
  std::mt19937 r(seed);
  size_t safe = 0, gangs = 0;
  for (int i = 0; i < 20000; ++i) {
    const Random x(r);
    const BruteForce order(x.tiles, x.h, x.h.counterCount);
    const std::vector<Stuck> stuck = findStuck(x.tiles, x.h);
    ASSERT_EQ(!stuck.empty(), order.stuck) << "schedule " << i;
    for (const Stuck &s : stuck)
      ASSERT_LT(s.value, s.threshold) << "schedule " << i;
    if (!stuck.empty())
      continue;
    ++safe;
    gangs += !x.h.mates.empty();
    ASSERT_EQ(mismatches(x.tiles, orderClocks(x.tiles, x.h), order), 0u)
        << "schedule " << i;
    const BruteForce visible(x.tiles, x.h, x.h.firstPacketCounter);
    ASSERT_EQ(mismatches(x.tiles, visibilityClocks(x.tiles, x.h), visible), 0u)
        << "schedule " << i;
  }
  EXPECT_GT(safe, 1000u);
  EXPECT_GT(gangs, 200u);
}

TEST(V4Test, PacketsOfOneReadAreOneCounter) {
  Builder b;
  const uint32_t x = b.input("x", 4);
  const uint32_t p = b.packets("p", 8, 2, {0, 2, 4, 6, 8});
  const uint32_t y = b.output("y", 4);
  b.hash("write", x, p, {0, 2, 4, 6, 8}, {0, 1, 2, 3});
  b.hash("read", p, y, {0, 1, 2, 3, 4}, {0, 1, 2, 3});
  const Tiles tiles = expand(b.s);
  const HandOffs h = handOffs(b.s, tiles);
  ASSERT_EQ(h.counterCount, 1u);
  EXPECT_EQ(h.firstPacketCounter, 0u);
  EXPECT_EQ(h.packetBuffer, std::vector<uint32_t>{p});
  EXPECT_EQ(h.signals, std::vector<uint32_t>(4, 0));
  ASSERT_EQ(h.waits.size(), 4u);
  for (const TileWait &w : h.waits)
    EXPECT_EQ(w.threshold, 4u);
  EXPECT_TRUE(findStuck(tiles, h).empty());
  EXPECT_TRUE(orderClocks(tiles, h).ordered(tiles, 0, 5));
  EXPECT_FALSE(visibilityClocks(tiles, h).ordered(tiles, 0, 5));
  EXPECT_TRUE(visibilityClocks(tiles, h).ordered(tiles, 0, 4));
}

TEST(V4Test, PacketReadsWaitForTheirOwnProducersOnly) {
  Builder b;
  const uint32_t x = b.input("x", 8);
  const uint32_t p = b.packets("p", 8, 2, {0, 2, 4, 6, 8});
  b.task("write", Builder::op("round", {x, p}), {0, 2, 4, 6, 8}, {0, 1, 2, 3});
  const uint32_t kv =
      b.buffer("kv", BufferKind::KvCache, ElementType::BF16, {2, 1, 16, 4});
  Operator append = Builder::op("kv_append", {p, kv});
  append.attributes = {{"from", false, 0, 0}, {"to", false, 0, 0}};
  b.task("append", append, {0, 4, 8}, {3, 2});
  const Tiles tiles = expand(b.s);
  const HandOffs h = handOffs(b.s, tiles);
  ASSERT_EQ(h.counterCount, 2u);
  const Clocks order = orderClocks(tiles, h);
  EXPECT_TRUE(order.ordered(tiles, 0, 4));
  EXPECT_TRUE(order.ordered(tiles, 1, 4));
  EXPECT_FALSE(order.ordered(tiles, 2, 4));
  EXPECT_TRUE(order.ordered(tiles, 3, 5));
}

TEST(V4Test, OwnPacketsAreNotWaitedFor) {
  Builder b;
  const uint32_t x = b.input("x", 8);
  const uint32_t p = b.packets("p", 8, 2);
  const uint32_t y = b.output("y", 8);
  b.task("both", Builder::op("round", {x, p}));
  b.s.tasks[0].ops.push_back(Builder::op("hash", {p, y}));
  const Tiles tiles = expand(b.s);
  const HandOffs h = handOffs(b.s, tiles);
  EXPECT_EQ(h.counterCount, 0u);
  EXPECT_TRUE(findStuck(tiles, h).empty());
}

} // namespace
