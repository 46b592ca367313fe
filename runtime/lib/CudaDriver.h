//===- CudaDriver.h - The CUDA driver, loaded at run time -------*- C++ -*-===//
//
// The few entry points of the CUDA driver that the runtime calls, looked up in
// libcuda.so.1 when a CUDA device is made. There is no build dependency on
// CUDA: the prototypes stand here, under the versioned names to which cuda.h
// maps them.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_CUDADRIVER_H
#define AMK_RUNTIME_LIB_CUDADRIVER_H

#include "AMK/Runtime/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace amk::runtime::cuda {

using Result = int;
using DeviceHandle = int;
using DeviceAddress = uint64_t;
using Context = struct OpaqueContext *;
using Module = struct OpaqueModule *;
using Function = struct OpaqueFunction *;
using Stream = struct OpaqueStream *;
using Event = struct OpaqueEvent *;

constexpr Result kOutOfMemory = 2;
constexpr Result kNoDevice = 100;

/// CUdevice_attribute
enum DeviceAttribute : int {
  ClockRate = 13, ///< kHz
  MultiprocessorCount = 16,
  MemoryClockRate = 36,      ///< kHz
  GlobalMemoryBusWidth = 37, ///< bits
  L2CacheSize = 38,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxRegistersPerMultiprocessor = 82,
  CooperativeLaunch = 95,
  MaxSharedBytesPerBlockOptin = 97,
};

/// CUfunction_attribute
enum FunctionAttribute : int {
  MaxThreadsPerBlock = 0,
  StaticSharedBytes = 1,
  LocalBytes = 3,
  Registers = 4,
  MaxDynamicSharedBytes = 8,
  RequiredClusterWidth = 11,
};

/// CUlaunchAttributeID
enum LaunchAttributeId : int {
  LaunchCooperative = 2,
  LaunchClusterDimension = 4,
};

/// CUlaunchAttribute
struct LaunchAttribute {
  LaunchAttributeId id;
  unsigned pad;
  alignas(8) unsigned value[16];
};
static_assert(sizeof(LaunchAttribute) == 72);

/// CUlaunchConfig
struct LaunchConfig {
  unsigned grid[3], block[3];
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned attributeCount;
};
static_assert(sizeof(LaunchConfig) == 56);

/// CUjit_option
enum JitOption : int {
  JitInfoLog = 3,
  JitInfoLogBytes = 4,
  JitErrorLog = 5,
  JitErrorLogBytes = 6,
  JitLogVerbose = 12,
};

constexpr unsigned kStreamNonBlocking = 1;

