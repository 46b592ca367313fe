//===- Clock.h - The CPU device's clock -------------------------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_CLOCK_H
#define AMK_RUNTIME_LIB_CLOCK_H

#include <chrono>
#include <cstdint>

namespace amk::runtime {

/// Of a clock that only goes forward.
inline int64_t nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_CLOCK_H
