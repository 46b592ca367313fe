//===- RegionTest.cpp - Regions against brute force -----------------------===//

#include "AMK/Schedule/Region.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

using namespace amk::core;

namespace {

std::set<uint64_t> bytesOf(const Region &r) {
  std::set<uint64_t> bytes;
  for (uint64_t i = 0; i < r.count; ++i)
    for (uint64_t k = 0; k < r.bytes; ++k)
      bytes.insert(r.offset + i * r.stride + k);
  return bytes;
}

TEST(RegionTest, OverlapEqualsBruteForce) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 r(seed);
  for (int i = 0; i < 50000; ++i) {
    const auto region = [&] {
      Region x;
      x.offset = r() % 40;
      x.bytes = r() % 6;
      x.stride = x.bytes + r() % 8;
      x.count = r() % 6;
      return x;
    };
    const Region a = region();
    Region b = region();
    if (r() % 2)
      b.stride = std::max(a.stride, b.bytes);
    const std::set<uint64_t> in = bytesOf(a);
    bool shared = false;
    for (uint64_t byte : bytesOf(b))
      shared |= in.count(byte) != 0;
    const auto text = [](const Region &x) {
      return std::to_string(x.count) + " x " + std::to_string(x.bytes) +
             " from " + std::to_string(x.offset) + " by " +
             std::to_string(x.stride);
    };
    ASSERT_EQ(overlap(a, b), shared) << text(a) << ", " << text(b);
    ASSERT_EQ(overlap(b, a), shared) << text(a) << ", " << text(b);
    ASSERT_EQ(sameBytes(a, b), in == bytesOf(b)) << text(a) << ", " << text(b);
  }
}

TEST(RegionTest, FitsWithoutOverflow) {
  EXPECT_TRUE(fits({0, 16, 0, 1}, 16));
  EXPECT_FALSE(fits({1, 16, 0, 1}, 16));
  EXPECT_TRUE(fits({4, 4, 8, 2}, 16));
  EXPECT_FALSE(fits({5, 4, 8, 2}, 16));
  const uint64_t most = ~uint64_t(0);
  EXPECT_FALSE(fits({most, 2, 0, 1}, 16));
  EXPECT_FALSE(fits({8, most, 0, 1}, 16));
  EXPECT_FALSE(fits({0, 1, most, 3}, 16));
  EXPECT_FALSE(fits({0, 1, 8, most}, 16));
}

TEST(RegionTest, Positions) {
  EXPECT_FALSE(mayMeet(Position::Past, Position::Now));
  EXPECT_TRUE(mayMeet(Position::Past, Position::Upto));
  EXPECT_TRUE(mayMeet(Position::Now, Position::Upto));
  EXPECT_TRUE(mayMeet(Position::Now, Position::Now));
}

} // namespace
