//===- CheckKernelTest.cpp - A kernel's plan against its schedule ---------===//

#include "ToyLlama.h"

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

struct CheckKernelTest : testing::Test {
  Program program;

  CheckKernelTest() {
    Schedule &s = program.schedule;
    s = toyLlama({}, true);
    s.target = Target{"sm_90", 5, 232448};
    AssignmentOptions assignment;
    assignment.workers = 5;
    EXPECT_EQ(cutTasks(s, {5}), "");
    EXPECT_EQ(assignWorkers(s, assignment), "");
    EXPECT_EQ(synchronize(s, {4}), "");
    EXPECT_EQ(colorPages(s, {}), "");
    EXPECT_EQ(makeStreams(s, {}), "");
    EXPECT_EQ(check(s), "");
    KernelPlan plan;
    std::string error;
    uint32_t task = 0;
    EXPECT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
    program.hasKernel = true;
    program.kernel = plan.kernel;
  }
  std::string found() const {
    std::string error;
    return checkKernel(program, error) ? "" : error;
  }
  Blob &blob(const std::string &name) {
    for (Blob &b : program.kernel.blobs)
      if (b.name == name)
        return b;
    ADD_FAILURE() << "no blob " << name;
    return program.kernel.blobs[0];
  }
};

TEST_F(CheckKernelTest, ThePlanOfTheSchedule) {
  EXPECT_EQ(found(), "");
  program.kernel.chip = "sm_90a";
  EXPECT_EQ(found(), "");
  program.hasKernel = false;
  program.kernel = {};
  EXPECT_EQ(found(), "");
}

TEST_F(CheckKernelTest, AnotherChip) {
  program.kernel.chip = "sm_80";
  EXPECT_EQ(found(), "kernel: chip: expected sm_90, as the schedule has it, "
                     "found sm_80");
}

TEST_F(CheckKernelTest, AWordOfABlob) {
  // Each of them, whatever it is.
  for (Blob &b : program.kernel.blobs) {
    ASSERT_FALSE(b.data.empty());
    char &byte = b.data[b.data.size() / 2];
    byte = char(byte + 1);
    const std::string expected = "kernel: blob '" + b.name + "': word " +
                                 std::to_string(b.data.size() / 8) +
                                 ": expected ";
    EXPECT_EQ(found().substr(0, expected.size()), expected);
    byte = char(byte - 1);
  }
  EXPECT_EQ(found(), "");
  blob("plan").data += std::string(4, '\0');
  EXPECT_NE(found().find("blob 'plan': bytes: expected "), std::string::npos)
      << found();
}

TEST_F(CheckKernelTest, PlacementsAndSizes) {
  const Kernel good = program.kernel;
  program.kernel.placements[1].offset += 128;
  EXPECT_EQ(found().rfind("kernel: placement 1: offset: expected ", 0), 0u);
  program.kernel = good;
  program.kernel.placements.pop_back();
  EXPECT_EQ(found().rfind("kernel: placements: expected ", 0), 0u);
  program.kernel = good;
  program.kernel.zeroBytes -= 128;
  EXPECT_EQ(found().rfind("kernel: bytes to clear: expected ", 0), 0u);
  program.kernel = good;
  ++program.kernel.workers;
  EXPECT_EQ(found(),
            "kernel: workers: expected 5, as the schedule has it, found 6");
}

TEST_F(CheckKernelTest, AScheduleThatCanHaveNone) {
  program.schedule.ring.reset();
  for (Task &task : program.schedule.tasks)
    task.stream = {};
  EXPECT_EQ(
      found().rfind("kernel: of a schedule that can have none: task '", 0), 0u)
      << found();
}

} // namespace
