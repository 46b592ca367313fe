//===- FakeCuda.cpp - A CUDA driver over host memory ----------------------===//

#include "FakeCuda.h"

#include "CudaDriver.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <vector>

using namespace amk::runtime::cuda;

namespace {

enum { Success = 0, InvalidValue = 1, InvalidPtx = 218, Illegal = 700 };

FakeCuda fake;
bool current = false; ///< a context was made current

/// Time on the GPU in milliseconds, as events see it.
double now = 0;

struct FakeEvent {
  double time = -1;
};
FakeEvent &of(Event event) { return *reinterpret_cast<FakeEvent *>(event); }
Context theContext() { return reinterpret_cast<Context>(&fake); }

/// What is queued; the fake has one stream.
std::deque<std::function<void()>> queue;
std::map<uint64_t, size_t> deviceMemory, hostMemory;

bool inside(const std::map<uint64_t, size_t> &memory, uint64_t address,
            size_t bytes) {
  auto it = memory.upper_bound(address);
  if (it == memory.begin())
    return false;
  --it;
  return address - it->first <= it->second &&
         bytes <= it->second - (address - it->first);
}

// NOLINTNEXTLINE(performance-no-int-to-ptr): device addresses are numbers
char *pointer(uint64_t address) { return reinterpret_cast<char *>(address); }
uint64_t number(const void *address) {
  return reinterpret_cast<uint64_t>(address);
}

void runQueue() {
  while (!queue.empty()) {
    queue.front()();
    queue.pop_front();
  }
}

int misuse() {
  ++fake.misuse;
  return InvalidValue;
}

/// Whether this call is the one that is to fail.
bool fails(const char *call) {
  return fake.failing == call && fake.failAfter-- <= 0;
}

} // namespace

#define ENTRY(call)                                                            \
  if (fails(call))                                                             \
    return fake.failure;
#define ENTRY_IN_CONTEXT(call)                                                 \
  ENTRY(call)                                                                  \
  if (!current)                                                                \
    return misuse();
#define EXPORT extern "C" __attribute__((visibility("default")))

// NOLINTBEGIN(readability-identifier-naming): the names are the driver's

EXPORT FakeCuda *fakeCuda() { return &fake; }

EXPORT Result cuInit(unsigned) {
  ENTRY("cuInit")
  return fake.devices ? Success : kNoDevice;
}

EXPORT Result cuDriverGetVersion(int *version) {
  *version = 13000;
  return Success;
}

