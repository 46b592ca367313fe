//===- V2Test.cpp - V2: every wait can be satisfied -----------------------===//

#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

struct V2Test : testing::Test {
  Builder b;
  uint32_t x = b.input("x", 8), y = b.value("y", 8), z = b.output("z", 8);
  uint32_t c = b.counters("c", 2);
  V2Test() {
    b.hash("first", x, y, {0, 4, 8}, {0, 1});
    b.hash("second", y, z, {}, {2});
    b.signal(0, c);
  }
};

TEST_F(V2Test, ThresholdIsTheNumberOfSignals) {
  b.wait(1, c, 2);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V2Test, ThresholdPastTheSignals) {
  b.wait(1, c, 3);
  EXPECT_EQ(b.check(), "V2: task 'second' tile 0: waits for 'c'[0] to reach 3: "
                       "expected 1 to 2, the number of its signals\n"
                       "  note: the counters\n");
}

TEST_F(V2Test, ThresholdOfNothing) {
  b.wait(1, c, 0);
  EXPECT_NE(b.check().find("to reach 0: expected 1 to 2"), std::string::npos);
}

TEST_F(V2Test, CounterThatNobodySignals) {
  b.wait(1, c, 1);
  b.s.tasks[1].waits[0].fan.first = b.s.addTable({1});
  EXPECT_NE(b.check().find("waits for 'c'[1] to reach 1: expected 1 to 0"),
            std::string::npos);
}

TEST_F(V2Test, InertInProgramOrder) {
  b.wait(1, c, 3);
  b.s.concurrent = false;
  EXPECT_EQ(b.check(), "");
}

} // namespace
