//===- CudaDeviceTest.cpp - The device over a driver that is none ---------===//

#include "CudaDevice.h"
#include "CudaReport.h"
#include "CudaTestProgram.h"
#include "FakeCuda.h"

#include "AMK/Runtime/RopeTable.h"
#include "AMK/Schedule/TraceLayout.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::cuda;
using namespace amk::test;

namespace {

class CudaDeviceTest : public ::testing::Test {
protected:
  void SetUp() override {
    void *library = dlopen(AMK_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    auto *get =
        reinterpret_cast<FakeCudaFunction *>(dlsym(library, "fakeCuda"));
    ASSERT_NE(get, nullptr);
    fake = get();
    *fake = {};
    program = cudaTestProgram();
  }

  void TearDown() override {
    device.reset();
    EXPECT_EQ(fake->alive(), 0) << "something was not released";
    EXPECT_EQ(fake->misuse, 0);
    *fake = {};
  }

  Status open(CudaOptions options = {}) {
    return CudaDevice::create(options, AMK_FAKE_CUDA, device);
  }
  Status load(const Progress &progress = {}) {
    if (!device)
      if (Status s = open(); !s.ok())
        return s;
    return device->load(program, weights, progress);
  }
  /// Loads, expecting one line of error.
  std::string loadError(ErrorKind kind = ErrorKind::Device) {
    const Status status = load();
    EXPECT_EQ(status.kind(), kind) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
    return status.message();
  }
  std::vector<char> read(uint32_t buffer, size_t bytes) {
    std::vector<char> data(bytes);
    const Status status = device->read(buffer, data.data(), bytes);
    EXPECT_TRUE(status.ok()) << status.message();
    return data;
  }
  /// Makes every launch record what it was given.
  void recordLaunches() {
    fake->kernel = [this](const FakeLaunch &launch) {
      launches.push_back(launch);
    };
  }
  using Record = std::array<uint32_t, 4>;
  /// What a kernel does whose worker hangs.
  void hang(const FakeLaunch &launch, uint32_t worker, const Record &record) {
    char *report = launch.memory() + program.kernel.reportOffset;
    std::memcpy(report, &launch.epoch, 4);
    std::memcpy(report + 4 * reportWords(worker), record.data(), 16);
  }
  /// A kernel whose worker 2 times out.
  void abortOnce(const FakeLaunch &launch) { hang(launch, 2, {4, 1, 12, 5}); }

  FakeCuda *fake = nullptr;
  core::Program program;
  CountingWeights weights;
  std::unique_ptr<CudaDevice> device;
  std::vector<FakeLaunch> launches;
};

TEST_F(CudaDeviceTest, NoDevice) {
  fake->devices = 0;
  EXPECT_EQ(open().message(), "no CUDA device: the driver finds none");
  fake->devices = 2;
  CudaOptions options;
  options.ordinal = 2;
  EXPECT_EQ(open(options).message(), "no CUDA device 2: the driver finds 2");
  options.ordinal = -1;
  EXPECT_FALSE(open(options).ok());
  fake->failing = "cuInit";
  EXPECT_EQ(open().message(), "cuInit: error 999: what it means");
}

TEST_F(CudaDeviceTest, Info) {
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(device->info(), "device: Fake GPU, sm_90, 4 multiprocessors, "
                            "driver for CUDA 13.0\n");
  fake->localBytes = 200;
  fake->jitInfo = "ptxas info : 200 bytes stack frame\n";
  ASSERT_TRUE(load().ok());
  EXPECT_EQ(device->kernel().registers, 128);
  EXPECT_EQ(device->kernel().warning,
            "the kernel spills: 200 bytes of local memory per thread");
  const std::string info = device->info();
  for (const char *line :
       {"kernel: step for sm_90, 4 blocks of 288 threads (4 can be resident)\n",
        "registers: 128 per thread, local memory: 200 bytes per thread\n",
        "shared memory: 100000 bytes dynamic, 16 bytes static per block\n",
        "jit: ptxas info : 200 bytes stack frame\n", "warning: the kernel"})
    EXPECT_NE(info.find(line), std::string::npos) << line << "in\n" << info;
}

TEST_F(CudaDeviceTest, LoadFillsTheArena) {
  ASSERT_TRUE(open().ok());
  // Chunks of one group of rows: the two staging chunks are used in turn.
  device->setStagingBytes(1);
  std::vector<double> shares;
  ASSERT_TRUE(load([&](double share) { shares.push_back(share); }).ok());
  EXPECT_EQ(fake->ptx, program.kernel.ptx);
  EXPECT_EQ(fake->entry, "step");
  EXPECT_EQ(fake->dynamicSharedLimit, 100000);
  ASSERT_EQ(shares.size(), 4u);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(shares.back(), 1.0);
  EXPECT_EQ(fake->copiesToDevice, 4);

  recordLaunches();
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  const char *arena = launches[0].memory();
  const core::Kernel &kernel = program.kernel;
  EXPECT_EQ(std::memcmp(arena + kernel.blobs[0].offset, "the plan's rows", 15),
            0);
  const auto isZero = [&](uint64_t offset, uint64_t bytes) {
    return std::all_of(arena + offset, arena + offset + bytes,
                       [](char c) { return c == 0; });
  };
  EXPECT_TRUE(isZero(kernel.zeroOffset, kernel.zeroBytes));
  EXPECT_TRUE(isZero(kernel.placements[kCache].offset,
                     kernel.placements[kCache].bytes));
  WeightImage image;
  ASSERT_TRUE(resolveWeight(program.schedule, kernel.placements[kPacked],
                            weights, image)
                  .ok());
  std::vector<char> packed(kernel.placements[kPacked].bytes);
  packUnits(image, 0, image.units(), packed.data());
  EXPECT_EQ(std::memcmp(arena + kernel.placements[kPacked].offset,
                        packed.data(), packed.size()),
            0);
  const std::vector<float> rope =
      ropeTable(program.schedule.ropeTables[0], program.schedule.positions);
  EXPECT_EQ(std::memcmp(read(kRope, 512).data(),
                        static_cast<const void *>(rope.data()), 512),
            0);
  EXPECT_EQ(
      std::memcmp(read(kGain, 192).data(), weights.tensors["gain"].data(), 192),
      0);
}

TEST_F(CudaDeviceTest, SeveralWeightsShareAChunk) {
  ASSERT_TRUE(open().ok());
  device->setStagingBytes(192 + 2 * 2048);
  ASSERT_TRUE(load().ok());
  // The gain and two groups, then the last group.
  EXPECT_EQ(fake->copiesToDevice, 3);
}

TEST_F(CudaDeviceTest, LoadsAgain) {
  ASSERT_TRUE(load().ok());
  const int alive = fake->alive();
  ASSERT_TRUE(load().ok());
  EXPECT_EQ(fake->alive(), alive);
}

TEST_F(CudaDeviceTest, ReadsAndWritesBuffers) {
  int32_t token = 0;
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(device->read(kToken, &token, 4).message(), "no program is loaded");
  ASSERT_TRUE(load().ok());
  token = 4711;
  ASSERT_TRUE(device->write(kToken, &token, 4).ok());
  EXPECT_EQ(std::memcmp(read(kToken, 4).data(), &token, 4), 0);
  std::vector<char> cache(kCacheBytes);
  EXPECT_EQ(read(kCache, cache.size()), cache) << "cleared by load";

  const auto readError = [&](uint32_t buffer, size_t bytes) {
    return device->read(buffer, cache.data(), bytes).message();
  };
  EXPECT_EQ(readError(kToken, 8),
            "cannot read buffer 'token': it has 4 bytes, not 8");
  EXPECT_EQ(readError(kPackets, 128),
            "cannot read buffer 'x': it is made of packets");
  EXPECT_EQ(readError(kPage, 256), "cannot read buffer 'page': it lives in "
                                   "the workers' shared memory");
  EXPECT_EQ(readError(kLocal, 256), "cannot read buffer 'local': it has no "
                                    "place in the GPU's memory");
  EXPECT_EQ(readError(kPacked, 5120),
            "cannot read buffer 'w': it is packed for the tensor cores");
  EXPECT_EQ(readError(99, 4), "cannot read buffer 99: the schedule has 9");
  EXPECT_EQ(device->write(kGain, cache.data(), 192).message(),
            "cannot write buffer 'gain': expected an input or a KV cache, "
            "found weight");
}

TEST_F(CudaDeviceTest, ACacheIsStoredWithItsChunksSwapped) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(load().ok());
  std::vector<char> cache(kCacheBytes);
  for (size_t i = 0; i < cache.size(); ++i)
    cache[i] = char(i / 16 % 251 + i % 16);
  ASSERT_TRUE(device->write(kCache, cache.data(), cache.size()).ok());
  // Byte 5 of chunk 3 of the value at position 13 of head 1.
  const size_t row = ((1 * 2 + 1) * 16 + 13) * 128;
  const size_t at = program.kernel.placements[kCache].offset + row;
  char stored = 0;
  fake->kernel = [&](const FakeLaunch &launch) {
    stored = launch.memory()[at + (3 ^ 13 % 8) * 16 + 5];
  };
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  EXPECT_EQ(stored, cache[row + 3 * 16 + 5]);
  EXPECT_EQ(read(kCache, cache.size()), cache);
}

TEST_F(CudaDeviceTest, LaunchPassesParameters) {
  recordLaunches();
  CudaOptions options;
  options.watchdogMs = 7;
  ASSERT_TRUE(open(options).ok());
  double ms = 0;
  EXPECT_EQ(device->launch(0, ms).message(), "no program is loaded");
  ASSERT_TRUE(load().ok());
  for (int64_t position : {0, 1, 15}) {
    ASSERT_TRUE(device->launch(position, ms).ok());
    EXPECT_FLOAT_EQ(float(ms), 0.5f);
  }
  ASSERT_EQ(launches.size(), 3u);
  EXPECT_EQ(launches[0].grid, kTestWorkers);
  EXPECT_EQ(launches[0].block, 288u);
  EXPECT_EQ(launches[0].sharedBytes, 100000u);
  EXPECT_EQ(launches[2].position, 15u);
  EXPECT_EQ(launches[0].epoch, 1u);
  EXPECT_EQ(launches[2].epoch, 3u);
  EXPECT_EQ(launches[0].budget, 7000000u);
  EXPECT_EQ(device->launch(16, ms).message(),
            "no position 16: the program has 16 positions");
  EXPECT_EQ(device->launch(-1, ms).message(),
            "no position -1: the program has 16 positions");
  EXPECT_EQ(fake->launches, 3);
}

TEST_F(CudaDeviceTest, NoWatchdog) {
  recordLaunches();
  CudaOptions options;
  options.watchdogMs = 0;
  ASSERT_TRUE(open(options).ok());
  ASSERT_TRUE(load().ok());
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  EXPECT_EQ(launches[0].budget, std::numeric_limits<uint64_t>::max());
}

TEST_F(CudaDeviceTest, AbortIsReportedAndCleared) {
  uint32_t flag = 0, epoch = 0;
  fake->kernel = [&](const FakeLaunch &launch) {
    // What the kernel finds, before it aborts at position 1.
    std::memcpy(&flag, launch.memory() + program.kernel.reportOffset, 4);
    epoch = launch.epoch;
    if (launch.position == 1)
      abortOnce(launch);
  };
  ASSERT_TRUE(load().ok());
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  const Status status = device->launch(1, ms);
  EXPECT_EQ(status.kind(), ErrorKind::Aborted);
  EXPECT_EQ(status.message(),
            "the watchdog ended the launch after 2000 ms; position 1 is "
            "invalid; 1 of 4 workers wait\n"
            "worker 0: waits for nothing\n"
            "worker 1: waits for nothing\n"
            "worker 2: plan row 3 waits for counter 12: 5\n"
            "worker 3: waits for nothing");
  ASSERT_TRUE(device->launch(2, ms).ok());
  EXPECT_EQ(flag, 0u);
  EXPECT_EQ(epoch, 1u);
  ASSERT_TRUE(device->launch(3, ms).ok());
  EXPECT_EQ(epoch, 2u);
}

// A line per worker, by the names of the schedule, with counters and stamps as
// they are in this launch.
TEST_F(CudaDeviceTest, EveryWorkerIsReported) {
  core::Schedule &s = program.schedule;
  s.concurrent = true;
  s.target = core::Target{"sm_90", kTestWorkers, 232448};
  s.counters = {{"unused", 3}, {"there", 2}};
  s.buffers[kPackets].packetGeneration = 1; // two stamps a launch
  const auto add = [&](const char *name, uint32_t from, uint32_t to,
                       uint32_t worker) -> core::Task & {
    core::Task task;
    task.name = name;
    task.ops.emplace_back();
    task.ops[0].name = "hash";
    task.ops[0].operands = {from, to};
    task.workers = s.addTable({worker});
    s.tasks.push_back(task);
    return s.tasks.back();
  };
  core::Fan second;
  second.first = s.addTable({1});
  add("one", kToken, kPackets, 0).signals = {{1, second}};
  add("two", kPackets, kPage, 1);
  add("three", kToken, kLocal, 2);
  add("four", kPage, kNext, 2).waits = {{1, second, s.addTable({1})}};
  fake->kernel = [&](const FakeLaunch &launch) {
    if (launch.position != 9)
      return;
    hang(launch, 1, {1, 2, 10, 5});
    hang(launch, 2, {2, 1, 4, launch.epoch - 1});
    hang(launch, 3, {1, 7, 4, 2}); // of no kind and no tile
  };
  ASSERT_TRUE(load().ok());
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  ASSERT_TRUE(device->launch(1, ms).ok());
  const Status status = device->launch(9, ms);
  EXPECT_EQ(status.kind(), ErrorKind::Aborted);
  EXPECT_EQ(status.message(),
            "the watchdog ended the launch after 2000 ms; position 9 is "
            "invalid; 3 of 4 workers wait\n"
            "worker 0: waits for nothing\n"
            "worker 1: task 'two' tile 0 waits for packet 10 of 'x': stamp 5 "
            "of 7\n"
            "worker 2: task 'four' tile 0 waits for counter 'there'[1]: 0 of "
            "1\n"
            "worker 3: plan row 0 waits for something of unknown kind 7");
  ASSERT_TRUE(device->launch(9 - 1, ms).ok());
}

TEST_F(CudaDeviceTest, FailedLaunchStartsAgainAtEpochOne) {
  recordLaunches();
  ASSERT_TRUE(load().ok());
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  fake->failing = "cuStreamSynchronize";
  fake->failure = 700;
  EXPECT_EQ(device->launch(1, ms).message(),
            "cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal "
            "memory access was encountered");
  fake->failing = "";
  ASSERT_TRUE(device->launch(1, ms).ok());
  EXPECT_EQ(launches.back().epoch, 1u);
}

TEST_F(CudaDeviceTest, LaunchManyFeedsTheToken) {
  fake->kernel = [&](const FakeLaunch &launch) {
    launches.push_back(launch);
    int32_t token = 0;
    std::memcpy(&token, launch.memory(), 4);
    token = token * 2 + 1;
    std::memcpy(launch.memory() + 128, &token, 4);
  };
  ASSERT_TRUE(load().ok());
  int32_t token = 1;
  ASSERT_TRUE(device->write(kToken, &token, 4).ok());
  std::vector<double> ms;
  double mean = 0;
  ASSERT_TRUE(device->launchMany(3, 4, kToken, kNext, ms, mean).ok());
  ASSERT_EQ(launches.size(), 4u);
  EXPECT_EQ(launches[3].position, 6u);
  EXPECT_EQ(launches[3].epoch, 4u);
  EXPECT_EQ(ms, std::vector<double>(4, 0.5));
  EXPECT_FLOAT_EQ(float(mean), 0.5f);
  std::memcpy(&token, read(kNext, 4).data(), 4);
  EXPECT_EQ(token, 31);

  EXPECT_EQ(device->launchMany(14, 3, kToken, kNext, ms, mean).message(),
            "no position 16: the program has 16 positions");
  EXPECT_TRUE(device->launchMany(0, 0, kToken, kNext, ms, mean).ok());
  EXPECT_FALSE(device->launchMany(0, 1, kToken, kCache, ms, mean).ok());
  EXPECT_EQ(fake->launches, 4);
}

TEST_F(CudaDeviceTest, AbortAmongMany) {
  fake->kernel = [&](const FakeLaunch &launch) {
    launches.push_back(launch);
    if (launch.position == 1)
      abortOnce(launch);
  };
  ASSERT_TRUE(load().ok());
  std::vector<double> ms;
  double mean = 0;
  const Status status = device->launchMany(0, 3, kToken, kNext, ms, mean);
  EXPECT_EQ(status.kind(), ErrorKind::Aborted);
  EXPECT_EQ(status.message().find("the watchdog ended the launch after 2000 "
                                  "ms; position 1 is invalid; 1 of 4 workers"),
            0u)
      << status.message();
  double one = 0;
  ASSERT_TRUE(device->launch(0, one).ok());
  EXPECT_EQ(launches.back().epoch, 1u);
}

/// Two tiles on worker 1, one on worker 3: two rows a worker. The product on
/// worker 3 has three groups of four rows, in two stages each.
TEST_F(CudaDeviceTest, TraceGivesTilesAndStagesTheirTimes) {
  StepTimes times;
  times.tiles.resize(1);
  ASSERT_TRUE(load().ok());
  ASSERT_TRUE(device->trace(times).ok());
  EXPECT_TRUE(times.tiles.empty()) << "the kernel records none";

  core::Schedule &s = program.schedule;
  s.concurrent = true;
  s.target = core::Target{"sm_90", kTestWorkers, 232448};
  s.tasks.resize(3);
  for (uint32_t t = 0; t < 3; ++t) {
    s.tasks[t].workers = s.addTable({t == 1 ? 3u : 1u});
    core::Operator &op = s.tasks[t].ops.emplace_back();
    op.name = t == 1 ? "linear" : "hash";
    op.operands = {kPage, kNext};
    if (t == 1)
      op.operands = {kPage, kPacked, kLocal};
  }
  s.tasks[1].stream.rows = core::kPackRows;
  s.tasks[1].stream.columns = kSlice;
  s.ring.emplace();
  s.ring->slots = 4;
  const core::TraceLayout layout = core::traceLayout(s, core::expand(s));
  EXPECT_EQ(layout.rows, 2u);
  EXPECT_EQ(layout.points, core::kTracePoints);
  EXPECT_EQ(layout.stages, 6u);
  core::Kernel &kernel = program.kernel;
  kernel.traceOffset = kernel.arenaBytes;
  kernel.traceRows = layout.rows;
  kernel.arenaBytes += layout.bytes;
  fake->kernel = [&](const FakeLaunch &launch) {
    auto *at = reinterpret_cast<uint64_t *>(launch.memory() +
                                            program.kernel.traceOffset);
    for (uint64_t i = 0; i < layout.stagesAt / 8; ++i)
      at[i] = 100 + i;
    // The last stage was left by the launch before.
    uint64_t *stage = at + layout.stagesAt / 8 + 3 * layout.stages * 4;
    for (uint64_t i = 0; i < 6; ++i, stage += 4) {
      for (uint64_t k = 0; k < 3; ++k)
        stage[k] = 1000 + 10 * i + k;
      stage[3] = uint64_t(i < 5 ? launch.epoch : launch.epoch - 1) << 32;
    }
  };
  ASSERT_TRUE(load().ok());
  double ms = 0;
  ASSERT_TRUE(device->launch(0, ms).ok());
  ASSERT_TRUE(device->trace(times).ok());
  std::vector<std::array<uint64_t, 4>> found;
  for (const TileTimes &t : times.tiles) {
    found.push_back({t.worker, t.task, t.begin, t.published});
    EXPECT_EQ(t.ready, t.begin + 1);
    EXPECT_EQ(t.done, t.begin + 2);
    EXPECT_TRUE(t.laterWaits.empty());
  }
  const std::vector<std::array<uint64_t, 4>> expected = {
      {1, 0, 108, 111}, {1, 2, 112, 115}, {3, 1, 124, 127}};
  EXPECT_EQ(found, expected);
  ASSERT_EQ(times.stages.size(), 5u);
  for (uint32_t i = 0; i < 5; ++i) {
    const StageTimes &t = times.stages[i];
    EXPECT_EQ(t.worker, 3u);
    EXPECT_EQ(t.task, 1u);
    EXPECT_EQ(t.stage, i);
    EXPECT_EQ(t.slot, i % 4);
    EXPECT_EQ(t.issued, 1000 + 10 * i);
    EXPECT_EQ(t.landed, 1001 + 10 * i);
    EXPECT_EQ(t.released, 1002 + 10 * i);
  }

  // A kernel with less room than its schedule asks for.
  program.kernel.arenaBytes -= 8;
  ASSERT_TRUE(load().ok());
  EXPECT_NE(device->trace(times).message().find("expected times of 2 rows"),
            std::string::npos);
}

TEST_F(CudaDeviceTest, DoesNotFitInMemory) {
  fake->freeBytes = 1000;
  program.kernel.arenaBytes = 5000000000;
  EXPECT_EQ(loadError(), "the program needs 5.00 GB of GPU memory and 1000 "
                         "bytes of 2.15 GB are free");
  program = cudaTestProgram();
  fake->freeBytes = 1 << 20;
  // What is free may be in pieces.
  fake->failing = "cuMemAlloc_v2";
  fake->failure = 2;
  EXPECT_NE(loadError().find("of GPU memory and 1.0 MB of 2.15 GB are free"),
            std::string::npos);
  fake->failing = "";
  EXPECT_TRUE(load().ok());
}

TEST_F(CudaDeviceTest, KernelDoesNotFit) {
  program.kernel.workers = 5;
  program.kernel.zeroBytes += 128;
  program.kernel.arenaBytes += 128;
  EXPECT_EQ(loadError(),
            "the kernel's grid of 5 blocks does not fit: 4 can be resident, 1 "
            "on each of 4 multiprocessors");
  program = cudaTestProgram();
  program.kernel.sharedBytes = 232440;
  EXPECT_EQ(loadError(), "the kernel needs 232456 bytes of shared memory per "
                         "block and the GPU has 232448");
  program = cudaTestProgram();
  fake->maxThreads = 256;
  EXPECT_EQ(loadError(), "the kernel has blocks of 288 threads; with 128 "
                         "registers each, the GPU takes 256");
  fake->maxThreads = 512;
  program.kernel.chip = "sm_100a";
  EXPECT_NE(loadError().find("the kernel is for sm_100a and the GPU"),
            std::string::npos);
  program.kernel.workers = 0;
  loadError(ErrorKind::Input);
}

TEST_F(CudaDeviceTest, Clusters) {
  program.schedule.target =
      core::Target{"sm_90", kTestWorkers, 232448, /*cluster=*/2};
  fake->clusterWidth = 2;
  recordLaunches();
  ASSERT_TRUE(load().ok());
  EXPECT_NE(device->info().find("4 blocks of 288 threads in clusters of 2 (4 "
                                "can be resident)\n"),
            std::string::npos)
      << device->info();
  double ms = 0;
  ASSERT_TRUE(device->launch(3, ms).ok());
  ASSERT_EQ(launches.size(), 1u);
  EXPECT_EQ(launches[0].cluster, 2u);
  EXPECT_EQ(launches[0].grid, 4u);
  EXPECT_EQ(launches[0].block, 288u);
  EXPECT_EQ(launches[0].sharedBytes, 100000u);
  EXPECT_EQ(launches[0].position, 3u);
  fake->failing = "cuLaunchKernelEx";
  EXPECT_EQ(device->launch(4, ms).message(),
            "cuLaunchKernelEx: error 999: what it means");
  fake->failing = "";
  EXPECT_TRUE(device->launch(4, ms).ok());
}

TEST_F(CudaDeviceTest, ClustersThatDoNotFit) {
  program.schedule.target =
      core::Target{"sm_90", kTestWorkers, 232448, /*cluster=*/2};
  fake->clusterWidth = 2;
  // Every multiprocessor could hold a block, and not all are in a cluster.
  fake->clusters = 1;
  EXPECT_EQ(loadError(),
            "the kernel's grid of 4 blocks in clusters of 2 does not fit: 2 "
            "can be resident, 1 clusters on 4 multiprocessors");
  fake->clusters = 2;
  fake->clusterWidth = 4;
  EXPECT_EQ(loadError(ErrorKind::Input),
            "the program's kernel: expected clusters of 2 blocks, as its "
            "schedule has them, found 4");
  for (uint32_t cluster : {0u, 3u}) {
    program.schedule.target->cluster = cluster;
    EXPECT_EQ(loadError(ErrorKind::Input),
              "the program's kernel has an impossible grid: 4 blocks in "
              "clusters of " +
                  std::to_string(cluster) + " of 288 threads");
  }
}

TEST_F(CudaDeviceTest, DriverWithoutClusters) {
  ASSERT_TRUE(open().ok());
  Driver driver;
  ASSERT_TRUE(driver.load(AMK_FAKE_CUDA).ok());
  EXPECT_TRUE(driver.hasClusters());
  driver.cuLaunchKernelEx = nullptr;
  Properties properties;
  ASSERT_TRUE(queryProperties(driver, 0, properties).ok());
  LoadedKernel loaded;
  EXPECT_EQ(loadKernel(driver, properties, program.kernel, 2, loaded).message(),
            "the kernel has clusters of 2 blocks and the CUDA driver knows of "
            "none: it is too old");
  driver.cuModuleUnload(loaded.module);
  loaded = {};
  EXPECT_TRUE(loadKernel(driver, properties, program.kernel, 1, loaded).ok());
  driver.cuModuleUnload(loaded.module);
}

TEST_F(CudaDeviceTest, HangInACluster) {
  program.schedule.target =
      core::Target{"sm_90", kTestWorkers, 232448, /*cluster=*/2};
  fake->clusterWidth = 2;
  fake->kernel = [&](const FakeLaunch &launch) {
    hang(launch, 1, {1, 4, 0, 0});
    hang(launch, 2, {1, 4, 1, 1});
  };
  ASSERT_TRUE(load().ok());
  double ms = 0;
  const std::string message = device->launch(0, ms).message();
  EXPECT_NE(message.find("worker 1: plan row 0 waits for workers 0 to 1, its "
                         "cluster, to begin it\n"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("worker 2: plan row 0 waits for workers 2 to 3, its "
                         "cluster, to pass on what they gather\n"),
            std::string::npos)
      << message;
}

TEST_F(CudaDeviceTest, NoCooperativeLaunch) {
  fake->cooperative = 0;
  EXPECT_EQ(loadError(), "the GPU (Fake GPU) has no cooperative launches");
}

TEST_F(CudaDeviceTest, JitErrorShowsTheFirstLine) {
  fake->jitError = "\nptxas application ptx input, line 9; error: no such "
                   "instruction\nptxas fatal: aborted\n";
  EXPECT_EQ(loadError(),
            "cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX: what it means: ptxas "
            "application ptx input, line 9; error: no such instruction");
}

TEST_F(CudaDeviceTest, MissingTensor) {
  weights.missing = "b";
  EXPECT_EQ(loadError(ErrorKind::Input), "no tensor 'b'");
}

TEST_F(CudaDeviceTest, RefusesBadPrograms) {
  const auto error = [&](auto change) {
    program = cudaTestProgram();
    change(program.kernel);
    return loadError(ErrorKind::Input);
  };
  EXPECT_EQ(error([&](core::Kernel &) { program.hasKernel = false; }),
            "the program has no kernel: it can run on the device 'cpu' only");
  EXPECT_EQ(error([](core::Kernel &k) { k.placements[kNext].offset = ~0ull; }),
            "the program's kernel: buffer 'next' lies outside the arena");
  EXPECT_EQ(error([](core::Kernel &k) { k.placements[kCache].bytes = 8; }),
            "the program's kernel: buffer 'kv' does not fit its placement");
  EXPECT_EQ(error([](core::Kernel &k) { k.placements[kNext].buffer = 0; }),
            "the program's kernel: buffer 'token' has two placements");
  EXPECT_EQ(error([](core::Kernel &k) { k.placements[kNext].buffer = 99; }),
            "the program's kernel: a placement names no buffer");
  EXPECT_EQ(error([](core::Kernel &k) { k.blobs[0].offset = k.arenaBytes; }),
            "the program's kernel: blob 'plan' lies outside the arena");
  EXPECT_EQ(error([](core::Kernel &k) { k.zeroBytes += 1; }),
            "the program's kernel: the zeroed bytes lie outside the arena");
  const char *report = "the program's kernel: the watchdog's record lies "
                       "outside the zeroed bytes";
  EXPECT_EQ(error([](core::Kernel &k) { k.reportOffset = 0; }), report);
  EXPECT_EQ(error([](core::Kernel &k) { k.reportOffset += 64; }), report);
  EXPECT_EQ(error([&](core::Kernel &) {
              program.schedule.buffers[kRope].shape = {16, 2, 2};
              program.schedule.buffers[kRope].name = "r";
            }),
            "constant 'r' has not the shape of its RoPE table");
}

// Every call of the driver fails once, at any point of a session: it is an
// error, the device works after it or can be made anew, and nothing leaks.
TEST_F(CudaDeviceTest, EveryCallMayFail) {
  const char *symbols[] = {
#define X(member, symbol, parameters) symbol,
      AMK_CUDA_SYMBOLS(X)
#undef X
  };
  const auto session = [&]() -> Status {
    if (Status s = load(); !s.ok())
      return s;
    int32_t token = 3;
    if (Status s = device->write(kToken, &token, 4); !s.ok())
      return s;
    double ms = 0;
    if (Status s = device->launch(0, ms); !s.ok())
      return s;
    std::vector<double> all;
    if (Status s = device->launchMany(1, 2, kToken, kNext, all, ms); !s.ok())
      return s;
    return device->read(kNext, &token, 4);
  };
  unsigned failures = 0;
  for (const char *symbol : symbols) {
    for (int after = 0;; ++after) {
      fake->failing = symbol;
      fake->failAfter = after;
      const Status status = session();
      const bool reached = fake->failAfter < 0;
      device.reset();
      ASSERT_EQ(fake->alive(), 0) << symbol << " after " << after;
      if (!reached || status.ok())
        break;
      ++failures;
      EXPECT_EQ(status.kind(), ErrorKind::Device) << symbol;
      EXPECT_NE(status.message().find("error 999: what it means"),
                std::string::npos)
          << status.message();
    }
  }
  EXPECT_GT(failures, 50u);
}

} // namespace
