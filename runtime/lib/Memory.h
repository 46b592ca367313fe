//===- Memory.h - Zeroed memory of any size ---------------------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_MEMORY_H
#define AMK_RUNTIME_LIB_MEMORY_H

#include "AMK/Runtime/Status.h"

#include <cstddef>
#include <cstdint>

namespace amk::runtime {

/// A mapping of zeroed pages, which cost nothing until they are touched. Sizes
/// come from program files, so to have none is an error and not an abort.
class Memory {
public:
  Memory() = default;
  Memory(Memory &&other) noexcept;
  Memory &operator=(Memory &&other) noexcept;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory();

  /// `what` names the memory in the error.
  Status allocate(uint64_t bytes, const std::string &what);

  char *data() const { return start; }
  uint64_t size() const { return bytes; }

private:
  char *start = nullptr;
  uint64_t bytes = 0;
};

/// The next multiple of 128, so that no two buffers share a cache line.
inline uint64_t alignBuffer(uint64_t offset) {
  return (offset + 127) & ~uint64_t(127);
}

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_MEMORY_H
