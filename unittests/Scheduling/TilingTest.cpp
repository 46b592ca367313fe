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

ToyShape shape1B() {
  ToyShape shape;
  shape.hidden = 2048;
  shape.inter = 8192;
  shape.heads = 32;
  shape.kvHeads = 8;
  shape.vocab = 128256;
  shape.layers = 16;
  shape.argmaxBlock = 16;
  return shape;
}

ToyShape shape8B() {
  ToyShape shape = shape1B();
  shape.hidden = 4096;
  shape.inter = 14336;
  shape.headDim = 128;
  shape.layers = 32;
  return shape;
}

/// No worker streams 1.5 % more than the mean, and no two tiles of a task
/// differ by more than a granule.
TEST(Tiling, BalancesTheWholeStep) {
  for (const ToyShape &shape : {shape1B(), shape8B()}) {
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
      EXPECT_LE(most - least, std::max<int64_t>(taskGranule(s, t), 4))
          << t.name;
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
