//===- V3Test.cpp - V3: no deadlock ---------------------------------------===//

#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// Two workers, each with two tasks: 'a' and 'd' on one, 'b' and 'c' on the
/// other; values go a -> c and b -> d.
struct V3Test : testing::Test {
  Builder b;
  uint32_t x = b.input("x", 4);
  uint32_t va = b.value("va", 4), vb = b.value("vb", 4);
  uint32_t oc = b.output("oc", 4), od = b.output("od", 4);
  uint32_t ca = b.counters("ca"), cb = b.counters("cb");
  V3Test() {
    b.hash("a", x, va, {}, {0});
    b.hash("b", x, vb, {}, {1});
    b.hash("c", va, oc, {}, {1});
    b.hash("d", vb, od, {}, {0});
    b.signal(0, ca);
    b.signal(1, cb);
    b.wait(2, ca, 1);
    b.wait(3, cb, 1);
  }
  void slots(std::vector<uint32_t> slots) {
    for (size_t t = 0; t < slots.size(); ++t)
      b.s.tasks[t].slots = b.s.addTable({slots[t]});
  }
};

TEST_F(V3Test, InOrder) { EXPECT_EQ(b.check(), ""); }

TEST_F(V3Test, Crosswise) {
  slots({1, 1, 0, 0}); // each waits first and signals then
  EXPECT_EQ(
      b.check(),
      "V3: task 'd' tile 0: deadlock: never runs; 2 workers wait for each "
      "other\n"
      "  note: worker 0 is stuck at task 'd' tile 0, waiting for counter "
      "'cb'[0] to reach 1 (it is at 0); the next signal is of task 'b' tile 0 "
      "in the queue of worker 1\n"
      "  note: worker 1 is stuck at task 'c' tile 0, waiting for counter "
      "'ca'[0] to reach 1 (it is at 0); the next signal is of task 'a' tile 0 "
      "in the queue of worker 0\n");
}

/// The whole cycle, worker by worker, and nobody who only waits for it.
TEST_F(V3Test, CycleOfThree) {
  Builder r;
  std::vector<uint32_t> counters;
  for (const char *name : {"c0", "c1", "c2"})
    counters.push_back(r.counters(name));
  const uint32_t v = r.input("v", 4);
  r.hash("bystander", v, r.output("o", 4), {}, {3});
  r.wait(0, counters[0], 1);
  for (uint32_t i = 0; i < 3; ++i) {
    const std::string n = std::to_string(i);
    r.hash("t" + n, v, r.output("o" + n, 4), {}, {i});
    r.signal(i + 1, counters[i]);
    r.wait(i + 1, counters[(i + 1) % 3], 1);
  }
  EXPECT_EQ(
      r.check(),
      "V3: task 't0' tile 0: deadlock: never runs; 3 workers wait for each "
      "other\n"
      "  note: worker 0 is stuck at task 't0' tile 0, waiting for counter "
      "'c1'[0] to reach 1 (it is at 0); the next signal is of task 't1' tile 0 "
      "in the queue of worker 1\n"
      "  note: worker 1 is stuck at task 't1' tile 0, waiting for counter "
      "'c2'[0] to reach 1 (it is at 0); the next signal is of task 't2' tile 0 "
      "in the queue of worker 2\n"
      "  note: worker 2 is stuck at task 't2' tile 0, waiting for counter "
      "'c0'[0] to reach 1 (it is at 0); the next signal is of task 't0' tile 0 "
      "in the queue of worker 0\n");
}

TEST_F(V3Test, OneOfTheTwoMayWaitFirst) {
  slots({0, 1, 0, 1});
  EXPECT_EQ(b.check(), "");
}

TEST_F(V3Test, WaitsForItself) {
  b.wait(0, ca, 1);
  EXPECT_NE(b.check().find("V3: task 'a' tile 0: deadlock: never runs; 1 "
                           "worker waits for itself"),
            std::string::npos)
      << b.check();
}

TEST_F(V3Test, PacketsBlockToo) {
  Builder b;
  const uint32_t x = b.input("x", 4);
  const uint32_t p = b.packets("p", 4, 6);
  const uint32_t z = b.output("z", 4);
  b.hash("write", x, p, {}, {0});
  b.hash("read", p, z, {}, {0});
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].slots = b.s.addTable({1});
  b.s.tasks[1].slots = b.s.addTable({0});
  EXPECT_NE(
      b.check().find("waiting for packets of 'p' to reach 1 (it is at 0)"),
      std::string::npos)
      << b.check();
}

TEST_F(V3Test, QueuesAreInertInProgramOrder) {
  slots({1, 1, 0, 0});
  b.s.concurrent = false;
  EXPECT_EQ(b.check(), "");
}

} // namespace
