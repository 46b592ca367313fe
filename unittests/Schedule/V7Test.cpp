//===- V7Test.cpp - V7: it fits -------------------------------------------===//

#include "Builder.h"

#include <ctime>
#include <numeric>

using namespace amk::core;
using namespace amk::core::test;

namespace {

struct V7Test : testing::Test {
  Builder b{false};
  uint32_t x = b.input("x", 8), y = b.value("y", 8), z = b.output("z", 8);
  V7Test() {
    b.hash("write", x, y);
    b.hash("read", y, z);
  }
  void expect(const char *message) {
    EXPECT_NE(b.check().find(message), std::string::npos)
        << "expected: " << message << "\nfound: " << b.check();
  }
};

TEST_F(V7Test, Chips) {
  for (const auto &[chip, bytes] :
       {std::pair("sm_80", 166912u), std::pair("sm_90", 232448u),
        std::pair("sm_100", 232448u), std::pair("sm_120", 101376u)}) {
    b.s.target = Target{chip, 1, bytes};
    EXPECT_EQ(b.check(), "");
    b.s.target->sharedBytes = bytes + 1;
    EXPECT_EQ(b.check(), "V7: target: expected at most " +
                             std::to_string(bytes) +
                             " bytes of shared memory on " + chip + ", found " +
                             std::to_string(bytes + 1) + "\n");
  }
  b.s.target = Target{"sm_70", 1, 1024};
  expect("V7: target: expected one of sm_80, sm_90, sm_100, sm_120, found "
         "'sm_70'");
}

TEST_F(V7Test, Workers) {
  b.s.target->workers = 1024;
  EXPECT_EQ(b.check(), "");
  b.s.target->workers = 1025;
  expect("V7: target: expected 1 to 1024 workers, found 1025");
  b.s.target->workers = 0;
  expect("V7: target: expected 1 to 1024 workers, found 0");
}

TEST_F(V7Test, Counters) {
  b.counters("c", 1 << 20);
  EXPECT_EQ(b.check(), "");
  b.counters("d");
  expect("V7: counters: expected at most 1048576, found 1048577");
}

TEST_F(V7Test, HandOffs) {
  const uint32_t c = b.counters("c", 1 << 20);
  for (int i = 0; i < 17; ++i) {
    b.signal(0, c);
    b.s.tasks[0].signals.back().fan.last = b.s.addTable({(1 << 20) - 1});
  }
  expect("V7: waits and signals of all tiles: expected at most 16777216, found "
         "17825792");
}

TEST_F(V7Test, Tiles) {
  std::vector<uint32_t> bounds((1 << 20) + 1);
  std::iota(bounds.begin(), bounds.end(), 0);
  b.s.buffers[y].shape = {1 << 20};
  b.s.tasks[0].bounds = b.s.addTable(bounds);
  EXPECT_EQ(b.check(), "");
  b.s.tasks[0].ops.push_back(b.s.tasks[0].ops[0]);
  expect("V7: task 'write': operators of all tiles: expected at most 2097152, "
         "found 2097154 up to here");
}

TEST_F(V7Test, ClockEntries) {
  // 2^26 entries are 65536 tiles on 1024 workers.
  b.s.concurrent = true;
  b.s.target->workers = 1024;
  std::vector<uint32_t> bounds(65536);
  std::iota(bounds.begin(), bounds.end(), 0);
  b.s.buffers[y].shape = {65535};
  b.s.tasks[0].bounds = b.s.addTable(bounds);
  b.s.tasks.push_back(b.s.tasks[1]);
  b.s.tasks.back().name = "more";
  expect("V7: tiles times workers: expected at most 67108864, found 67109888");
}

TEST_F(V7Test, SharedPagesAndRing) {
  b.s.buffers[y].space = Space::Shared;
  b.s.buffers[y].pageOffset = 1024;
  b.s.ring = Ring{2, 512, 1, 1, 1};
  b.s.target->sharedBytes = 1024 + 32 + 1024;
  EXPECT_EQ(b.check(), "");
  --b.s.target->sharedBytes;
  expect("V7: shared memory of a worker: expected at most 2079 bytes, found "
         "1056 of pages and 1024 of ring");
}

TEST_F(V7Test, PageAlignment) {
  b.s.buffers[y].space = Space::Scratch;
  b.s.buffers[y].pageOffset = 2;
  expect(
      "V7: buffer 'y': expected a page offset that is a multiple of 4, found "
      "2");
  b.s.buffers[y].pageOffset = ~uint64_t(0) - 3;
  expect("V7: buffer 'y': expected a page offset of at most 70368744177664");
}

TEST_F(V7Test, PacketPages) {
  const uint32_t p = b.packets("p", 8, 6), q = b.packets("q", 8, 6);
  b.hash("p", x, p);
  b.hash("q", x, q);
  Buffer &bp = b.s.buffers[p], &bq = b.s.buffers[q];
  bp.space = bq.space = Space::Scratch;
  expect("V7: buffer 'q': shares bytes of its page with 'p': expected "
         "different generations\n  note: the other buffer");
  bq.packetGeneration = 1;
  EXPECT_EQ(b.check(), "");
  bq.packetGeneration = 0;
  bq.pageOffset = 16; // two packets each
  expect("expected different generations");
  bq.pageOffset = 32;
  EXPECT_EQ(b.check(), "");
  bq.pageOffset = 24;
  expect("V7: buffer 'q': expected a page offset that is a multiple of 16, "
         "found 24");
  bq.pageOffset = 32;
  b.s.buffers[y].space = Space::Scratch;
  b.s.buffers[y].pageOffset = 60;
  expect("V7: buffer 'y': shares bytes of its page with 'q': expected packets "
         "to share with packets only");
  b.s.buffers[y].pageOffset = 64;
  EXPECT_EQ(b.check(), "");
}

/// The stamp of a generation in one launch is not that of another in the next.
TEST(V7, Generations) {
  Builder b;
  const uint32_t x = b.input("x", 8), p = b.packets("p", 8, 4);
  const uint32_t y = b.output("y", 8);
  b.hash("write", x, p);
  b.hash("read", p, y);
  b.s.buffers[p].packetGeneration = 65535;
  EXPECT_EQ(b.check(), "");
  for (const uint32_t generation : {65536u, 4294967295u}) {
    b.s.buffers[p].packetGeneration = generation;
    EXPECT_EQ(b.check(), "V7: buffer 'p': expected a generation of packets "
                         "below 65536, found " +
                             std::to_string(generation) + "\n");
  }
}

/// What a kernel needs is more than 32 bits can say: it must not wrap around.
TEST(V7, SharedMemoryBeyond32Bits) {
  Builder b;
  const uint32_t x = b.input("x", int64_t(1) << 30), y = b.output("y", 8);
  b.hash("all", x, y);
  b.s.ring = Ring{8, 1024, 1, 1, 8};
  EXPECT_EQ(b.check(),
            "V7: shared memory of a worker: expected at most 232448 bytes, "
            "found 0 of pages, 8192 of ring and 4294959103 of plan, input and "
            "sums\n");
}

/// As many operators as tiles: what is done for every operator of every tile
/// must not look at all the others.
TEST(V7, LongBody) {
  constexpr uint32_t kSize = 700, kWorkers = 32;
  Builder b(true, kWorkers);
  std::vector<uint32_t> bounds(kSize + 1), workers(kSize);
  std::iota(bounds.begin(), bounds.end(), 0);
  for (uint32_t i = 0; i < kSize; ++i)
    workers[i] = i % kWorkers;
  uint32_t last = b.input("x", kSize);
  Task &task =
      b.task("body", Builder::op("add", {last, last, last}), bounds, workers);
  task.ops.clear();
  for (uint32_t i = 0; i < kSize; ++i) {
    const bool end = i + 1 == kSize;
    const std::string name = "v" + std::to_string(i);
    const uint32_t next = end ? b.output(name, kSize) : b.value(name, kSize);
    task.ops.push_back(Builder::op("add", {last, last, next}));
    last = next;
  }
  b.s.ring = Ring{8, 1024, 1, 1, 8};
  const std::clock_t start = std::clock();
  EXPECT_EQ(b.check(), "");
  EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, 10);
}

} // namespace
