//===- ConcurrentRunTest.cpp - Queues, counters, packets, the watchdog ----===//

#include "Packets.h"
#include "Schedule/Builder.h"
#include "ToyProgram.h"

#include "AMK/Runtime/Kernels.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

using namespace amk;
using namespace amk::core;
using namespace amk::runtime;
using namespace amk::runtime::test;
using core::test::Builder;

namespace {

std::vector<uint32_t> hashOf(const std::vector<uint32_t> &input, size_t n) {
  uint32_t h = 2166136261u;
  for (uint32_t word : input)
    for (int b = 0; b < 4; ++b)
      h = (h ^ ((word >> (8 * b)) & 255)) * 16777619u;
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < n; ++i)
    out.push_back(h ^ ((i + 1) * 2654435761u));
  return out;
}

/// Four workers hash `in` to `mid`, one hashes `mid` to `out`. The value goes
/// over as packets, or by a counter; a second counter returns so that the next
/// round's writes follow this round's reads.
Builder handOff(bool packets) {
  Builder b;
  b.s.buffers.clear();
  const uint32_t in = b.input("in", 8, ElementType::I32);
  const uint32_t mid = b.value("mid", 21, ElementType::I32);
  const uint32_t out = b.output("out", 9, ElementType::I32);
  b.hash("first", in, mid, {0, 4, 9, 10, 21}, {0, 1, 2, 3});
  b.hash("second", mid, out, {0, 9}, {3});
  if (packets) {
    b.s.buffers[mid].packetElements = 3;
    b.s.buffers[mid].packetTiles = b.s.addTable({0, 4, 9, 10, 21});
  } else {
    const uint32_t c = b.counters("mid is there");
    b.signal(0, c);
    b.wait(1, c, 4);
  }
  return b;
}

/// Worker 0 hashes `in` to `mid`, worker 1 hashes `mid` to `out`. All that is
/// between them is a gang: its tile on worker 1 starts when that on worker 0,
/// behind the first hash, is reached.
Builder meeting() {
  Builder b;
  b.s.target->cluster = 2;
  const uint32_t in = b.input("in", 8, ElementType::I32);
  const uint32_t mid = b.value("mid", 21, ElementType::I32);
  const uint32_t out = b.output("out", 9, ElementType::I32);
  const uint32_t v = b.packets("v", 8, 6), z = b.output("z", 8);
  b.hash("vector", in, v, {}, {1});
  b.hash("first", in, mid, {}, {0});
  b.hash("gang", v, z, {0, 4, 8}, {0, 1}).clusterGather = true;
  b.hash("second", mid, out, {}, {1});
  return b;
}

enum class Via { Counter, Packets, Meeting };

class HandOff : public ::testing::TestWithParam<Via> {};

TEST_P(HandOff, EveryLaunchSeesItsOwnValues) {
  Program program;
  program.schedule =
      (GetParam() == Via::Meeting ? meeting()
                                  : handOff(GetParam() == Via::Packets))
          .s;
  for (unsigned threads : {1u, 2u, 3u, 4u, 8u})
    for (uint64_t seed : {0u, 1u, 2u})
      // 2^32 - 3 and its neighbours: counters and stamps wrap on the way.
      for (uint32_t epoch : {1u, 0x3ffffffeu, 0x7ffffffeu, 0xfffffffdu}) {
        CpuOptions options;
        options.threads = threads;
        options.delaySeed = seed;
        options.firstEpoch = epoch;
        auto device = createCpuDevice(options);
        auto weights = randomWeights(0);
        ASSERT_OK(device->load(program, *weights, {}));
        for (uint32_t launch = 0; launch < 6; ++launch) {
          std::vector<uint32_t> in(8, launch * 77 + 5), out(9);
          double ms = 0;
          ASSERT_OK(device->write(0, in.data(), 32));
          ASSERT_OK(device->launch(0, ms));
          ASSERT_OK(device->read(2, out.data(), 36));
          ASSERT_EQ(out, hashOf(hashOf(in, 21), 9));
        }
        // The value in between can be read too, packets or not.
        std::vector<uint32_t> mid(21);
        ASSERT_OK(device->read(1, mid.data(), 84));
        ASSERT_EQ(mid, hashOf(std::vector<uint32_t>(8, 5 * 77 + 5), 21));
      }
}

