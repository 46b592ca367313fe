//===- PipeliningTest.cpp -------------------------------------------------===//

#include "AMK/Scheduling/Pipelining.h"

#include "ToyLlama.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Fusion.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

Schedule placed(const ToyShape &shape, uint32_t workers, uint64_t bytes) {
  Schedule s = toyLlama(shape, true);
  s.target = Target{"sm_90", workers, bytes};
  EXPECT_EQ(cutTasks(s, {workers, true, false}), "");
  EXPECT_EQ(assignWorkers(s, {workers, AssignmentPolicy::Contiguous, true}),
            "");
  return s;
}

/// Rule V8's condition on slots, teams and window.
void expectParity(const Ring &r) {
  EXPECT_GE(r.window, 1u);
  EXPECT_LE(r.ahead, r.window);
  EXPECT_TRUE(r.slots % r.teams == 0 || r.window <= r.slots - r.teams)
      << r.slots << " slots, " << r.teams << " teams, window " << r.window;
}

TEST(Pipelining, SlicesDivideTheRow) {
  ToyShape shape;
  shape.hidden = 3072;
  shape.inter = 768;
  Schedule s = placed(shape, 16, 232448);
  PipeliningReport report;
  ASSERT_EQ(makeStreams(s, {}, &report), "");
  EXPECT_EQ(report.tasks, 9u);
  for (const Task &t : s.tasks) {
    if (t.name == "L0_qkv" || t.name == "lm_head")
      EXPECT_EQ(t.stream.columns, 1536u);
    if (t.name == "L0_down")
      EXPECT_EQ(t.stream.columns, 768u);
    if (t.name == "L0_attention" || t.name == "embed")
      EXPECT_EQ(t.stream.rows, 0u);
  }
  ASSERT_TRUE(s.ring);
  EXPECT_EQ(s.ring->bytes, 4u * 1536 * 2);
  expectParity(*s.ring);
  EXPECT_LE(sharedLayout(s).total, s.target->sharedBytes);
}

TEST(Pipelining, TheRingsDepthDecidesWhatIsInFlight) {
  ToyShape shape;
  shape.hidden = 3072;
  shape.inter = 768;
  const auto ring = [&](PipeliningOptions options) {
    Schedule s = placed(shape, 16, 232448);
    EXPECT_EQ(makeStreams(s, options), "");
    return *s.ring;
  };
  PipeliningOptions options;
  for (uint32_t slots : {8, 11, 12, 16}) {
    options.slots = slots;
    const Ring r = ring(options);
    ASSERT_EQ(r.slots, slots);
    expectParity(r);
    EXPECT_EQ(r.ahead, slots < 12 ? 2u : 3u) << slots;
    EXPECT_EQ(r.window, slots == 8 ? 5u : slots == 11 ? 3u : 4u) << slots;
  }
  options.slots = 8;
  options.window = 3;
  options.ahead = 3;
  EXPECT_EQ(ring(options).window, 3u);
  EXPECT_EQ(ring(options).ahead, 3u);
}

Schedule placedInSplits(const ToyShape &shape, uint32_t workers) {
  Schedule s = toyLlama(shape, false);
  s.numerics.kvSplits = 8;
  FusionOrigins origins;
  EXPECT_EQ(groupOperators(s, {}, origins), "");
  s.target = Target{"sm_90", workers, 232448};
  EXPECT_EQ(cutTasks(s, {workers, true, false}), "");
  EXPECT_EQ(assignWorkers(s, {workers, AssignmentPolicy::Contiguous, true}),
            "");
  return s;
}

TEST(Pipelining, CachesInStagesAsLargeAsTheWeights) {
  for (const auto &[hidden, dim, rows] :
       {std::tuple<int64_t, int64_t, uint32_t>{256, 64, 16},
        {1024, 64, 32},
        {2048, 64, 64},
        {2048, 128, 32},
        {128, 128, 16}}) {
    ToyShape shape;
    shape.hidden = shape.inter = hidden;
    shape.headDim = dim;
    Schedule s = placedInSplits(shape, 16);
    ASSERT_EQ(makeStreams(s, {}), "");
    for (const Task &t : s.tasks) {
      if (t.name != "L0_attention" && t.name != "L0_attention_partial")
        continue;
      EXPECT_EQ(t.stream.rows, rows) << hidden << " " << dim;
      EXPECT_EQ(t.stream.columns, uint32_t(dim));
      EXPECT_LE(stageBytes(s, t), s.ring->bytes);
    }
    EXPECT_EQ(check(s), "");
  }
}

TEST(Assignment, TheSplitsOfAHeadAreOnWorkersOfTheirOwn) {
  Schedule s = placedInSplits({}, 20); // 2 KV heads, 8 splits
  std::set<uint32_t> workers;
  for (const Task &t : s.tasks)
    if (t.name == "L1_attention" || t.name == "L1_attention_partial")
      for (uint32_t i = 0; i < tileCount(s, t); ++i)
        EXPECT_TRUE(workers.insert(s.entry(t.workers, i, 0)).second);
  EXPECT_EQ(workers.size(), 16u);
}

TEST(Pipelining, FitsSmallMemories) {
  ToyShape shape;
  shape.hidden = 2048;
  for (uint64_t kib : {227, 163, 99, 64, 40, 28}) {
    Schedule s = placed(shape, 132, kib * 1024);
    ASSERT_EQ(makeStreams(s, {}), "") << kib;
    EXPECT_GE(s.ring->slots, s.ring->teams);
    EXPECT_LE(sharedLayout(s).total, s.target->sharedBytes);
    expectParity(*s.ring);
  }
  Schedule s = placed(shape, 132, 8 * 1024);
  EXPECT_NE(makeStreams(s, {}), "");
}

TEST(Pipelining, WindowsFollowTheRule) {
  for (uint32_t slots = 1; slots <= 16; ++slots)
    for (uint32_t teams = 1; teams <= 16; ++teams) {
      Schedule s = placed({}, 8, 232448);
      PipeliningOptions options;
      options.slots = slots;
      options.teams = teams;
      options.window = 6;
      if (slots < teams) {
        EXPECT_NE(makeStreams(s, options), "");
        continue;
      }
      ASSERT_EQ(makeStreams(s, options), "");
      EXPECT_EQ(s.ring->teams, teams);
      expectParity(*s.ring);
    }
}

TEST(Pipelining, OddShapesLoadDirectly) {
  ToyShape shape;
  shape.hidden = 96;
  Schedule s = placed(shape, 4, 232448);
  PipeliningReport report;
  ASSERT_EQ(makeStreams(s, {}, &report), "");
  EXPECT_GT(report.direct, 0u);
}

} // namespace
