//===- CudaDevice.h - The device that launches the kernel -------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_CUDADEVICE_H
#define AMK_RUNTIME_LIB_CUDADEVICE_H

#include "AMK/Runtime/Device.h"
#include "CudaKernel.h"
#include "CudaWeights.h"

namespace amk::runtime::cuda {

class CudaDevice final : public Device {
public:
  /// Opens a GPU through the driver in `library`.
  static Status create(const CudaOptions &options, const std::string &library,
                       std::unique_ptr<CudaDevice> &device);

  CudaDevice(const CudaDevice &) = delete;
  CudaDevice &operator=(const CudaDevice &) = delete;
  ~CudaDevice() override;

  Status load(const core::Program &program, WeightSource &weights,
              const Progress &progress) override;
  Status write(uint32_t buffer, const void *data, size_t bytes) override;
  Status read(uint32_t buffer, void *data, size_t bytes) override;
  Status launch(int64_t position, double &milliseconds) override;
  Status launchMany(int64_t firstPosition, unsigned count, uint32_t token,
                    uint32_t next, std::vector<double> &milliseconds,
                    double &mean) override;
  Status trace(StepTimes &times) override;
  std::string info() override;

  const Properties &gpu() const { return properties; }
  const LoadedKernel &kernel() const { return loaded; }
  /// Bytes of a chunk in which weights are staged.
  void setStagingBytes(uint64_t bytes) { stagingBytes = bytes; }

private:
  explicit CudaDevice(const CudaOptions &options) : options(options) {}

  Status open(const std::string &library);
  Status bind() const;
  void unload();
  Status prepare(const core::Program &next, WeightSource &weights,
                 std::vector<WeightImage> &images);
  Status checkPlacements(const core::Program &next);
  Status allocateArena(uint64_t bytes);
  Status uploadConstants();
  Status locate(const char *verb, uint32_t buffer, size_t bytes,
                DeviceAddress &address) const;
  Status checkPositions(int64_t first, unsigned count) const;
  Status enqueue(int64_t position, Event start, Event stop);
  Status finish(int64_t first, unsigned count);
  Status describeAbort(int64_t first, unsigned count);
  Status enqueueMany(int64_t first, unsigned count, DeviceAddress token,
                     DeviceAddress next, const std::vector<Event> &events);

  CudaOptions options;
  Driver driver;
  DeviceHandle handle = 0;
  Context context = nullptr;
  Properties properties;
  Stream stream = nullptr;
  Event started = nullptr, stopped = nullptr;
  /// Pinned: the abort flag is copied here after every launch.
  uint32_t *abortFlag = nullptr;
  uint64_t stagingBytes = kStagingBytes;

  const core::Program *program = nullptr; ///< null: nothing is loaded
  LoadedKernel loaded;
  DeviceAddress arena = 0;
  /// By buffer; null: none in the arena.
  std::vector<const core::Placement *> placements;
  uint32_t epoch = 0; ///< of the last launch
  /// A launch has failed or is under way: the counters are not to be trusted.
  bool unclean = false;
};

} // namespace amk::runtime::cuda

#endif // AMK_RUNTIME_LIB_CUDADEVICE_H
