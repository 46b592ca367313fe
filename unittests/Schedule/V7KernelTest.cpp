//===- V7KernelTest.cpp - V7: threads, registers, banks -------------------===//

#include "Builder.h"

#include "AMK/Schedule/BankConflicts.h"
#include "AMK/Schedule/KernelRoles.h"
#include "AMK/Schedule/WeightPacking.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

struct V7KernelTest : testing::Test {
  Builder b;
  V7KernelTest() {
    const uint32_t x = b.input("x", 256, ElementType::BF16);
    const uint32_t w = b.weight("w", 8, 256);
    b.task("product", Builder::op("linear", {x, w, b.output("y", 8)}));
    b.s.tasks[0].stream = {4, 128, 1};
    b.s.ring = Ring{8, 1024, 1, 1, 8};
  }
  void target(const char *chip) {
    b.s.target = Target{chip, 4, lookupTarget(chip)->sharedBytes};
  }
};

TEST_F(V7KernelTest, Roles) {
  // What ptxas gives 288 and 384 threads, and setmaxnreg deals out.
  EXPECT_EQ(launchRegisters(288), 168u);
  EXPECT_EQ(launchRegisters(384), 168u);
  EXPECT_EQ(launchRegisters(256), 256u);
  const KernelRoles pools = kernelRoles(true), plain = kernelRoles(false);
  EXPECT_EQ(pools.threads, 384u);
  EXPECT_EQ(256 * pools.consumerRegisters + 128 * pools.loaderRegisters,
            384u * 168);
  EXPECT_EQ(plain.threads, 384u);
  EXPECT_EQ(plain.consumerRegisters, 168u);
}

TEST_F(V7KernelTest, HeldStageFitsTheRegisters) {
  target("sm_90");
  b.s.ring->bytes = 220 * 128;
  EXPECT_EQ(b.check(), "");
  b.s.ring->bytes += 16;
  EXPECT_EQ(b.check(),
            "V7: task 'product': stream: expected slots of at most 28160 bytes "
            "to hold one in the 240 registers of a thread on sm_90, found "
            "28176\n");
  b.s.tasks[0].stream.held = 0;
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].stream.held = 1;
  target("sm_80");
  b.s.ring->bytes = 148 * 128;
  EXPECT_EQ(b.check(), "");
  b.s.ring->bytes += 16;
  EXPECT_EQ(b.check(),
            "V7: task 'product': stream: expected slots of at most 18944 bytes "
            "to hold one in the 168 registers of a thread on sm_80, found "
            "18960\n");
}

TEST_F(V7KernelTest, AThreadForEverySlot) {
  b.s.tasks[0].stream = {};
  for (const auto &[chip, threads] :
       {std::pair("sm_80", 384u), std::pair("sm_100", 384u)}) {
    target(chip);
    b.s.ring = Ring{threads, 16, 1, 1, 8};
    EXPECT_EQ(b.check(), "");
    b.s.ring->slots += 8;
    EXPECT_EQ(b.check(),
              "V7: ring: expected at most " + std::to_string(threads) +
                  " slots on " + chip +
                  ", a thread each to set up their barriers, found " +
                  std::to_string(threads + 8) + "\n");
  }
}

/// The most shared memory that a worker can have, to the byte.
TEST_F(V7KernelTest, SharedMemoryExactlyFull) {
  const uint32_t needed = sharedLayout(b.s).total;
  b.s.target->sharedBytes = needed;
  EXPECT_EQ(b.check(), "");
  b.s.target->sharedBytes = needed - 1;
  EXPECT_NE(b.check().find("V7: shared memory of a worker: expected at most " +
                           std::to_string(needed - 1) + " bytes"),
            std::string::npos);
}

uint32_t conflicts(uint32_t bytes, uint32_t (*address)(uint32_t, uint32_t),
                   uint32_t base) {
  uint32_t addresses[32];
  for (uint32_t lane = 0; lane < 32; ++lane)
    addresses[lane] = address(base, lane);
  return bankConflicts(addresses, bytes);
}

TEST_F(V7KernelTest, BankConflicts) {
  // Rows of a matrix that is not packed: every lane of a round in one bank.
  EXPECT_EQ(
      conflicts(16, [](uint32_t, uint32_t lane) { return lane * 128; }, 0), 8u);
  EXPECT_EQ(
      conflicts(4, [](uint32_t, uint32_t lane) { return lane * 8; }, 0), 2u);
  EXPECT_EQ(conflicts(4, [](uint32_t, uint32_t) { return 64u; }, 0), 1u);
  // What the kernel loads: stages at any slot, slices of the input, elements.
  for (uint32_t base = 0; base < 256; base += 16) {
    EXPECT_EQ(conflicts(16, fragmentAddress, base), 1u);
    EXPECT_EQ(conflicts(16, inputAddress, base), 1u);
  }
  for (uint32_t base = 0; base < 128; base += 4)
    EXPECT_EQ(
        conflicts(
            4, [](uint32_t at, uint32_t lane) { return at + 4 * lane; }, base),
        1u);
}

/// The 16 bytes of a lane are those of the packing: rows r and r + 4 groups of
/// the fragment, in columns that its quad multiplies.
TEST_F(V7KernelTest, FragmentsArePackedByLane) {
  for (uint32_t r = 0; r < kPackRows; ++r)
    for (uint32_t c = 0; c < kPackBlock; ++c) {
      const uint32_t lane = packedOffset(r, c) % 512 / 16;
      EXPECT_EQ(lane / 4 % 4, r) << r << ' ' << c;
      EXPECT_EQ(lane % 4, c % 32 / 8) << r << ' ' << c;
    }
}

} // namespace
