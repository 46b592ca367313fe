//===- KernelPlanTest.cpp - Classes, plan rows, arena, packing ------------===//

#include "ToyLlama.h"

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/Tiles.h"
#include "AMK/Schedule/WeightPacking.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Fusion.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <random>
#include <set>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

Schedule compiled(uint32_t workers, uint32_t packets = 6, bool fused = true) {
  Schedule s = toyLlama({}, fused);
  s.target = Target{"sm_90", workers, 232448};
  EXPECT_EQ(cutTasks(s, {workers, true, false}), "");
  EXPECT_EQ(assignWorkers(s, {workers, AssignmentPolicy::Contiguous, true}),
            "");
  EXPECT_EQ(synchronize(s, {packets}), "");
  EXPECT_EQ(colorPages(s, {}, nullptr), "");
  EXPECT_EQ(makeStreams(s, {}), "");
  EXPECT_EQ(check(s), "");
  return s;
}

std::string planError(const Schedule &s) {
  KernelPlan plan;
  std::string error;
  uint32_t task = kNone;
  return buildKernelPlan(s, plan, error, task) ? "" : error;
}

uint32_t wordAt(const std::string &bytes, size_t word) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i)
    v |= uint32_t(uint8_t(bytes[word * 4 + i])) << (8 * i);
  return v;
}

const Blob &blob(const KernelPlan &plan, const std::string &name) {
  for (const Blob &b : plan.kernel.blobs)
    if (b.name == name)
      return b;
  ADD_FAILURE() << "no blob " << name;
  return plan.kernel.blobs.front();
}

TEST(KernelPlan, LayersShareClasses) {
  Schedule s = compiled(16);
  KernelPlan plan;
  std::string error;
  uint32_t task = kNone;
  ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
  // Five a layer whatever the depth, and embedding, head and argmax. The first
  // layer's input comes in the embedding's packets, whose groups may differ
  // from those of the others.
  EXPECT_GE(plan.classes.size(), 8u);
  EXPECT_LE(plan.classes.size(), 9u);
  EXPECT_EQ(plan.classOfTask.size(), s.tasks.size());
  EXPECT_EQ(plan.kernel.workers, 16u);
}

TEST(KernelPlan, NothingOverlapsInTheArena) {
  for (uint32_t packets : {0u, 4u, 6u}) {
    const Schedule s = compiled(13, packets);
    KernelPlan plan;
    std::string error;
    uint32_t task = kNone;
    ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
    std::vector<std::pair<uint64_t, uint64_t>> areas{
        {plan.kernel.zeroOffset, plan.kernel.zeroBytes}};
    for (const Blob &b : plan.kernel.blobs)
      areas.push_back({b.offset, b.data.size()});
    for (const Placement &p : plan.kernel.placements) {
      areas.push_back({p.offset, p.bytes});
      EXPECT_EQ(p.offset % kArenaUnit, 0u);
    }
    std::sort(areas.begin(), areas.end());
    uint64_t end = 0;
    for (const auto &[offset, bytes] : areas) {
      EXPECT_GE(offset, end);
      end = std::max(end, offset + bytes);
    }
    EXPECT_LE(end, plan.kernel.arenaBytes);
  }
}

/// Which tasks the kernel can share the gather of, and what it says if not.
TEST(KernelPlan, CanShareGather) {
  Schedule s = compiled(16);
  const auto why = [&](const Task &task) {
    std::string text;
    return canShareGather(s, task, text) ? "" : text;
  };
  const auto named = [&](const std::string &name) -> Task & {
    for (Task &task : s.tasks)
      if (task.name == name)
        return task;
    ADD_FAILURE() << "no task " << name;
    return s.tasks.front();
  };
  EXPECT_EQ(why(named("L0_qkv")),
            "expected a target with clusters to share a gather in, found none");
  s.target->cluster = 4;
  for (const char *name : {"L0_qkv", "L0_o", "L0_gate_up", "L0_down"})
    EXPECT_EQ(why(named(name)), "") << name;
  EXPECT_NE(why(named("L0_attention"))
                .find("expected an input that every tile "
                      "gathers as a whole"),
            std::string::npos)
      << why(named("L0_attention"));
  EXPECT_EQ(why(named("embed")),
            "expected an input in packets, to share it in a cluster, found "
            "none");
  named("L0_attention").clusterGather = true;
  EXPECT_NE(planError(s).find("gathers as a whole"), std::string::npos);
}

