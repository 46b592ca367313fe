//===- CudaHostTest.cpp - The parts of the device that need no GPU --------===//

#include "CudaDevice.h"
#include "CudaReport.h"
#include "CudaTestProgram.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::cuda;
using namespace amk::test;

namespace {

TEST(CudaDriver, MissingLibraryIsOneLine) {
  std::unique_ptr<CudaDevice> device;
  const Status status =
      CudaDevice::create({}, "libamk-no-such-driver.so.1", device);
  EXPECT_EQ(status.kind(), ErrorKind::Device);
  EXPECT_EQ(status.message(),
            "no CUDA driver: cannot load libamk-no-such-driver.so.1");
  EXPECT_EQ(device, nullptr);
}

TEST(CudaDriver, LibraryWithoutSymbolsIsTooOld) {
  std::unique_ptr<CudaDevice> device;
  const Status status = CudaDevice::create({}, "libm.so.6", device);
  EXPECT_EQ(status.kind(), ErrorKind::Device);
  EXPECT_EQ(status.message(),
            "the CUDA driver libm.so.6 has no cuInit: it is too old");
}

TEST(CudaReport, DecodesWhatEachWorkerWaitsFor) {
  std::vector<uint32_t> words(reportWords(3), 0);
  words[0] = 1;
  const uint32_t second[] = {1, 1, 12, 5}; // plan row 0
  const uint32_t third[] = {8, 2, 6, 0};
  std::memcpy(&words[8], second, sizeof(second));
  std::memcpy(&words[12], third, sizeof(third));
  const std::vector<Waiting> all = decodeReport(words.data(), 3);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].kind, Waiting::Nothing);
  EXPECT_EQ(all[1].kind, Waiting::Counter);
  EXPECT_EQ(all[1].row, 0u);
  EXPECT_EQ(all[1].index, 12u);
  EXPECT_EQ(all[1].seen, 5u);
  EXPECT_EQ(all[2].kind, Waiting::Packet);
  EXPECT_EQ(all[2].row, 7u);
  EXPECT_EQ(all[2].index, 6u);
}

Status checkOn(const char *chip, int major, int minor) {
  Properties properties;
  properties.name = "GPU";
  properties.major = major;
  properties.minor = minor;
  return checkChip(chip, properties);
}

TEST(CudaKernel, ChipAgainstComputeCapability) {
  EXPECT_TRUE(checkOn("sm_80", 8, 0).ok());
  EXPECT_TRUE(checkOn("sm_80", 8, 6).ok());
  EXPECT_TRUE(checkOn("sm_80", 12, 0).ok());
  EXPECT_TRUE(checkOn("sm_90", 10, 0).ok());
  EXPECT_TRUE(checkOn("sm_90a", 9, 0).ok());
  EXPECT_TRUE(checkOn("sm_100f", 10, 3).ok());
  EXPECT_EQ(checkOn("sm_90", 8, 9).message(),
            "the kernel is for sm_90 and the GPU (GPU) is sm_89");
  EXPECT_EQ(checkOn("sm_90a", 10, 0).message(),
            "the kernel is for sm_90a and the GPU (GPU) is sm_100: the suffix "
            "'a' binds it to that one");
  EXPECT_FALSE(checkOn("sm_100f", 12, 0).ok());
  EXPECT_FALSE(checkOn("sm_103", 10, 0).ok());
  for (const char *chip :
       {"", "sm", "sm_", "sm_9", "sm_90b", "gfx90", "sm_90 "})
    EXPECT_FALSE(checkOn(chip, 9, 0).ok()) << chip;
}

TEST(CudaKernel, FormatBytes) {
  EXPECT_EQ(formatBytes(640), "640 bytes");
  EXPECT_EQ(formatBytes(1500000), "1.5 MB");
  EXPECT_EQ(formatBytes(2540000000), "2.54 GB");
}

uint16_t at(const std::vector<char> &bytes, uint64_t offset) {
  uint16_t value;
  std::memcpy(&value, bytes.data() + offset, 2);
  return value;
}