EXPORT Result cuGetErrorName(int error, const char **text) {
  static const std::map<int, const char *> names = {
      {InvalidValue, "CUDA_ERROR_INVALID_VALUE"},
      {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {InvalidPtx, "CUDA_ERROR_INVALID_PTX"},
      {Illegal, "CUDA_ERROR_ILLEGAL_ADDRESS"}};
  const auto it = names.find(error);
  *text = it == names.end() ? nullptr : it->second;
  return it == names.end() ? InvalidValue : Success;
}

EXPORT Result cuGetErrorString(int error, const char **text) {
  *text = error == Illegal ? "an illegal memory access was encountered"
                           : "what it means";
  return Success;
}

EXPORT Result cuDeviceGetCount(int *count) {
  ENTRY("cuDeviceGetCount")
  *count = fake.devices;
  return Success;
}

EXPORT Result cuDeviceGet(DeviceHandle *device, int ordinal) {
  *device = ordinal;
  return ordinal < fake.devices ? Success : InvalidValue;
}

EXPORT Result cuDeviceGetName(char *name, int bytes, int) {
  std::strncpy(name, "Fake GPU", size_t(bytes));
  return Success;
}

EXPORT Result cuDeviceGetAttribute(int *value, DeviceAttribute attribute,
                                   DeviceHandle) {
  ENTRY("cuDeviceGetAttribute")
  switch (attribute) {
  case MultiprocessorCount:
    *value = fake.multiprocessors;
    return Success;
  case ComputeCapabilityMajor:
    *value = fake.major;
    return Success;
  case ComputeCapabilityMinor:
    *value = fake.minor;
    return Success;
  case CooperativeLaunch:
    *value = fake.cooperative;
    return Success;
  case MaxSharedBytesPerBlockOptin:
    *value = fake.sharedBytes;
    return Success;
  case ClockRate:
    *value = fake.clockKHz;
    return Success;
  case MemoryClockRate:
    *value = fake.memoryClockKHz;
    return Success;
  case GlobalMemoryBusWidth:
    *value = fake.busBits;
    return Success;
  case L2CacheSize:
    *value = fake.l2Bytes;
    return Success;
  case MaxRegistersPerMultiprocessor:
    *value = fake.registersPerMultiprocessor;
    return Success;
  }
  return misuse();
}

EXPORT Result cuDevicePrimaryCtxRetain(Context *context, DeviceHandle) {
  ENTRY("cuDevicePrimaryCtxRetain")
  ++fake.contexts;
  *context = theContext();
  return Success;
}

EXPORT Result cuDevicePrimaryCtxRelease_v2(int) {
  --fake.contexts;
  current = false;
  return Success;
}

EXPORT Result cuCtxSetCurrent(Context context) {
  ENTRY("cuCtxSetCurrent")
  current = context == theContext();
  return Success;
}

EXPORT Result cuModuleLoadDataEx(Module *module, const void *image,
                                 unsigned count, JitOption *options,
                                 void **values) {
  ENTRY_IN_CONTEXT("cuModuleLoadDataEx")
  fake.ptx = static_cast<const char *>(image);
  std::map<int, void *> given;
  for (unsigned i = 0; i < count; ++i)
    given[options[i]] = values[i];
  const auto log = [&](int buffer, const std::string &text) {
    if (char *out = static_cast<char *>(given[buffer]))
      std::strncpy(out, text.c_str(), number(given[buffer + 1]));
  };
  log(JitInfoLog, fake.jitInfo);
  log(JitErrorLog, fake.jitError);
  if (!fake.jitError.empty())
    return InvalidPtx;
  ++fake.modules;
  *module = reinterpret_cast<Module>(new int);
  return Success;
}

EXPORT Result cuModuleUnload(Module module) {
  delete reinterpret_cast<int *>(module);
  --fake.modules;
  return Success;
}

EXPORT Result cuModuleGetFunction(Function *function, Module module,
                                  const char *name) {
  ENTRY("cuModuleGetFunction")
  fake.entry = name;
  *function = reinterpret_cast<Function>(module);
  return Success;
}

EXPORT Result cuFuncGetAttribute(int *value, FunctionAttribute attribute,
                                 Function) {
  ENTRY("cuFuncGetAttribute")
  switch (attribute) {
  case MaxThreadsPerBlock:
    *value = fake.maxThreads;
    return Success;
  case StaticSharedBytes:
    *value = fake.staticSharedBytes;
    return Success;
  case LocalBytes:
    *value = fake.localBytes;
    return Success;
  case Registers:
    *value = fake.registers;
    return Success;
  case RequiredClusterWidth:
    *value = fake.clusterWidth;
    return Success;
  case MaxDynamicSharedBytes:
    break;
  }
  return misuse();
}

EXPORT Result cuFuncSetAttribute(Function, FunctionAttribute attribute,
                                 int value) {
  ENTRY("cuFuncSetAttribute")
  if (attribute != MaxDynamicSharedBytes)
    return misuse();
  fake.dynamicSharedLimit = value;
  return Success;
}

EXPORT Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function,
                                                          int,
                                                          size_t sharedBytes) {
  ENTRY("cuOccupancyMaxActiveBlocksPerMultiprocessor")
  // The driver knows of the larger limit only once it has been set.
  *blocks = sharedBytes <= size_t(fake.dynamicSharedLimit)
                ? fake.blocksPerMultiprocessor
                : 0;
  return Success;
}

