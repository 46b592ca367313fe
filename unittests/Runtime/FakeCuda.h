//===- FakeCuda.h - A CUDA driver over host memory --------------*- C++ -*-===//
//
// A shared library with the driver's entry points that the runtime uses. Work
// on a stream is deferred until somebody waits for it, as late as a driver may
// do it, so that a missing wait shows. Tests steer it by the `FakeCuda` that
// the function `fakeCuda` returns.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_RUNTIME_FAKECUDA_H
#define AMK_UNITTESTS_RUNTIME_FAKECUDA_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

/// What a kernel was launched with.
struct FakeLaunch {
  unsigned grid = 0, block = 0, sharedBytes = 0, cluster = 1;
  uint64_t arena = 0;
  uint32_t position = 0, epoch = 0;
  uint64_t budget = 0;
  char *memory() const { return reinterpret_cast<char *>(arena); }
};

struct FakeCuda {
  // The GPU.
  int devices = 1;
  int major = 9, minor = 0;
  int multiprocessors = 4;
  int blocksPerMultiprocessor = 1;
  int sharedBytes = 232448;
  int cooperative = 1;
  int clockKHz = 1980000, memoryClockKHz = 3201000, busBits = 6144;
  int l2Bytes = 60 << 20;
  int registersPerMultiprocessor = 65536;
  size_t freeBytes = size_t(1) << 30;
  // The kernel.
  int registers = 128, localBytes = 0, staticSharedBytes = 16;
  int maxThreads = 512;
  int clusterWidth = 0; ///< that the kernel requires
  int clusters = 2;     ///< that can be resident
  std::function<void(const FakeLaunch &)> kernel;
  float launchMs = 0.5f; ///< every launch takes this long by the events
  // Failures: calls of the entry point of this name return `failure`, after
  // `failAfter` calls that do not.
  std::string failing;
  int failure = 999;
  int failAfter = 0;
  std::string jitError; ///< not empty: compiling fails with this log
  std::string jitInfo;
  // What was seen.
  std::string ptx, entry;
  int dynamicSharedLimit = 0;
  int launches = 0;
  int copiesToDevice = 0; ///< from pinned memory
  // What is alive.
  int contexts = 0, modules = 0, streams = 0, events = 0;
  int deviceAllocations = 0, hostAllocations = 0;
  int misuse = 0; ///< accesses out of bounds, calls without a context, ...

  int alive() const {
    return contexts + modules + streams + events + deviceAllocations +
           hostAllocations;
  }
};

/// The type of the library's `fakeCuda`.
using FakeCudaFunction = FakeCuda *();

#endif // AMK_UNITTESTS_RUNTIME_FAKECUDA_H