INSTANTIATE_TEST_SUITE_P(CountersPacketsMeetings, HandOff,
                         ::testing::Values(Via::Counter, Via::Packets,
                                           Via::Meeting));

TEST(Meeting, IsLegalAndNeeded) {
  Builder b = meeting();
  EXPECT_EQ(b.check(), "");
  b.s.tasks[2].clusterGather = false;
  EXPECT_NE(b.check().find("V5: task 'second'"), std::string::npos);
}

TEST(Packets, MapOfGroupsWithRemainders) {
  Builder b;
  const uint32_t x = b.packets("x", 20, 6, {0, 7, 7, 8, 20});
  PacketMap map;
  ASSERT_EQ(map.build(b.s, b.s.buffers[x]), "");
  EXPECT_EQ(map.count(), 5u); // 7 = 6 + 1, none, 1, 12 = 6 + 6
  const auto at = [&](int64_t lo, int64_t hi) {
    const Range r = map.packets({2 * lo, 2 * hi});
    return std::make_pair(r.lo, r.hi);
  };
  EXPECT_EQ(at(0, 20), std::make_pair(int64_t(0), int64_t(5)));
  EXPECT_EQ(at(6, 7), std::make_pair(int64_t(1), int64_t(2)));
  EXPECT_EQ(at(7, 8), std::make_pair(int64_t(2), int64_t(3)));
  EXPECT_EQ(at(8, 20), std::make_pair(int64_t(3), int64_t(5)));
  uint16_t values[20], copy[20] = {};
  for (uint16_t i = 0; i < 20; ++i)
    values[i] = uint16_t(i + 100);
  for (uint32_t p = 0; p < 5; ++p) {
    PacketSlot slot = {};
    map.pack(reinterpret_cast<char *>(values), p, slot);
    map.unpack(slot, p, reinterpret_cast<char *>(copy));
  }
  EXPECT_EQ(std::memcmp(values, copy, sizeof values), 0);
  b.s.buffers[x].packetElements = 7;
  EXPECT_NE(map.build(b.s, b.s.buffers[x]), "");
}

/// A schedule on a CPU device with a watchdog.
struct OnCpu {
  OnCpu(const Schedule &schedule, unsigned threads, uint32_t watchdogMs) {
    program.schedule = schedule;
    CpuOptions options;
    options.threads = threads;
    options.watchdogMs = watchdogMs;
    device = createCpuDevice(options);
    loaded = device->load(program, *weights, {});
  }
  Program program;
  std::unique_ptr<WeightSource> weights = randomWeights(0);
  std::unique_ptr<Device> device;
  Status loaded;
};

TEST(Watchdog, ReportsEveryWorker) {
  Builder b = handOff(false);
  b.s.tables[b.s.tasks[1].waits[0].threshold][0] = 5; // one signal too many
  for (unsigned threads : {1u, 3u}) {
    OnCpu cpu(b.s, threads, 30);
    ASSERT_OK(cpu.loaded);
    double ms = 0;
    for (int i = 0; i < 2; ++i) {
      const Status s = cpu.device->launch(0, ms);
      EXPECT_EQ(s.kind(), ErrorKind::Aborted);
      EXPECT_EQ(s.message(),
                "the watchdog ended the launch after 30 ms; position 0 is "
                "invalid; 1 of 4 workers wait\n"
                "worker 0: waits for nothing\n"
                "worker 1: waits for nothing\n"
                "worker 2: waits for nothing\n"
                "worker 3: task 'second' tile 0 waits for counter 'mid is "
                "there'[0]: 4 of 5");
    }
  }
}

