//===- Kernels.cpp - The registry of reference kernels --------------------===//

#include "AMK/Runtime/Kernels.h"

#include "KernelGroups.h"

#include <string>

namespace amk::runtime {

namespace {

struct Registry {
  std::vector<NamedKernel> builtin;
  /// Kernels from outside own their names.
  std::vector<std::pair<std::string, KernelFunction>> added;
};

Registry &registry() {
  static auto *all = [] {
    auto *r = new Registry();
    addProductKernels(r->builtin);
    addElementwiseKernels(r->builtin);
    addAttentionKernels(r->builtin);
    addArgmaxKernels(r->builtin);
    addHashKernel(r->builtin);
    return r;
  }();
  return *all;
}

} // namespace

bool registerKernel(std::string_view name, KernelFunction kernel) {
  if (lookupKernel(name))
    return false;
  registry().added.emplace_back(std::string(name), kernel);
  return true;
}

KernelFunction lookupKernel(std::string_view name) {
  for (const NamedKernel &k : registry().builtin)
    if (k.name == name)
      return k.function;
  for (const auto &[added, function] : registry().added)
    if (added == name)
      return function;
  return nullptr;
}

float *threadFloats(unsigned which, int64_t count) {
  static thread_local std::vector<float> buffers[2];
  if (int64_t(buffers[which].size()) < count)
    buffers[which].resize(size_t(count));
  return buffers[which].data();
}

} // namespace amk::runtime
