//===- ProductKernels.cpp - linear, rms_norm, embed -----------------------===//

#include "KernelGroups.h"

#include "AMK/Runtime/Numerics.h"

#include <cmath>
#include <limits>

namespace amk::runtime {

namespace {

void linear(const KernelCall &call) {
  const int64_t columns = call.buffer(0).shape[0];
  const int64_t block = call.schedule.numerics.kBlock;
  const WeightRows &w = *call.operands[1].weight;
  float *out = call.data<float>(2);
  float *x = threadFloats(0, columns);
  convertBf16(call.bytes(0), columns, x);
  int64_t r = call.range.lo;
  for (; r + 2 <= call.range.hi; r += 2)
    sumsOfProducts(x, w.row(r), w.row(r + 1), columns, block, out[r],
                   out[r + 1]);
  if (r < call.range.hi)
    out[r] = sumOfProducts(x, w.row(r), columns, block);
}

void rmsNorm(const KernelCall &call) {
  const int64_t n = call.buffer(0).shape[0];
  const char *input = call.bytes(0), *gain = call.bytes(1);
  float *out = call.data<float>(2), *scale = call.data<float>(3);
  float *x = threadFloats(0, n);
  convertBf16(input, n, x);
  const float squares =
      sumOfProducts(x, input, n, call.schedule.numerics.kBlock);
  const float eps = float(call.op.getFloat("eps"));
  // The square root and the quotient are correctly rounded everywhere.
  scale[0] = 1.0f / std::sqrt(squares / float(n) + eps);
  for (int64_t i = 0; i < n; ++i)
    out[i] = x[i] * loadBf16(gain, i);
}

void embed(const KernelCall &call) {
  const int32_t token = call.data<int32_t>(0)[0];
  const WeightRows &table = *call.operands[1].weight;
  float *out = call.data<float>(2);
  if (token < 0 || token >= table.rows()) {
    // The caller checks tokens; what gets here all the same must show.
    for (int64_t i = call.range.lo; i < call.range.hi; ++i)
      out[i] = std::numeric_limits<float>::quiet_NaN();
    return;
  }
  convertBf16(table.row(token) + call.range.lo * 2, call.range.size(),
              out + call.range.lo);
}

} // namespace

void addProductKernels(std::vector<NamedKernel> &kernels) {
  kernels.insert(kernels.end(),
                 {{"linear", linear}, {"rms_norm", rmsNorm}, {"embed", embed}});
}

} // namespace amk::runtime
