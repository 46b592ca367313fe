//===- CudaKernel.h - The kernel on one GPU ---------------------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_CUDAKERNEL_H
#define AMK_RUNTIME_LIB_CUDAKERNEL_H

#include "AMK/Schedule/ProgramFile.h"
#include "CudaDriver.h"

namespace amk::runtime::cuda {

/// What the runtime has to know of a GPU.
struct Properties {
  std::string name;
  int driverVersion = 0; ///< 13000: 13.0
  int major = 0, minor = 0;
  int multiprocessors = 0;
  int sharedBytes = 0; ///< that one block can have
  bool cooperative = false;
};

Status queryProperties(const Driver &driver, DeviceHandle device,
                       Properties &properties);

/// Whether PTX for `chip` runs on the GPU: "sm_90" on 9.0 and all later ones,
/// "sm_90a" on 9.0 only, "sm_100f" on 10.0 and later ones of its family.
Status checkChip(const std::string &chip, const Properties &properties);

/// "1.2 GB", "640 bytes"
std::string formatBytes(uint64_t bytes);

/// A kernel made ready for launches. It belongs to the current context.
struct LoadedKernel {
  Module module = nullptr;
  Function function = nullptr;
  int registers = 0;         ///< of a thread
  int staticSharedBytes = 0; ///< of a block, beside the dynamic ones
  int localBytes = 0;        ///< of a thread
  uint64_t resident = 0;     ///< blocks that the GPU holds at once
  unsigned cluster = 1;      ///< blocks of a cluster
  std::string log;           ///< of the JIT compiler
  std::string warning;       ///< one line, or empty
};

/// Compiles the PTX and checks that every block can be resident, in clusters of
/// `cluster` blocks. The module is the caller's to unload, also after a
/// failure.
Status loadKernel(const Driver &driver, const Properties &properties,
                  const core::Kernel &kernel, unsigned cluster,
                  LoadedKernel &loaded);

/// Queues a launch with all blocks resident.
Status launchKernel(const Driver &driver, const core::Kernel &kernel,
                    const LoadedKernel &loaded, Stream stream,
                    void **parameters);

} // namespace amk::runtime::cuda

#endif // AMK_RUNTIME_LIB_CUDAKERNEL_H
