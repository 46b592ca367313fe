//===- MutantsTest.cpp - The short run ------------------------------------===//

#include "Campaign.h"
#include "Judge.h"

#include <gtest/gtest.h>
#include <random>

using namespace amk;
using namespace amk::mutants;

namespace {

/// Stops by itself where a sanitizer makes it slow.
constexpr uint64_t kMutants = 2500;
constexpr double kSeconds = 20;

TEST(Mutants, VerifierAndJudgeAgree) {
  Options options;
  options.count = kMutants;
  options.shapes = 4;
  options.runLarge = false;
  options.seconds = kSeconds;
  options.seed = std::random_device{}();
  if (const char *seed = std::getenv("AMK_TEST_SEED"))
    options.seed = std::strtoull(seed, nullptr, 10);
  std::printf("AMK_TEST_SEED=%llu\n", (unsigned long long)options.seed);
  const Counts counts = campaign(options);
  std::printf("%s", table(counts).c_str());
  EXPECT_EQ(counts.failure, "");
  uint64_t mutants = 0;
  for (const auto &[name, c] : counts.classes)
    mutants += c.mutants;
  EXPECT_GE(mutants, 20u);
}

/// The judge's ring against what is worked out by hand.
TEST(Mutants, Rings) {
  const auto holds = [](uint32_t slots, uint32_t teams, uint32_t window) {
    return ringHolds({slots, 1024, window, 1, teams});
  };
  // A multiple of the teams: as many in flight as there are slots.
  EXPECT_TRUE(holds(16, 8, 16));
  EXPECT_FALSE(holds(16, 8, 17));
  // Otherwise the stage before in a slot is another team's.
  EXPECT_TRUE(holds(13, 8, 5));
  EXPECT_FALSE(holds(13, 8, 6));
  EXPECT_FALSE(holds(7, 8, 1));
  EXPECT_FALSE(holds(8, 8, 0));
}

} // namespace
