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
#include <string>
#include <utility>
#include <vector>

namespace amk::runtime {

/// Called while weights are loaded, with the share done (0 to 1).
using Progress = std::function<void(double)>;

/// When a tile of the last launch began to wait for its inputs, had them, had
/// done its work and had published its results: nanoseconds of one clock of the
/// device, 0 where a body has no such point.
struct TileTimes {
  uint32_t worker = 0, task = 0;
  uint32_t tile = 0; ///< of the task
  uint64_t begin = 0, ready = 0, done = 0, published = 0;
  /// Begin and end of the waits in the midst of its work, in order.
  std::vector<std::pair<uint64_t, uint64_t>> laterWaits;

  /// How long it waited, in all.
  uint64_t waited() const {
    uint64_t sum = ready > begin ? ready - begin : 0;
    for (const auto &[from, to] : laterWaits)
      sum += to - from;
    return sum;
  }
};

/// When a stage of a tile was issued by the loader, had landed as far as the
/// team that takes it could see, and was given back. On a device without a
/// loader, `issued` is 0 and the stage is used from `landed` to `released`.
struct StageTimes {
  uint32_t worker = 0, task = 0, tile = 0;
  uint32_t stage = 0; ///< of the tile
  uint32_t count = 1; ///< stages that were used as one, from that one on
  uint32_t slot = 0;  ///< of the ring
  uint64_t issued = 0, landed = 0, released = 0;
};

/// The times of a launch, worker by worker in the order in which they ran.
struct StepTimes {
  std::vector<TileTimes> tiles;
  std::vector<StageTimes> stages;
};

class Device {
public:
  virtual ~Device() = default;

  /// Allocates every buffer, fills weights and constants. The caller has
  /// verified the schedule. The program must outlive the device.
  virtual Status load(const core::Program &program, WeightSource &weights,
                      const Progress &progress) = 0;

  /// Copies to an input buffer or a KV cache; `bytes` is the whole buffer. A
  /// cache is [2, KV heads, positions, head_dim], however the device stores it,
  /// in both directions.
  virtual Status write(uint32_t buffer, const void *data, size_t bytes) = 0;
  /// Copies from an output (or, for tests, any global plain) buffer.
  virtual Status read(uint32_t buffer, void *data, size_t bytes) = 0;

  /// Runs the schedule once at this position and waits for it. `milliseconds`
  /// is the time of the launch alone. After an abort the device works again;
  /// what the failed position wrote is invalid. The message of an abort has a
  /// line of summary, then one for each worker, in the same words on both
  /// devices: what it waits for, or that it waits for nothing.
  virtual Status launch(int64_t position, double &milliseconds) = 0;

  /// Launches at `count` positions from `firstPosition` on, without the host
  /// in between where the device can do that, and copies the output `next` to
  /// the input `token` (one i32 each) after every launch but the last.
  /// `milliseconds` gets the time of each launch, `mean` that of a launch with
  /// what lies between two of them. For benchmarks.
  virtual Status launchMany(int64_t firstPosition, unsigned count,
                            uint32_t token, uint32_t next,
                            std::vector<double> &milliseconds, double &mean) {
    milliseconds.assign(count, 0.0);
    mean = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (i > 0) {
        int32_t id = 0;
        if (Status s = read(next, &id, sizeof(id)); !s.ok())
          return s;
        if (Status s = write(token, &id, sizeof(id)); !s.ok())
          return s;
      }
      if (Status s = launch(firstPosition + i, milliseconds[i]); !s.ok())
        return s;
      mean += milliseconds[i] / count;
    }
    return {};
  }

  /// Times of every tile and stage of the last launch. Empty where they are not
  /// recorded: on cpu without `CpuOptions::trace`, on cuda for a kernel that
  /// does not record them.
  virtual Status trace(StepTimes &times) {
    times = {};
    return {};
  }

  /// Lines about the device and the loaded kernel: registers, shared memory,
  /// warnings. Empty where there is nothing to say.
  virtual std::string info() { return {}; }
};

struct CpuOptions {
  unsigned threads = 0;   ///< 0: the cores of the machine
  uint64_t delaySeed = 0; ///< not 0: random delays before tiles (tests)
  bool trace = false;     ///< record times; a sequential schedule then runs on
                          ///< one thread, tile by tile
  /// A launch in which no tile ends for this long is aborted.
  uint64_t watchdogMs = 20000;
  /// Epoch of the first launch (tests of the wrap-around of counters).
  uint32_t firstEpoch = 1;
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
