//===- InboxesTest.cpp - V1, V5, V6 and V7: packets in cluster memory -----===//

#include "AMK/Schedule/Inboxes.h"
#include "Builder.h"

using namespace amk::core;
using amk::core::test::Builder;

namespace {

/// Clusters of two. Each of four workers writes one packet of 'v'; worker 1
/// reads the first two, worker 3 the others, and each has room for two.
struct InboxesTest : testing::Test {
  Builder b;
  uint32_t x, v, y;

  InboxesTest() {
    b.s.target->cluster = 2;
    x = b.input("x", 12);
    v = packets("v", 12, {0, 3, 6, 9, 12}, 0, 2);
    y = b.output("y", 12, ElementType::BF16);
    b.task("write", Builder::op("add", {x, x, v}), {0, 3, 6, 9, 12},
           {0, 1, 2, 3});
    b.task("read", Builder::op("round", {v, y}), {0, 6, 12}, {1, 3});
  }
  /// Three values of float32 in a packet.
  uint32_t packets(std::string name, int64_t n, std::vector<uint32_t> bounds,
                   uint64_t offset, uint32_t room) {
    const uint32_t p = b.value(std::move(name), n);
    b.s.buffers[p].packetElements = 3;
    b.s.buffers[p].packetTiles = b.s.addTable(std::move(bounds));
    b.s.buffers[p].space = Space::Cluster;
    b.s.buffers[p].pageOffset = offset;
    b.s.buffers[p].packetRoom = room;
    return p;
  }
  void workers(uint32_t task, std::vector<uint32_t> of) {
    b.s.tasks[task].workers = b.s.addTable(std::move(of));
  }
  void expect(const std::string &message) { EXPECT_EQ(b.check(), message); }
};

TEST_F(InboxesTest, Deliveries) {
  expect("");
  const Tiles tiles = expand(b.s);
  const Inboxes inboxes(b.s, tiles);
  EXPECT_FALSE(inboxes.empty());
  for (uint32_t t = 0; t < 4; ++t) {
    const auto of = inboxes.of(v, t);
    ASSERT_EQ(of.end() - of.begin(), 1) << t;
    EXPECT_EQ(of.begin()->tile, t);
    EXPECT_EQ(of.begin()->worker, t < 2 ? 1u : 3u);
    EXPECT_EQ(of.begin()->reader, t < 2 ? 4u : 5u);
  }
  const auto none = inboxes.of(v, 4);
  EXPECT_EQ(none.begin(), none.end());
  const auto other = inboxes.of(x);
  EXPECT_EQ(other.begin(), other.end());
}

TEST_F(InboxesTest, V1ReadersAreInTheWritersCluster) {
  workers(1, {1, 1});
  expect("V1: task 'read' tile 1: reads packets of 'v' in cluster memory: "
         "expected a tile on workers 2 to 3, the cluster of task 'write' tile "
         "2, which writes them, found worker 1\n"
         "  note: task 'write' tile 2 on worker 2 writes them\n");
  workers(1, {1, 2});
  expect("");
  workers(0, {0, 3, 2, 3});
  expect("V1: task 'read' tile 0: reads packets of 'v' in cluster memory: "
         "expected a tile on workers 2 to 3, the cluster of task 'write' tile "
         "1, which writes them, found worker 1\n"
         "  note: task 'write' tile 1 on worker 3 writes them\n");
  // One cluster has all of them.
  b.s.target->cluster = 4;
  expect("");
}

TEST_F(InboxesTest, V1WhatHasRoom) {
  Buffer &buffer = b.s.buffers[v];
  buffer.packetRoom = 0;
  expect("V1: buffer 'v': expected room for 1 to 4 packets in cluster memory, "
         "found 0\n");
  buffer.packetRoom = 5;
  expect("V1: buffer 'v': expected room for 1 to 4 packets in cluster memory, "
         "found 5\n");
  buffer.packetRoom = 4;
  expect("");
  for (const auto &[space, name] :
       {std::make_pair(Space::Own, "own"),
        std::make_pair(Space::Scratch, "scratch")}) {
    buffer.space = space;
    expect("V1: buffer 'v': expected room for packets in cluster memory only, "
           "found room for 4 in " +
           std::string(name) + " memory\n");
  }
  buffer.space = Space::Cluster;
  buffer.packetElements = 0;
  buffer.packetTiles = kNone;
  expect("V1: buffer 'v': expected packets in cluster memory, found plain "
         "values\n");
  buffer.space = Space::Own;
  expect("V1: buffer 'v': expected packets in cluster memory, found plain "
         "values\n");
}

TEST_F(InboxesTest, V1OnlyWhereThereAreClusters) {
  b.s.target->cluster = 1;
  expect("V1: buffer 'v': packets in cluster memory: expected a target with "
         "clusters of 2 or more workers, found 1\n");
  b.s.target->cluster = 2;
  b.s.concurrent = false;
  expect("V1: buffer 'v': expected a concurrent schedule for packets in "
         "cluster memory\n");
  b.s.concurrent = true;
  const Target target = *b.s.target;
  b.s.target.reset();
  EXPECT_NE(b.check().find("V1: buffer 'v': packets in cluster memory: "
                           "expected a target with clusters of 2 or more "
                           "workers, found no target"),
            std::string::npos)
      << b.check();
  b.s.target = target;
  expect("");
}

TEST_F(InboxesTest, V7PacketsOfAWorkerLieApart) {
  b.s.buffers[v].packetRoom = 1;
  expect("V7: buffer 'v': expected room at worker 1 for all packets that it "
         "reads, found 1: task 'write' tile 0 and task 'write' tile 1 both "
         "write place 0\n"
         "  note: by task 'write' tile 1\n");
  // One packet each: none but its own.
  b.s.tasks[1].bounds = b.s.addTable({0, 3, 6, 9, 12});
  workers(1, {0, 1, 2, 3});
  expect("");
  // Packets 0 and 3 are apart in a room for 2, packets 0 and 2 are not.
  workers(0, {0, 0, 0, 0});
  b.s.buffers[v].packetRoom = 2;
  workers(1, {0, 1, 1, 0});
  expect("");
  workers(1, {0, 1, 0, 1});
  expect("V7: buffer 'v': expected room at worker 0 for all packets that it "
         "reads, found 2: task 'write' tile 0 and task 'write' tile 2 both "
         "write place 0\n"
         "  note: by task 'write' tile 2\n");
}

TEST_F(InboxesTest, V7RoomForWhatATileWrites) {
  b.s.tasks[0].bounds = b.s.addTable({0, 9, 12});
  workers(0, {0, 1});
  workers(1, {0, 0});
  expect("V7: task 'write' operator 0 'add' tile 0: writes 3 packets of 'v': "
         "expected at most 2, for which worker 0 has room\n"
         "  note: the buffer\n");
  b.s.buffers[v].packetRoom = 4;
  expect("");
}

TEST_F(InboxesTest, V7SharedMemoryHasTheInboxesToo) {
  b.s.target->sharedBytes = 4096;
  b.s.buffers[v].pageOffset = 4096 - 32;
  expect("");
  b.s.buffers[v].packetRoom = 3;
  expect("V7: shared memory of a worker: expected at most 4096 bytes, found "
         "4112 of pages and 0 of ring\n");
  b.s.buffers[v].packetRoom = 2;
  const uint32_t mine = b.value("mine", 4);
  b.s.buffers[mine].space = Space::Shared;
  expect("V7: shared memory of a worker: expected at most 4096 bytes, found "
         "4112 of pages and 0 of ring\n");
}

TEST_F(InboxesTest, V7PagesAreAligned) {
  b.s.buffers[v].pageOffset = 24;
  expect("V7: buffer 'v': expected a page offset that is a multiple of 16, "
         "found 24\n");
}

/// 'later' is written on worker 2 and read on worker 3, in the place of what
/// worker 3 reads of 'v'.
struct SharedInboxTest : InboxesTest {
  uint32_t later, z, c;
  SharedInboxTest() {
    later = packets("later", 6, {0, 6}, 16, 2);
    b.s.buffers[later].packetGeneration = 1;
    const uint32_t x2 = b.input("x2", 6);
    z = b.output("z", 6, ElementType::BF16);
    c = b.counters("c");
    b.task("write later", Builder::op("add", {x2, x2, later}), {}, {2});
    b.task("read later", Builder::op("round", {later, z}), {}, {3});
  }
};

TEST_F(SharedInboxTest, V7PacketsOnOnePageLookDifferent) {
  b.s.buffers[later].packetGeneration = 0;
  expect("V7: buffer 'later': shares bytes of its page with 'v': expected "
         "different generations\n"
         "  note: the other buffer\n");
  b.s.buffers[later].pageOffset = 32;
  expect("");
}

TEST_F(SharedInboxTest, V5WriteAfterWriteAndReadAtTheReadersWorker) {
  expect("V5: task 'write later' operator 0 'add' tile 0: race: writes inbox "
         "bytes [0, 16) of 'later' on worker 2, but no hand-off makes visible "
         "the write by task 'write' tile 3 on worker 3\n"
         "  note: task 'write' tile 3 writes inbox bytes [16, 32) of 'v'\n"
         "  note: the hand-offs allow task 'write later' tile 0 on worker 2, "
         "after what has to run first, while task 'write' tile 3 has not "
         "run\n");
  b.signal(0, c);
  b.wait(2, c, 4);
  expect(
      "V5: task 'write later' operator 0 'add' tile 0: race: writes inbox "
      "bytes [0, 16) of 'later' on worker 2, but no hand-off puts the read "
      "by task 'read' tile 1 on worker 3 before it\n"
      "  note: task 'read' tile 1 reads inbox bytes [16, 32) of 'v'\n"
      "  note: the hand-offs allow task 'write' tile 0 on worker 0, then task "
      "'write' tile 1 on worker 1, then task 'write later' tile 0 on worker "
      "2, after what has to run first, "
      "while task 'read' tile 1 has not run\n");
  b.s.tasks[2].waits.clear();
  const uint32_t read = b.counters("read");
  b.signal(1, read);
  b.wait(2, read, 2);
  expect("");
}

/// The same place of other workers is other memory.
TEST_F(SharedInboxTest, V5OtherWorkersHaveTheirOwn) {
  workers(2, {0});
  workers(3, {0});
  expect("");
}

/// An operator may write to another worker's inbox what lies in its own where
/// it reads.
TEST_F(InboxesTest, V5WithinAnOperator) {
  const auto first = b.packets("first", 6, 6), out = b.packets("out", 6, 6);
  for (const uint32_t p : {first, out}) {
    b.s.buffers[p].space = Space::Cluster;
    b.s.buffers[p].pageOffset = 64;
    b.s.buffers[p].packetRoom = 1;
    b.s.buffers[p].packetGeneration = p == out;
  }
  const uint32_t last = b.output("last", 6);
  b.hash("make", x, first, {}, {0});
  b.hash("pass on", first, out, {}, {0});
  b.hash("end", out, last, {}, {1});
  expect("");
  workers(4, {0});
  expect("V5: task 'pass on' operator 0 'hash' tile 0: touches 'first' and "
         "'out' at once, which share bytes of a page\n"
         "  note: the other buffer\n");
}

/// 'later' has taken the place of a packet of 'v' when it is read.
TEST_F(SharedInboxTest, V6WhatAnotherHasWrittenThere) {
  std::swap(b.s.tasks[1], b.s.tasks[3]);
  std::swap(b.s.tasks[1], b.s.tasks[2]);
  b.signal(0, c);
  b.wait(1, c, 4);
  expect("V6: task 'read' operator 0 'round' tile 1: reads inbox bytes [16, "
         "32) of 'v', but the last write there was to 'later'\n"
         "  note: by task 'write later' tile 0\n");
}

TEST_F(InboxesTest, V6ReadBeforeWritten) {
  std::swap(b.s.tasks[0], b.s.tasks[1]);
  b.s.tasks[0].slots = b.s.addTable({4, 5});
  b.s.tasks[1].slots = b.s.addTable({0, 1, 2, 3});
  EXPECT_EQ(b.check().find("V6: task 'read' operator 0 'round' tile 0: reads "
                           "inbox bytes [0, 32) of 'v', which nothing has "
                           "written at worker 1\n"
                           "  note: the buffer\n"),
            0u)
      << b.check();
}

} // namespace
