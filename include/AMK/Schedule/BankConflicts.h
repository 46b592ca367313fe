//===- BankConflicts.h - Of a warp's accesses to shared memory --*- C++ -*-===//

#ifndef AMK_SCHEDULE_BANKCONFLICTS_H
#define AMK_SCHEDULE_BANKCONFLICTS_H

#include <algorithm>
#include <cstdint>

namespace amk::core {

/// Times that a warp's access takes for every time that it would without
/// conflicts: 1 is none. Shared memory has 32 banks of 4 bytes; lanes that
/// touch the same word of a bank are served together. An access of `bytes` a
/// lane goes in rounds of as many lanes as 128 bytes serve.
constexpr uint32_t bankConflicts(const uint32_t (&addresses)[32],
                                 uint32_t bytes) {
  const uint32_t lanes = std::min<uint32_t>(32, 128 / bytes);
  uint32_t worst = 1;
  for (uint32_t first = 0; first < 32; first += lanes)
    for (uint32_t bank = 0; bank < 32; ++bank) {
      uint32_t words[128] = {}, count = 0;
      for (uint32_t lane = first; lane < first + lanes; ++lane)
        for (uint32_t at = 0; at < bytes; at += 4) {
          const uint32_t word = (addresses[lane] + at) / 4;
          bool isNew = word % 32 == bank;
          for (uint32_t i = 0; i < count; ++i)
            isNew &= words[i] != word;
          if (isNew)
            words[count++] = word;
        }
      worst = std::max(worst, count);
    }
  return worst;
}

/// Where a lane's 16 bytes of a packed fragment start (WeightPacking.h), and
/// of the input that two fragments take, in a stage or the input at `base`.
constexpr uint32_t fragmentAddress(uint32_t base, uint32_t lane) {
  return base + lane * 16;
}
constexpr uint32_t inputAddress(uint32_t base, uint32_t lane) {
  return base + lane / 4 % 4 * 64 + lane % 4 * 16;
}

} // namespace amk::core

#endif // AMK_SCHEDULE_BANKCONFLICTS_H