TEST(Watchdog, ReportsAMissingPacket) {
  Builder b = handOff(true);
  // The last group is never written.
  b.s.tasks[0].bounds = b.s.addTable({0, 4, 9, 10});
  b.s.tasks[0].workers = b.s.addTable({0, 1, 2});
  OnCpu cpu(b.s, 2, 30);
  ASSERT_OK(cpu.loaded);
  double ms = 0;
  const Status s = cpu.device->launch(0, ms);
  EXPECT_EQ(s.kind(), ErrorKind::Aborted);
  EXPECT_NE(s.message().find("waits for packet 5 of 'mid': stamp 0 of 1"),
            std::string::npos)
      << s.message();
}

TEST(Watchdog, ReportsATileThatIsNotReached) {
  Builder b = meeting();
  const uint32_t y = b.output("y", 8);
  b.hash("other", 3, y, {0, 4, 8}, {0, 1}).clusterGather = true;
  for (uint32_t t = 0; t < 5; ++t)
    b.s.tasks[t].slots = b.s.addTable({t});
  b.s.tasks[2].slots = b.s.addTable({2, 4}); // worker 1 has them crosswise
  b.s.tasks[4].slots = b.s.addTable({4, 2});
  EXPECT_NE(b.check().find("V3: "), std::string::npos);
  OnCpu cpu(b.s, 2, 30);
  ASSERT_OK(cpu.loaded);
  for (int i = 0; i < 2; ++i) {
    double ms = 0;
    const Status s = cpu.device->launch(0, ms);
    EXPECT_EQ(s.kind(), ErrorKind::Aborted);
    for (const char *line :
         {"worker 0: task 'gang' tile 0 waits for the tiles of its cluster: 1 "
          "of 2 are reached",
          "worker 1: task 'other' tile 1 waits for the tiles of its cluster: 1 "
          "of 2 are reached",
          "worker 2: waits for nothing"})
      EXPECT_NE(s.message().find(line), std::string::npos) << s.message();
  }
}

std::atomic<int> sleepMs{0};

/// The hash; the first tile sleeps before, while other threads wait for it.
void slowHash(const KernelCall &call) {
  if (call.range.lo == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(sleepMs));
  lookupKernel("hash")(call);
}

/// `hash` by another name.
class SlowHash : public OperatorModel {
public:
  const OperatorModel &hash = *lookupOperator("hash");
  std::string_view name() const override { return "slow_hash"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  std::string verify(const Schedule &s, const Operator &op) const override {
    return hash.verify(s, op);
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return hash.extent(s, op);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    hash.accesses(s, op, tile, out);
  }
};

TEST(Watchdog, TheNextLaunchWorks) {
  registerOperator(std::make_unique<SlowHash>());
  registerKernel("slow_hash", slowHash);
  for (bool packets : {false, true}) {
    Schedule slow = handOff(packets).s;
    slow.tasks[0].ops[0].name = "slow_hash";
    // Much longer than a launch takes on a busy machine, and much shorter than
    // the sleep.
    OnCpu cpu(slow, 4, 200);
    ASSERT_OK(cpu.loaded);
    std::vector<uint32_t> in(8, 3), out(9);
    ASSERT_OK(cpu.device->write(0, in.data(), 32));
    double ms = 0;
    for (int round = 0; round < 3; ++round) {
      sleepMs = 700;
      EXPECT_EQ(cpu.device->launch(0, ms).kind(), ErrorKind::Aborted);
      sleepMs = 0;
      for (int i = 0; i < 2; ++i) {
        ASSERT_OK(cpu.device->launch(0, ms));
        ASSERT_OK(cpu.device->read(2, out.data(), 36));
        ASSERT_EQ(out, hashOf(hashOf(in, 21), 9));
      }
    }
  }
}

} // namespace