EXPORT Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  ENTRY_IN_CONTEXT("cuMemGetInfo_v2")
  *free = fake.freeBytes;
  *total = size_t(2) << 30;
  return Success;
}

EXPORT Result cuMemAlloc_v2(DeviceAddress *address, size_t bytes) {
  ENTRY_IN_CONTEXT("cuMemAlloc_v2")
  void *memory = nullptr;
  if (bytes == 0 || posix_memalign(&memory, 256, bytes) != 0)
    return bytes == 0 ? InvalidValue : kOutOfMemory;
  std::memset(memory, 0xCD, bytes);
  *address = number(memory);
  deviceMemory[*address] = bytes;
  ++fake.deviceAllocations;
  return Success;
}

EXPORT Result cuMemFree_v2(uint64_t address) {
  runQueue();
  if (!deviceMemory.erase(address))
    return misuse();
  std::free(pointer(address));
  --fake.deviceAllocations;
  return Success;
}

EXPORT Result cuMemAllocHost_v2(void **address, size_t bytes) {
  ENTRY_IN_CONTEXT("cuMemAllocHost_v2")
  *address = std::malloc(bytes);
  std::memset(*address, 0xCD, bytes);
  hostMemory[number(*address)] = bytes;
  ++fake.hostAllocations;
  return Success;
}

EXPORT Result cuMemFreeHost(void *address) {
  if (!hostMemory.erase(number(address)))
    return misuse();
  std::free(address);
  --fake.hostAllocations;
  return Success;
}

EXPORT Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                                   Stream) {
  ENTRY_IN_CONTEXT("cuMemcpyHtoDAsync_v2")
  if (!inside(deviceMemory, to, bytes))
    return misuse();
  if (inside(hostMemory, number(from), bytes)) {
    ++fake.copiesToDevice;
    queue.push_back([=] { std::memcpy(pointer(to), from, bytes); });
    return Success;
  }
  // Pageable memory is staged before the call returns.
  const char *begin = static_cast<const char *>(from);
  auto staged = std::make_shared<std::vector<char>>(begin, begin + bytes);
  queue.push_back(
      [=] { std::memcpy(pointer(to), staged->data(), staged->size()); });
  return Success;
}

EXPORT Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes,
                                   Stream) {
  ENTRY_IN_CONTEXT("cuMemcpyDtoHAsync_v2")
  if (!inside(deviceMemory, from, bytes))
    return misuse();
  queue.push_back([=] { std::memcpy(to, pointer(from), bytes); });
  return Success;
}

EXPORT Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                                   Stream) {
  ENTRY_IN_CONTEXT("cuMemcpyDtoDAsync_v2")
  if (!inside(deviceMemory, from, bytes) || !inside(deviceMemory, to, bytes))
    return misuse();
  queue.push_back([=] { std::memmove(pointer(to), pointer(from), bytes); });
  return Success;
}

EXPORT Result cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                              Stream) {
  ENTRY_IN_CONTEXT("cuMemsetD8Async")
  if (!inside(deviceMemory, to, bytes))
    return misuse();
  queue.push_back([=] { std::memset(pointer(to), value, bytes); });
  return Success;
}

EXPORT Result cuStreamCreate(Stream *stream, unsigned) {
  ENTRY_IN_CONTEXT("cuStreamCreate")
  ++fake.streams;
  *stream = reinterpret_cast<Stream>(new int);
  return Success;
}

EXPORT Result cuStreamDestroy_v2(Stream stream) {
  runQueue();
  delete reinterpret_cast<int *>(stream);
  --fake.streams;
  return Success;
}

EXPORT Result cuStreamSynchronize(Stream) {
  runQueue();
  ENTRY_IN_CONTEXT("cuStreamSynchronize")
  return Success;
}

EXPORT Result cuEventCreate(Event *event, unsigned) {
  ENTRY_IN_CONTEXT("cuEventCreate")
  ++fake.events;
  *event = reinterpret_cast<Event>(new FakeEvent);
  return Success;
}

