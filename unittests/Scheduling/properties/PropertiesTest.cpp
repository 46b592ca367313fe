//===- PropertiesTest.cpp - Passes in random orders -----------------------===//

#include "Campaign.h"

#include "AMK/Schedule/Verify.h"
#include "AMK/Scheduling/Fusion.h"

#include <gtest/gtest.h>

#include <random>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::properties;

namespace {

TEST(PassProperties, LegalAndTheSameBitsInEveryOrder) {
  const uint64_t seed = uint64_t(std::random_device{}()) << 20;
  RecordProperty("seed", std::to_string(seed));
  const Counts c = campaign(seed, 100);
  EXPECT_EQ(c.failure, "") << "AMKPassProperties 100 " << seed;
  EXPECT_GT(c.schedules, 150u);
  EXPECT_GT(c.concurrent, 50u);
  for (size_t p = 0; p < kPasses; ++p)
    EXPECT_GT(c.passes[p].accepted, 10u) << nameOf(Pass(p));
}

/// They are rare: these are known to have some.
TEST(PassProperties, WhatIsRareComesUp) {
  const Counts c = campaign(1, 100);
  EXPECT_EQ(c.failure, "");
  EXPECT_GT(c.gangs, 0u);
  EXPECT_GT(c.inboxes, 0u);
  EXPECT_GT(c.bySlice, 0u);
}

TEST(PassProperties, ASeedIsAConfiguration) {
  const Counts a = campaign(7, 5), b = campaign(7, 5);
  EXPECT_EQ(a.failure, "");
  EXPECT_EQ(a.models, b.models);
  EXPECT_EQ(a.schedules, b.schedules);
  for (size_t p = 0; p < kPasses; ++p)
    EXPECT_EQ(a.reasons[p], b.reasons[p]);
}

/// A pass that changed a rounding, a hand-off or what the file holds would be
/// seen.
TEST(PassProperties, TheCampaignSeesWhatIsWrong) {
  const auto seen = [](const char *what, auto spoil) {
    const std::string failure = campaign(1, 50, spoil).failure;
    EXPECT_NE(failure.find(what), std::string::npos) << failure;
    EXPECT_NE(failure.find("made small"), std::string::npos) << failure;
  };
  seen("logit", [](Schedule &s) {
    for (Task &task : s.tasks)
      for (Operator &op : task.ops)
        for (OpAttribute &a : op.attributes)
          if (a.name == "eps")
            a.real *= 2;
  });
  seen("not legal\n  V5", [](Schedule &s) {
    for (Task &task : s.tasks)
      task.waits.clear();
  });
  // Pages on top of each other: which rule is first depends on what lies there.
  seen("not legal\n  V", [](Schedule &s) {
    for (Buffer &b : s.buffers)
      b.pageOffset = 0;
  });
}

/// The first grouping makes the rows of gate and up local to one task, the
/// second merges their products.
TEST(PassProperties, GroupsByDataflowAfterGroupsByName) {
  Random random(1);
  Schedule s = importModel(randomModel(random)), direct = s;
  FusionOrigins origins;
  ASSERT_EQ(groupOperators(s, {{"L0_gate", "L0_silu_mul"}}, origins), "");
  EXPECT_TRUE(verify(s).empty());
  ASSERT_EQ(groupOperators(s, {}, origins), "");
  EXPECT_TRUE(verify(s).empty());
  ASSERT_EQ(groupOperators(direct, {}, origins), "");
  EXPECT_EQ(s.tasks.size(), direct.tasks.size());
}

} // namespace
