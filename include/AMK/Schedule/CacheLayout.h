//===- CacheLayout.h - How the kernel stores a KV cache ---------*- C++ -*-===//
//
// A row of a cache is the `head_dim` bf16 values of one position, in chunks of
// 16 bytes. The kernel stores chunk c of position p at place c xor (p mod 8),
// so that in shared memory the same chunk of eight rows lies in eight different
// banks. Nobody else need know: what the host reads and writes is in order.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_CACHELAYOUT_H
#define AMK_SCHEDULE_CACHELAYOUT_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core {

constexpr uint32_t kCacheChunkBytes = 16;
/// Chunks among which one is swapped: those of the shortest row, which is
/// kCacheColumns values.
constexpr uint32_t kCacheSwap = 8;

/// Brings the bytes of a whole cache from the order of the program, [2, KV
/// heads, positions, head_dim], to that of the kernel, or back: twice is as it
/// was.
void swapCacheChunks(const Buffer &cache, void *bytes);

} // namespace amk::core

#endif // AMK_SCHEDULE_CACHELAYOUT_H
