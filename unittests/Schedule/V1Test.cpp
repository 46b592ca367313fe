//===- V1Test.cpp - V1: everything resolves and fits ----------------------===//

#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// x -> y, cut in two, and a product with a stream.
struct V1Test : testing::Test {
  Builder b{false};
  uint32_t x = b.input("x", 8), y = b.value("y", 8, ElementType::BF16);
  uint32_t z = b.output("z", 4);
  uint32_t w = b.weight("w", 6, 128);
  uint32_t v = b.input("v", 128, ElementType::BF16);
  uint32_t out = b.output("out", 6);
  V1Test() {
    b.task("first", Builder::op("round", {x, y}), {0, 4, 8}, {0, 1});
    b.hash("second", y, z);
    b.task("product", Builder::op("linear", {v, w, out}), {0, 4, 6});
  }
  void expect(const char *message) {
    EXPECT_NE(b.check().find(message), std::string::npos)
        << "expected: " << message << "\nfound: " << b.check();
  }
  Task &first() { return b.s.tasks[0]; }
  Task &product() { return b.s.tasks[2]; }
};

TEST_F(V1Test, Legal) { EXPECT_EQ(b.check(), ""); }

TEST_F(V1Test, TwoBuffersOfOneName) {
  b.s.buffers[y].name = "x";
  expect("V1: buffer 'x': expected buffer names to be unique, found 'x' twice\n"
         "  note: the other one");
}

TEST_F(V1Test, TwoTasksOfOneName) {
  b.s.tasks[1].name = "first";
  expect("V1: task 'first': expected task names to be unique");
}

TEST_F(V1Test, NoDimension) {
  b.s.buffers[x].shape = {0};
  expect("V1: buffer 'x': expected dimensions of at least 1, found 0");
}

TEST_F(V1Test, SizeOverflows) {
  b.s.buffers[x].shape = {int64_t(1) << 62, 8};
  expect("V1: buffer 'x': expected at most 70368744177664 bytes");
}

TEST_F(V1Test, WeightWithoutView) {
  b.s.buffers[w].view = 7;
  expect("V1: buffer 'w': expected a weight view below 1, found 7");
}

TEST_F(V1Test, ViewOfOtherRows) {
  b.s.views[0].parts[0].rows = 5;
  expect("V1: buffer 'w': expected 6 rows, found 5 in its tensors");
}

TEST_F(V1Test, ViewSplitsAHead) {
  b.s.views[0].parts[0].ropeHeadDim = 4;
  expect("expected whole heads of an even size, found 6 rows and head dim 4");
}

TEST_F(V1Test, CacheOfOtherShape) {
  b.buffer("kv", BufferKind::KvCache, ElementType::BF16, {2, 1, 15, 4});
  expect("V1: buffer 'kv': expected a KV cache of shape [2, kv heads, 16, "
         "head dim]");
}

TEST_F(V1Test, ConstantWithoutTable) {
  b.buffer("c", BufferKind::Constant, ElementType::F32, {4});
  expect("V1: buffer 'c': expected a RoPE table below 0");
}

TEST_F(V1Test, PageOfAnOutput) {
  b.s.buffers[z].space = Space::Scratch;
  expect("V1: buffer 'z': expected storage of its own for output, found a page "
         "of scratch");
}

TEST_F(V1Test, UnknownOperator) {
  first().ops[0].name = "sqrt";
  expect("V1: task 'first' operator 0 'sqrt': unknown operator 'sqrt'");
}

TEST_F(V1Test, OperandCount) {
  first().ops[0].operands.pop_back();
  expect("V1: task 'first' operator 0 'round': expected 2 operands, found 1");
}

TEST_F(V1Test, OperandDoesNotResolve) {
  first().ops[0].operands[1] = 99;
  expect("V1: task 'first' operator 0 'round': expected a buffer below 6, "
         "found 99");
}

TEST_F(V1Test, ElementType) {
  b.s.buffers[y].type = ElementType::F32;
  expect("V1: task 'first' operator 0 'round': output 'y': expected 8xbf16, "
         "found 8xf32");
}

TEST_F(V1Test, InputIsWritten) {
  b.s.buffers[y].kind = BufferKind::Input;
  expect("V1: task 'first' operator 0 'round': writes 'y', which is input and "
         "never written\n  note: the buffer");
}

TEST_F(V1Test, PrologueWritesGlobal) {
  first().ops[0].prologue = true;
  expect("expected a prologue to write local buffers, found activation 'y'");
}

TEST_F(V1Test, OnlyPrologues) {
  const uint32_t l = b.local("l", 8, ElementType::BF16);
  b.task("third", Builder::op("round", {x, l})).ops[0].prologue = true;
  expect("V1: task 'third': expected an operator that is no prologue");
}

TEST_F(V1Test, NoOperator) {
  b.s.tasks[1].ops.clear();
  expect("V1: task 'second': expected at least one operator");
}

