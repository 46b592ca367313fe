//===- PipelineTest.cpp - All solvers one after the other -----------------===//
//
// Properties over random shapes, worker counts and options: the schedule is
// legal after every step. AMK_TEST_SEED repeats a run.
//
//===----------------------------------------------------------------------===//

#include "ToyLlama.h"

#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

class Random {
public:
  explicit Random(uint32_t seed) : engine(seed) {}
  uint32_t below(uint32_t n) { return uint32_t(engine() % n); }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[below(uint32_t(values.size()))];
  }

private:
  std::mt19937 engine;
};

ToyShape randomShape(Random &r) {
  ToyShape shape;
  shape.kvHeads = r.pick({1, 2, 3});
  shape.heads = shape.kvHeads * r.pick({1, 2, 4});
  shape.headDim = r.pick({16, 64, 128});
  shape.hidden = r.pick({64, 128, 256, 384});
  shape.inter = r.pick({96, 256, 768});
  shape.vocab = r.pick({100, 1000, 1024});
  shape.argmaxBlock = r.pick({8, 12, 64});
  shape.layers = 1 + r.below(2);
  return shape;
}

void runOnce(uint32_t seed) {
  SCOPED_TRACE("AMK_TEST_SEED=" + std::to_string(seed));
  Random r(seed);
  Schedule s = toyLlama(randomShape(r), r.below(3) != 0);
  const uint32_t workers =
      r.pick({1u, 2u, 3u, 4u, 7u, 16u, 31u, 108u, 132u, 1u + r.below(64)});
  ASSERT_EQ(check(s), "") << "imported";

  s.target = Target{"sm_90", workers, 232448};
  const bool keepOwners = r.below(4) != 0;
  ASSERT_EQ(cutTasks(s, {workers, keepOwners, r.below(2) == 0}), "");
  ASSERT_EQ(check(s), "") << "cut";

  const AssignmentPolicy policy =
      r.pick({AssignmentPolicy::Contiguous, AssignmentPolicy::RoundRobin,
              AssignmentPolicy::LoadBalanced, AssignmentPolicy::Locality});
  ASSERT_EQ(assignWorkers(s, {workers, policy, keepOwners}), "");
  ASSERT_EQ(check(s), "") << "placed";

  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, {r.pick({0u, 4u, 6u})}, &report), "");
  ASSERT_EQ(check(s), "") << "synchronized";
  EXPECT_EQ(report.dependences, report.sameWorker + report.byPackets +
                                    report.implied + report.byCounter);

  const PagePolicy pages =
      r.pick({PagePolicy::None, PagePolicy::Linear, PagePolicy::GraphColor});
  PageColoringReport colored;
  ASSERT_EQ(
      colorPages(s, {pages, r.pick({uint64_t(0), uint64_t(58112)})}, &colored),
      "");
  ASSERT_EQ(check(s), "") << "colored";
  EXPECT_LE(colored.scratch.bound, colored.scratch.peak);
  EXPECT_LE(colored.shared.bound, colored.shared.peak);

  ASSERT_EQ(makeStreams(s, {}), "");
  ASSERT_EQ(check(s), "") << "pipelined";
}

TEST(Pipeline, LegalAfterEveryStep) {
  if (const char *seed = std::getenv("AMK_TEST_SEED")) {
    runOnce(uint32_t(std::strtoul(seed, nullptr, 10)));
    return;
  }
  const uint32_t first = std::random_device{}();
  std::printf("seeds %u to %u\n", first, first + 149);
  for (uint32_t i = 0; i < 150 && !HasFatalFailure(); ++i)
    runOnce(first + i);
}

/// Without one of its hand-offs no schedule is legal: none is superfluous
/// between tasks.
TEST(Pipeline, EveryCounterIsNeeded) {
  for (bool fused : {false, true}) {
    ToyShape shape;
    shape.layers = 1;
    Schedule s = toyLlama(shape, fused);
    s.target = Target{"sm_90", 6, 232448};
    ASSERT_EQ(cutTasks(s, {6, true, false}), "");
    ASSERT_EQ(assignWorkers(s, {6, AssignmentPolicy::Contiguous, true}), "");
    ASSERT_EQ(synchronize(s, {0}), "");
    ASSERT_EQ(check(s), "");
    for (size_t t = 0; t < s.tasks.size(); ++t)
      for (size_t w = 0; w < s.tasks[t].waits.size(); ++w) {
        Schedule less = s;
        less.tasks[t].waits.erase(less.tasks[t].waits.begin() + long(w));
        EXPECT_NE(check(less), "") << s.tasks[t].name;
      }
  }
}

TEST(Pipeline, TheSameTwice) {
  const auto compile = [] {
    Schedule s = toyLlama({}, true);
    s.target = Target{"sm_90", 31, 232448};
    EXPECT_EQ(cutTasks(s, {31, true, false}), "");
    EXPECT_EQ(assignWorkers(s, {31, AssignmentPolicy::LoadBalanced, true}), "");
    EXPECT_EQ(synchronize(s, {6}), "");
    EXPECT_EQ(colorPages(s, {PagePolicy::GraphColor, 58112}), "");
    EXPECT_EQ(makeStreams(s, {}), "");
    return s;
  };
  const Schedule a = compile(), b = compile();
  EXPECT_EQ(a.tables, b.tables);
  for (size_t i = 0; i < a.buffers.size(); ++i) {
    EXPECT_EQ(a.buffers[i].pageOffset, b.buffers[i].pageOffset);
    EXPECT_EQ(a.buffers[i].packetGeneration, b.buffers[i].packetGeneration);
  }
}

/// The shapes that people compile.
TEST(Pipeline, Llama1B) {
  Schedule s = toyLlama(shape1B(4096), true);
  s.target = Target{"sm_90", 132, 232448};
  ASSERT_EQ(cutTasks(s, {132, true, false}), "");
  ASSERT_EQ(assignWorkers(s, {132, AssignmentPolicy::Contiguous, true}), "");
  ASSERT_EQ(synchronize(s, {6}), "");
  ASSERT_EQ(colorPages(s, {PagePolicy::GraphColor, 58112}), "");
  ASSERT_EQ(makeStreams(s, {}), "");
  EXPECT_EQ(check(s), "");
  EXPECT_LE(sharedLayout(s).total, s.target->sharedBytes);
  EXPECT_GE(s.ring->slots, 10u);
}

} // namespace
