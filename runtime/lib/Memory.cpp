//===- Memory.cpp - Zeroed memory of any size -----------------------------===//

#include "Memory.h"

#include <sys/mman.h>
#include <utility>

namespace amk::runtime {

Memory::Memory(Memory &&other) noexcept
    : start(std::exchange(other.start, nullptr)),
      bytes(std::exchange(other.bytes, 0)) {}

Memory &Memory::operator=(Memory &&other) noexcept {
  std::swap(start, other.start);
  std::swap(bytes, other.bytes);
  return *this;
}

Memory::~Memory() {
  if (start)
    munmap(start, bytes);
}

Status Memory::allocate(uint64_t size, const std::string &what) {
  if (start)
    munmap(start, bytes);
  start = nullptr;
  bytes = 0;
  if (size == 0)
    return {};
  void *p = size > (uint64_t(1) << 46)
                ? MAP_FAILED
                : mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return {ErrorKind::Device,
            "no memory for " + what + ": " + std::to_string(size) + " bytes"};
  start = static_cast<char *>(p);
  bytes = size;
  // No huge pages: a step touches one position of every cache, and should not
  // have to clear all of them.
  return {};
}

} // namespace amk::runtime