TEST_F(V1Test, LatePrologue) {
  const uint32_t l = b.local("l", 8, ElementType::BF16);
  first().ops.push_back(Builder::op("round", {x, l}));
  first().ops[1].prologue = true;
  expect("V1: task 'first' operator 1 'round': expected prologues before the "
         "operator that is cut");
}

TEST_F(V1Test, LocalOfTwoTasks) {
  b.s.buffers[y].kind = BufferKind::Local;
  expect("V1: task 'second' operator 0 'hash': uses 'y', which is local to "
         "another task\n  note: the other task");
}

TEST_F(V1Test, ExtentsDoNotChain) {
  first().ops.push_back(Builder::op("hash", {y, z}));
  expect("V1: task 'first' operator 1 'hash': expected an extent of 8, found "
         "4");
}

TEST_F(V1Test, BoundsOfOtherExtent) {
  first().bounds = b.s.addTable({0, 4, 7});
  expect("V1: task 'first': expected bounds from 0 to 8, found 0 to 7");
}

TEST_F(V1Test, BoundsDoNotRise) {
  first().bounds = b.s.addTable({0, 4, 4, 8});
  expect("V1: task 'first': expected rising bounds, found 4 after 4");
}

TEST_F(V1Test, EmptyBounds) {
  first().bounds = b.s.addTable({});
  expect("V1: task 'first': expected bounds from 0 to 8, found none to none");
}

TEST_F(V1Test, CutSplitsAGate) {
  const uint32_t h = b.output("h", 4);
  b.task("gate", Builder::op("swiglu", {x, h}), {0, 3, 8});
  expect("V1: task 'gate' operator 0 'swiglu' tile 1: expected a bound that is "
         "a multiple of 2, found 3");
  b.s.tasks.back().bounds = b.s.addTable({0, 2, 8});
  EXPECT_EQ(b.check(), "");
}

TEST_F(V1Test, WorkerCountAndRange) {
  first().workers = b.s.addTable({0, 1, 2});
  expect("V1: task 'first': workers: expected 2 entries, one a tile, found 3");
  first().workers = b.s.addTable({0, 4});
  expect("V1: task 'first' tile 1: expected a worker below 4, found 4");
  first().workers = b.s.addTable({0, 3});
  EXPECT_EQ(b.check(), "");
}

TEST_F(V1Test, TableDoesNotResolve) {
  first().workers = 77;
  expect("V1: task 'first': workers: expected a table below");
}

TEST_F(V1Test, SlotsForSome) {
  first().slots = b.s.addTable({0, 0});
  expect("expected slots, since another task has them, found none\n  note: the "
         "other task");
}

TEST_F(V1Test, SlotTaken) {
  first().slots = b.s.addTable({5, 5});
  b.s.tasks[1].slots = b.s.addTable({6});
  product().slots = b.s.addTable({7, 5});
  expect("V1: task 'product' tile 1: expected a slot of its own, found slot 5 "
         "of worker 0 taken\n  note: the other tile");
  product().slots = b.s.addTable({7, 8});
  EXPECT_EQ(b.check(), "");
}

TEST_F(V1Test, FanOutsideItsArray) {
  const uint32_t c = b.counters("c", 2);
  b.signal(0, c);
  first().signals[0].fan.first = b.s.addTable({1, 2});
  expect("V1: task 'first' tile 1: signal: expected counters within 0 to 1 of "
         "'c', found 2 to 2\n  note: the counters");
  first().signals[0].fan.first = b.s.addTable({1, 0});
  EXPECT_EQ(b.check(), "");
  first().signals[0].counters = 3;
  expect("V1: task 'first': signal: expected counters below 1, found 3");
}

TEST_F(V1Test, FanRunsBackwards) {
  b.signal(0, b.counters("c", 4));
  first().signals[0].fan = {b.s.addTable({2}), b.s.addTable({1})};
  expect("found 2 to 1");
}

TEST_F(V1Test, ThresholdsPerTile) {
  const uint32_t c = b.counters("c");
  b.wait(0, c, 1);
  first().waits[0].threshold = b.s.addTable({1, 1, 1});
  expect("V1: task 'first': thresholds: expected 2 entries, one a tile, found "
         "3");
}

TEST_F(V1Test, NoCounters) {
  b.counters("c", 0);
  expect("V1: counter 'c': expected at least one counter, found none");
}

