//===- PageColoringTest.cpp -----------------------------------------------===//

#include "AMK/Scheduling/PageColoring.h"

#include "ToyLlama.h"

#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

Schedule synchronized(bool fused, uint32_t workers, uint32_t packets) {
  Schedule s = toyLlama({}, fused);
  s.target = Target{"sm_90", workers, 232448};
  EXPECT_EQ(cutTasks(s, {workers, true, false}), "");
  EXPECT_EQ(assignWorkers(s, {workers, AssignmentPolicy::Contiguous, true}),
            "");
  EXPECT_EQ(synchronize(s, {packets}), "");
  return s;
}

const Buffer &bufferOf(const Schedule &s, std::string_view name) {
  for (const Buffer &b : s.buffers)
    if (b.name == name && b.kind != BufferKind::Local)
      return b;
  ADD_FAILURE() << "no buffer " << name;
  return s.buffers[0];
}

TEST(PageColoring, TheResidualIsShared) {
  Schedule s = synchronized(true, 7, 6);
  PageColoringReport report;
  ASSERT_EQ(colorPages(s, {PagePolicy::GraphColor, 58112}, &report), "");
  EXPECT_EQ(bufferOf(s, "residual").space, Space::Shared);
  EXPECT_EQ(bufferOf(s, "x0").space, Space::Scratch);
  EXPECT_EQ(bufferOf(s, "logits").space, Space::Own);
  EXPECT_EQ(report.shared.peak, 1024u);
  EXPECT_EQ(check(s), "");
}

TEST(PageColoring, NothingIsSharedWithoutRoom) {
  Schedule s = synchronized(true, 7, 6);
  PageColoringReport report;
  ASSERT_EQ(colorPages(s, {PagePolicy::GraphColor, 512}, &report), "");
  EXPECT_EQ(bufferOf(s, "residual").space, Space::Scratch);
  EXPECT_EQ(report.shared.buffers, 0u);
  EXPECT_EQ(check(s), "");
}

TEST(PageColoring, OneWorkerNeedsThePeakOnly) {
  // All in one queue: lifetimes are intervals, and greedy reaches the bound.
  Schedule s = synchronized(false, 1, 0);
  PageColoringReport report;
  ASSERT_EQ(colorPages(s, {PagePolicy::GraphColor, 0}, &report), "");
  EXPECT_LT(report.scratch.peak, report.scratch.unshared / 2);
  EXPECT_GE(report.scratch.peak, report.scratch.bound);
  EXPECT_EQ(check(s), "");
}

TEST(PageColoring, PoliciesInOrderOfPeak) {
  for (uint32_t packets : {0u, 6u}) {
    Schedule s = synchronized(false, 5, packets);
    PageColoringReport none, linear, colored;
    ASSERT_EQ(colorPages(s, {PagePolicy::None, 58112}, &none), "");
    for (const Buffer &b : s.buffers)
      EXPECT_EQ(b.space, Space::Own);
    ASSERT_EQ(colorPages(s, {PagePolicy::Linear, 58112}, &linear), "");
    EXPECT_EQ(linear.scratch.peak, linear.scratch.unshared);
    EXPECT_EQ(check(s), "");
    ASSERT_EQ(colorPages(s, {PagePolicy::GraphColor, 58112}, &colored), "");
    EXPECT_LT(colored.scratch.peak, linear.scratch.peak);
    EXPECT_GE(colored.scratch.peak, colored.scratch.bound);
    EXPECT_EQ(check(s), "");
  }
}

TEST(PageColoring, NeedsHandOffs) {
  Schedule s = toyLlama({}, true);
  EXPECT_NE(colorPages(s, {PagePolicy::GraphColor, 0}), "");
}

} // namespace
