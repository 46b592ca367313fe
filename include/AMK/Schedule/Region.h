//===- Region.h - Byte regions and accesses ---------------------*- C++ -*-===//
//
// Part of the AMK checking core. No LLVM in here: the dialect, the passes and
// the runtime all use this library.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_REGION_H
#define AMK_SCHEDULE_REGION_H

#include <cstdint>

namespace amk::core {

/// Half-open range of indices of an operator's parallel dimension, or of bytes.
struct Range {
  int64_t lo = 0;
  int64_t hi = 0;

  int64_t size() const { return hi - lo; }
  bool empty() const { return hi <= lo; }
  bool operator==(const Range &o) const { return lo == o.lo && hi == o.hi; }
};

/// A set of bytes with at most one level of stride: `count` runs of `bytes`
/// bytes, the first at `offset`, each `stride` bytes after the one before.
/// Keeping regions this simple keeps overlap decidable in constant time.
struct Region {
  uint64_t offset = 0; ///< bytes from the start of the buffer
  uint64_t bytes = 0;  ///< length of one run
  uint64_t stride = 0; ///< distance of two runs; irrelevant when count is 1
  uint64_t count = 1;  ///< number of runs

  /// One past the last byte. Callers check for overflow with `fits`.
  uint64_t end() const {
    return count == 0 ? offset : offset + (count - 1) * stride + bytes;
  }
  bool contiguous() const { return count <= 1 || stride == bytes; }
};

/// Whether the region lies in a buffer of `size` bytes, without overflow.
bool fits(const Region &region, uint64_t size);

/// Whether two regions of one buffer share a byte. Exact.
bool overlap(const Region &a, const Region &b);

/// Whether two regions of one buffer are the same bytes, however written.
bool sameBytes(const Region &a, const Region &b);

/// Which positions of a KV cache an access touches. Regions of a KV cache
/// leave the position dimension out (see `Buffer::regionBytes`), so the rules
/// hold for every position.
enum class Position : uint8_t {
  None, ///< not a KV cache
  Past, ///< positions before this launch's
  Now,  ///< this launch's position
  Upto, ///< both
};

/// Whether accesses at these positions can touch the same position.
bool mayMeet(Position a, Position b);

/// One access of a tile to a buffer.
struct Access {
  uint32_t buffer = 0; ///< index in Schedule::buffers
  bool write = false;
  Position position = Position::None;
  Region region;
};

} // namespace amk::core

#endif // AMK_SCHEDULE_REGION_H