/// In which rounds a slice's packets are, against a look at every element: of
/// groups that packets fill, and of groups of odd lengths, where a packet has
/// elements of two slices.
TEST(KernelPlan, RoundsOfSlices) {
  Schedule s;
  Buffer b;
  b.type = ElementType::BF16;
  b.packetElements = 6;
  b.shape = {6144};
  EXPECT_EQ(sliceRounds(packetLayout(s, b), 2048),
            (std::vector<uint32_t>{0b0011, 0b0110, 0b1100}));
  b.shape = {3072};
  s.tables.push_back({0, 500, 790, 1400, 1500, 2200, 2572, 2972, 3072});
  b.packetTiles = 0;
  EXPECT_EQ(sliceRounds(packetLayout(s, b), 512),
            (std::vector<uint32_t>{1, 1, 3, 2, 2, 6}));
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const uint32_t columns = 128 * (1 + uint32_t(random() % 8));
    const uint32_t slices = 1 + uint32_t(random() % 8), all = columns * slices;
    std::vector<uint32_t> bounds{0};
    while (bounds.back() < all)
      bounds.push_back(
          std::min(all, bounds.back() + 2 + 2 * uint32_t(random() % 40)));
    s.tables[0] = bounds;
    b.shape = {int64_t(all)};
    const PacketLayout layout = packetLayout(s, b);
    std::vector<uint32_t> expected(slices, 0);
    for (uint32_t e = 0; e < all; ++e)
      expected[e / columns] |=
          uint32_t(1) << ((layout.locate[e] & 0xffff) / kConsumerThreads);
    EXPECT_EQ(sliceRounds(layout, columns), expected) << columns;
  }
}

/// Products of more slices than one take them as they come; the rows of a
/// worker have the parity of the gathers before them.
TEST(KernelPlan, RowsHaveTheParityOfGathersBySlice) {
  Schedule s = compiled(4);
  PipeliningOptions options;
  options.columns = 128;
  ASSERT_EQ(makeStreams(s, options), "");
  ASSERT_EQ(check(s), "");
  KernelPlan plan;
  std::string error;
  uint32_t task = kNone;
  ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
  EXPECT_GT(plan.shared.rounds, 0u);
  EXPECT_GE(plan.shared.pages, plan.shared.arrived + plan.shared.rounds * 8);
  const std::string &bytes = blob(plan, "plan").data;
  const Tiles tiles = expand(s);
  uint32_t taken = 0;
  for (uint32_t w = 0; w < tiles.workers; ++w) {
    size_t row = plan.planRowsOffset +
                 size_t(wordAt(bytes, w * 2)) * plan.shared.planRowWords;
    uint32_t before = 0;
    for (uint32_t id : tiles.queues[w]) {
      const uint32_t word = wordAt(bytes, row), t = tiles.tiles[id].task;
      EXPECT_EQ(word >> kRoundsPhaseShift & 1, before & 1);
      EXPECT_EQ(word & ((1 << classBits(plan.shared)) - 1),
                plan.classOfTask[t]);
      before += s.tasks[t].stream.bySlice;
      row += plan.shared.planRowWords;
    }
    taken += before;
  }
  EXPECT_GT(taken, 0u);
  options.slices = SlicePolicy::Whole;
  ASSERT_EQ(makeStreams(s, options), "");
  for (const Task &t : s.tasks)
    EXPECT_FALSE(t.stream.bySlice);
  EXPECT_EQ(sharedLayout(s).rounds, 0u);
  EXPECT_EQ(sharedLayout(s).arrived, 0u);
}

