//===- OracleTest.cpp - The verifier against every reachable state --------===//

#include "Campaign.h"

#include <gtest/gtest.h>

#include <random>

using namespace amk::core::oracle;

namespace {

TEST(OracleTest, VerifierAgreesOnRandomSchedules) {
  const uint64_t seed = uint64_t(std::random_device{}()) << 20;
  RecordProperty("seed", std::to_string(seed));
  const Counts c = campaign(seed, 20000);
  EXPECT_EQ(c.disagreement, "") << "seed " << seed;
  EXPECT_GT(c.safe, c.schedules / 5);
  EXPECT_GT(c.concurrencyOnly, c.schedules / 10);
}

} // namespace
