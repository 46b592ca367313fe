//===- KernelGroups.h - The files of reference kernels ----------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_KERNELGROUPS_H
#define AMK_RUNTIME_LIB_KERNELGROUPS_H

#include "AMK/Runtime/Kernels.h"

#include <vector>

namespace amk::runtime {

struct NamedKernel {
  std::string_view name;
  KernelFunction function;
};

/// One function per file; the registry calls them all. (Objects that register
/// themselves would be dropped from a static library.)
void addProductKernels(std::vector<NamedKernel> &kernels);
void addElementwiseKernels(std::vector<NamedKernel> &kernels);
void addAttentionKernels(std::vector<NamedKernel> &kernels);
void addArgmaxKernels(std::vector<NamedKernel> &kernels);
void addHashKernel(std::vector<NamedKernel> &kernels);

/// A buffer of floats of this thread that stays from call to call.
/// `which` tells two that are used at once apart.
float *threadFloats(unsigned which, int64_t count);

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_KERNELGROUPS_H