/// Tasks that take their input by slices and tasks that do not have no code in
/// common, however alike they are.
TEST(KernelPlan, ClassesAreBySliceOrNot) {
  Schedule s = compiled(4);
  PipeliningOptions options;
  options.columns = 128;
  ASSERT_EQ(makeStreams(s, options), "");
  const auto named = [&](const char *name) {
    const auto at =
        std::find_if(s.tasks.begin(), s.tasks.end(),
                     [&](const Task &task) { return task.name == name; });
    EXPECT_NE(at, s.tasks.end()) << name;
    return size_t(at - s.tasks.begin());
  };
  const size_t first = named("L0_down"), second = named("L1_down");
  ASSERT_TRUE(s.tasks[first].stream.bySlice && s.tasks[second].stream.bySlice);
  KernelPlan same, apart;
  std::string error;
  uint32_t task = kNone;
  ASSERT_TRUE(buildKernelPlan(s, same, error, task)) << error;
  EXPECT_EQ(same.classOfTask[first], same.classOfTask[second]);
  s.tasks[second].stream.bySlice = false;
  ASSERT_EQ(check(s), "");
  ASSERT_TRUE(buildKernelPlan(s, apart, error, task)) << error;
  EXPECT_NE(apart.classOfTask[first], apart.classOfTask[second]);
}

TEST(KernelPlan, ClustersMakeUpTheGrid) {
  Schedule s = compiled(14);
  s.target->cluster = 4;
  EXPECT_EQ(planError(s),
            "expected a number of workers that the cluster divides, found 14 "
            "workers in clusters of 4");
  s.target->cluster = 0;
  EXPECT_NE(planError(s).find("in clusters of 0"), std::string::npos);
  s.target->cluster = 2;
  EXPECT_EQ(planError(s), "");
  s.target->chip = "sm_80";
  EXPECT_EQ(planError(s), "expected a target with clusters, found sm_80");
}

/// Rows have the parity of the shared gathers before them; a class is shared or
/// not; shared memory has the barriers and a sum for each warp with packets.
TEST(KernelPlan, SharedGathers) {
  Schedule s = compiled(16);
  KernelPlan before;
  std::string error;
  uint32_t task = kNone;
  ASSERT_TRUE(buildKernelPlan(s, before, error, task)) << error;
  EXPECT_EQ(before.shared.cluster, 0u);
  s.target->cluster = 2;
  for (Task &t : s.tasks)
    t.clusterGather = t.name == "L0_qkv" || t.name == "L0_o" ||
                      t.name == "L1_qkv" || t.name == "L1_down";
  KernelPlan plan;
  ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
  EXPECT_EQ(plan.classes.size(), before.classes.size() + 2)
      << "of o and down, those that share and those that do not";
  EXPECT_EQ(plan.shared.cluster, plan.shared.misc + kMiscBytes);
  uint32_t shares = 0;
  for (const Task &t : s.tasks)
    if (t.name == "L0_qkv" || t.name == "L1_qkv")
      shares = std::max(
          shares,
          clusterShares(2, packetCount(s, s.buffers[t.ops[0].operands[0]])));
  EXPECT_GT(shares, 0u);
  EXPECT_EQ(plan.shared.pages,
            (plan.shared.cluster + ClusterArea::sums + shares * 4 + 15) / 16 *
                16);
  const Tiles tiles = expand(s);
  const std::string &words = blob(plan, "plan").data;
  for (uint32_t w = 0; w < tiles.workers; ++w) {
    uint32_t gathers = 0;
    for (uint32_t r = 0; r < tiles.queues[w].size(); ++r) {
      const Tile &tile = tiles.tiles[tiles.queues[w][r]];
      const uint32_t word =
          wordAt(words, plan.planRowsOffset + (wordAt(words, w * 2) + r) *
                                                  plan.shared.planRowWords);
      EXPECT_EQ(word & 0x7fff, plan.classOfTask[tile.task]);
      EXPECT_EQ(word >> kPhaseShift & 1, gathers & 1);
      gathers += s.tasks[tile.task].clusterGather;
    }
  }
}

