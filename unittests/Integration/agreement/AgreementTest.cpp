//===- AgreementTest.cpp - The short run ----------------------------------===//

#include "Agreement.h"

#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

using namespace amk::agreement;

namespace {

// What is rejected has data races, which the thread sanitizer would report.
#if defined(__SANITIZE_THREAD__)
constexpr bool kRacesAllowed = false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kRacesAllowed = false;
#else
constexpr bool kRacesAllowed = true;
#endif
#else
constexpr bool kRacesAllowed = true;
#endif

TEST(DeviceAgreement, AcceptedGivesTheSameBitsAndRejectedShows) {
  Options options;
  options.schedules = 8;
  options.runs = 16;
  options.rejected = kRacesAllowed ? 20 : 0;
  options.rejectedRuns = 50;
  options.seconds = 8; // a sanitizer makes it slow
  options.seed = std::random_device{}();
  if (const char *seed = std::getenv("AMK_TEST_SEED"))
    options.seed = std::strtoull(seed, nullptr, 10);
  std::printf("AMK_TEST_SEED=%llu\n", (unsigned long long)options.seed);
  const Counts counts = agreement(options);
  std::printf("%llu runs to the same bits\n%s", (unsigned long long)counts.runs,
              table(counts).c_str());
  EXPECT_EQ(counts.failure, "");
  EXPECT_GE(counts.runs, 4u);
  Shown all;
  for (const auto &[rule, shown] : byRule(counts)) {
    all.schedules += shown.schedules;
    all.wrong += shown.wrong;
    all.hung += shown.hung;
  }
  // Nine of ten show (docs/verifier.md); half must, unless time ran out early.
  if (all.schedules >= 8) {
    EXPECT_GE(2 * (all.wrong + all.hung), all.schedules);
  }
}

} // namespace