EXPORT Result cuEventDestroy_v2(Event event) {
  runQueue();
  delete &of(event);
  --fake.events;
  return Success;
}

EXPORT Result cuEventRecord(Event event, Stream) {
  ENTRY_IN_CONTEXT("cuEventRecord")
  of(event).time = -1;
  queue.push_back([=] { of(event).time = now; });
  return Success;
}

EXPORT Result cuEventSynchronize(Event event) {
  ENTRY_IN_CONTEXT("cuEventSynchronize")
  // No further than up to the event.
  while (of(event).time < 0 && !queue.empty()) {
    queue.front()();
    queue.pop_front();
  }
  return of(event).time < 0 ? misuse() : Success;
}

EXPORT Result cuEventElapsedTime(float *milliseconds, Event start, Event end) {
  ENTRY_IN_CONTEXT("cuEventElapsedTime")
  const double from = of(start).time;
  const double to = of(end).time;
  if (from < 0 || to < 0)
    return misuse();
  *milliseconds = float(to - from);
  return Success;
}

/// Queues the launch that the parameters are of.
static Result queueLaunch(FakeLaunch launch, void **parameters) {
  std::memcpy(&launch.arena, parameters[0], 8);
  std::memcpy(&launch.position, parameters[1], 4);
  std::memcpy(&launch.epoch, parameters[2], 4);
  std::memcpy(&launch.budget, parameters[3], 8);
  queue.push_back([=] {
    ++fake.launches;
    now += double(fake.launchMs);
    if (fake.kernel)
      fake.kernel(launch);
  });
  return Success;
}

/// Whether a launch in clusters is one of which all blocks must be resident and
/// that the kernel allows; its size.
static bool readClusters(const LaunchConfig &config, unsigned &cluster) {
  bool cooperative = false;
  for (unsigned i = 0; i < config.attributeCount; ++i) {
    const LaunchAttribute &a = config.attributes[i];
    if (a.id == LaunchCooperative)
      cooperative = a.value[0] == 1;
    if (a.id == LaunchClusterDimension)
      cluster = a.value[1] == 1 && a.value[2] == 1 ? a.value[0] : 0;
  }
  return cooperative && cluster && cluster == unsigned(fake.clusterWidth) &&
         config.grid[0] % cluster == 0 && config.grid[1] == 1 &&
         config.grid[2] == 1 && config.block[1] == 1 && config.block[2] == 1 &&
         config.sharedBytes <= unsigned(fake.dynamicSharedLimit);
}

EXPORT Result cuOccupancyMaxActiveClusters(int *clusters, Function,
                                           const LaunchConfig *config) {
  ENTRY("cuOccupancyMaxActiveClusters")
  unsigned cluster = 0;
  if (!readClusters(*config, cluster))
    return misuse();
  *clusters = fake.clusters;
  return Success;
}

EXPORT Result cuLaunchKernelEx(const LaunchConfig *config, Function,
                               void **parameters, void **extra) {
  ENTRY_IN_CONTEXT("cuLaunchKernelEx")
  FakeLaunch launch;
  if (!readClusters(*config, launch.cluster) || extra)
    return misuse();
  launch.grid = config->grid[0];
  launch.block = config->block[0];
  launch.sharedBytes = config->sharedBytes;
  return queueLaunch(launch, parameters);
}

EXPORT Result cuLaunchCooperativeKernel(Function, unsigned gridX,
                                        unsigned gridY, unsigned gridZ,
                                        unsigned blockX, unsigned blockY,
                                        unsigned blockZ, unsigned sharedBytes,
                                        Stream, void **parameters) {
  ENTRY_IN_CONTEXT("cuLaunchCooperativeKernel")
  if (gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1 ||
      sharedBytes > unsigned(fake.dynamicSharedLimit))
    return misuse();
  FakeLaunch launch;
  launch.grid = gridX;
  launch.block = blockX;
  launch.sharedBytes = sharedBytes;
  return queueLaunch(launch, parameters);
}

// NOLINTEND(readability-identifier-naming)