TEST(KernelPlan, ClusterShares) {
  EXPECT_EQ(clusterShares(2, 1), 1u);
  EXPECT_EQ(clusterShares(2, 32), 1u);
  EXPECT_EQ(clusterShares(2, 33), 2u);
  EXPECT_EQ(clusterShares(2, 511), 16u);
  EXPECT_EQ(clusterShares(2, 5000), 16u);
  EXPECT_EQ(clusterShares(8, 5000), 64u);
  EXPECT_EQ(clusterShares(~0u, ~0u), 1u << 27);
}

/// Every row says what its tile is, and how many stages are left.
TEST(KernelPlan, RowsFollowTheQueues) {
  const Schedule s = compiled(7);
  const Tiles tiles = expand(s);
  KernelPlan plan;
  std::string error;
  uint32_t task = kNone;
  ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
  const std::string &words = blob(plan, "plan").data;
  for (uint32_t w = 0; w < tiles.workers; ++w) {
    const uint32_t first = wordAt(words, w * 2);
    ASSERT_EQ(wordAt(words, w * 2 + 1), tiles.queues[w].size());
    uint32_t stages = 0; // of all rows from here on
    for (uint32_t r = uint32_t(tiles.queues[w].size()); r-- > 0;) {
      const Tile &tile = tiles.tiles[tiles.queues[w][r]];
      const size_t row =
          plan.planRowsOffset + size_t(first + r) * plan.shared.planRowWords;
      EXPECT_EQ(wordAt(words, row) & 0xffff, plan.classOfTask[tile.task]);
      EXPECT_EQ(wordAt(words, row + 1), uint32_t(tile.range.lo));
      EXPECT_EQ(wordAt(words, row + 2), uint32_t(tile.range.size()));
      stages += wordAt(words, row + 4);
      EXPECT_EQ(wordAt(words, row + 5), stages);
      EXPECT_EQ(wordAt(words, row + 6) >> 24, tile.lastWait - tile.firstWait);
      EXPECT_EQ(wordAt(words, row + 7) >> 24,
                tile.lastSignal - tile.firstSignal);
    }
    EXPECT_EQ(stages == 0, tiles.queues[w].empty());
  }
}

/// A tile that streams a cache names its split, and every row where the next
/// such tile is.
TEST(KernelPlan, RowsThatStreamACache) {
  Schedule s = toyLlama({}, /*fused=*/false);
  s.numerics.kvSplits = 4;
  FusionOrigins origins;
  ASSERT_EQ(groupOperators(s, {}, origins), "");
  s.target = Target{"sm_90", 3, 232448};
  ASSERT_EQ(cutTasks(s, {3, true, false}), "");
  ASSERT_EQ(assignWorkers(s, {3, AssignmentPolicy::Contiguous, true}), "");
  ASSERT_EQ(synchronize(s, {4}), "");
  ASSERT_EQ(colorPages(s, {}, nullptr), "");
  ASSERT_EQ(makeStreams(s, {}), "");
  ASSERT_EQ(check(s), "");
  const Tiles tiles = expand(s);
  KernelPlan plan;
  std::string error;
  uint32_t task = kNone;
  ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
  EXPECT_EQ(plan.cacheStream.rows, 16u);
  EXPECT_EQ(plan.cacheStream.rowBytes, 128u);
  EXPECT_EQ(plan.cacheStream.splits, 4u);
  const std::string &words = blob(plan, "plan").data;
  for (uint32_t w = 0; w < tiles.workers; ++w) {
    uint32_t stages = 0, rows = 0;
    for (uint32_t r = uint32_t(tiles.queues[w].size()); r-- > 0;) {
      const Tile &tile = tiles.tiles[tiles.queues[w][r]];
      const size_t row =
          plan.planRowsOffset +
          size_t(wordAt(words, w * 2) + r) * plan.shared.planRowWords;
      const Operator &op = s.tasks[tile.task].ops[0];
      const uint32_t word = wordAt(words, row + 4);
      const bool joins = op.name == "attention_join";
      const bool isCache = joins || op.name == "attention_partial";
      EXPECT_EQ(word >> 31, uint32_t(isCache));
      if (isCache)
        EXPECT_EQ(word & ~kCacheStages,
                  joins ? 0 : uint32_t(tile.range.lo) % 3 + 1);
      else
        stages += word;
      EXPECT_EQ(wordAt(words, row + 5), stages | rows << 16);
      if (isCache)
        stages = rows = 0;
      if (isCache || rows)
        ++rows;
    }
  }
  for (Task &t : s.tasks)
    if (t.stream.columns == 64)
      t.stream = {};
  EXPECT_NE(planError(s).find("expected a stream and a ring for 'L0_kv'"),
            std::string::npos)
      << planError(s);
}

