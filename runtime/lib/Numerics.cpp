//===- Numerics.cpp - The arithmetic of the reference kernels -------------===//

#include "AMK/Runtime/Numerics.h"

#include <algorithm>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace amk::runtime {

namespace {

constexpr int64_t kLanes = 32;

/// Adds 32 partial sums by halves.
float addByHalves(float *lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t l = 0; l < half; ++l)
      lanes[l] += lanes[l + half];
  return lanes[0];
}

/// Adds the products from element `j` to `n` of a block to the lanes.
void addTail(const float *x, const char *w, int64_t j, int64_t n,
             float *lanes) {
  for (; j < n; ++j)
    lanes[j % kLanes] += x[j] * loadBf16(w, j);
}

float blockPortable(const float *x, const char *w, int64_t n) {
  float lanes[kLanes] = {};
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes)
    for (int64_t l = 0; l < kLanes; ++l)
      lanes[l] += x[j + l] * loadBf16(w, j + l);
  addTail(x, w, j, n, lanes);
  return addByHalves(lanes);
}

#if defined(__x86_64__)

// Eight bf16 values as float.
__attribute__((target("avx2"))) inline __m256 load8(const char *w) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i *>(w));
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

// A multiply and an add, not a fused one: the bits are those of the portable
// version also where a product underflows. Memory sets the pace anyway.
__attribute__((target("avx2"))) inline __m256 addProduct(__m256 sum, __m256 x,
                                                         const char *w) {
  return _mm256_add_ps(sum, _mm256_mul_ps(x, load8(w)));
}

/// The sums of one block of two rows.
__attribute__((target("avx2"))) void blockAvx2(const float *x, const char *w0,
                                               const char *w1, int64_t n,
                                               float *sums) {
  __m256 a[4], b[4];
  for (int i = 0; i < 4; ++i)
    a[i] = b[i] = _mm256_setzero_ps();
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    // Rows are a page or more apart, where hardware stops to prefetch.
    _mm_prefetch(w0 + j * 2 + 1024, _MM_HINT_T0);
    _mm_prefetch(w1 + j * 2 + 1024, _MM_HINT_T0);
    for (int i = 0; i < 4; ++i) {
      const __m256 xi = _mm256_loadu_ps(x + j + 8 * i);
      a[i] = addProduct(a[i], xi, w0 + (j + 8 * i) * 2);
      b[i] = addProduct(b[i], xi, w1 + (j + 8 * i) * 2);
    }
  }
  alignas(32) float lanes[kLanes];
  for (int i = 0; i < 4; ++i)
    _mm256_store_ps(lanes + 8 * i, a[i]);
  addTail(x, w0, j, n, lanes);
  sums[0] = addByHalves(lanes);
  for (int i = 0; i < 4; ++i)
    _mm256_store_ps(lanes + 8 * i, b[i]);
  addTail(x, w1, j, n, lanes);
  sums[1] = addByHalves(lanes);
}

bool hasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}

#else

bool hasAvx2() { return false; }
void blockAvx2(const float *, const char *, const char *, int64_t, float *) {}

#endif

} // namespace

void convertBf16(const void *values, int64_t n, float *out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = loadBf16(values, i);
}

float expFloat(float value) {
  if (value != value)
    return value;
  if (value > 89.0f)
    return std::numeric_limits<float>::infinity();
  if (value < -104.0f)
    return 0.0f;
  // In double, where the basic operations leave nothing to the machine:
  // x = n ln 2 + r, |r| <= 0.35, and a Taylor polynomial, whose first term left
  // out is 1e-11.
  const double x = value;
  const double t = x * 1.4426950408889634;
  const int n = int(t < 0 ? t - 0.5 : t + 0.5);
  const double r = x - n * 0.6931471805599453;
  double p = 1.0 / 362880;
  for (double c : {1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
                   1.0 / 6, 0.5, 1.0, 1.0})
    p = p * r + c;
  const uint64_t bits = uint64_t(n + 1023) << 52;
  double scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return float(p * scale);
}

float logFloat(float value) {
  // x = 2^n m with m in [1/sqrt 2, sqrt 2): log m = 2 atanh((m - 1) / (m + 1)),
  // whose argument is at most 0.1716, as a series; the first term left out is
  // 1e-15.
  double m = value;
  uint64_t bits;
  std::memcpy(&bits, &m, sizeof bits);
  int n = int(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffull) | uint64_t(1023) << 52;
  std::memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++n;
  }
  const double t = (m - 1) / (m + 1), t2 = t * t;
  double p = 1.0 / 17;
  for (double c :
       {1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0})
    p = p * t2 + c;
  return float(n * 0.6931471805599453 + 2 * t * p);
}

float sumOfProductsPortable(const float *x, const void *w, int64_t n,
                            int64_t block) {
  float sum = 0;
  for (int64_t j = 0; j < n; j += block)
    sum += blockPortable(x + j, static_cast<const char *>(w) + j * 2,
                         std::min(block, n - j));
  return sum;
}

float sumOfProducts(const float *x, const void *w, int64_t n, int64_t block) {
  float sum = 0, same = 0;
  sumsOfProducts(x, w, w, n, block, sum, same);
  return sum;
}

void sumsOfProducts(const float *x, const void *w0, const void *w1, int64_t n,
                    int64_t block, float &sum0, float &sum1) {
  if (!hasAvx2()) {
    sum0 = sumOfProductsPortable(x, w0, n, block);
    sum1 = sumOfProductsPortable(x, w1, n, block);
    return;
  }
  sum0 = sum1 = 0;
  for (int64_t j = 0; j < n; j += block) {
    float sums[2];
    blockAvx2(x + j, static_cast<const char *>(w0) + j * 2,
              static_cast<const char *>(w1) + j * 2, std::min(block, n - j),
              sums);
    sum0 += sums[0];
    sum1 += sums[1];
  }
}

} // namespace amk::runtime
