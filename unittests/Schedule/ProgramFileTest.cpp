//===- ProgramFileTest.cpp - Round trips and damaged files ----------------===//

#include "AMK/Schedule/ProgramFile.h"
#include "Builder.h"

#include <random>
#include <sstream>

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// A program with one of everything. Built up field by field, so that a field
/// the file forgets shows as a difference in the printed text.
Program sample() {
  Builder b;
  b.s.endTokens = {7, 128009};
  b.s.ring = Ring{12, 16384, 4, 2, 6};
  const uint32_t x = b.input("x", 256, ElementType::BF16);
  const uint32_t w = b.weight("w", 8, 256);
  b.s.views[0].parts[0].ropeHeadDim = 4;
  b.s.views[0].interleave = true;
  RopeTable rope;
  rope.theta = 500000.0;
  rope.headDim = 4;
  rope.factor = 32.5;
  rope.originalPositions = 8192;
  b.s.ropeTables.push_back(rope);
  const uint32_t table =
      b.buffer("rope", BufferKind::Constant, ElementType::F32, {16, 2, 2});
  b.s.buffers[table].rope = 0;
  const uint32_t sum = b.local("sum", 8);
  const uint32_t y = b.output("y", 8);
  const uint32_t p = b.packets("p", 8, 6, {0, 4, 8});
  b.s.buffers[p].space = Space::Scratch;
  b.s.buffers[p].pageOffset = 64;
  const uint32_t c = b.counters("done", 3);
  Task &product =
      b.task("product", Builder::op("linear", {x, w, sum}), {0, 4, 8}, {0, 1});
  Operator turn = Builder::op("rope", {sum, table, y});
  turn.attributes = {{"head_dim", false, 4, 0}, {"eps", true, 0, 1e-5}};
  product.ops.push_back(turn);
  product.ops[0].prologue = true;
  product.slots = b.s.addTable({0, 0});
  product.stream = {4, 256, 2, true};
  product.clusterGather = true;
  b.s.target->cluster = 2;
  product.signals.push_back({c, {b.s.addTable({0, 1}), b.s.addTable({1, 2})}});
  product.waits.push_back({c, {}, b.s.addTable({5, 5, 5, 5})});
  Program program;
  program.schedule = b.s;
  program.hasKernel = true;
  Kernel &k = program.kernel;
  k.chip = "sm_90";
  k.entry = "decode";
  k.ptx = ".version 8.0\n\t.target sm_90\n";
  k.workers = 2;
  k.threads = 256;
  k.sharedBytes = 1024;
  k.arenaBytes = 65536;
  k.placements = {{x, 0, 512, 0, 0}, {w, 512, 4096, 4, 128}};
  k.blobs = {{"plan", 8192, std::string("\1\0\0\0\2\0\0\0", 8)},
             {"gather", 8320, std::string(200, 0) + "ab"}};
  k.zeroOffset = 128;
  k.zeroBytes = 256;
  k.reportOffset = 256;
  return program;
}

std::string text(const Program &p) {
  std::ostringstream os;
  printProgram(p, os, true);
  return os.str();
}

std::string readError(const std::string &bytes) {
  Program p;
  std::string error;
  EXPECT_FALSE(readProgram(bytes, p, error));
  EXPECT_TRUE(p.schedule.buffers.empty());
  EXPECT_EQ(error.find('\n'), std::string::npos);
  return error;
}

TEST(ProgramFileTest, RoundTrip) {
  const Program p = sample();
  const std::string bytes = writeProgram(p);
  EXPECT_EQ(bytes, writeProgram(sample()));
  Program q;
  std::string error;
  ASSERT_TRUE(readProgram(bytes, q, error)) << error;
  EXPECT_EQ(writeProgram(q), bytes);
  EXPECT_EQ(text(q), text(p));
  EXPECT_EQ(scheduleId(q), scheduleId(p));
  EXPECT_EQ(scheduleId(p).size(), 32u);
}

TEST(ProgramFileTest, WithoutKernel) {
  Program p = sample();
  p.hasKernel = false;
  Program q;
  std::string error;
  ASSERT_TRUE(readProgram(writeProgram(p), q, error)) << error;
  EXPECT_FALSE(q.hasKernel);
  EXPECT_TRUE(q.kernel.ptx.empty());
  EXPECT_NE(scheduleId(p), scheduleId(sample()));
}

TEST(ProgramFileTest, Text) {
  const std::string t = text(sample());
  for (const char *line : {
           "schedule \"test\" concurrent positions 16\n",
           "target \"sm_90\" workers 4 shared 232448 cluster 2\n",
           "ring slots 12 bytes 16384 window 4 ahead 2 teams 6\n",
           "end tokens 7 128009\n",
           " = [5 times 4]\n",
           " = [0 to 8 by 4]\n",
           "view 0 interleave \"w.weight\" rows 8 rope 4\n",
           "rope table 0 theta 5e+05 head_dim 4 factor 32.5 low 1 high 4 "
           "original 8192\n",
           "buffer \"w\" weight 8x256xbf16 view 0\n",
           "buffer \"p\" activation 8xbf16 page scratch + 64 packets of 6 "
           "groups table 0 generation 0\n",
           "counter \"done\" x 3\n",
           "task \"product\" bounds table 0 workers table 1 slots table 2 "
           "stream 4 x 256 held 2 by slices cluster_gather\n",
           "  linear \"x\", \"w\" -> \"sum\" prologue\n",
           "  rope \"sum\", \"rope\" -> \"y\" {head_dim = 4, eps = 1e-05}\n",
           "place \"w\" at 512 bytes 4096 packed 4 x 128\n",
           "blob \"plan\" at 8192 bytes 8\n  0: 00000001 00000002\n",
           "  0: zeros to 48\n  48: 00000000 00000000 00006261\n",
       })
    EXPECT_NE(t.find(line), std::string::npos) << line << "\n" << t;
}

