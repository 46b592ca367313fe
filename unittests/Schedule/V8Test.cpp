//===- V8Test.cpp - V8: the stream ----------------------------------------===//

#include "Builder.h"

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

TEST_F(V8Test, AlsoInProgramOrder) {
  b.s.concurrent = false;
  EXPECT_EQ(b.check(), "");
  ring(7, 8, 1, 1);
  EXPECT_NE(b.check(), "");
}

} // namespace
