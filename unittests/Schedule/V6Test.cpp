//===- V6Test.cpp - V6: what is read was written, by the right one --------===//

#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

struct V6Test : testing::Test {
  Builder b;
  uint32_t x = b.input("x", 8), y = b.value("y", 8), z = b.output("z", 8);
  void expect(const char *message) {
    EXPECT_NE(b.check().find(message), std::string::npos)
        << "expected: " << message << "\nfound: " << b.check();
  }
};

TEST_F(V6Test, ReadBeforeItIsWritten) {
  b.hash("read", y, z, {}, {0});
  b.hash("write", x, y, {}, {0});
  for (bool concurrent : {false, true}) {
    b.s.concurrent = concurrent;
    expect("V6: task 'read' operator 0 'hash' tile 0: reads bytes [0, 32) of "
           "'y', which nothing has written\n  note: the buffer");
  }
  std::swap(b.s.tasks[0], b.s.tasks[1]);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V6Test, OutputNotWhole) {
  b.output("rest", 4);
  b.hash("all", x, z);
  expect("V6: buffer 'rest': expected an output to be fully written, found "
         "nothing to write bytes [0, 16)");
}

TEST_F(V6Test, LastWriterWasAnotherBuffer) {
  const uint32_t other = b.value("other", 8);
  b.hash("write", x, y);
  b.hash("clobber", x, other);
  b.hash("read", y, z);
  EXPECT_EQ(b.check(), "");
  b.s.buffers[y].space = b.s.buffers[other].space = Space::Scratch;
  b.s.buffers[other].pageOffset = 28;
  for (bool concurrent : {false, true}) {
    b.s.concurrent = concurrent;
    expect("V6: task 'read' operator 0 'hash' tile 0: reads bytes [28, 32) of "
           "'y', but the last write there was to 'other'\n  note: by task "
           "'clobber' tile 0");
  }
  b.s.buffers[other].pageOffset = 32;
  EXPECT_EQ(b.check(), "");
}

TEST_F(V6Test, SharedMemoryThatAnotherWorkerWroteLast) {
  // Worker 0 has bytes of its own of 'y', but in program order worker 1 has
  // written after it.
  b.s.buffers[y].space = Space::Shared;
  const uint32_t c = b.counters("c");
  b.hash("first", x, y, {}, {0});
  b.hash("last", x, y, {}, {1});
  b.hash("read", y, z, {}, {0});
  b.signal(1, c);
  b.wait(2, c, 1);
  b.s.concurrent = false;
  EXPECT_EQ(b.check(), "");
  b.s.concurrent = true;
  expect("V6: task 'read' operator 0 'hash' tile 0: reads bytes [0, 32) of 'y' "
         "at worker 0, but the last write of them was at worker 1\n  note: by "
         "task 'last' tile 0");
  b.s.tasks[1].workers = b.s.tasks[0].workers;
  EXPECT_EQ(b.check(), "");
}

TEST_F(V6Test, SharedMemoryOfAnotherWorker) {
  b.s.buffers[y].space = Space::Shared;
  const uint32_t c = b.counters("c");
  b.hash("write", x, y, {}, {0});
  b.hash("read", y, z, {}, {1});
  b.signal(0, c);
  b.wait(1, c, 1);
  expect("reads bytes [0, 32) of 'y', which nothing has written at worker 1");
  b.s.tasks[1].workers = b.s.tasks[0].workers;
  EXPECT_EQ(b.check(), "");
}

TEST_F(V6Test, LocalNotWrittenByItsTile) {
  const uint32_t l = b.local("l", 8);
  // Every tile sums its range and hashes all of it.
  b.task("task", Builder::op("add", {x, x, l}), {0, 4, 8});
  b.s.tasks[0].ops.push_back(Builder::op("hash", {l, z}));
  expect("V6: task 'task' operator 1 'hash' tile 0: reads bytes of 'l' that "
         "this tile has not written\n  note: the buffer");
  b.s.tasks[0].ops[1] = Builder::op("add", {l, l, z});
  EXPECT_EQ(b.check(), "");
}

TEST_F(V6Test, PrologueServesEveryTile) {
  const uint32_t l = b.local("l", 8);
  b.task("task", Builder::op("add", {x, x, l}), {0, 4, 8}, {0, 1});
  b.s.tasks[0].ops[0].prologue = true;
  b.s.tasks[0].ops.push_back(Builder::op("hash", {l, z}));
  EXPECT_EQ(b.check(), "");
}

TEST_F(V6Test, OutputReadBack) {
  const uint32_t next = b.output("next", 1, ElementType::I32);
  b.task("argmax", Builder::op("argmax", {z, next}));
  b.hash("late", x, z);
  expect("V6: task 'argmax'");
}

/// Tiles of this operator all write the same bytes, or leave one out.
class Odd : public OperatorModel {
public:
  Odd(std::string_view name, int64_t step) : mnemonic(name), step(step) {}
  std::string_view name() const override { return mnemonic; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  std::string verify(const Schedule &, const Operator &) const override {
    return {};
  }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 8;
  }
  void accesses(const Schedule &, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    Access a;
    a.buffer = op.operands[1];
    a.write = true;
    a.region = {uint64_t(tile.lo * 4), uint64_t((tile.size() + step) * 4), 0,
                1};
    if (tile.size() == 8)
      a.region.bytes = 32;
    out.push_back(a);
  }

private:
  std::string_view mnemonic;
  int64_t step;
};

TEST_F(V6Test, TilesPartitionTheResult) {
  registerOperator(std::make_unique<Odd>("test_overlaps", 1));
  registerOperator(std::make_unique<Odd>("test_leaves_holes", -1));
  b.task("odd", Builder::op("test_overlaps", {x, z}), {0, 4, 7, 8});
  b.s.buffers[z].shape = {9};
  expect("V6: task 'odd' operator 0 'test_overlaps' tile 1: writes bytes from "
         "16 of 'z': expected tiles to be apart, found tile 0 to write up to "
         "20");
  b.s.buffers[z].shape = {8};
  b.s.tasks[0].ops[0].name = "test_leaves_holes";
  expect("V6: task 'odd' operator 0 'test_leaves_holes': expected the tiles to "
         "write bytes [0, 32) of 'z', found [0, 12)");
}

} // namespace
