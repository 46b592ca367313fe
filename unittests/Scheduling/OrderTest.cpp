//===- OrderTest.cpp - Passes in unusual orders ---------------------------===//
//
// What the random orders of properties/ have found, one by one: a pass leaves a
// legal schedule also where it comes late or twice, or refuses with a reason
// and leaves the schedule as it was.
//
//===----------------------------------------------------------------------===//

#include "ToyLlama.h"

#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Fusion.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Target.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

/// The same for schedules that are the same in everything.
std::string idOf(const Schedule &s) {
  Program program;
  program.schedule = s;
  return scheduleId(program);
}

bool contains(const std::string &text, const char *part) {
  return text.find(part) != text.npos;
}

/// Cut and placed.
Schedule placed(const ToyShape &shape, uint32_t workers) {
  Schedule s = toyLlama(shape, /*fused=*/true);
  EXPECT_EQ(chooseTarget(s, "sm_90", workers), "");
  TilingOptions tiling;
  tiling.workers = workers;
  EXPECT_EQ(cutTasks(s, tiling), "");
  AssignmentOptions assignment;
  assignment.workers = workers;
  EXPECT_EQ(assignWorkers(s, assignment), "");
  return s;
}

/// A ring of all the shared memory that there is, but less than a KB.
PipeliningOptions wholeRing() {
  PipeliningOptions options;
  options.columns = 128;
  options.teams = 1;
  options.slots = 4096;
  return options;
}

TEST(Order, GroupsThatAreNoTaskAreRefused) {
  Schedule s = toyLlama({}, /*fused=*/false);
  const std::string before = idOf(s);
  FusionOrigins origins;
  // The whole layer: its products need all of what comes before them.
  const std::string reason =
      groupOperators(s, {{"L0_qkv", "L0_down"}}, origins);
  EXPECT_TRUE(contains(reason, "cannot be grouped so: V1: task")) << reason;
  EXPECT_EQ(idOf(s), before);
  EXPECT_TRUE(origins.empty());
}

TEST(Order, StreamsThatDoNotFitChangeNothing) {
  Schedule s = placed({}, 4);
  ASSERT_EQ(makeStreams(s, {}), "");
  const std::string before = idOf(s);
  PipeliningOptions options = wholeRing();
  options.teams = options.slots;
  const std::string reason = makeStreams(s, options);
  EXPECT_TRUE(contains(reason, "expected room for 4096 stages")) << reason;
  EXPECT_EQ(idOf(s), before);
}

TEST(Order, QueuesAgainstADependenceChangeNothing) {
  Schedule s = toyLlama({}, /*fused=*/true);
  const uint32_t last = uint32_t(s.tasks.size()) - 1;
  for (uint32_t t = 0; t <= last; ++t)
    s.tasks[t].slots = s.addTable({last - t});
  ASSERT_EQ(check(s), "");
  const std::string before = idOf(s);
  const std::string reason = synchronize(s, {});
  EXPECT_TRUE(contains(reason, "behind it in the queue of worker 0")) << reason;
  EXPECT_EQ(idOf(s), before);
}

TEST(Order, PagesTakeWhatTheRingHasLeft) {
  Schedule s = placed({}, 4);
  ASSERT_EQ(synchronize(s, {}), "");
  ASSERT_EQ(makeStreams(s, wholeRing()), "");
  PageColoringOptions options;
  options.sharedLimit = 1 << 20;
  PageColoringReport report;
  ASSERT_EQ(colorPages(s, options, &report), "");
  EXPECT_EQ(check(s), "");
  EXPECT_EQ(report.shared.buffers, 0u) << "the residual takes 1024 bytes";
  // The other way round the residual comes first.
  s.ring.reset();
  for (Task &task : s.tasks)
    task.stream = {};
  ASSERT_EQ(colorPages(s, options, &report), "");
  EXPECT_EQ(report.shared.buffers, 1u);
  ASSERT_EQ(makeStreams(s, wholeRing()), "");
  EXPECT_EQ(check(s), "");
}

TEST(Order, HandOffsBesideARing) {
  Schedule s = placed({}, 4);
  ASSERT_EQ(makeStreams(s, {}), "");
  ASSERT_EQ(synchronize(s, {}), "");
  EXPECT_EQ(check(s), "");

  // A target with room for pages and ring, and not for the plan beside them.
  Schedule full = placed({}, 4);
  ASSERT_EQ(makeStreams(full, wholeRing()), "");
  full.target->sharedBytes = sharedLayout(full).total - 16;
  ASSERT_EQ(check(full), "");
  const std::string before = idOf(full);
  const std::string reason = synchronize(full, {});
  EXPECT_TRUE(contains(reason, "the ring leaves no room for the plan: expected "
                               "at most "))
      << reason;
  EXPECT_EQ(idOf(full), before);
}

TEST(Order, AnotherTargetDropsTheRing) {
  Schedule s = placed({}, 4);
  ASSERT_EQ(makeStreams(s, wholeRing()), "");
  ASSERT_EQ(check(s), "");
  ASSERT_EQ(chooseTarget(s, "sm_120", 4), "");
  TilingOptions tiling;
  tiling.workers = 4;
  ASSERT_EQ(cutTasks(s, tiling), "");
  EXPECT_EQ(check(s), "");
  EXPECT_FALSE(s.ring);
  ASSERT_EQ(makeStreams(s, wholeRing()), "");
  EXPECT_EQ(check(s), "");
}

/// V7: a stage of 2560 columns is too much for the registers of sm_80, and
/// there are no more slots than threads.
TEST(Order, HeldStagesFitTheRegisters) {
  ToyShape shape;
  shape.inter = 2560;
  Schedule s = toyLlama(shape, /*fused=*/true);
  ASSERT_EQ(chooseTarget(s, "sm_80", 4), "");
  TilingOptions tiling;
  tiling.workers = 4;
  ASSERT_EQ(cutTasks(s, tiling), "");
  PipeliningOptions options;
  options.columns = 4096;
  options.teams = options.slots = 1;
  options.held = 0;
  ASSERT_EQ(makeStreams(s, options), "");
  EXPECT_EQ(check(s), "");
  EXPECT_EQ(s.ring->bytes, 2560u * 4 * 2);
  options.held = 1;
  ASSERT_EQ(makeStreams(s, options), "");
  EXPECT_EQ(check(s), "");
  EXPECT_LT(s.ring->bytes, 2560u * 4 * 2);
  options.columns = 128;
  options.slots = 4096;
  ASSERT_EQ(makeStreams(s, options), "");
  EXPECT_EQ(check(s), "");
}

} // namespace
