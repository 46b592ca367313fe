//===- ArgmaxKernels.cpp - argmax, argmax_blocks, argmax_combine ----------===//
//
// Ties go to the lowest index; a NaN anywhere gives index -1 (and, between
// blocks, a NaN as the value), so that it cannot be lost on the way.
//
//===----------------------------------------------------------------------===//

#include "KernelGroups.h"

#include <algorithm>
#include <limits>

namespace amk::runtime {

namespace {

int32_t argmaxOf(const float *x, int64_t lo, int64_t hi) {
  int64_t best = lo;
  for (int64_t i = lo; i < hi; ++i) {
    if (x[i] != x[i])
      return -1;
    if (x[i] > x[best])
      best = i;
  }
  return int32_t(best);
}

void argmax(const KernelCall &call) {
  call.data<int32_t>(1)[0] =
      argmaxOf(call.data<float>(0), 0, call.buffer(0).shape[0]);
}

void argmaxBlocks(const KernelCall &call) {
  const float *x = call.data<float>(0);
  float *values = call.data<float>(1);
  int32_t *indices = call.data<int32_t>(2);
  const int64_t block = call.op.getInt("block");
  for (int64_t lo = call.range.lo; lo < call.range.hi; lo += block) {
    const int32_t best = argmaxOf(x, lo, std::min(lo + block, call.range.hi));
    indices[lo / block] = best;
    values[lo / block] =
        best < 0 ? std::numeric_limits<float>::quiet_NaN() : x[best];
  }
}

void argmaxCombine(const KernelCall &call) {
  const int64_t n = call.buffer(0).shape[0];
  const float *values = call.data<float>(0);
  const int32_t *indices = call.data<int32_t>(1);
  int64_t best = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (values[i] != values[i] || indices[i] < 0) {
      call.data<int32_t>(2)[0] = -1;
      return;
    }
    if (values[i] > values[best] ||
        (values[i] == values[best] && indices[i] < indices[best]))
      best = i;
  }
  call.data<int32_t>(2)[0] = n ? indices[best] : -1;
}

} // namespace

void addArgmaxKernels(std::vector<NamedKernel> &kernels) {
  kernels.insert(kernels.end(), {{"argmax", argmax},
                                 {"argmax_blocks", argmaxBlocks},
                                 {"argmax_combine", argmaxCombine}});
}

} // namespace amk::runtime