TEST(KernelPlan, PacketsAreNumberedByProducer) {
  Schedule s;
  Buffer b;
  b.type = ElementType::BF16;
  b.shape = {20};
  b.packetElements = 6;
  b.packetTiles = s.addTable({0, 8, 20});
  const PacketLayout l = packetLayout(s, b);
  // 6 + 2 of the first producer, 6 + 6 of the second.
  EXPECT_EQ(l.first, (std::vector<uint32_t>{0, 2, 4}));
  EXPECT_EQ(l.packets, (std::vector<uint32_t>{0 | 6 << 16, 6 | 2 << 16,
                                              8 | 6 << 16, 14 | 6 << 16}));
  EXPECT_EQ(l.locate[7], 1u | 1u << 16);
  EXPECT_EQ(l.locate[19], 3u | 5u << 16);
}

TEST(KernelPlan, RefusesWhatTheKernelCannotDo) {
  const Schedule good = compiled(16);
  EXPECT_EQ(planError(good), "");
  Schedule s = good;
  s.concurrent = false;
  EXPECT_EQ(planError(s), "expected a concurrent schedule with a target");
  s = good;
  s.ring->teams = 3;
  EXPECT_EQ(planError(s), "expected a ring for 8 teams, the kernel's consumer "
                          "warps, found 3");
  s = good;
  s.ring->slots = 1000;
  EXPECT_NE(planError(s).find("bytes of shared memory"), std::string::npos);
  s = good;
  for (Task &task : s.tasks)
    task.stream = {};
  EXPECT_EQ(planError(s), "expected a stream of 4 rows for the product, found "
                          "0 rows (run the pipelining pass)");
  s = good;
  for (Buffer &b : s.buffers)
    if (b.packetElements)
      b.packetElements = 5;
  EXPECT_NE(planError(s).find("of an even number of values"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// The packing, against what mma.m16n8k16 does with it
//===----------------------------------------------------------------------===//

float toFloat(uint16_t bits) {
  const uint32_t wide = uint32_t(bits) << 16;
  float f;
  std::memcpy(&f, &wide, 4);
  return f;
}

/// Fragment layouts of mma.m16n8k16 for 16-bit types (PTX ISA, "Matrix
/// Fragments for mma.m16n8k16"): the A registers of a lane, two values each,
/// are rows g and g + 8, columns 2q and 2q + 8, with g = lane / 4, q = lane %
/// 4; the B registers rows 2q and 2q + 8 of column g.
double diagonalSum(const std::vector<char> &stage, uint32_t columns,
                   const std::vector<uint16_t> &x, uint32_t row) {
  std::vector<double> d(16 * 8, 0.0);
  const auto half = [](const char *p) {
    uint16_t v;
    std::memcpy(&v, p, 2);
    return double(toFloat(v));
  };
  for (uint32_t fragment = 0; fragment < columns / 64; ++fragment) {
    double a[16][16] = {}, b[16][8] = {};
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t g = lane / 4, q = lane % 4;
      const char *words = stage.data() + fragment * 512 + lane * 16;
      for (uint32_t i = 0; i < 4; ++i)
        for (uint32_t j = 0; j < 2; ++j)
          a[g + 8 * (i % 2)][2 * q + 8 * (i / 2) + j] =
              half(words + i * 4 + j * 2);
      // 16 bytes of the input serve two fragments: 8 values a lane.
      const uint32_t from =
          fragment / 2 * 128 + (g % 4) * 32 + q * 8 + (fragment % 2) * 4;
      for (uint32_t i = 0; i < 2; ++i)
        for (uint32_t j = 0; j < 2; ++j)
          b[2 * q + 8 * i + j][g] = toFloat(x[from + i * 2 + j]);
    }
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 8; ++n)
        for (int k = 0; k < 16; ++k)
          d[size_t(m * 8 + n)] += a[m][k] * b[k][n];
  }
  double sum = 0;
  for (uint32_t group = 0; group < 4; ++group)
    sum += d[(row + 4 * group) * 8 + group];
  return sum;
}

TEST(WeightPacking, TheDiagonalIsTheProduct) {
  std::mt19937 random(1);
  for (uint32_t columns : {128u, 256u, 768u, 2048u}) {
    std::vector<uint16_t> x(columns);
    std::vector<std::vector<uint16_t>> rows(kPackRows, x);
    const auto value = [&] { // a bf16 between 1 and 4, either sign
      return uint16_t((random() & 0x8000) | 0x3f80 | (random() & 0xff));
    };
    for (uint16_t &v : x)
      v = value();
    std::vector<char> stage(kPackRows * columns * 2, 0x7f);
    for (uint32_t r = 0; r < kPackRows; ++r) {
      for (uint16_t &v : rows[r])
        v = value();
      packRow(rows[r].data(), r, columns, columns, stage.data());
    }
    for (uint32_t r = 0; r < kPackRows; ++r) {
      double expected = 0;
      for (uint32_t c = 0; c < columns; ++c)
        expected += double(toFloat(rows[r][c])) * double(toFloat(x[c]));
      EXPECT_NEAR(diagonalSum(stage, columns, x, r), expected, 1e-6);
    }
  }
}

/// As many products as tiles in one task: what is done for every operator of
/// every tile must not look at all the others.
TEST(KernelPlan, LongBody) {
  constexpr uint32_t kSize = 700, kWorkers = 100;
  Schedule s;
  s.name = "long";
  s.concurrent = true;
  s.target = Target{"sm_90", kWorkers, 232448};
  s.ring = Ring{8, 1024, 1, 1, 8};
  s.views.push_back({{{"w", kSize * 4, 0}}, false});
  std::vector<uint32_t> bounds{0}, workers;
  for (uint32_t i = 0; i < kSize; ++i) {
    bounds.push_back(bounds.back() + 4);
    workers.push_back(i % kWorkers);
  }
  const auto buffer = [&](const std::string &name, BufferKind kind,
                          ElementType type, std::vector<int64_t> shape) {
    Buffer b;
    b.name = name;
    b.kind = kind;
    b.type = type;
    b.shape = std::move(shape);
    s.buffers.push_back(std::move(b));
    return uint32_t(s.buffers.size() - 1);
  };
  const uint32_t x = buffer("x", BufferKind::Input, ElementType::BF16, {128});
  const uint32_t w =
      buffer("w", BufferKind::Weight, ElementType::BF16, {kSize * 4, 128});
  s.buffers[w].view = 0;
  Task task;
  task.name = "products";
  task.bounds = s.addTable(bounds);
  task.workers = s.addTable(workers);
  task.stream = Stream{4, 128, 0};
  for (uint32_t i = 0; i < kSize; ++i) {
    Operator op;
    op.name = "linear";
    op.operands = {x, w,
                   buffer("y" + std::to_string(i), BufferKind::Output,
                          ElementType::F32, {kSize * 4})};
    task.ops.push_back(std::move(op));
  }
  s.tasks.push_back(std::move(task));
  const std::clock_t start = std::clock();
  EXPECT_EQ(check(s), "");
  EXPECT_EQ(planError(s), "");
  EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, 10);
}

