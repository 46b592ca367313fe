//===- DeviceConformanceTest.cpp - What every device promises -------------===//
//
// One suite for the devices that exist. Programs are the toy Llama at its last
// stage; a device that needs a kernel takes program files of the compiler
// instead, named by AMK_CONFORMANCE_PROGRAMS (separated by colons), and is
// left out, with a word, where it or they are missing.
//
//===----------------------------------------------------------------------===//

#include "ToyProgram.h"

#include "AMK/Runtime/Numerics.h"
#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Tiles.h"
#include "AMK/Schedule/Verify.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::test;

namespace {

std::vector<std::string> programFiles() {
  std::vector<std::string> files;
  if (const char *list = std::getenv("AMK_CONFORMANCE_PROGRAMS")) {
    std::istringstream in(list);
    for (std::string file; std::getline(in, file, ':');)
      if (!file.empty())
        files.push_back(file);
  }
  return files;
}

/// ‖got - expected‖ / ‖expected‖.
double difference(const std::vector<float> &got,
                  const std::vector<float> &expected) {
  double error = 0, size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    error += std::pow(double(got[i]) - double(expected[i]), 2);
    size += std::pow(double(expected[i]), 2);
  }
  return std::sqrt(error / size);
}

std::vector<uint32_t> cachesOf(const core::Schedule &s) {
  std::vector<uint32_t> caches;
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].kind == core::BufferKind::KvCache)
      caches.push_back(b);
  return caches;
}

/// The values of a cache on a device, at the positions from `first` to `end`.
std::vector<float> cacheRows(const core::Program &program, Device &device,
                             uint32_t cache, int64_t first, int64_t end) {
  const core::Buffer &buffer = program.schedule.buffers[cache];
  std::vector<uint16_t> bits(size_t(buffer.elements()));
  EXPECT_OK(device.read(cache, bits.data(), bits.size() * 2));
  const int64_t positions = buffer.shape[2], dim = buffer.shape[3];
  std::vector<float> values;
  for (size_t i = 0; i < bits.size(); ++i)
    if (const int64_t p = int64_t(i) / dim % positions; p >= first && p < end)
      values.push_back(bf16ToFloat(bits[i]));
  return values;
}

/// The logits of one launch.
std::vector<float> logitsAt(const core::Program &program, Device &device,
                            int64_t position) {
  TokenBuffers buffers;
  EXPECT_OK(findTokenBuffers(program.schedule, buffers));
  const int32_t token = 3;
  double ms = 0;
  EXPECT_OK(device.write(buffers.token, &token, 4));
  EXPECT_OK(device.launch(position, ms));
  std::vector<float> logits(
      size_t(program.schedule.buffers[buffers.logits].elements()));
  EXPECT_OK(device.read(buffers.logits, logits.data(), logits.size() * 4));
  return logits;
}

class Conformance : public ::testing::TestWithParam<const char *> {
protected:
  bool cuda() const { return std::string(GetParam()) == "cuda"; }

  /// Device and programs, or a skipped test.
  void SetUp() override {
    if (!makeDevice().ok())
      GTEST_SKIP() << "no cuda device: " << makeDevice().message();
    for (const std::string &file : programFiles()) {
      std::ifstream in(file, std::ios::binary);
      std::stringstream bytes;
      bytes << in.rdbuf();
      std::string error;
      programs.emplace_back();
      ASSERT_TRUE(core::readProgram(bytes.str(), programs.back(), error))
          << file << ": " << error;
      TokenBuffers found;
      if (!findTokenBuffers(programs.back().schedule, found).ok() ||
          (cuda() && !programs.back().hasKernel))
        programs.pop_back();
    }
    if (!cuda())
      programs.push_back(toyProgram(oddLlama(), Stage::Streamed));
    if (programs.empty())
      GTEST_SKIP() << "no program with a kernel: set AMK_CONFORMANCE_PROGRAMS";
  }

  Status makeDevice() {
    if (cuda())
      return createCudaDevice({}, device);
    CpuOptions options;
    options.threads = 3;
    device = createCpuDevice(options);
    return {};
  }

  Status load(const core::Program &program) {
    if (Status s = makeDevice(); !s.ok())
      return s;
    weights = randomWeights(7);
    return device->load(program, *weights, {});
  }

  std::vector<core::Program> programs;
  std::unique_ptr<Device> device;
  std::unique_ptr<WeightSource> weights;
  const std::vector<int32_t> tokens = {0, 100, 3, 55, 7};
};

TEST_P(Conformance, TwoRunsGiveTheSameBits) {
  for (const core::Program &program : programs) {
    ASSERT_OK(load(program));
    const auto first = runTokens(program, *device, tokens);
    EXPECT_EQ(runTokens(program, *device, tokens), first);
    ASSERT_OK(load(program));
    EXPECT_EQ(runTokens(program, *device, tokens), first);
    // Loading again on a device that has a program.
    ASSERT_OK(device->load(program, *weights, {}));
    EXPECT_EQ(runTokens(program, *device, tokens), first);
  }
}