TEST(CudaWeights, PacksGroupsOfRowsInSlices) {
  const core::Program program = cudaTestProgram();
  CountingWeights weights;
  WeightImage image;
  ASSERT_TRUE(resolveWeight(program.schedule,
                            program.kernel.placements[kPacked], weights, image)
                  .ok());
  ASSERT_EQ(image.units(), 3u);
  std::vector<char> packed(image.units() * image.unitBytes(), char(0xCD));
  ASSERT_EQ(packed.size(), core::packedBytes(kPackedRows, kPackedColumns));
  // In two parts, as chunks do.
  packUnits(image, 0, 1, packed.data());
  packUnits(image, 1, 2, packed.data() + image.unitBytes());
  for (int64_t r = 0; r < 12; ++r)
    for (int64_t c = 0; c < kPackedColumns; ++c) {
      uint16_t expected = 0; // rows 10 and 11 are padding
      if (r < 4)
        expected = weights.tensors["a"][size_t(r * kPackedColumns + c)];
      else if (r < kPackedRows)
        expected = weights.tensors["b"][size_t((r - 4) * kPackedColumns + c)];
      const uint64_t offset =
          uint64_t(r / 4) * 4 * kPackedColumns * 2 +
          uint64_t(c / kSlice) * 4 * kSlice * 2 +
          core::packedOffset(uint32_t(r % 4), uint32_t(c % kSlice));
      ASSERT_EQ(at(packed, offset), expected) << r << ", " << c;
    }
}

TEST(CudaWeights, RowsFollowTheView) {
  core::Program program = cudaTestProgram();
  core::Schedule &schedule = program.schedule;
  // Gate and up row by row, then a head of four rows in RoPE pairs.
  schedule.views = {{{{"gate", 4, 0}, {"up", 4, 0}}, true},
                    {{{"q", 4, 4}}, false}};
  schedule.buffers[kGain].shape = {8, 2};
  schedule.buffers[kPacked].shape = {4, 2};
  CountingWeights weights;
  WeightImage image;
  std::vector<char> rows(32);
  ASSERT_TRUE(
      resolveWeight(schedule, {kGain, 0, 32, 0, 0}, weights, image).ok());
  packUnits(image, 0, image.units(), rows.data());
  for (uint64_t r = 0; r < 8; ++r)
    EXPECT_EQ(at(rows, r * 4),
              weights.tensors[r % 2 ? "up" : "gate"][r / 2 * 2]);
  WeightImage pairs;
  ASSERT_TRUE(
      resolveWeight(schedule, {kPacked, 0, 16, 0, 0}, weights, pairs).ok());
  packUnits(pairs, 0, pairs.units(), rows.data());
  const uint64_t tensorRow[] = {0, 2, 1, 3};
  for (uint64_t r = 0; r < 4; ++r)
    EXPECT_EQ(at(rows, r * 4), weights.tensors["q"][tensorRow[r] * 2]);
}

TEST(CudaWeights, RefusesWhatDoesNotFit) {
  core::Program program = cudaTestProgram();
  const uint64_t bytes = core::packedBytes(kPackedRows, kPackedColumns);
  CountingWeights weights;
  const auto resolve = [&](const core::Placement &placement) {
    WeightImage image;
    return resolveWeight(program.schedule, placement, weights, image).message();
  };
  EXPECT_EQ(resolve({kPacked, 0, bytes, 4, 128}), "");
  EXPECT_EQ(resolve({kPacked, 0, bytes, 4, 96}),
            "weight 'w': it cannot be packed in stages of 4 x 96");
  EXPECT_EQ(resolve({kPacked, 0, bytes, 8, 128}),
            "weight 'w': it cannot be packed in stages of 8 x 128");
  EXPECT_EQ(resolve({kPacked, 0, bytes, 4, 512}),
            "weight 'w': it cannot be packed in stages of 4 x 512");
  EXPECT_EQ(resolve({kPacked, 0, bytes - 2, 4, 128}),
            "weight 'w': it needs 6144 bytes and its placement has 6142");
  program.schedule.buffers[kPacked].shape = {kPackedRows, 0};
  EXPECT_EQ(resolve({kPacked, 0, bytes, 4, 128}),
            "weight 'w': it has no elements");
}

} // namespace
