//===- CudaKernel.cpp - The kernel on one GPU -----------------------------===//

#include "CudaKernel.h"

#include <climits>
#include <cstdio>
#include <vector>

namespace amk::runtime::cuda {

Status queryProperties(const Driver &driver, DeviceHandle device,
                       Properties &properties) {
  char name[256] = {};
  AMK_CUDA_TRY(driver, cuDeviceGetName, name, sizeof(name) - 1, device);
  properties.name = name;
  AMK_CUDA_TRY(driver, cuDriverGetVersion, &properties.driverVersion);
  int cooperative = 0;
  const struct {
    DeviceAttribute attribute;
    int *value;
  } attributes[] = {
      {ComputeCapabilityMajor, &properties.major},
      {ComputeCapabilityMinor, &properties.minor},
      {MultiprocessorCount, &properties.multiprocessors},
      {MaxSharedBytesPerBlockOptin, &properties.sharedBytes},
      {CooperativeLaunch, &cooperative},
  };
  for (const auto &a : attributes)
    AMK_CUDA_TRY(driver, cuDeviceGetAttribute, a.value, a.attribute, device);
  properties.cooperative = cooperative != 0;
  return {};
}

Status checkChip(const std::string &chip, const Properties &properties) {
  const auto bad = [&](const std::string &why) {
    return Status(ErrorKind::Device,
                  "the kernel is for " + chip + " and the GPU (" +
                      properties.name + ") is sm_" +
                      std::to_string(properties.major) +
                      std::to_string(properties.minor) + why);
  };
  size_t i = 3;
  int number = 0;
  while (i < chip.size() && i < 7 && chip[i] >= '0' && chip[i] <= '9')
    number = number * 10 + (chip[i++] - '0');
  const std::string suffix = i <= chip.size() ? chip.substr(i) : "";
  if (chip.compare(0, 3, "sm_") != 0 || number < 10 ||
      (!suffix.empty() && suffix != "a" && suffix != "f"))
    return bad(": the former is no such name");
  const int device = properties.major * 10 + properties.minor;
  if (suffix == "a" && number != device)
    return bad(": the suffix 'a' binds it to that one");
  if (suffix == "f" && number / 10 != properties.major)
    return bad(": the suffix 'f' binds it to that family");
  if (number > device)
    return bad("");
  return {};
}

std::string formatBytes(uint64_t bytes) {
  if (bytes < 1000 * 1000)
    return std::to_string(bytes) + " bytes";
  char text[32];
  if (bytes < uint64_t(1000) * 1000 * 1000)
    std::snprintf(text, sizeof(text), "%.1f MB", double(bytes) * 1e-6);
  else
    std::snprintf(text, sizeof(text), "%.2f GB", double(bytes) * 1e-9);
  return text;
}

/// The first line of a log that has anything in it.
static std::string firstLine(const std::string &log) {
  const size_t begin = log.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos)
    return {};
  const size_t end = log.find_first_of("\r\n", begin);
  return log.substr(begin, end == std::string::npos ? end : end - begin);
}

static Status compile(const Driver &driver, const core::Kernel &kernel,
                      LoadedKernel &loaded) {
  std::vector<char> info(8192), error(8192);
  JitOption options[] = {JitInfoLog, JitInfoLogBytes, JitErrorLog,
                         JitErrorLogBytes, JitLogVerbose};
  const auto number = [](uintptr_t value) {
    // The driver takes numbers in the place of pointers.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<void *>(value);
  };
  void *values[] = {info.data(), number(info.size()), error.data(),
                    number(error.size()), number(1)};
  const Result result = driver.cuModuleLoadDataEx(
      &loaded.module, kernel.ptx.c_str(), 5, options, values);
  info.back() = error.back() = '\0';
  loaded.log = info.data();
  if (Status s = driver.check(result, "cuModuleLoadDataEx"); !s.ok()) {
    const std::string line = firstLine(error.data());
    return {s.kind(), line.empty() ? s.message() : s.message() + ": " + line};
  }
  AMK_CUDA_TRY(driver, cuModuleGetFunction, &loaded.function, loaded.module,
               kernel.entry.c_str());
  return {};
}

/// Whether one block of the kernel can run at all.
static Status checkBlock(const Driver &driver, const Properties &properties,
                         const core::Kernel &kernel, LoadedKernel &loaded) {
  int maxThreads = 0;
  const struct {
    FunctionAttribute attribute;
    int *value;
  } attributes[] = {
      {MaxThreadsPerBlock, &maxThreads},
      {StaticSharedBytes, &loaded.staticSharedBytes},
      {LocalBytes, &loaded.localBytes},
      {Registers, &loaded.registers},
  };
  for (const auto &a : attributes)
    AMK_CUDA_TRY(driver, cuFuncGetAttribute, a.value, a.attribute,
                 loaded.function);
  if (loaded.localBytes != 0)
    loaded.warning = "the kernel spills: " + std::to_string(loaded.localBytes) +
                     " bytes of local memory per thread";
  if (kernel.threads > unsigned(maxThreads))
    return {ErrorKind::Device,
            "the kernel has blocks of " + std::to_string(kernel.threads) +
                " threads; with " + std::to_string(loaded.registers) +
                " registers each, the GPU takes " + std::to_string(maxThreads)};
  const uint64_t limit =
      uint64_t(properties.sharedBytes) - unsigned(loaded.staticSharedBytes);
  if (loaded.staticSharedBytes > properties.sharedBytes ||
      kernel.sharedBytes > limit)
    return {ErrorKind::Device,
            "the kernel needs " +
                std::to_string(kernel.sharedBytes +
                               unsigned(loaded.staticSharedBytes)) +
                " bytes of shared memory per block and the GPU has " +
                std::to_string(properties.sharedBytes)};
  AMK_CUDA_TRY(driver, cuFuncSetAttribute, loaded.function,
               MaxDynamicSharedBytes, int(kernel.sharedBytes));
  return {};
}