/// Places count units of 128 bytes in 32 bits.
TEST(KernelPlan, ArenaTooLarge) {
  Schedule s = compiled(4);
  Buffer b;
  b.name = "more";
  b.type = ElementType::F32;
  for (const int64_t elements : {int64_t(1) << 37, int64_t(1) << 44}) {
    b.shape = {elements};
    s.buffers.push_back(b);
    EXPECT_EQ(check(s), "");
    EXPECT_EQ(planError(s),
              "expected an arena of less than 549755813888 bytes");
    s.buffers.pop_back();
  }
  b.shape = {int64_t(1) << 36};
  s.buffers.push_back(b);
  EXPECT_EQ(planError(s), "");
}

TEST(WeightPacking, EveryByteOnce) {
  for (uint32_t columns : {128u, 2048u}) {
    std::set<uint32_t> offsets;
    for (uint32_t r = 0; r < kPackRows; ++r)
      for (uint32_t c = 0; c < columns; ++c)
        offsets.insert(packedOffset(r, c));
    EXPECT_EQ(offsets.size(), size_t(kPackRows) * columns);
    EXPECT_EQ(*offsets.rbegin(), kPackRows * columns * 2 - 2);
  }
}

/// Stages of a worker's step at a position.
uint64_t stagesAt(const Schedule &s, const Tiles &tiles, uint32_t worker,
                  int64_t position) {
  uint64_t stages = 0;
  for (uint32_t t : tiles.queues[worker]) {
    const Task &task = s.tasks[tiles.tiles[t].task];
    for (size_t o = 0; o < task.ops.size(); ++o) {
      const Operator &op = task.ops[o];
      const Range range = operatorRange(s, task, o, tiles.tiles[t].range);
      if (const Buffer *weight = streamedWeight(s, op))
        stages += uint64_t((range.size() + 3) / 4 * weight->shape[1] /
                           task.stream.columns);
      if (streamedCache(s, op))
        for (int64_t i = range.lo; i < range.hi; ++i)
          stages += cacheStages(s, task.stream, op, i, position);
    }
  }
  return stages;
}