TEST_F(V1Test, Streams) {
  product().stream = {4, 128, 0};
  expect("V1: task 'product': stream: expected a ring to stream through, found "
         "none");
  b.s.ring = Ring{2, 1024, 1, 1, 1};
  EXPECT_EQ(b.check(), "");
  b.s.ring->bytes = 4096;
  product().stream.rows = 8;
  expect("expected stages of 4 rows, found 8");
  product().stream = {4, 64, 0};
  expect("expected stages of a multiple of 128 columns, found 64");
  product().stream = {4, 256, 0};
  expect("expected columns that divide the 128 of 'w', found 256");
  product().stream = {4, 128, 0};
  product().stream = {0, 128, 0};
  expect("expected rows of at least 1 or no stream, found 0 rows of 128 "
         "columns, 0 held");
  product().stream = {4, 128, 0};
  product().bounds = b.s.addTable({0, 3, 6});
  expect("expected a bound that is a multiple of 4, found 3");
  first().stream = {4, 128, 0};
  expect("V1: task 'first': stream: expected an operator with a weight or "
         "a cache to stream, found none");
}

TEST_F(V1Test, PacketGroups) {
  Buffer &p = b.s.buffers[y];
  p.packetElements = 6;
  p.packetTiles = b.s.addTable({0, 4, 8});
  EXPECT_EQ(b.check(), "");
  p.packetTiles = kNone;
  expect("V1: task 'first' operator 0 'round' tile 0: expected to write whole "
         "groups of packets of 'y', found elements 0 to 4");
  p.packetTiles = b.s.addTable({0, 4, 7});
  expect("V1: buffer 'y': packet groups: expected bounds from 0 to 8");
  p.packetTiles = b.s.addTable({0, 4, 4, 8});
  expect("packet groups: expected rising bounds, found 4 after 4");
  p.packetElements = 7;
  expect("V1: buffer 'y': expected packets of at most 6 values, found 7");
  p.packetElements = 0;
  EXPECT_EQ(b.check(), "");
  p.packetTiles = 99;
  expect("V1: buffer 'y': packet groups: expected a table below ");
}

TEST_F(V1Test, PacketsOfOtherBuffers) {
  b.s.buffers[x].packetElements = 4;
  expect("V1: buffer 'x': expected packets of a bf16 or f32 activation, found "
         "f32 input");
  b.s.buffers[x].packetElements = 0;
  b.s.buffers[y].packetElements = 4;
  b.s.buffers[y].space = Space::Shared;
  expect("V1: buffer 'y': expected packets in global or cluster memory, found "
         "shared");
}

TEST_F(V1Test, PacketWrittenTwice) {
  b.s.buffers[y].packetElements = 6;
  b.s.buffers[y].packetTiles = b.s.addTable({0, 4, 8});
  b.task("again", Builder::op("round", {x, y}));
  expect("V1: task 'again' tile 0: writes packets of 'y' that are written "
         "already: expected one write a launch\n  note: the other write is of "
         "task 'first' tile ");
}

/// Writes one element too many.
class Outside : public OperatorModel {
public:
  std::string_view name() const override { return "test_outside"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  std::string verify(const Schedule &, const Operator &) const override {
    return {};
  }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 4;
  }
  void accesses(const Schedule &, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    Access a;
    a.buffer = op.operands[1];
    a.write = true;
    a.region = {uint64_t(tile.lo * 4), uint64_t((tile.size() + 1) * 4), 0, 1};
    out.push_back(a);
  }
};

TEST_F(V1Test, RegionLeavesItsBuffer) {
  registerOperator(std::make_unique<Outside>());
  b.s.tasks[1].ops[0].name = "test_outside";
  expect(
      "V1: task 'second' operator 0 'test_outside' tile 0: expected to touch "
      "bytes of 'z' below 16, found 1 times 20 bytes from 0 by 0");
  b.s.tasks[1].ops[0].operands[1] = b.local("l", 4);
  expect(
      "V1: task 'second' operator 0 'test_outside' tile 0: expected to touch "
      "bytes of 'l' below 16, found up to 20");
  b.s.buffers.back().shape = {5};
  EXPECT_EQ(b.check(), "V6: buffer 'z': expected an output to be fully "
                       "written, found nothing to write bytes [0, 16)\n");
}

TEST_F(V1Test, InPlaceElementByElement) {
  const uint32_t r = b.value("r", 8);
  b.task("set", Builder::op("hash", {x, r}));
  b.task("update", Builder::op("add", {r, x, r}), {0, 4, 8});
  EXPECT_EQ(b.check(), "");
  b.task("mix", Builder::op("hash", {r, r}), {0, 4, 8});
  expect("V1: task 'mix' operator 0 'hash' tile 0: writes bytes from 0 of 'r' "
         "and touches others from 0 that overlap them");
}

TEST_F(V1Test, HeadsOverflow) {
  b.s.positions = 1;
  const uint32_t kv = b.buffer("kv", BufferKind::KvCache, ElementType::BF16,
                               {2, int64_t(1) << 40, 1, 2});
  const uint32_t o = b.output("o", 4);
  Operator attend = Builder::op("attention", {v, v, v, kv, o});
  attend.attributes = {{"group", false, 1 << 16, 0},
                       {"head_dim", false, 1 << 16, 0}};
  b.task("attend", attend);
  expect("cache 'kv': expected 1 to 16777216 heads, found 1099511627776");
}

} // namespace
