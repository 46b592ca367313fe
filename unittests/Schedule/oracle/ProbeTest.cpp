//===- ProbeTest.cpp - What no built-in operator touches ------------------===//
//
// Cases that the oracle found: accesses that the rules allow and that only an
// operator from outside the library has.
//
//===----------------------------------------------------------------------===//

#include "Probe.h"
#include "Builder.h"

using namespace amk::core;
using namespace amk::core::oracle;

namespace {

struct ProbeTest : testing::Test {
  test::Builder b;
  uint32_t x, y;

  ProbeTest() {
    registerProbes();
    x = b.input("x", 12);
    y = b.value("y", 12);
  }
  static Operator probe(std::vector<uint32_t> operands, int64_t extent,
                        const std::vector<Touch> &touches) {
    Operator op = test::Builder::op(probeName(1, unsigned(operands.size()) - 1),
                                    std::move(operands));
    op.attributes.push_back({"extent", false, extent, 0});
    for (const Touch &t : touches)
      op.attributes.push_back(encode(t));
    return op;
  }
  static Touch reads(uint32_t operand, Region region,
                     Position p = Position::None) {
    return {operand, false, false, p, 0, region};
  }
  static Touch writes(uint32_t operand, uint32_t step, Region region,
                      Position p = Position::None) {
    return {operand, true, false, p, step, region};
  }
  void expect(const char *message) {
    EXPECT_NE(b.check().find(message), std::string::npos)
        << "expected: " << message << "\nfound: " << b.check();
  }
};

TEST_F(ProbeTest, V1InPlaceIsOfTheSameBytesHoweverWritten) {
  b.task("init", probe({x, y}, 1, {writes(1, 0, {0, 48, 0, 1})}));
  b.task("update",
         probe({y, y}, 1,
               {reads(0, {0, 48, 0, 1}), writes(1, 0, {0, 12, 12, 4})}));
  EXPECT_EQ(b.check(), "");
  // From the same byte to the same byte, in as many runs, but not the same.
  b.s.tasks[1].ops[0] =
      probe({y, y}, 1, {reads(0, {0, 4, 8, 2}), writes(1, 0, {0, 8, 4, 2})});
  expect("V1: task 'update' operator 0 'probe11' tile 0: writes bytes from 0 "
         "of 'y' and touches others from 0 that overlap them");
}

TEST_F(ProbeTest, V1InPlaceLocal) {
  const uint32_t l = b.local("l", 12);
  Task &t = b.task("both", probe({x, l}, 1, {writes(1, 0, {0, 48, 0, 1})}));
  t.ops.push_back(probe({l, l, y}, 1,
                        {reads(0, {0, 24, 0, 1}), writes(1, 0, {12, 24, 0, 1}),
                         writes(2, 0, {0, 48, 0, 1})}));
  expect("V1: task 'both' operator 1 'probe12' tile 0: writes bytes from 12 of "
         "'l' and touches others from 0 that overlap them");
  t.ops[1].attributes[1] = encode(reads(0, {12, 24, 0, 1}));
  EXPECT_EQ(b.check(), "");
}

TEST_F(ProbeTest, V1PacketsWrittenFromTheMiddleOfAnElement) {
  const uint32_t p = b.packets("p", 4, 2, {0, 2, 4});
  b.task("write", probe({x, p}, 1, {writes(1, 0, {1, 4, 0, 1})}));
  expect(
      "V1: task 'write' operator 0 'probe11' tile 0: expected to write whole "
      "groups of packets of 'p'");
  b.s.tasks[0].ops[0] = probe({x, p}, 1, {writes(1, 0, {0, 4, 0, 1})});
  EXPECT_EQ(b.check(), "");
}

TEST_F(ProbeTest, V6TilesMayWriteTheSameBytesOfDifferentPositions) {
  const uint32_t kv =
      b.buffer("kv", BufferKind::KvCache, ElementType::BF16, {2, 1, 16, 2});
  const auto cut = [&](uint32_t past) {
    return probe({x, kv}, 2,
                 {writes(1, 2, {0, 2, 0, 1}, Position::Now),
                  writes(1, 2, {past, 2, 0, 1}, Position::Past)});
  };
  b.task("write", cut(2), {0, 1, 2}, {0, 1});
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].ops[0].attributes.back() =
      encode(writes(1, 2, {2, 4, 0, 1}, Position::Past));
  expect("V6: task 'write' operator 0 'probe11' tile 1: writes bytes from 4 of "
         "'kv': expected tiles to be apart, found tile 0 to write up to 6");
}

TEST_F(ProbeTest, V6AnOperatorReadsBeforeItWrites) {
  b.task(
      "update",
      probe({y, y}, 1, {writes(1, 0, {0, 48, 0, 1}), reads(0, {0, 48, 0, 1})}));
  expect(
      "V6: task 'update' operator 0 'probe11' tile 0: reads bytes [0, 48) of "
      "'y', which nothing has written");
}

TEST_F(ProbeTest, V6PacketsBetweenTheRunsAreNotRead) {
  const uint32_t p = b.packets("p", 6, 2, {0, 2, 4, 6});
  b.task("write",
         probe({x, p}, 1,
               {writes(1, 0, {0, 4, 0, 1}), writes(1, 0, {8, 4, 0, 1})}));
  b.task(
      "read",
      probe({p, y}, 1, {reads(0, {0, 4, 8, 2}), writes(1, 0, {0, 48, 0, 1})}),
      {}, {1});
  EXPECT_EQ(b.check(), "");
  b.s.tasks[1].ops[0].attributes[1] = encode(reads(0, {0, 4, 4, 3}));
  expect("V6: task 'read' operator 0 'probe11' tile 0: reads packet bytes [16, "
         "32) of 'p', which nothing has written");
}

} // namespace
