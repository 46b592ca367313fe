//===- Device.h - The device interface --------------------------*- C++ -*-===//
//
// Two devices behind one interface: `cpu` runs the schedule itself, `cuda`
// launches its kernel. One conformance suite tests both.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_DEVICE_H
#define AMK_RUNTIME_DEVICE_H

#include "AMK/Runtime/Status.h"
#include "AMK/Runtime/WeightSource.h"
#include "AMK/Schedule/ProgramFile.h"

#include <cstddef>
#include <functional>
#include <memory>

namespace amk::runtime {

/// Called while weights are loaded, with the share done (0 to 1).
using Progress = std::function<void(double)>;

class Device {
public:
  virtual ~Device() = default;

  /// Allocates every buffer, fills weights and constants. The caller has
  /// verified the schedule. The program must outlive the device.
  virtual Status load(const core::Program &program, WeightSource &weights,
                      const Progress &progress) = 0;

  /// Copies to an input buffer; `bytes` is the whole buffer.
  virtual Status write(uint32_t buffer, const void *data, size_t bytes) = 0;
  /// Copies from an output (or, for tests, any global plain) buffer.
  virtual Status read(uint32_t buffer, void *data, size_t bytes) = 0;

  /// Runs the schedule once at this position and waits for it. `milliseconds`
  /// is the time of the launch alone. After an abort the device works again;
  /// what the failed position wrote is invalid.
  virtual Status launch(int64_t position, double &milliseconds) = 0;
};

struct CpuOptions {
  unsigned threads = 0;   ///< 0: the cores of the machine
  uint64_t delaySeed = 0; ///< not 0: random delays before tiles (tests)
  uint64_t watchdogMs = 20000;
};

std::unique_ptr<Device> createCpuDevice(const CpuOptions &options);

struct CudaOptions {
  int ordinal = 0;
  uint64_t watchdogMs = 2000;
};

/// Loads the CUDA driver at run time. Fails with one clear line where there is
/// none, or no such GPU.
Status createCudaDevice(const CudaOptions &options,
                        std::unique_ptr<Device> &device);

} // namespace amk::runtime

#endif // AMK_RUNTIME_DEVICE_H