// X(member, symbol, parameters). The members have the names of the
// documentation. cuEventElapsedTime is the first version: the second came with
// 12.8, and every driver has the first.
// NOLINTBEGIN(bugprone-macro-parentheses): members and parameter lists
#define AMK_CUDA_SYMBOLS(X)                                                    \
  X(cuInit, "cuInit", (unsigned flags))                                        \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int *version))                  \
  X(cuGetErrorName, "cuGetErrorName", (Result error, const char **text))       \
  X(cuGetErrorString, "cuGetErrorString", (Result error, const char **text))   \
  X(cuDeviceGetCount, "cuDeviceGetCount", (int *count))                        \
  X(cuDeviceGet, "cuDeviceGet", (DeviceHandle * device, int ordinal))          \
  X(cuDeviceGetName, "cuDeviceGetName",                                        \
    (char *name, int bytes, DeviceHandle device))                              \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute",                              \
    (int *value, DeviceAttribute attribute, DeviceHandle device))              \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain",                      \
    (Context * context, DeviceHandle device))                                  \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2",                 \
    (DeviceHandle device))                                                     \
  X(cuCtxSetCurrent, "cuCtxSetCurrent", (Context context))                     \
  X(cuModuleLoadDataEx, "cuModuleLoadDataEx",                                  \
    (Module * module, const void *image, unsigned count, JitOption *options,   \
     void **values))                                                           \
  X(cuModuleUnload, "cuModuleUnload", (Module module))                         \
  X(cuModuleGetFunction, "cuModuleGetFunction",                                \
    (Function * function, Module module, const char *name))                    \
  X(cuFuncGetAttribute, "cuFuncGetAttribute",                                  \
    (int *value, FunctionAttribute attribute, Function function))              \
  X(cuFuncSetAttribute, "cuFuncSetAttribute",                                  \
    (Function function, FunctionAttribute attribute, int value))               \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    "cuOccupancyMaxActiveBlocksPerMultiprocessor",                             \
    (int *blocks, Function function, int threads, size_t sharedBytes))         \
  X(cuMemGetInfo, "cuMemGetInfo_v2", (size_t *free, size_t *total))            \
  X(cuMemAlloc, "cuMemAlloc_v2", (DeviceAddress * address, size_t bytes))      \
  X(cuMemFree, "cuMemFree_v2", (DeviceAddress address))                        \
  X(cuMemAllocHost, "cuMemAllocHost_v2", (void **address, size_t bytes))       \
  X(cuMemFreeHost, "cuMemFreeHost", (void *address))                           \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                 \
    (DeviceAddress to, const void *from, size_t bytes, Stream stream))         \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                 \
    (void *to, DeviceAddress from, size_t bytes, Stream stream))               \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                 \
    (DeviceAddress to, DeviceAddress from, size_t bytes, Stream stream))       \
  X(cuMemsetD8Async, "cuMemsetD8Async",                                        \
    (DeviceAddress to, unsigned char value, size_t bytes, Stream stream))      \
  X(cuStreamCreate, "cuStreamCreate", (Stream * stream, unsigned flags))       \
  X(cuStreamDestroy, "cuStreamDestroy_v2", (Stream stream))                    \
  X(cuStreamSynchronize, "cuStreamSynchronize", (Stream stream))               \
  X(cuEventCreate, "cuEventCreate", (Event * event, unsigned flags))           \
  X(cuEventDestroy, "cuEventDestroy_v2", (Event event))                        \
  X(cuEventRecord, "cuEventRecord", (Event event, Stream stream))              \
  X(cuEventSynchronize, "cuEventSynchronize", (Event event))                   \
  X(cuEventElapsedTime, "cuEventElapsedTime",                                  \
    (float *milliseconds, Event start, Event end))                             \
  X(cuLaunchCooperativeKernel, "cuLaunchCooperativeKernel",                    \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ,        \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,  \
     Stream stream, void **parameters))

// Those that only clusters need. They came with 11.8.
#define AMK_CUDA_CLUSTER_SYMBOLS(X)                                            \
  X(cuOccupancyMaxActiveClusters, "cuOccupancyMaxActiveClusters",              \
    (int *clusters, Function function, const LaunchConfig *config))            \
  X(cuLaunchKernelEx, "cuLaunchKernelEx",                                      \
    (const LaunchConfig *config, Function function, void **parameters,         \
     void **extra))

/// The driver's entry points, set by `load`: those for clusters are null if it
/// has none.
struct Driver {
#define X(member, symbol, parameters) Result(*member) parameters = nullptr;
  AMK_CUDA_SYMBOLS(X)
  AMK_CUDA_CLUSTER_SYMBOLS(X)
#undef X
  // NOLINTEND(bugprone-macro-parentheses)

  /// Loads `library` (a path, or a name for the dynamic loader) and looks up
  /// every symbol. The library stays loaded: the driver has threads of its own.
  Status load(const std::string &library);
  bool hasClusters() const {
    return cuOccupancyMaxActiveClusters && cuLaunchKernelEx;
  }

  /// Success, or "call: NAME: text" as a device error.
  Status check(Result result, const char *call) const;
};

/// The library to load: AMK_CUDA_LIBRARY from the environment, or the driver's
/// name on every Linux.
std::string driverLibrary();

// Calls an entry point and returns from the caller's function if it fails.
#define AMK_CUDA_TRY(driver, function, ...)                                    \
  if (::amk::runtime::Status amkStatus =                                       \
          (driver).check((driver).function(__VA_ARGS__), #function);           \
      !amkStatus.ok())                                                         \
  return amkStatus

} // namespace amk::runtime::cuda

#endif // AMK_RUNTIME_LIB_CUDADRIVER_H
