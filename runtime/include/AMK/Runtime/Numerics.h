//===- Numerics.h - The arithmetic of the reference kernels -----*- C++ -*-===//
//
// What decides bits is here: conversions, the exponential, and the tree of a
// sum of products (docs/operators.md). Nothing calls a math library whose
// result could differ between machines, and nothing relies on fused
// multiply-adds: every instruction set does the same IEEE operations in the
// same order, so that it gives the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_NUMERICS_H
#define AMK_RUNTIME_NUMERICS_H

#include <cstdint>
#include <cstring>

namespace amk::runtime {

inline float bf16ToFloat(uint16_t value) {
  const uint32_t bits = uint32_t(value) << 16;
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}

/// To nearest, ties to even; every NaN becomes 0x7fff, as on the GPU.
inline uint16_t floatToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return 0x7fff;
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

/// Element `index` of bf16 values that may be unaligned.
inline float loadBf16(const void *values, int64_t index) {
  uint16_t bits;
  std::memcpy(&bits, static_cast<const char *>(values) + index * 2,
              sizeof bits);
  return bf16ToFloat(bits);
}

/// Converts `n` bf16 values, which may be unaligned.
void convertBf16(const void *values, int64_t n, float *out);

/// e^x, within 0.51 units in the last place.
float expFloat(float x);

/// The natural logarithm of a positive, finite number, within 0.51 units in the
/// last place.
float logFloat(float x);

/// 32 partial sums per block of `block` elements, added by halves; the sums of
/// the blocks in order. `w` is bf16 and may be unaligned.
float sumOfProducts(const float *x, const void *w, int64_t n, int64_t block);

/// The same for two rows at once, which shares the loads of x.
void sumsOfProducts(const float *x, const void *w0, const void *w1, int64_t n,
                    int64_t block, float &sum0, float &sum1);

/// The same without vector instructions of a particular machine (for tests;
/// `sumOfProducts` chooses it where there is nothing better).
float sumOfProductsPortable(const float *x, const void *w, int64_t n,
                            int64_t block);

} // namespace amk::runtime

#endif // AMK_RUNTIME_NUMERICS_H
