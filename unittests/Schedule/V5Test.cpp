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
            "V5: task 'read' operator 0 'hash' tile 0: race: reads bytes [16, "
            "32) of 'y' on worker 0, but no hand-off makes visible the write "
            "by task 'write' tile 1 on worker 1\n"
            "  note: task 'write' tile 1 writes bytes [16, 32) of 'y'\n"
            "  note: the hand-offs allow task 'read' tile 0 on worker 0, after "
            "what has to run first, while task 'write' tile 1 has not "
            "run\n");
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
  expect("V5: task 'two' operator 0 'hash' tile 0: race: writes bytes [0, "
         "32) of 'z' on worker 1, but no hand-off makes visible the write by "
         "task 'one' tile 0");
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
  expect("V5: task 'again' operator 0 'hash' tile 0: race: writes bytes [0, "
         "32) of 'y' on worker 0, but no hand-off puts the read by task 'read' "
         "tile 0 on worker 1 before it\n"
         "  note: task 'read' tile 0 reads bytes [0, 32) of 'y'\n"
         "  note: the hand-offs allow task 'again' tile 0 on worker 0, after "
         "what has to run first, while task 'read' tile 0 has not run\n");
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
  expect("V5: task 'use' operator 0 'hash' tile 0: race: reads bytes [0, 32) "
         "of 'y' on worker 1, but no hand-off makes visible the write by task "
         "'plain' tile 0 on worker 0\n"
         "  note: task 'plain' tile 0 writes bytes [0, 32) of 'y'\n"
         "  note: task 'read' tile 0 waits for packets of 'p', which order it "
         "after task 'plain' tile 0 but make nothing visible but their own "
         "bytes\n");
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
  expect("V5: task 'again' operator 0 'hash' tile 0: race: writes bytes [0, "
         "32) of 'y' on worker 0, but no hand-off makes visible the write by "
         "task 'write'");
  b.signal(0, c);
  b.wait(3, c, 1);
  EXPECT_EQ(b.check(), "");
  b.s.tasks[2].workers = b.s.addTable({2}); // nobody at worker 0 has the packet
  expect("V5: task 'again' operator 0 'hash' tile 0: race: writes bytes [0, "
         "32) of 'y' on worker 0, but no hand-off puts the read by task 'read' "
         "tile 0");
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
  expect("V5: task 'write2' operator 0 'hash' tile 0: race: writes bytes [0, "
         "4) of 'y2' on worker 1, but no hand-off makes visible the write by "
         "task 'write' tile 0 on worker 0\n"
         "  note: task 'write' tile 0 writes bytes [28, 32) of 'y'\n");
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

/// The order that lets it happen: what is needed of the queues, and no more.
TEST_F(V5Test, Interleaving) {
  const uint32_t u = b.value("u", 8), v = b.output("v", 8);
  const uint32_t w = b.output("w", 8);
  b.hash("early", x, u, {0, 4, 8}, {0, 1});
  b.hash("other", u, w, {}, {1}); // not needed
  b.hash("write", x, y, {}, {3});
  b.hash("middle", u, v, {}, {2});
  b.hash("read", y, z, {}, {2});
  const uint32_t e = b.counters("e");
  b.signal(0, c);
  b.wait(1, c, 2);
  b.wait(3, c, 2);
  b.signal(2, d);
  b.signal(3, e);
  b.wait(4, e, 1);
  EXPECT_EQ(b.check(),
            "V5: task 'read' operator 0 'hash' tile 0: race: reads bytes [0, "
            "32) of 'y' on worker 2, but no hand-off makes visible the write "
            "by task 'write' tile 0 on worker 3\n"
            "  note: task 'write' tile 0 writes bytes [0, 32) of 'y'\n"
            "  note: the hand-offs allow task 'early' tile 0 on worker 0, then "
            "task 'early' tile 1 on worker 1, then task 'middle' tile 0 on "
            "worker 2, then task 'read' tile 0 on worker 2 while task 'write' "
            "tile 0 has not run\n");
  b.wait(4, d, 1);
  EXPECT_EQ(b.check(), "");
}

/// Any k of n may be the first to signal: the one that is missing is shown.
TEST_F(V5Test, InterleavingOfFirstOfMany) {
  b.s.target->workers = 12;
  std::vector<uint32_t> bounds, workers;
  for (uint32_t i = 0; i <= 10; ++i)
    bounds.push_back(i);
  for (uint32_t i = 0; i < 10; ++i)
    workers.push_back(i);
  const uint32_t u = b.value("u", 10), v = b.output("v", 8);
  b.hash("write", x, u, bounds, workers);
  b.hash("read", u, v, {}, {11});
  b.hash("rest", x, z, {}, {10});
  b.signal(0, c);
  b.wait(1, c, 9);
  expect("reads bytes [0, 4) of 'u' on worker 11");
  expect("the hand-offs allow task 'write' tile 1 on worker 1, then task "
         "'write' tile 2 on worker 2, then task 'write' tile 3 on worker 3, "
         "then task 'write' tile 4 on worker 4, 2 more, then task 'write' tile "
         "7 on worker 7, then task 'write' tile 8 on worker 8, then task "
         "'write' tile 9 on worker 9, then task 'read' tile 0 on worker 11 "
         "while task 'write' tile 0 has not run");
  b.s.tasks[1].waits.clear();
  b.wait(1, c, 10);
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
