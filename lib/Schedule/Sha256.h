//===- Sha256.h - SHA-256 ---------------------------------------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULE_SHA256_H
#define AMK_LIB_SCHEDULE_SHA256_H

#include <array>
#include <cstdint>
#include <string_view>

namespace amk::core {

/// FIPS 180-4.
std::array<uint8_t, 32> sha256(std::string_view bytes);

} // namespace amk::core

#endif // AMK_LIB_SCHEDULE_SHA256_H
