//===- Region.cpp - Byte regions ------------------------------------------===//

#include "AMK/Schedule/Region.h"

#include <algorithm>
#include <numeric>

namespace amk::core {

bool fits(const Region &r, uint64_t size) {
  if (r.count == 0)
    return true;
  if (r.offset > size || r.bytes > size - r.offset)
    return false;
  // (count - 1) * stride <= size - offset - bytes, without overflow.
  const uint64_t room = size - r.offset - r.bytes;
  return r.count == 1 || (r.stride != 0 && (r.count - 1) <= room / r.stride);
}

namespace {

/// Whether run [offset, offset + bytes) meets one of the runs of `r`.
bool meets(const Region &r, uint64_t offset, uint64_t bytes) {
  if (bytes == 0 || r.bytes == 0 || r.count == 0)
    return false;
  if (offset >= r.end() || offset + bytes <= r.offset)
    return false;
  if (r.count == 1 || r.stride <= r.bytes)
    return true;
  // The first run that ends after `offset`.
  uint64_t i = 0;
  if (offset >= r.offset + r.bytes)
    i = (offset - r.offset - r.bytes) / r.stride + 1;
  return i < r.count && r.offset + i * r.stride < offset + bytes;
}

} // namespace

bool overlap(const Region &a, const Region &b) {
  if (a.count == 0 || b.count == 0 || a.bytes == 0 || b.bytes == 0)
    return false;
  if (a.offset >= b.end() || b.offset >= a.end())
    return false;
  if (a.contiguous())
    return meets(b, a.offset, a.bytes * a.count);
  if (b.contiguous())
    return meets(a, b.offset, b.bytes * b.count);
  if (a.stride == b.stride) {
    // Same stride: run i of a meets run j of b depending on i - j only.
    const int64_t stride = int64_t(a.stride);
    const int64_t distance = int64_t(b.offset) - int64_t(a.offset);
    // Need some d = i - j with |b + j s - a - i s| small:
    // -b.bytes < distance - d * stride < a.bytes.
    const int64_t lo = -(int64_t(b.count) - 1), hi = int64_t(a.count) - 1;
    const auto floorDiv = [](int64_t x, int64_t y) {
      return x / y - ((x % y != 0) && ((x < 0) != (y < 0)));
    };
    // d < (distance + b.bytes) / stride and d > (distance - a.bytes) / stride
    const int64_t least = floorDiv(distance - int64_t(a.bytes), stride) + 1;
    const int64_t most = -floorDiv(-(distance + int64_t(b.bytes)), stride) - 1;
    return std::max(lo, least) <= std::min(hi, most);
  }
  // Different strides: walk the runs of the one with fewer of them.
  const Region &few = a.count <= b.count ? a : b;
  const Region &many = a.count <= b.count ? b : a;
  for (uint64_t i = 0; i < few.count; ++i)
    if (meets(many, few.offset + i * few.stride, few.bytes))
      return true;
  return false;
}

bool sameBytes(const Region &a, const Region &b) {
  const bool noA = a.count == 0 || a.bytes == 0;
  const bool noB = b.count == 0 || b.bytes == 0;
  if (noA || noB)
    return noA && noB;
  // Runs that touch or overlap are one run.
  const bool oneA = a.count == 1 || a.stride <= a.bytes;
  const bool oneB = b.count == 1 || b.stride <= b.bytes;
  return a.offset == b.offset && a.end() == b.end() && oneA == oneB &&
         (oneA || (a.bytes == b.bytes && a.count == b.count));
}

bool mayMeet(Position a, Position b) {
  if (a == Position::None || b == Position::None)
    return true;
  return !((a == Position::Past && b == Position::Now) ||
           (a == Position::Now && b == Position::Past));
}

} // namespace amk::core
