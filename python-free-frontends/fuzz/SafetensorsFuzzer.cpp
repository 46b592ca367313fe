//===- SafetensorsFuzzer.cpp - Fuzzes the header of safetensors files -----===//
//
// The input is a file's header; what follows it in the file is a number of
// bytes that the first two bytes of the input give.
//
//===----------------------------------------------------------------------===//

#include "AMK/Frontends/Safetensors.h"

#include <algorithm>
#include <cstdlib>

using namespace amk::frontends;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

// The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  std::string_view header(reinterpret_cast<const char *>(data) + 2, size - 2);
  uint64_t dataSize = data[0] | data[1] << 8;
  uint64_t dataStart = 8 + header.size();
  Expected<std::vector<TensorInfo>> tensors =
      parseSafetensorsHeader(header, dataStart + dataSize, "file");
  if (!tensors) {
    check(tensors.error().message.find('\n') == std::string::npos);
    return 0;
  }
  // What is accepted tiles the data, and agrees with its types and shapes.
  std::sort(tensors->begin(), tensors->end(),
            [](const TensorInfo &a, const TensorInfo &b) {
              return a.offset != b.offset ? a.offset < b.offset
                                          : a.size < b.size;
            });
  uint64_t next = dataStart;
  for (const TensorInfo &tensor : *tensors) {
    uint64_t bits = dtypeBits(tensor.dtype);
    for (int64_t extent : tensor.shape)
      bits *= static_cast<uint64_t>(extent);
    check(tensor.offset == next && tensor.size * 8 == bits);
    next += tensor.size;
  }
  check(next == dataStart + dataSize);
  return 0;
}
