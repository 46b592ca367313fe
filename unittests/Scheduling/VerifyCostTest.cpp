//===- VerifyCostTest.cpp - What verification may cost --------------------===//
//
// Bounds of the processor time, not of the time that passes, since machines are
// shared; and best of three, since caches and clocks are shared too.
//
//===----------------------------------------------------------------------===//

#include "LargeSchedules.h"

#include "AMK/Schedule/Tiles.h"
#include "AMK/Schedule/Verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <sys/resource.h>

using namespace amk::core;
using namespace amk::scheduling::test;

namespace {

constexpr double kMostSeconds = 2;
constexpr long kMostKilobytes = 1000000;

/// Processor time of all threads of this process.
double processorSeconds() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

/// The most memory that this process has had.
long peakKilobytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// The least processor time of three verifications, each with every rule.
double verifySeconds(const Schedule &s) {
  EXPECT_TRUE(s.concurrent) << "or V3 to V5 have nothing to do";
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const double start = processorSeconds();
    const auto found = verify(s);
    least = std::min(least, processorSeconds() - start);
    EXPECT_TRUE(found.empty())
        << found.front().rule << ": " << found.front().message;
  }
  return least;
}

TEST(VerifyCost, A70BScheduleOn132Workers) {
  const Schedule s = llama70B(80);
  EXPECT_GE(expand(s).tiles.size(), 47000u);
  const double seconds = verifySeconds(s);
  EXPECT_LT(seconds, kMostSeconds);
  RecordProperty("milliseconds", int(seconds * 1000));
}

/// Memory includes what it took to make the schedule.
TEST(VerifyCost, AHundredThousandTilesOn160Workers) {
  const Schedule s = llamaOfTiles(100000);
  EXPECT_GE(expand(s).tiles.size(), 100000u);
  EXPECT_EQ(s.target->workers, 160u);
  const double seconds = verifySeconds(s);
  EXPECT_LT(seconds, kMostSeconds);
  EXPECT_LT(peakKilobytes(), kMostKilobytes);
  RecordProperty("milliseconds", int(seconds * 1000));
  RecordProperty("peak_kilobytes", int(peakKilobytes()));
}

} // namespace
