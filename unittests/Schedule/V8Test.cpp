//===- V8Test.cpp - V8: the stream ----------------------------------------===//

#include "Builder.h"

#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/StreamRing.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

struct V8Test : testing::Test {
  Builder b;
  V8Test() {
    const uint32_t x = b.input("x", 256, ElementType::BF16);
    const uint32_t w = b.weight("w", 8, 256);
    b.task("product", Builder::op("linear", {x, w, b.output("y", 8)}));
    b.s.tasks[0].stream = {4, 128, 1};
    b.s.ring = Ring{8, 1024, 1, 1, 8};
  }
  Stream &stream() { return b.s.tasks[0].stream; }
  void ring(uint32_t slots, uint32_t teams, uint32_t window, uint32_t ahead) {
    b.s.ring = Ring{slots, 1024, window, ahead, teams};
  }
};

TEST_F(V8Test, SlotsInTurns) {
  // A multiple of the teams: as many in flight as there are slots.
  ring(16, 8, 16, 16);
  EXPECT_EQ(b.check(), "");
  ring(16, 8, 17, 16);
  EXPECT_EQ(b.check(),
            "V8: ring: expected a window of 1 to 16 with 16 slots and 8 teams, "
            "found 17: a wait for a slot could run two phases ahead\n");
  ring(1, 1, 1, 1);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V8Test, SlotsNotInTurns) {
  ring(13, 8, 5, 5);
  EXPECT_EQ(b.check(), "");
  ring(13, 8, 6, 5);
  EXPECT_EQ(b.check(),
            "V8: ring: expected a window of 1 to 5 with 13 slots and 8 teams, "
            "found 6: a wait for a slot could run two phases ahead\n");
  ring(9, 8, 1, 1);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V8Test, FewerSlotsThanTeams) {
  ring(8, 8, 1, 1);
  EXPECT_EQ(b.check(), "");
  ring(7, 8, 1, 1);
  EXPECT_EQ(b.check(), "V8: ring: expected at least as many slots as teams, 8, "
                       "found 7\n");
}

TEST_F(V8Test, Windows) {
  ring(8, 8, 0, 0);
  EXPECT_EQ(b.check(), "V8: ring: expected a window of 1 to 8 with 8 slots and "
                       "8 teams, found 0\n");
  ring(8, 8, 4, 4);
  EXPECT_EQ(b.check(), "");
  ring(8, 8, 4, 5);
  EXPECT_EQ(b.check(),
            "V8: ring: expected 1 to 4 stages ahead, the window, found 5\n");
  ring(8, 8, 4, 0);
  EXPECT_EQ(b.check(),
            "V8: ring: expected 1 to 4 stages ahead, the window, found 0\n");
}

TEST_F(V8Test, StagesFitASlot) {
  b.s.ring->bytes = 1024;
  EXPECT_EQ(b.check(), "");
  b.s.ring->bytes = 1008;
  EXPECT_EQ(b.check(), "V8: task 'product': stream: expected stages of at most "
                       "1008 bytes, a slot of the ring, found 1024\n");
}

TEST_F(V8Test, HeldStages) {
  stream().held = 1;
  EXPECT_EQ(b.check(), "");
  stream().held = 2;
  EXPECT_EQ(b.check(), "V8: task 'product': stream: expected a warp to hold at "
                       "most 1 stage, found 2\n");
}

/// Where stages may be multiplied as the slices of the input come.
struct V8SliceTest : V8Test {
  uint32_t p;
  explicit V8SliceTest(int64_t columns = 256) {
    const uint32_t cut = uint32_t(columns) / 2;
    const uint32_t x = b.input("h", 8);
    p = b.packets("p", columns, 6, {0, cut, uint32_t(columns)});
    b.task("make", Builder::op("hash", {x, p}), {0, cut, uint32_t(columns)});
    b.s.buffers[0].shape = {columns};
    b.s.buffers[1].shape = {8, columns};
    std::swap(b.s.tasks[0], b.s.tasks[1]);
    Task &product = b.s.tasks[1];
    product.ops[0].operands[0] = p;
    product.stream.bySlice = true;
  }
  std::string taking() {
    std::string why;
    return canTakeSlices(b.s, b.s.tasks[1], why) ? "" : why;
  }
};

TEST_F(V8SliceTest, OfPackets) {
  EXPECT_EQ(b.check(), "");
  b.s.tasks[1].ops[0].operands[0] = 0;
  EXPECT_EQ(b.check(), "V8: task 'product': stream: expected an input in "
                       "packets to take by slices, found none\n");
}

TEST_F(V8SliceTest, OfSeveral) {
  b.s.tasks[1].stream.columns = 256;
  b.s.ring->bytes = 2048;
  EXPECT_EQ(b.check(),
            "V8: task 'product': stream: expected more than one slice of a row "
            "to take one by one, found one of 256 columns\n");
}

TEST_F(V8SliceTest, NotInAClusterTogether) {
  b.s.tasks[1].clusterGather = true;
  EXPECT_EQ(taking(), "");
  b.s.target = Target{"sm_90", 4, 232448, 2};
  EXPECT_EQ(taking(), "expected an input in packets to take by slices, found "
                      "'p', which is gathered in the cluster");
}

TEST_F(V8SliceTest, InAsManyRoundsAsAWarpHasLanes) {
  Buffer &packets = b.s.buffers[p];
  packets.packetTiles = kNone;
  packets.shape = b.s.buffers[0].shape = {int64_t(32) * 256 * 6};
  b.s.buffers[1].shape = {8, packets.shape[0]};
  EXPECT_EQ(taking(), "");
  packets.shape[0] += 1;
  EXPECT_EQ(taking(),
            "expected packets for at most 32 rounds of the consumers to take "
            "them by slices, found 33 rounds of 'p'");
}

TEST_F(V8Test, AlsoInProgramOrder) {
  b.s.concurrent = false;
  EXPECT_EQ(b.check(), "");
  ring(7, 8, 1, 1);
  EXPECT_NE(b.check(), "");
}

} // namespace
