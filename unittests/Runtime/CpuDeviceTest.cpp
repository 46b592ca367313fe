//===- CpuDeviceTest.cpp - The same bits at every stage -------------------===//

#include "ToyProgram.h"

#include <cstring>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::test;

namespace {

using Logits = std::vector<std::vector<float>>;

bool sameBits(const Logits &a, const Logits &b) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].size() != b[i].size() ||
        std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)))
      return false;
  return true;
}

const std::vector<int32_t> kTokens = {0, 100, 3, 55, 7, 7, 9, 31};

TEST(CpuDevice, EveryStageGivesTheSameBits) {
  const ToyOptions toy = oddLlama();
  CpuOptions one;
  one.threads = 1;
  const Logits expected =
      runOnCpu(toyProgram(toy, Stage::Imported), one, kTokens);
  EXPECT_FALSE(sameBits({expected[0]}, {expected[1]}));
  for (Stage stage : kStages) {
    const core::Program program = toyProgram(toy, stage);
    for (unsigned threads : {1u, 2u, 4u, 7u}) {
      CpuOptions options;
      options.threads = threads;
      EXPECT_TRUE(sameBits(expected, runOnCpu(program, options, kTokens)))
          << "stage " << int(stage) << ", " << threads << " threads";
    }
  }
}

TEST(CpuDevice, RandomDelaysChangeNoBit) {
  ToyOptions toy = oddLlama();
  CpuOptions one;
  one.threads = 1;
  const Logits expected =
      runOnCpu(toyProgram(toy, Stage::Imported), one, kTokens);
  for (uint32_t workers : {1u, 3u, 8u, 17u})
    for (uint32_t packet : {0u, 4u, 6u}) {
      toy.workers = workers;
      toy.packetElements = packet;
      const core::Program program = toyProgram(toy, Stage::Streamed);
      for (unsigned threads = 1; threads <= 8; ++threads) {
        CpuOptions options;
        options.threads = threads;
        options.delaySeed = threads * 31 + workers;
        EXPECT_TRUE(sameBits(expected, runOnCpu(program, options, kTokens)))
            << workers << " workers, packets of " << packet << ", " << threads
            << " threads";
      }
    }
}

/// Pages need no more alignment than their elements (V7).
TEST(CpuDevice, PagesLieAnywhere) {
  const ToyOptions toy = oddLlama();
  core::Program program = toyProgram(toy, Stage::Streamed);
  const Logits expected = runOnCpu(program, {}, kTokens);
  uint32_t moved = 0;
  for (core::Buffer &b : program.schedule.buffers)
    if (b.space == core::Space::Shared) {
      b.pageOffset += 4;
      ++moved;
    }
  EXPECT_GT(moved, 0u);
  EXPECT_EQ(scheduling::test::check(program.schedule), "");
  EXPECT_TRUE(sameBits(expected, runOnCpu(program, {}, kTokens)));
}

TEST(CpuDevice, LargeTasksAreSpreadOverThreads) {
  // Large enough that the device splits tiles, small enough for a test.
  ToyOptions toy = oddLlama();
  toy.shape.hidden = 712;
  toy.shape.inter = 2000;
  toy.shape.vocab = 3001;
  toy.shape.layers = 1;
  CpuOptions one;
  one.threads = 1;
  const Logits expected =
      runOnCpu(toyProgram(toy, Stage::Imported), one, kTokens);
  for (Stage stage : {Stage::Imported, Stage::Fused, Stage::Cut})
    for (unsigned threads : {2u, 3u, 8u}) {
      CpuOptions options;
      options.threads = threads;
      EXPECT_TRUE(sameBits(expected,
                           runOnCpu(toyProgram(toy, stage), options, kTokens)))
          << "stage " << int(stage) << ", " << threads << " threads";
    }
}

TEST(CpuDevice, AnOperatorWithoutAKernelIsAnError) {
  core::Program program = toyProgram(oddLlama(), Stage::Fused);
  program.schedule.tasks[1].ops[0].name = "unheard_of";
  auto device = createCpuDevice({});
  auto weights = randomWeights(1);
  const Status s = device->load(program, *weights, {});
  EXPECT_EQ(s.kind(), ErrorKind::Input);
  EXPECT_NE(s.message().find("'unheard_of' has no reference kernel"),
            std::string::npos)
      << s.message();
}

TEST(CpuDevice, ABufferPastAllMemoryIsAnError) {
  core::Program program = toyProgram(oddLlama(), Stage::Imported);
  program.schedule.buffers[3].shape = {int64_t(1) << 62};
  auto device = createCpuDevice({});
  auto weights = randomWeights(1);
  EXPECT_EQ(device->load(program, *weights, {}).kind(), ErrorKind::Input);
}

} // namespace
