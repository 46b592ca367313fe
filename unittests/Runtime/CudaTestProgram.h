//===- CudaTestProgram.h - A small program with a kernel --------*- C++ -*-===//

#ifndef AMK_UNITTESTS_RUNTIME_CUDATESTPROGRAM_H
#define AMK_UNITTESTS_RUNTIME_CUDATESTPROGRAM_H

#include "AMK/Runtime/WeightSource.h"
#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/WeightPacking.h"

#include <map>
#include <vector>

namespace amk::test {

/// Tensors of bf16 values that count up, 1000 apart from tensor to tensor.
class CountingWeights : public runtime::WeightSource {
public:
  runtime::Status tensor(const std::string &name, int64_t rows, int64_t columns,
                         const void *&data) override {
    if (name == missing)
      return {runtime::ErrorKind::Input, "no tensor '" + name + "'"};
    std::vector<uint16_t> &values = tensors[name];
    if (values.empty())
      for (int64_t i = 0; i < rows * columns; ++i)
        values.push_back(uint16_t(tensors.size() * 1000 + uint64_t(i)));
    data = values.data();
    return {};
  }
  std::map<std::string, std::vector<uint16_t>> tensors;
  std::string missing;
};

/// The buffers of `cudaTestProgram`.
enum : uint32_t {
  kToken,
  kNext,
  kCache,
  kRope,
  kGain,
  kPacked,
  kPackets,
  kPage,
  kLocal,
  kBufferCount
};

constexpr uint32_t kTestWorkers = 4;
constexpr int64_t kPackedRows = 10, kPackedColumns = 256;
constexpr uint32_t kSlice = 128;
constexpr uint32_t kCacheBytes = 2 * 2 * 16 * 64 * 2;

/// A program with one buffer of every sort; its kernel is not meant to run.
inline core::Program cudaTestProgram() {
  using core::BufferKind;
  using core::ElementType;
  core::Program program;
  core::Schedule &schedule = program.schedule;
  schedule.positions = 16;
  schedule.views = {{{{"gain", 1, 0}}, false},
                    {{{"a", 4, 0}, {"b", 6, 0}}, false}};
  schedule.ropeTables.resize(1);
  schedule.ropeTables[0].headDim = 8;
  const auto add = [&](const char *name, BufferKind kind, ElementType type,
                       std::vector<int64_t> shape) -> core::Buffer & {
    core::Buffer buffer;
    buffer.name = name;
    buffer.kind = kind;
    buffer.type = type;
    buffer.shape = std::move(shape);
    schedule.buffers.push_back(buffer);
    return schedule.buffers.back();
  };
  add("token", BufferKind::Input, ElementType::I32, {1});
  add("next", BufferKind::Output, ElementType::I32, {1});
  add("kv", BufferKind::KvCache, ElementType::BF16, {2, 2, 16, 64});
  add("rope", BufferKind::Constant, ElementType::F32, {16, 4, 2}).rope = 0;
  add("gain", BufferKind::Weight, ElementType::BF16, {96}).view = 0;
  add("w", BufferKind::Weight, ElementType::BF16, {kPackedRows, kPackedColumns})
      .view = 1;
  add("x", BufferKind::Activation, ElementType::BF16, {64}).packetElements = 6;
  add("page", BufferKind::Activation, ElementType::F32, {64}).space =
      core::Space::Shared;
  add("local", BufferKind::Local, ElementType::F32, {64});

  program.hasKernel = true;
  core::Kernel &kernel = program.kernel;
  kernel.chip = "sm_90";
  kernel.entry = "step";
  kernel.ptx = ".version 8.0";
  kernel.workers = kTestWorkers;
  kernel.threads = 288;
  kernel.sharedBytes = 100000;
  const auto place = [&](uint32_t buffer, uint64_t bytes, uint32_t rows = 0,
                         uint32_t columns = 0) {
    kernel.placements.push_back(
        {buffer, kernel.arenaBytes, bytes, rows, columns});
    kernel.arenaBytes += (bytes + 127) / 128 * 128;
  };
  place(kToken, 4);
  place(kNext, 4);
  place(kCache, kCacheBytes);
  place(kRope, 16 * 4 * 2 * 4);
  place(kGain, 96 * 2);
  place(kPacked, core::packedBytes(kPackedRows, kPackedColumns),
        core::kPackRows, kSlice);
  kernel.blobs.push_back({"plan", kernel.arenaBytes, "the plan's rows"});
  kernel.arenaBytes += 128;
  kernel.zeroOffset = kernel.arenaBytes;
  place(kPackets, 11 * 16);
  kernel.reportOffset = kernel.arenaBytes;
  kernel.arenaBytes += 128;
  kernel.zeroBytes = kernel.arenaBytes - kernel.zeroOffset;
  return program;
}

} // namespace amk::test

#endif // AMK_UNITTESTS_RUNTIME_CUDATESTPROGRAM_H
