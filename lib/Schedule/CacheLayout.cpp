//===- CacheLayout.cpp - How the kernel stores a KV cache -----------------===//

#include "AMK/Schedule/CacheLayout.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>
#include <cstddef>

namespace amk::core {

static_assert(kCacheColumns * 2 == kCacheSwap * kCacheChunkBytes,
              "a swapped chunk stays in its row");

void swapCacheChunks(const Buffer &cache, void *bytes) {
  // No kernel is made for another cache, but a program file may have one.
  if (cache.shape.size() != 4 || byteWidth(cache.type) != 2 ||
      cache.shape[3] % kCacheColumns)
    return;
  const size_t positions = size_t(cache.shape[2]);
  const size_t rowBytes = size_t(cache.shape[3]) * byteWidth(cache.type);
  const size_t rows = size_t(cache.elements()) / size_t(cache.shape[3]);
  const size_t chunks = rowBytes / kCacheChunkBytes;
  for (size_t row = 0; row < rows; ++row) {
    char *at = static_cast<char *>(bytes) + row * rowBytes;
    const size_t swap = row % positions % kCacheSwap;
    for (size_t c = 0; c < chunks; ++c)
      if (const size_t other = c ^ swap; c < other)
        std::swap_ranges(at + c * kCacheChunkBytes,
                         at + (c + 1) * kCacheChunkBytes,
                         at + other * kCacheChunkBytes);
  }
}

} // namespace amk::core