namespace {

/// A launch in clusters, with all blocks resident.
struct ClusterLaunch {
  ClusterLaunch(const core::Kernel &kernel, unsigned cluster, Stream stream)
      : attributes{{LaunchCooperative, 0, {1}},
                   {LaunchClusterDimension, 0, {cluster, 1, 1}}},
        config{{kernel.workers, 1, 1},
               {kernel.threads, 1, 1},
               unsigned(kernel.sharedBytes),
               stream,
               attributes,
               2} {}
  ClusterLaunch(const ClusterLaunch &) = delete;
  ClusterLaunch &operator=(const ClusterLaunch &) = delete;

  LaunchAttribute attributes[2];
  LaunchConfig config;
};

std::string gridOf(const core::Kernel &kernel, unsigned cluster) {
  return std::to_string(kernel.workers) + " blocks" +
         (cluster == 1 ? "" : " in clusters of " + std::to_string(cluster));
}

} // namespace

/// A block that is not resident would never signal the ones that wait for it.
static Status checkResident(const Driver &driver, const Properties &properties,
                            const core::Kernel &kernel, LoadedKernel &loaded) {
  int perMultiprocessor = 0;
  AMK_CUDA_TRY(driver, cuOccupancyMaxActiveBlocksPerMultiprocessor,
               &perMultiprocessor, loaded.function, int(kernel.threads),
               size_t(kernel.sharedBytes));
  loaded.resident =
      uint64_t(perMultiprocessor) * unsigned(properties.multiprocessors);
  std::string how = std::to_string(perMultiprocessor) + " on each of " +
                    std::to_string(properties.multiprocessors) +
                    " multiprocessors";
  if (loaded.cluster > 1) {
    // Fewer than on all multiprocessors: a cluster lies within one group of
    // them.
    const ClusterLaunch launch(kernel, loaded.cluster, nullptr);
    int clusters = 0;
    AMK_CUDA_TRY(driver, cuOccupancyMaxActiveClusters, &clusters,
                 loaded.function, &launch.config);
    loaded.resident = uint64_t(clusters) * loaded.cluster;
    how = std::to_string(clusters) + " clusters on " +
          std::to_string(properties.multiprocessors) + " multiprocessors";
  }
  if (loaded.resident < kernel.workers)
    return {ErrorKind::Device,
            "the kernel's grid of " + gridOf(kernel, loaded.cluster) +
                " does not fit: " + std::to_string(loaded.resident) +
                " can be resident, " + how};
  return {};
}

/// Whether the driver and the kernel know of clusters of this size.
static Status checkCluster(const Driver &driver, const LoadedKernel &loaded) {
  if (!driver.hasClusters())
    return {ErrorKind::Device,
            "the kernel has clusters of " + std::to_string(loaded.cluster) +
                " blocks and the CUDA driver knows of none: it is too old"};
  int width = 0;
  AMK_CUDA_TRY(driver, cuFuncGetAttribute, &width, RequiredClusterWidth,
               loaded.function);
  if (unsigned(width) != loaded.cluster)
    return {ErrorKind::Input, "the program's kernel: expected clusters of " +
                                  std::to_string(loaded.cluster) +
                                  " blocks, as its schedule has them, found " +
                                  std::to_string(width)};
  return {};
}

Status loadKernel(const Driver &driver, const Properties &properties,
                  const core::Kernel &kernel, unsigned cluster,
                  LoadedKernel &loaded) {
  if (kernel.workers == 0 || kernel.workers > INT_MAX || kernel.threads == 0 ||
      cluster == 0 || kernel.workers % cluster != 0)
    return {ErrorKind::Input, "the program's kernel has an impossible grid: " +
                                  gridOf(kernel, cluster) + " of " +
                                  std::to_string(kernel.threads) + " threads"};
  loaded.cluster = cluster;
  if (!properties.cooperative)
    return {ErrorKind::Device,
            "the GPU (" + properties.name + ") has no cooperative launches"};
  if (Status s = checkChip(kernel.chip, properties); !s.ok())
    return s;
  if (Status s = compile(driver, kernel, loaded); !s.ok())
    return s;
  if (cluster > 1)
    if (Status s = checkCluster(driver, loaded); !s.ok())
      return s;
  if (Status s = checkBlock(driver, properties, kernel, loaded); !s.ok())
    return s;
  return checkResident(driver, properties, kernel, loaded);
}

Status launchKernel(const Driver &driver, const core::Kernel &kernel,
                    const LoadedKernel &loaded, Stream stream,
                    void **parameters) {
  if (loaded.cluster > 1) {
    const ClusterLaunch launch(kernel, loaded.cluster, stream);
    AMK_CUDA_TRY(driver, cuLaunchKernelEx, &launch.config, loaded.function,
                 parameters, nullptr);
    return {};
  }
  AMK_CUDA_TRY(driver, cuLaunchCooperativeKernel, loaded.function,
               kernel.workers, 1, 1, kernel.threads, 1, 1,
               unsigned(kernel.sharedBytes), stream, parameters);
  return {};
}

} // namespace amk::runtime::cuda