TEST_P(Conformance, AgreesWithTheReference) {
  for (const core::Program &program : programs) {
    ASSERT_OK(load(program));
    const auto got = runTokens(program, *device, tokens);
    CpuOptions one;
    one.threads = 1;
    const auto expected = runOnCpu(program, one, tokens);
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_LE(difference(got[i], expected[i]), cuda() ? 1e-2 : 0.0);
  }
}

TEST_P(Conformance, TheCacheStaysBetweenLaunches) {
  for (const core::Program &program : programs) {
    ASSERT_OK(load(program));
    const auto all = runTokens(program, *device, tokens);
    // The last position again: the cache holds all before it.
    TokenBuffers buffers;
    ASSERT_OK(findTokenBuffers(program.schedule, buffers));
    double ms = -1;
    ASSERT_OK(device->write(buffers.token, &tokens.back(), 4));
    ASSERT_OK(device->launch(int64_t(tokens.size()) - 1, ms));
    EXPECT_GT(ms, 0);
    std::vector<float> again(all.back().size());
    ASSERT_OK(device->read(buffers.logits, again.data(), again.size() * 4));
    EXPECT_EQ(again, all.back());
    int32_t next = -1;
    ASSERT_OK(device->read(buffers.next, &next, 4));
    EXPECT_EQ(next,
              std::max_element(again.begin(), again.end()) - again.begin());
  }
}

/// A cache has the program's order, whatever order the device stores it in:
/// what launches have written is what the reference writes, what they have not
/// is zero, and what the host writes comes back and is what the next launch
/// reads.
TEST_P(Conformance, CachesAreReadAndWrittenInOrder) {
  for (const core::Program &program : programs) {
    const core::Schedule &s = program.schedule;
    ASSERT_OK(load(program));
    runTokens(program, *device, tokens);
    CpuOptions one;
    one.threads = 1;
    auto reference = createCpuDevice(one);
    ASSERT_OK(reference->load(program, *weights, {}));
    runTokens(program, *reference, tokens);
    const auto count = int64_t(tokens.size());
    const std::vector<uint32_t> caches = cachesOf(s);
    ASSERT_FALSE(caches.empty());
    for (const uint32_t c : caches) {
      EXPECT_LE(difference(cacheRows(program, *device, c, 0, count),
                           cacheRows(program, *reference, c, 0, count)),
                cuda() ? 1e-2 : 0.0)
          << s.buffers[c].name;
      const auto rest = cacheRows(program, *device, c, count, s.positions);
      EXPECT_EQ(std::count(rest.begin(), rest.end(), 0.0f), rest.size());

      std::vector<uint16_t> values(size_t(s.buffers[c].elements()));
      for (size_t i = 0; i < values.size(); ++i)
        values[i] =
            floatToBf16(float(uint32_t(i + c) * 2654435761u >> 20) / 2048 - 1);
      ASSERT_OK(device->write(c, values.data(), values.size() * 2));
      ASSERT_OK(reference->write(c, values.data(), values.size() * 2));
      std::vector<uint16_t> back(values.size());
      ASSERT_OK(device->read(c, back.data(), back.size() * 2));
      EXPECT_EQ(back, values);
    }
    EXPECT_LE(difference(logitsAt(program, *device, s.positions - 1),
                         logitsAt(program, *reference, s.positions - 1)),
              cuda() ? 1e-2 : 0.0);
  }
}

TEST_P(Conformance, ManyLaunchesFeedEachOther) {
  for (const core::Program &program : programs) {
    ASSERT_OK(load(program));
    GenerateOptions options;
    options.prompt = {5};
    options.maxNewTokens = 6;
    options.ignoreEos = true;
    GenerateResult result;
    ASSERT_OK(generate(program.schedule, *device, options, {}, result));
    TokenBuffers buffers;
    ASSERT_OK(findTokenBuffers(program.schedule, buffers));
    const int32_t first = 5;
    std::vector<double> ms;
    double mean = 0;
    ASSERT_OK(device->write(buffers.token, &first, 4));
    ASSERT_OK(device->launchMany(0, 6, buffers.token, buffers.next, ms, mean));
    EXPECT_EQ(ms.size(), 6u);
    EXPECT_GT(mean, 0);
    int32_t next = -1;
    ASSERT_OK(device->read(buffers.next, &next, 4));
    EXPECT_EQ(next, result.tokens.back());
  }
}

