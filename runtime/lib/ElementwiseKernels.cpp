//===- ElementwiseKernels.cpp - round, scale, add, rope, silu -------------===//

#include "KernelGroups.h"

#include "AMK/Runtime/Numerics.h"

namespace amk::runtime {

namespace {

void roundToBf16(const KernelCall &call) {
  const float *x = call.data<float>(0);
  uint16_t *out = call.data<uint16_t>(1);
  for (int64_t i = call.range.lo; i < call.range.hi; ++i)
    out[i] = floatToBf16(x[i]);
}

void scale(const KernelCall &call) {
  const float *x = call.data<float>(0);
  const float factor = call.data<float>(1)[0];
  float *out = call.data<float>(2);
  for (int64_t i = call.range.lo; i < call.range.hi; ++i)
    out[i] = x[i] * factor;
}

void add(const KernelCall &call) {
  const float *a = call.data<float>(0), *b = call.data<float>(1);
  float *out = call.data<float>(2);
  for (int64_t i = call.range.lo; i < call.range.hi; ++i)
    out[i] = a[i] + b[i];
}

void rope(const KernelCall &call) {
  const int64_t pairs = call.op.getInt("head_dim") / 2;
  const int64_t rotated = call.op.getInt("rotated_rows");
  const float *x = call.data<float>(0);
  const float *table = call.data<float>(1) + call.position * pairs * 2;
  float *out = call.data<float>(2);
  int64_t i = call.range.lo;
  for (; i + 1 < call.range.hi && i < rotated; i += 2) {
    const float *entry = table + i / 2 % pairs * 2;
    const float a = x[i], b = x[i + 1], c = entry[0], s = entry[1];
    out[i] = a * c - b * s;
    out[i + 1] = b * c + a * s;
  }
  for (; i < call.range.hi; ++i)
    out[i] = x[i];
}

float siluTimes(float gate, float up) {
  return gate / (1.0f + expFloat(-gate)) * up;
}

void siluMul(const KernelCall &call) {
  const float *gate = call.data<float>(0), *up = call.data<float>(1);
  float *out = call.data<float>(2);
  for (int64_t i = call.range.lo; i < call.range.hi; ++i)
    out[i] = siluTimes(gate[i], up[i]);
}

void swiglu(const KernelCall &call) {
  const float *x = call.data<float>(0);
  float *out = call.data<float>(1);
  for (int64_t i = call.range.lo / 2; i < call.range.hi / 2; ++i)
    out[i] = siluTimes(x[2 * i], x[2 * i + 1]);
}

} // namespace

void addElementwiseKernels(std::vector<NamedKernel> &kernels) {
  kernels.insert(kernels.end(), {{"round", roundToBf16},
                                 {"scale", scale},
                                 {"add", add},
                                 {"rope", rope},
                                 {"silu_mul", siluMul},
                                 {"swiglu", swiglu}});
}

} // namespace amk::runtime