TEST(TraceLayout, HasRoomForEveryStageAtEveryPosition) {
  for (int64_t splits : {2, 5}) {
    ToyShape shape;
    shape.positions = 777;
    Schedule s = toyLlama(shape, /*fused=*/false);
    s.numerics.kvBlock = 32;
    s.numerics.kvChunk = 4;
    s.numerics.kvSplits = splits;
    FusionOrigins origins;
    ASSERT_EQ(groupOperators(s, {}, origins), "");
    s.target = Target{"sm_90", 7, 232448};
    ASSERT_EQ(cutTasks(s, {7, true, false}), "");
    ASSERT_EQ(assignWorkers(s, {7, AssignmentPolicy::Contiguous, true}), "");
    ASSERT_EQ(synchronize(s, {}), "");
    ASSERT_EQ(makeStreams(s, {}), "");
    ASSERT_EQ(check(s), "");
    const Tiles tiles = expand(s);
    const TraceLayout layout = traceLayout(s, tiles);
    // The join's waits for splits without positions, and with.
    EXPECT_EQ(layout.points, kTracePoints + 4);
    uint64_t most = 0, all = 0;
    for (int64_t p = 0; p < shape.positions; ++p)
      for (uint32_t w = 0; w < tiles.workers; ++w) {
        most = std::max(most, stagesAt(s, tiles, w, p));
        all += stagesAt(s, tiles, w, p) - stagesAt(s, tiles, w, 0);
      }
    EXPECT_GT(all, 0u) << "of caches";
    EXPECT_LE(most, layout.stages);
    EXPECT_LE(layout.stages, most + 8);

    // The kernel's arena holds it, behind everything else.
    KernelPlan plain, plan;
    plan.trace = true;
    std::string error;
    uint32_t task = kNone;
    ASSERT_TRUE(buildKernelPlan(s, plain, error, task)) << error;
    ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
    EXPECT_EQ(plan.kernel.traceRows, layout.rows);
    EXPECT_EQ(plan.kernel.traceOffset, plain.kernel.arenaBytes - kArenaUnit);
    EXPECT_GE(plan.kernel.arenaBytes, plan.kernel.traceOffset + layout.bytes);
    EXPECT_EQ(uint64_t(plan.traceStagesPlace) * kArenaUnit,
              plan.kernel.traceOffset + layout.stagesAt);
    EXPECT_EQ(plain.kernel.traceRows, 0u);
    for (size_t i = 0; i < plain.kernel.blobs.size(); ++i)
      EXPECT_EQ(plain.kernel.blobs[i].data, plan.kernel.blobs[i].data);
  }
}

} // namespace
