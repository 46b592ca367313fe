//===- WeightPacking.h - Weights as tensor-core fragments -------*- C++ -*-===//
//
// A stage is `rows` (4) x `columns` bf16 values of a weight, packed so that
// one 16-byte load per lane is one A fragment of mma.m16n8k16. The 16 rows of
// the fragment are 4 rows of the weight times 4 groups of 16 columns; the B
// operand's columns n and n + 4 hold the input's group n, and the diagonal of
// the product is what counts. Stages of 4 rows follow each other by column
// slice, then by row group. Rows past the end are zero.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_WEIGHTPACKING_H
#define AMK_SCHEDULE_WEIGHTPACKING_H

#include <cstddef>
#include <cstdint>

namespace amk::core {

constexpr uint32_t kPackRows = 4;
/// Columns of two fragments: what one 16-byte load of the input serves.
constexpr uint32_t kPackBlock = 128;

/// Byte offset within a stage of the element at row `r` (0..3), column `c`.
constexpr uint32_t packedOffset(uint32_t r, uint32_t c) {
  const uint32_t block = c / kPackBlock, inBlock = c % kPackBlock;
  const uint32_t group = inBlock / 32, e = inBlock % 32;
  const uint32_t quad = e / 8, j = e % 8, m = r + 4 * group;
  return (block * 2 + j / 4) * 512 + ((m % 8) * 4 + quad) * 16 +
         (m / 8 + 2 * (j % 4 / 2)) * 4 + (j % 2) * 2;
}

/// Bytes of a weight of `rows` x `columns` packed in stages of 4 x `slice`.
constexpr uint64_t packedBytes(uint64_t rows, uint64_t columns) {
  return (rows + kPackRows - 1) / kPackRows * kPackRows * columns * 2;
}

/// Packs one row (columns bf16 values at `row`) into `out`, the first byte of
/// its group of four rows. `columns` is a multiple of `slice`, `slice` of 128.
void packRow(const void *row, uint32_t rowInGroup, uint64_t columns,
             uint32_t slice, void *out);

} // namespace amk::core

#endif // AMK_SCHEDULE_WEIGHTPACKING_H
