//===- NumericsTest.cpp - The arithmetic of the reference kernels ---------===//

#include "AMK/Runtime/Numerics.h"
#include "AMK/Runtime/RopeTable.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace amk;
using namespace amk::runtime;

namespace {

uint32_t bitsOf(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, sizeof bits);
  return bits;
}

TEST(Numerics, RoundsToNearestEven) {
  EXPECT_EQ(floatToBf16(1.0f), 0x3f80);
  EXPECT_EQ(floatToBf16(1.0f + 1.0f / 256), 0x3f80); // tie, even below
  EXPECT_EQ(floatToBf16(1.0f + 3.0f / 256), 0x3f82); // tie, even above
  EXPECT_EQ(floatToBf16(3.4e38f), 0x7f80);           // past the largest
  EXPECT_EQ(floatToBf16(-0.0f), 0x8000);
  EXPECT_EQ(floatToBf16(std::numeric_limits<float>::quiet_NaN()), 0x7fff);
  for (uint32_t b = 0; b < 0x10000; ++b) {
    const float f = bf16ToFloat(uint16_t(b));
    if (f == f) {
      EXPECT_EQ(floatToBf16(f), b);
    }
  }
}

TEST(Numerics, ExpIsWithinAboutHalfAnUlp) {
  double worst = 0;
  for (int i = -1030000; i <= 887000; ++i) {
    const float x = float(i) * 1e-4f;
    const double exact = std::exp(double(x));
    const float got = expFloat(x);
    const float near = float(exact);
    const double ulp =
        double(std::nextafter(near, std::numeric_limits<float>::infinity())) -
        double(near);
    worst = std::max(worst, std::abs(double(got) - exact) / ulp);
  }
  EXPECT_LE(worst, 0.51);
  EXPECT_EQ(expFloat(0.0f), 1.0f);
  EXPECT_EQ(expFloat(-std::numeric_limits<float>::infinity()), 0.0f);
  EXPECT_EQ(expFloat(200.0f), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(expFloat(std::nanf(""))));
}

TEST(Numerics, LogIsWithinAboutHalfAnUlp) {
  double worst = 0;
  for (uint32_t bits = 1; bits < 0x7f800000u; bits += 1009) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    const double exact = std::log(double(x));
    const float near = float(exact);
    const double ulp = std::abs(
        double(std::nextafter(near, std::numeric_limits<float>::infinity())) -
        double(near));
    worst = std::max(worst, std::abs(double(logFloat(x)) - exact) / ulp);
  }
  EXPECT_LE(worst, 0.51);
  EXPECT_EQ(logFloat(1.0f), 0.0f);
}

/// The tree of docs/operators.md, written down once more.
float slowSum(const float *x, const char *w, int64_t n, int64_t block) {
  float sum = 0;
  for (int64_t b = 0; b < n; b += block) {
    std::vector<float> lanes(32, 0.0f);
    for (int64_t j = 0; j < block && b + j < n; ++j)
      lanes[size_t(j % 32)] += x[b + j] * loadBf16(w, b + j);
    for (size_t half : {16, 8, 4, 2, 1})
      for (size_t l = 0; l < half; ++l)
        lanes[l] = lanes[l] + lanes[l + half];
    sum += lanes[0];
  }
  return sum;
}

TEST(Numerics, EveryVersionOfTheSumHasTheSameBits) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int64_t n : {1, 7, 31, 32, 33, 64, 100, 127, 256, 1000, 2048, 2049}) {
    // One byte too far: rows of a checkpoint may be unaligned.
    std::vector<char> bytes(size_t(4 * n + 2));
    char *w0 = bytes.data() + 1, *w1 = w0 + 2 * n;
    std::vector<float> x;
    double exact = 0, size = 0;
    for (int64_t i = 0; i < n; ++i) {
      x.push_back(bf16ToFloat(floatToBf16(normal(random))));
      // Some products underflow, where a fused operation would round once.
      const uint16_t a = floatToBf16(i % 5 ? normal(random) : 1e-39f);
      const uint16_t b = floatToBf16(normal(random));
      std::memcpy(w0 + 2 * i, &a, 2);
      std::memcpy(w1 + 2 * i, &b, 2);
      exact += double(x.back()) * bf16ToFloat(a);
      size += std::abs(double(x.back()) * bf16ToFloat(a));
    }
    for (int64_t block : {32, 48, 64, 2048}) {
      const uint32_t expected = bitsOf(slowSum(x.data(), w0, n, block));
      EXPECT_EQ(bitsOf(sumOfProducts(x.data(), w0, n, block)), expected);
      EXPECT_EQ(bitsOf(sumOfProductsPortable(x.data(), w0, n, block)),
                expected);
      float s0 = 0, s1 = 0;
      sumsOfProducts(x.data(), w0, w1, n, block, s0, s1);
      EXPECT_EQ(bitsOf(s0), expected);
      EXPECT_EQ(bitsOf(s1), bitsOf(slowSum(x.data(), w1, n, block)));
      EXPECT_NEAR(s0, exact, 1e-5 * size + 1e-30);
    }
  }
}

TEST(Numerics, RopeTableOfTheDefaultKind) {
  core::RopeTable rope;
  rope.theta = 10000;
  rope.headDim = 8;
  EXPECT_DOUBLE_EQ(ropeFrequency(rope, 0), 1.0);
  EXPECT_DOUBLE_EQ(ropeFrequency(rope, 1), 0.1);
  EXPECT_DOUBLE_EQ(ropeFrequency(rope, 3), 0.001);
  const std::vector<float> table = ropeTable(rope, 100000);
  EXPECT_EQ(table[0], 1.0f);
  EXPECT_EQ(table[1], 0.0f);
  // At large angles as exact as at small ones.
  const float *last = table.data() + 99999 * 8;
  EXPECT_EQ(last[0], float(std::cos(99999.0)));
  EXPECT_EQ(last[1], float(std::sin(99999.0)));
}

TEST(Numerics, RopeTableOfLlama3) {
  core::RopeTable rope;
  rope.theta = 500000;
  rope.headDim = 64;
  rope.factor = 32;
  rope.lowFreqFactor = 1;
  rope.highFreqFactor = 4;
  rope.originalPositions = 8192;
  core::RopeTable plain = rope;
  plain.factor = 1;
  bool kept = false, blended = false, stretched = false;
  for (int64_t i = 0; i < 32; ++i) {
    const double f = ropeFrequency(plain, i), g = ropeFrequency(rope, i);
    const double wave = 6.283185307179586 / f;
    if (wave < 8192.0 / 4) {
      kept = true;
      EXPECT_EQ(g, f);
    } else if (wave > 8192.0) {
      stretched = true;
      EXPECT_DOUBLE_EQ(g, f / 32);
    } else {
      blended = true;
      const double smooth = (8192 / wave - 1) / 3;
      EXPECT_DOUBLE_EQ(g, (1 - smooth) * f / 32 + smooth * f);
    }
  }
  EXPECT_TRUE(kept && blended && stretched);
}

} // namespace
