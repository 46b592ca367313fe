//===- HashKernel.cpp - The test operator ---------------------------------===//

#include "KernelGroups.h"

#include <cstring>

namespace amk::runtime {

namespace {

void hash(const KernelCall &call) {
  const core::Buffer &input = call.buffer(0);
  const uint64_t bytes =
      uint64_t(input.elements()) * core::byteWidth(input.type);
  const char *x = call.bytes(0);
  uint32_t h = 2166136261u;
  for (uint64_t i = 0; i < bytes; ++i)
    h = (h ^ uint8_t(x[i])) * 16777619u;
  const unsigned width = core::byteWidth(call.buffer(1).type);
  char *out = call.data<char>(1);
  for (int64_t i = call.range.lo; i < call.range.hi; ++i) {
    const uint32_t value = h ^ (uint32_t(i + 1) * 2654435761u);
    // Little-endian: the low 16 bits come first.
    std::memcpy(out + i * width, &value, width);
  }
}

} // namespace

void addHashKernel(std::vector<NamedKernel> &kernels) {
  kernels.push_back({"hash", hash});
}

} // namespace amk::runtime
