//===- WeightPacking.cpp - Weights as tensor-core fragments ---------------===//

#include "AMK/Schedule/WeightPacking.h"

#include <cstring>

namespace amk::core {

void packRow(const void *row, uint32_t rowInGroup, uint64_t columns,
             uint32_t slice, void *out) {
  const char *from = static_cast<const char *>(row);
  char *to = static_cast<char *>(out);
  const uint64_t stageBytes = uint64_t(kPackRows) * slice * 2;
  for (uint64_t c = 0; c < columns; c += 2) {
    // Columns 2i and 2i + 1 stay side by side: four bytes at a time.
    const uint64_t stage = c / slice;
    std::memcpy(to + stage * stageBytes +
                    packedOffset(rowInGroup, uint32_t(c % slice)),
                from + c * 2, 4);
  }
}

} // namespace amk::core
