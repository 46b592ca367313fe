//===- TilingTest.cpp -----------------------------------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "ToyLlama.h"

#include "AMK/Schedule/Operators.h"

#include <gtest/gtest.h>

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

} // namespace