TEST_P(Conformance, WrongSizesAndPositionsAreRefused) {
  for (const core::Program &program : programs) {
    double ms = 0;
    ASSERT_OK(makeDevice());
    EXPECT_FALSE(device->launch(0, ms).ok()) << "nothing is loaded";
    ASSERT_OK(load(program));
    TokenBuffers b;
    ASSERT_OK(findTokenBuffers(program.schedule, b));
    const int32_t token = 1;
    char two[8];
    EXPECT_FALSE(device->write(b.token, two, 8).ok());
    EXPECT_FALSE(device->read(b.next, two, 8).ok());
    EXPECT_FALSE(device->write(b.next, two, 4).ok()) << "an output";
    EXPECT_FALSE(
        device->read(uint32_t(program.schedule.buffers.size()), two, 4).ok());
    EXPECT_FALSE(device->launch(-1, ms).ok());
    EXPECT_FALSE(device->launch(program.schedule.positions, ms).ok());
    ASSERT_OK(device->write(b.token, &token, 4));
    EXPECT_OK(device->launch(0, ms));
    EXPECT_OK(device->launch(program.schedule.positions - 1, ms));
  }
}

TEST_P(Conformance, AMissingTensorIsAnInputError) {
  struct Nothing : WeightSource {
    Status tensor(const std::string &name, int64_t, int64_t,
                  const void *&) override {
      return {ErrorKind::Input, "no tensor " + name};
    }
  } nothing;
  for (const core::Program &program : programs) {
    ASSERT_OK(makeDevice());
    EXPECT_EQ(device->load(program, nothing, {}).kind(), ErrorKind::Input);
    // And the device is as good as new.
    weights = randomWeights(7);
    EXPECT_OK(device->load(program, *weights, {}));
  }
}

/// Turns the queue of every worker round, so that each waits for what stands
/// behind in others' queues or its own. The verifier is not asked; the kernel's
/// code is that of the good program, its plan is made anew.
bool deadlock(core::Program &program) {
  core::Schedule &s = program.schedule;
  const core::Tiles tiles = core::expand(s);
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    std::vector<uint32_t> slots;
    for (uint32_t i = tiles.firstTile[t]; i < tiles.firstTile[t + 1]; ++i) {
      const core::Tile &tile = tiles.tiles[i];
      slots.push_back(
          uint32_t(tiles.queues[tile.worker].size() - 1 - tile.slot));
    }
    s.tasks[t].slots = s.addTable(std::move(slots));
  }
  if (!program.hasKernel)
    return true;
  core::KernelPlan plan;
  std::string error;
  uint32_t task = 0;
  if (!core::buildKernelPlan(s, plan, error, task))
    return false;
  program.kernel.blobs = std::move(plan.kernel.blobs);
  return true;
}

/// The lines after the first, each up to what is counted: what a worker sees of
/// several packets or counters that are missing is not the same everywhere.
std::vector<std::string> workerLines(const std::string &message) {
  std::istringstream in(message);
  std::vector<std::string> lines;
  std::string line;
  for (std::getline(in, line); std::getline(in, line);) {
    const size_t at = line.find(" waits for counter");
    const size_t packet = line.find(" waits for packet");
    lines.push_back(line.substr(0, std::min(at, packet)));
  }
  return lines;
}

TEST_P(Conformance, ADeadlockIsReportedByEveryWorker) {
  for (core::Program &good : programs) {
    ASSERT_OK(load(good));
    const auto expected = runTokens(good, *device, {1, 2});
    core::Program bad = good;
    ASSERT_TRUE(deadlock(bad));
    const auto found = core::verify(bad.schedule);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().rule, "V3");

    CpuOptions cpu;
    cpu.threads = 2;
    cpu.watchdogMs = 50;
    CudaOptions onCuda;
    onCuda.watchdogMs = 50;
    auto reference = createCpuDevice(cpu);
    weights = randomWeights(7);
    ASSERT_OK(reference->load(bad, *weights, {}));
    double ms = 0;
    const Status hung = reference->launch(3, ms);
    ASSERT_EQ(hung.kind(), ErrorKind::Aborted);

    if (cuda())
      ASSERT_OK(createCudaDevice(onCuda, device));
    else
      device = std::move(reference);
    ASSERT_OK(device->load(bad, *weights, {}));
    // Twice: the first abort leaves the device in order.
    for (int i = 0; i < 2; ++i) {
      const Status status = device->launch(3, ms);
      ASSERT_EQ(status.kind(), ErrorKind::Aborted);
      EXPECT_NE(status.message().find("position 3 is invalid"),
                std::string::npos);
      const auto lines = workerLines(status.message());
      EXPECT_EQ(lines.size(), bad.schedule.target->workers);
      EXPECT_EQ(lines, workerLines(hung.message()));
      if (i == 0)
        std::printf("%s\n", status.message().c_str());
    }
    // And the same device runs the program as it should be.
    ASSERT_OK(device->load(good, *weights, {}));
    EXPECT_EQ(runTokens(good, *device, {1, 2}), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Conformance, ::testing::Values("cpu", "cuda"),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

} // namespace
