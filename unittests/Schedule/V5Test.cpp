//===- V5Test.cpp - V5: no race -------------------------------------------===//

#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

struct V5Test : testing::Test {
  Builder b;
  uint32_t x = b.input("x", 8), y = b.value("y", 8), z = b.output("z", 8);
  uint32_t c = b.counters("c"), d = b.counters("d");
  void expect(const char *message) {
    EXPECT_NE(b.check().find(message), std::string::npos)
        << "expected: " << message << "\nfound: " << b.check();
  }
};

TEST_F(V5Test, ReadWithoutHandOff) {
  b.hash("write", x, y, {0, 4, 8}, {0, 1});
  b.hash("read", y, z, {}, {0});
  EXPECT_EQ(b.check(),
            "V5: task 'read' operator 0 'hash' tile 0: race: reads 'y' on "
            "worker 0, but no hand-off makes visible the write by task 'write' "
            "tile 1 on worker 1\n"
            "  note: task 'write' tile 1 writes the same bytes\n");
  b.signal(0, c);
  b.wait(1, c, 2);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, FirstOfTwoIsNotEnough) {
  b.hash("write", x, y, {0, 4, 8}, {0, 1});
  b.hash("read", y, z, {}, {2});
  b.signal(0, c);
  b.wait(1, c, 1);
  expect("V5: task 'read'");
}

TEST_F(V5Test, WriteAfterWrite) {
  b.hash("one", x, z, {}, {0});
  b.hash("two", x, z, {}, {1});
  expect("V5: task 'two' operator 0 'hash' tile 0: race: writes 'z' on worker "
         "1, but no hand-off makes visible the write by task 'one' tile 0");
  b.signal(0, c);
  b.wait(1, c, 1);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, WriteAfterRead) {
  b.hash("write", x, y, {}, {0});
  b.hash("read", y, z, {}, {1});
  b.hash("again", x, y, {}, {0});
  b.signal(0, c);
  b.wait(1, c, 1);
  expect("V5: task 'again' operator 0 'hash' tile 0: race: writes 'y' on "
         "worker 0, but no hand-off puts the read by task 'read' tile 0 on "
         "worker 1 before it\n  note: task 'read' tile 0 reads the same bytes");
  b.signal(1, d);
  b.wait(2, d, 1);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, QueueAgainstProgramOrder) {
  b.hash("write", x, y, {}, {0});
  b.hash("read", y, z, {}, {0});
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].slots = b.s.addTable({1});
  b.s.tasks[1].slots = b.s.addTable({0});
  expect("V5: task 'read'");
}

TEST_F(V5Test, PacketsBringTheirOwnBytes) {
  const uint32_t p = b.packets("p", 8, 6);
  b.hash("write", x, p, {}, {0});
  b.hash("read", p, z, {}, {1});
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, PacketsMakeNothingElseVisible) {
  const uint32_t p = b.packets("p", 8, 6);
  const uint32_t q = b.output("q", 8);
  b.hash("plain", x, y, {}, {0});
  b.hash("write", x, p, {}, {0});
  b.hash("read", p, z, {}, {1});
  b.hash("use", y, q, {}, {1});
  expect("V5: task 'use' operator 0 'hash' tile 0: race: reads 'y'");
  b.signal(0, c);
  b.wait(3, c, 1);
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, PacketsOrderAnOverwrite) {
  // 'again' overwrites what 'read' has read: an order by packets will do.
  const uint32_t p = b.packets("p", 8, 6);
  b.hash("write", x, y, {}, {1});
  b.hash("read", y, p, {}, {1});
  b.hash("after", p, z, {}, {0});
  b.hash("again", x, y, {}, {0});
  expect("V5: task 'again' operator 0 'hash' tile 0: race: writes 'y' on "
         "worker 0, but no hand-off makes visible the write by task 'write'");
  b.signal(0, c);
  b.wait(3, c, 1);
  EXPECT_EQ(b.check(), "");
  b.s.tasks[2].workers = b.s.addTable({2}); // nobody at worker 0 has the packet
  expect("V5: task 'again' operator 0 'hash' tile 0: race: writes 'y' on "
         "worker 0, but no hand-off puts the read by task 'read' tile 0");
}

TEST_F(V5Test, SharedPage) {
  const uint32_t y2 = b.value("y2", 8), z2 = b.output("z2", 8);
  b.hash("write", x, y, {}, {0});
  b.hash("read", y, z, {}, {0});
  b.hash("write2", x, y2, {}, {1});
  b.hash("read2", y2, z2, {}, {1});
  b.s.buffers[y].space = b.s.buffers[y2].space = Space::Scratch;
  b.s.buffers[y2].pageOffset = 32;
  EXPECT_EQ(b.check(), "");
  b.s.buffers[y2].pageOffset = 28;
  expect("V5: task 'write2' operator 0 'hash' tile 0: race: writes 'y2'");
  // Shared memory is separate per worker.
  b.s.buffers[y].space = b.s.buffers[y2].space = Space::Shared;
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, PageOfTwoOperands) {
  const uint32_t v = b.value("v", 8);
  b.hash("one", x, y, {}, {0});
  b.hash("two", y, v, {}, {0});
  b.hash("three", v, z, {}, {0});
  b.s.buffers[y].space = b.s.buffers[v].space = Space::Scratch;
  expect("V5: task 'two' operator 0 'hash' tile 0: touches 'y' and 'v' at "
         "once, which share bytes of a page");
  b.s.buffers[v].pageOffset = 32;
  EXPECT_EQ(b.check(), "");
}

TEST_F(V5Test, CachePositions) {
  // The step appends to its own position and reads the earlier ones.
  const uint32_t k = b.value("k", 8, ElementType::BF16);
  const uint32_t kv =
      b.buffer("kv", BufferKind::KvCache, ElementType::BF16, {2, 1, 16, 4});
  const uint32_t o = b.output("o", 4);
  b.task("set", Builder::op("round", {x, k}), {}, {0});
  Operator append = Builder::op("kv_append", {k, kv});
  append.attributes = {{"from", false, 0, 0}, {"to", false, 0, 0}};
  b.task("append", append, {}, {0});
  const uint32_t q = b.input("q", 12, ElementType::BF16);
  Operator attend = Builder::op("attention", {q, q, q, kv, o});
  attend.attributes = {{"group", false, 1, 0},
                       {"head_dim", false, 4, 0},
                       {"query_row", false, 0, 0},
                       {"key_row", false, 4, 0},
                       {"value_row", false, 8, 0}};
  b.task("attend", attend, {}, {1});
  b.hash("rest", x, z, {}, {2});
  EXPECT_EQ(b.check(), "");
  b.task("append2", append, {}, {2});
  expect("V5: task 'append2' operator 0 'kv_append' tile 0: race");
}

} // namespace
