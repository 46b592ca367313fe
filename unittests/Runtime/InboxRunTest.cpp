//===- InboxRunTest.cpp - Packets in cluster memory on the CPU device -----===//

#include "Schedule/Builder.h"
#include "Schedule/ToInboxes.h"
#include "ToyProgram.h"

#include <cstring>

using namespace amk;
using namespace amk::core;
using namespace amk::runtime;
using namespace amk::runtime::test;
using core::test::Builder;

namespace {

/// In clusters of two: a tile on each worker of the first writes 12 values in
/// two packets, and each is read on the second worker, which needs room for 4.
Builder pair() {
  Builder b;
  b.s.target->cluster = 2;
  const uint32_t x = b.input("x", 8);
  const uint32_t v = b.packets("v", 24, 6, {0, 12, 24});
  const uint32_t y = b.output("y", 8);
  b.hash("write", x, v, {0, 12, 24}, {0, 1});
  b.hash("read", v, y, {}, {1});
  b.s.buffers[v].space = Space::Cluster;
  b.s.buffers[v].packetRoom = 4;
  return b;
}

/// Two packet buffers that have their pages in common: 'p' is read on worker 1
/// before 'q' is written there, by the counter, and by the queue of worker 1.
Builder sharedPage() {
  Builder b;
  b.s.target->cluster = 2;
  const uint32_t x = b.input("x", 8);
  const uint32_t p = b.packets("p", 12, 6), q = b.packets("q", 12, 6);
  const uint32_t y = b.output("y", 8), z = b.output("z", 8);
  for (const uint32_t buffer : {p, q}) {
    b.s.buffers[buffer].space = Space::Cluster;
    b.s.buffers[buffer].pageOffset = 32;
    b.s.buffers[buffer].packetRoom = 2;
  }
  b.s.buffers[q].packetGeneration = 1;
  b.hash("write p", x, p, {}, {0});
  b.hash("read p", p, y, {}, {1});
  b.hash("write q", y, q, {}, {0});
  b.hash("read q", q, z, {}, {1});
  const uint32_t c = b.counters("p is read");
  b.signal(1, c);
  b.wait(2, c, 1);
  return b;
}

/// The outputs of a few launches with other inputs each, or what went wrong.
std::string run(const Schedule &s, const CpuOptions &options) {
  Program program;
  program.schedule = s;
  auto device = createCpuDevice(options);
  auto weights = randomWeights(0);
  if (Status status = device->load(program, *weights, {}); !status.ok())
    return status.message();
  std::string outputs;
  for (int launch = 0; launch < 4; ++launch) {
    std::vector<float> in(8, float(launch) + 0.5f);
    EXPECT_OK(device->write(0, in.data(), 32));
    double ms = 0;
    if (Status status = device->launch(0, ms); !status.ok())
      return status.message();
    for (uint32_t b = 0; b < s.buffers.size(); ++b)
      if (s.buffers[b].kind == BufferKind::Output) {
        std::string bytes(s.buffers[b].regionBytes(), 0);
        EXPECT_OK(device->read(b, bytes.data(), bytes.size()));
        outputs += bytes;
      }
  }
  return outputs;
}

/// The outputs in program order.
std::string expected(Schedule s) {
  for (Buffer &b : s.buffers) {
    b.space = Space::Own;
    b.packetRoom = 0;
  }
  s.concurrent = false;
  return run(s, {});
}

TEST(Inboxes, EveryLaunchSeesItsOwnValues) {
  for (const Builder &b : {pair(), sharedPage()}) {
    ASSERT_EQ(b.check(), "");
    const std::string values = expected(b.s);
    for (unsigned threads : {1u, 2u, 3u, 4u})
      for (uint64_t seed : {0u, 1u, 2u})
        // Counters and stamps wrap on the way.
        for (uint32_t epoch : {1u, 0x7ffffffeu, 0xfffffffeu}) {
          CpuOptions options;
          options.threads = threads;
          options.delaySeed = seed;
          options.firstEpoch = epoch;
          ASSERT_EQ(run(b.s, options), values);
        }
  }
}

/// Two threads would race for what is wrong here, as the thread sanitizer says.
CpuOptions oneThread() {
  CpuOptions options;
  options.threads = 1;
  return options;
}

/// In a room for three the fourth packet overwrites the first.
TEST(Inboxes, TooLittleRoomGivesOtherValues) {
  Builder b = pair();
  b.s.buffers[1].packetRoom = 3;
  EXPECT_NE(b.check().find("V7: "), std::string::npos);
  const std::string found = run(b.s, oneThread()), values = expected(b.s);
  EXPECT_EQ(found.size(), values.size());
  EXPECT_NE(found, values);
}

/// Who is in another cluster gets no packets; what is left in a fresh inbox is
/// never taken for one.
TEST(Inboxes, AReaderInAnotherClusterHangs) {
  Builder b = pair();
  b.s.tasks[1].workers = b.s.addTable({2});
  EXPECT_NE(b.check().find("V1: "), std::string::npos);
  for (const uint32_t epoch : {0u, 1u, 7u}) {
    CpuOptions options;
    options.firstEpoch = epoch;
    options.watchdogMs = 100;
    const std::string found = run(b.s, options);
    EXPECT_NE(found.find("worker 2: task 'read' tile 0 waits for packet 0 of "
                         "'v' in cluster memory: stamp " +
                         std::to_string(epoch - 1) + " of " +
                         std::to_string(epoch)),
              std::string::npos)
        << found;
  }
}

/// Without order between them the packets that come later lie where the earlier
/// ones are waited for.
TEST(Inboxes, OfTwoOnOnePageTheLaterIsThere) {
  Builder b = sharedPage();
  // Worker 1 takes 'q' first, and who writes it waits for nothing.
  b.s.tasks[2].waits.clear();
  b.s.tasks[2].ops[0].operands[0] = 0;
  for (uint32_t t = 0; t < 4; ++t)
    b.s.tasks[t].slots = b.s.addTable({t == 1 ? 3 : t == 3 ? 1 : t});
  EXPECT_NE(b.check().find("V5: "), std::string::npos) << b.check();
  CpuOptions options = oneThread();
  options.watchdogMs = 100;
  const std::string found = run(b.s, options);
  EXPECT_NE(found.find("worker 1: task 'read p' tile 0 waits for packet 0 of "
                       "'p' in cluster memory: stamp 3 of 2"),
            std::string::npos)
      << found;
}

/// Tasks of a real model hand over in inboxes, some of them on one page.
TEST(Inboxes, AToyLlamaKeepsItsBits) {
  const std::vector<int32_t> tokens = {3, 0, 100, 42};
  ToyOptions toy = oddLlama();
  const auto values = runOnCpu(toyProgram(toy, Stage::Imported), {}, tokens);
  for (const uint32_t cluster : {2u, 4u, 8u})
    for (const uint32_t clusters : {1u, 2u})
      for (const Stage stage : {Stage::Synchronized, Stage::Colored}) {
        toy.workers = cluster * clusters;
        core::Program program = toyProgram(toy, stage);
        program.schedule.target->cluster = cluster;
        const uint32_t moved =
            core::test::toInboxes(program.schedule, uint64_t(1) << 17);
        // Of one cluster all packets are its own.
        if (clusters == 1)
          EXPECT_GT(moved, 5u);
        EXPECT_EQ(scheduling::test::check(program.schedule), "");
        for (unsigned threads : {1u, 3u}) {
          CpuOptions options;
          options.threads = threads;
          options.delaySeed = threads;
          const auto found = runOnCpu(program, options, tokens);
          ASSERT_EQ(found.size(), values.size());
          for (size_t i = 0; i < found.size(); ++i)
            EXPECT_EQ(std::memcmp(found[i].data(), values[i].data(),
                                  values[i].size() * sizeof(float)),
                      0)
                << cluster << " workers, " << clusters << " clusters";
        }
      }
}

TEST(Inboxes, ProgramsThatAreNotVerifiedAreRefused) {
  Builder b = pair();
  b.s.buffers[1].packetRoom = 0;
  EXPECT_EQ(run(b.s, {}), "buffer 'v': cluster memory is for packets, with "
                          "room for one at least");
}

} // namespace
