//===- TilingTest.cpp -----------------------------------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "ToyLlama.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Scheduling/Assignment.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

const Task &taskOf(const Schedule &s, std::string_view name) {
  for (const Task &t : s.tasks)
    if (t.name == name)
      return t;
  ADD_FAILURE() << "no task " << name;
  return s.tasks[0];
}

TEST(EvenCut, SpreadsTheRemainder) {
  EXPECT_EQ(evenCut(10, 1, 4), (std::vector<uint32_t>{0, 3, 6, 8, 10}));
  EXPECT_EQ(evenCut(16, 4, 3), (std::vector<uint32_t>{0, 8, 12, 16}));
  EXPECT_EQ(evenCut(8, 4, 132), (std::vector<uint32_t>{0, 4, 8}));
  // The last granule may be short.
  EXPECT_EQ(evenCut(10, 4, 2), (std::vector<uint32_t>{0, 8, 10}));
  EXPECT_EQ(evenCut(1, 4, 7), (std::vector<uint32_t>{0, 1}));
}

TEST(EvenCut, FewestKeepsTheLongest) {
  EXPECT_EQ(evenCut(2048, 4, 132).size(), 133u);
  EXPECT_EQ(evenCut(2048, 4, 132, true).size(), 129u);
}

TEST(Tiling, RespectsGranulesAndHeads) {
  Schedule s = toyLlama({}, true);
  TilingReport report;
  ASSERT_EQ(cutTasks(s, {7, true, false}, &report), "");
  EXPECT_EQ(report.tasks, s.tasks.size());
  EXPECT_EQ(tileCount(s, taskOf(s, "L0_attention")), 4u);
  EXPECT_EQ(tileCount(s, taskOf(s, "argmax")), 1u);
  for (const Task &t : s.tasks)
    for (uint32_t i = 0, n = tileCount(s, t); i < n; ++i)
      EXPECT_EQ(tileRange(s, t, i).lo % taskGranule(s, t), 0) << t.name;
  EXPECT_EQ(tileRange(s, taskOf(s, "L0_gate_up"), 1).lo % 4, 0);
}

TEST(Tiling, KeepsTheOwnersOfTheResidual) {
  for (bool fused : {false, true}) {
    Schedule s = toyLlama({}, fused);
    ASSERT_EQ(cutTasks(s, {132, true, false}), "");
    const uint32_t cut = taskOf(s, "embed").bounds;
    EXPECT_EQ(s.tables[cut].size(), 65u); // 256 rows in groups of 4
    EXPECT_EQ(taskOf(s, fused ? "L0_o" : "L0_o_1").bounds, cut);
    EXPECT_EQ(taskOf(s, fused ? "L1_down" : "L1_down_2").bounds, cut);
  }
}

using Names = std::vector<std::string>;

Names operators(const Task &task) {
  Names names;
  for (const Operator &op : task.ops)
    names.push_back(op.name);
  return names;
}

/// Fused or as imported, with eight splits of the positions.
Schedule inSplits(const ToyShape &shape, bool fused) {
  Schedule s = toyLlama(shape, /*fused=*/false);
  s.numerics.kvSplits = 8;
  FusionOrigins origins;
  if (fused)
    EXPECT_EQ(groupOperators(s, {}, origins), "");
  return s;
}