TEST(ProgramFileTest, OtherVersion) {
  std::string bytes = writeProgram(sample());
  bytes[4] = 2;
  EXPECT_EQ(readError(bytes), "program version 2, this tool reads version 5");
}

TEST(ProgramFileTest, NoProgram) {
  EXPECT_EQ(readError("ELF"),
            "no program file: expected it to start with 'AMKP'");
}

TEST(ProgramFileTest, EveryFlippedBitIsFound) {
  const std::string bytes = writeProgram(sample());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = char(bad[i] ^ (1 << (i % 8)));
    readError(bad);
  }
}

TEST(ProgramFileTest, EveryTruncationIsFound) {
  const std::string bytes = writeProgram(sample());
  for (size_t i = 0; i < bytes.size(); ++i) {
    readError(bytes.substr(0, i));
    // With a right hash too: the lengths must give it away.
    readError(sealProgram(bytes.substr(0, i)));
  }
  readError(sealProgram(bytes + std::string(1, 0)));
}

// Past the hash, every change is either refused or means what it says.
TEST(ProgramFileTest, SealedDamageIsRefusedOrRead) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 r(seed);
  const std::string bytes = writeProgram(sample());
  size_t read = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bad = bytes;
    for (int k = 1 + int(r() % 3); k > 0; --k) {
      const size_t at = 24 + r() % (bad.size() - 24);
      const char values[] = {char(r()), char(bad[at] ^ (1 << r() % 8)), 0, -1};
      bad[at] = values[r() % 4];
    }
    bad = sealProgram(bad);
    Program p;
    std::string error;
    if (!readProgram(bad, p, error)) {
      EXPECT_FALSE(error.empty());
      continue;
    }
    ++read;
    EXPECT_EQ(writeProgram(p), bad);
    EXPECT_FALSE(text(p).empty());
  }
  EXPECT_GT(read, 100u);
}

TEST(ProgramFileTest, BadParts) {
  const auto change = [](auto fn) {
    Program p = sample();
    fn(p);
    return readError(writeProgram(p));
  };
  EXPECT_EQ(change([](Program &p) { p.schedule.buffers[0].name = "a\nb"; }),
            "program file: buffer 0: name: expected UTF-8 without control "
            "characters, found byte 10 at 1");
  EXPECT_EQ(change([](Program &p) { p.schedule.name = "\xc0\xaf"; }),
            "program file: name: expected UTF-8 without control characters, "
            "found byte 192 at 0");
  EXPECT_EQ(change([](Program &p) { p.schedule.buffers[1].view = 1; }),
            "program file: buffer 1: view: expected an index below 1, found 1");
  EXPECT_EQ(change([](Program &p) {
              p.schedule.buffers[0].shape = {int64_t(1) << 32, int64_t(1)
                                                                   << 32};
            }),
            "program file: buffer 0: expected at most 70368744177664 bytes");
  EXPECT_EQ(change([](Program &p) { p.schedule.buffers[0].shape = {-1}; }),
            "program file: buffer 0: expected dimensions of at least 1, "
            "found -1");
  EXPECT_EQ(change([](Program &p) { p.schedule.tasks[0].ops[0].name = "no"; }),
            "program file: task 0: operator 0: unknown operator 'no'");
  EXPECT_EQ(change([](Program &p) {
              p.schedule.tasks[0].ops[0].operands.pop_back();
            }),
            "program file: task 0: operator 0: operator 'linear': expected 3 "
            "operands, found 2");
  EXPECT_EQ(change([](Program &p) { p.kernel.placements[0].offset = 64; }),
            "program file: placement: expected an offset that is a multiple "
            "of 128, found 64");
  EXPECT_EQ(change([](Program &p) { p.kernel.placements[1].bytes = 4095; }),
            "program file: placement: buffer 'w': expected at least 4096 "
            "bytes, found 4095");
  EXPECT_EQ(change([](Program &p) { p.kernel.blobs[0].offset = 65535; }),
            "program file: blob 'plan': 8 bytes at 65535 are not inside the "
            "arena of 65536");
  EXPECT_EQ(change([](Program &p) { p.kernel.zeroBytes = ~uint64_t(0); }),
            "program file: cleared bytes: 18446744073709551615 at 128 are not "
            "inside the arena of 65536");
  EXPECT_EQ(change([](Program &p) { p.kernel.workers = ~0u; }),
            "program file: watchdog record: 68719476736 bytes at 256 are not "
            "words inside the arena of 65536");
}

} // namespace
