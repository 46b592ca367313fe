//===- CpuDevice.cpp - The schedule itself, on threads --------------------===//
//
// The reference. A schedule that is not yet concurrent runs in program order;
// from then on its queues and hand-offs alone decide.
//
//===----------------------------------------------------------------------===//

#include "ConcurrentRun.h"
#include "SequentialRun.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace amk::runtime {

namespace {

/// More threads than this are a mistake on any machine.
constexpr unsigned kMostThreads = 1024;

class CpuDevice : public Device {
public:
  explicit CpuDevice(const CpuOptions &given) : options(given) {
    if (!options.threads)
      options.threads = std::max(1u, std::thread::hardware_concurrency());
    options.threads = std::min(options.threads, kMostThreads);
  }

  Status load(const core::Program &p, WeightSource &weights,
              const Progress &progress) override {
    sequential.reset();
    concurrent.reset();
    if (Status s = program.load(p, weights, progress); !s.ok())
      return s;
    if (!team)
      team = std::make_unique<ThreadTeam>(options.threads);
    if (!program.schedule().concurrent) {
      sequential = std::make_unique<SequentialRun>(program, options.threads,
                                                   options.trace);
      return sequential->prepare();
    }
    concurrent =
        std::make_unique<ConcurrentRun>(program, options, options.threads);
    return concurrent->prepare();
  }

  Status write(uint32_t buffer, const void *data, size_t bytes) override {
    if (Status s = checkBuffer(buffer, bytes); !s.ok())
      return s;
    const core::Buffer &b = program.schedule().buffers[buffer];
    if (b.kind != core::BufferKind::Input &&
        b.kind != core::BufferKind::KvCache)
      return {ErrorKind::Usage,
              "buffer '" + b.name +
                  "': expected an input or a KV cache, found " +
                  std::string(core::toString(b.kind))};
    std::memcpy(program.global() + program.buffer(buffer).offset, data, bytes);
    return {};
  }

  Status read(uint32_t buffer, void *data, size_t bytes) override {
    if (Status s = checkBuffer(buffer, bytes); !s.ok())
      return s;
    const BufferPlan &plan = program.buffer(buffer);
    const char *from = program.global() + plan.offset;
    if (!plan.packets) {
      std::memcpy(data, from, bytes);
      return {};
    }
    const auto *slots = reinterpret_cast<const PacketSlot *>(from);
    for (uint32_t p = 0; p < plan.map.count(); ++p)
      plan.map.unpack(slots[p], p, static_cast<char *>(data));
    return {};
  }

  Status launch(int64_t position, double &milliseconds) override {
    milliseconds = 0;
    if (!sequential && !concurrent)
      return {ErrorKind::Device, "no program is loaded"};
    const int64_t positions =
        std::max<int64_t>(1, program.schedule().positions);
    if (position < 0 || position >= positions)
      return {ErrorKind::Usage, "position " + std::to_string(position) +
                                    " is outside the cache of " +
                                    std::to_string(positions)};
    const auto start = std::chrono::steady_clock::now();
    Status status;
    if (sequential)
      sequential->run(*team, position);
    else
      status = concurrent->run(*team, position);
    milliseconds = std::chrono::duration<double, std::milli>(
                       std::chrono::steady_clock::now() - start)
                       .count();
    return status;
  }

  Status trace(StepTimes &times) override {
    times = {};
    if (sequential)
      times = sequential->times();
    else if (concurrent)
      concurrent->times(times);
    return {};
  }

  std::string info() override {
    return "device: " + std::to_string(options.threads) +
           (options.threads == 1 ? " thread\n" : " threads\n");
  }

private:
  /// Whether the host may copy the whole buffer.
  Status checkBuffer(uint32_t buffer, size_t bytes) const {
    if (!sequential && !concurrent)
      return {ErrorKind::Device, "no program is loaded"};
    const core::Schedule &s = program.schedule();
    if (buffer >= s.buffers.size())
      return {ErrorKind::Usage, "no buffer " + std::to_string(buffer)};
    const BufferPlan &plan = program.buffer(buffer);
    const std::string name = "buffer '" + s.buffers[buffer].name + "'";
    if (plan.home != Home::Global)
      return {ErrorKind::Usage, name + " is not in global memory"};
    if (bytes != plan.bytes)
      return {ErrorKind::Usage, name + ": expected " +
                                    std::to_string(plan.bytes) +
                                    " bytes, found " + std::to_string(bytes)};
    return {};
  }

  CpuOptions options;
  CpuProgram program;
  std::unique_ptr<SequentialRun> sequential;
  std::unique_ptr<ConcurrentRun> concurrent;
  std::unique_ptr<ThreadTeam> team;
};

} // namespace

std::unique_ptr<Device> createCpuDevice(const CpuOptions &options) {
  return std::make_unique<CpuDevice>(options);
}

} // namespace amk::runtime