TEST(Tiling, SplitsAttentionByPositions) {
  for (bool fused : {false, true}) {
    const Schedule whole = inSplits({}, fused);
    Schedule s = whole;
    TilingReport report;
    ASSERT_EQ(cutTasks(s, {7}, &report), "");
    EXPECT_EQ(check(s), "");
    EXPECT_EQ(s.tasks.size(), whole.tasks.size() + 2); // one more a layer
    const Task &partial = taskOf(s, "L0_attention_partial");
    EXPECT_EQ(operators(partial), Names{"attention_partial"});
    const Task &join = taskOf(s, "L0_attention");
    EXPECT_EQ(operators(join), fused ? (Names{"attention_join", "round"})
                                     : Names{"attention_join"});
    EXPECT_EQ(tileCount(s, partial), 2u * 7); // KV heads
    EXPECT_EQ(tileCount(s, join), 2u);

    // What they were made of, by buffers that have moved.
    ASSERT_EQ(report.splits.size(), 2u);
    const AttentionSplit &first = report.splits[0];
    EXPECT_EQ(s.tasks[first.partial].name, partial.name);
    EXPECT_EQ(first.whole.name, "attention");
    const Operator &was = taskOf(whole, "L0_attention").ops[0];
    for (size_t i = 0; i < was.operands.size(); ++i)
      EXPECT_EQ(s.buffers[first.whole.operands[i]].name,
                whole.buffers[was.operands[i]].name);

    // A second time it only cuts, and as it is told.
    ASSERT_EQ(cutTasks(s, {3}, &report), "");
    EXPECT_TRUE(report.splits.empty());
    EXPECT_EQ(check(s), "");
    EXPECT_EQ(s.tasks.size(), whole.tasks.size() + 2);

    s = whole;
    TilingOptions options{7};
    options.splitAttention = false;
    ASSERT_EQ(cutTasks(s, options, &report), "");
    EXPECT_EQ(s.tasks.size(), whole.tasks.size());
    EXPECT_EQ(operators(taskOf(s, "L0_attention"))[0], "attention");
    EXPECT_TRUE(report.splits.empty());
  }
}

TEST(Tiling, CountsWhatTheSplitAdds) {
  Schedule s = inSplits({}, true);
  TilingReport report;
  ASSERT_EQ(cutTasks(s, {12}, &report), "");
  // Two more, of which one is beside the chain.
  EXPECT_EQ(report.before.crossingPerLayer, 5);
  EXPECT_EQ(report.after.crossingPerLayer, 7);
  EXPECT_EQ(report.before.chainPerLayer, 5);
  EXPECT_EQ(report.after.chainPerLayer, 6);
  EXPECT_EQ(report.attentionRanges, 8);
  EXPECT_EQ(report.attentionWorkersBefore, 4u); // heads
  EXPECT_EQ(report.attentionWorkers, 12u);      // of 16 tiles
}

/// One after the other they find the same.
TEST(Tiling, ASecondCutIsLikeTheFirst) {
  Schedule s = inSplits({}, true), direct = s;
  TilingOptions options{31};
  ASSERT_EQ(cutTasks(direct, options), "");
  options.splitAttention = false;
  ASSERT_EQ(cutTasks(s, options), "");
  options.splitAttention = true;
  ASSERT_EQ(cutTasks(s, options), "");
  ASSERT_EQ(s.tasks.size(), direct.tasks.size());
  for (size_t t = 0; t < s.tasks.size(); ++t)
    EXPECT_EQ(tileCount(s, s.tasks[t]), tileCount(direct, direct.tasks[t]));
}

TEST(Tiling, LeavesAttentionWholeWhereTheKernelHasNoRoom) {
  ToyShape wide;
  wide.heads = 64;
  wide.kvHeads = 1;
  wide.hidden = 64;
  Schedule s = inSplits(wide, true);
  TilingReport report;
  ASSERT_EQ(cutTasks(s, {7}, &report), "");
  EXPECT_EQ(operators(taskOf(s, "L0_attention")),
            (Names{"attention", "round"}));
  EXPECT_EQ(report.attentionRanges, 1);
  EXPECT_EQ(report.after.crossingPerLayer, report.before.crossingPerLayer);
}

/// Both halves would need what comes before it.
TEST(Tiling, LeavesAttentionWholeBehindOthersOfItsTask) {
  Schedule s = toyLlama({}, /*fused=*/false);
  s.numerics.kvSplits = 8;
  // The query is rounded in full by every tile.
  Task *attention = nullptr;
  Operator round;
  for (Task &t : s.tasks)
    if (t.name == "L0_attention")
      attention = &t;
  for (const Task &t : s.tasks)
    if (t.ops[0].name == "round" &&
        t.ops[0].operands[1] == attention->ops[0].operands[0])
      round = t.ops[0];
  ASSERT_FALSE(round.operands.empty());
  Buffer own = s.buffers[round.operands[1]];
  own.name = "own";
  own.kind = BufferKind::Local;
  round.prologue = true;
  round.operands[1] = attention->ops[0].operands[0] =
      uint32_t(s.buffers.size());
  s.buffers.push_back(own);
  attention->ops.insert(attention->ops.begin(), round);
  ASSERT_EQ(check(s), "");
  ASSERT_EQ(cutTasks(s, {7}), "");
  EXPECT_EQ(check(s), "");
  EXPECT_EQ(operators(taskOf(s, "L0_attention")),
            (Names{"round", "attention"}));
  EXPECT_EQ(operators(taskOf(s, "L1_attention")), Names{"attention_join"});
}

TEST(Tiling, RefusesWhatItWouldBreak) {
  Schedule s = toyLlama({}, true);
  EXPECT_EQ(cutTasks(s, {0, true, false}),
            "expected at least one worker, found 0");
  s.concurrent = true;
  EXPECT_NE(cutTasks(s, {4, true, false}), "");
}

/// What the worker with most streams over the step, over the mean.
double mostOverMean(const Schedule &s, uint32_t workers) {
  std::vector<double> bytes(workers, 0);
  double all = 0;
  for (const Task &t : s.tasks) {
    const uint32_t tiles = tileCount(s, t);
    const std::vector<uint32_t> places = spreadTiles(tiles, workers);
    for (uint32_t i = 0; i < tiles; ++i)
      for (const Operator &op : t.ops)
        if (op.name == "linear") {
          const int64_t columns = s.buffers[op.operands[1]].shape[1];
          bytes[places[i]] += double(tileRange(s, t, i).size() * columns * 2);
          all += double(tileRange(s, t, i).size() * columns * 2);
        }
  }
  return *std::max_element(bytes.begin(), bytes.end()) * workers / all;
}

/// No worker streams 1.5 % more than the mean. Tiles differ by one granule
/// where a task is there once or its granules are large, and by a sixth of the
/// mean and one granule at most where small ones even out what the large ones
/// have left.
TEST(Tiling, BalancesTheWholeStep) {
  for (const ToyShape &shape :
       {shape1B(ToyShape().positions), shape8B(ToyShape().positions)}) {
    Schedule s = toyLlama(shape, true);
    s.target = Target{"sm_90", 132, 232448};
    TilingReport report;
    ASSERT_EQ(cutTasks(s, {132, true, false}, &report), "");
    EXPECT_EQ(check(s), "");
    EXPECT_LE(mostOverMean(s, 132), 1.015) << shape.hidden;
    EXPECT_NEAR(report.mostOverMean, mostOverMean(s, 132), 1e-9);
    Schedule even = toyLlama(shape, true);
    ASSERT_EQ(cutTasks(even, {132, true, false, false}), "");
    EXPECT_GT(mostOverMean(even, 132), mostOverMean(s, 132) + 0.005);
    for (const Task &t : s.tasks) {
      int64_t least = taskExtent(s, t), most = 0;
      for (uint32_t i = 0; i < tileCount(s, t); ++i) {
        least = std::min(least, tileRange(s, t, i).size());
        most = std::max(most, tileRange(s, t, i).size());
      }
      const int64_t granule = std::max<int64_t>(taskGranule(s, t), 4);
      const int64_t mean = taskExtent(s, t) / tileCount(s, t);
      const bool isOnce = t.name == "lm_head" || t.name == "embed";
      EXPECT_LE(most - least, granule + (isOnce ? 0 : mean / 6)) << t.name;
    }
    EXPECT_EQ(taskOf(s, "L0_o").bounds, taskOf(s, "embed").bounds);
    EXPECT_EQ(taskOf(s, "L1_down").bounds, taskOf(s, "embed").bounds);
  }
}

TEST(Tiling, EveryNumberOfWorkers) {
  ToyShape shape;
  shape.hidden = 512;
  shape.layers = 1;
  for (uint32_t workers = 1; workers <= 132; ++workers) {
    Schedule s = toyLlama(shape, true), even = s;
    s.target = even.target = Target{"sm_90", workers, 232448};
    ASSERT_EQ(cutTasks(s, {workers, true, false}), "");
    ASSERT_EQ(check(s), "") << workers;
    ASSERT_EQ(cutTasks(even, {workers, true, false, false}), "");
    EXPECT_LE(mostOverMean(s, workers), mostOverMean(even, workers) + 1e-9)
        << workers;
  }
}

} // namespace
