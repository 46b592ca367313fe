//===- V9Test.cpp - V9: proxies -------------------------------------------===//

#include "Builder.h"

using namespace amk::core;
using namespace amk::core::test;

namespace {

/// Row for row between a matrix and a vector of any kind: the streamer reads
/// the matrix, by the ring if its task has a stream, and the filler writes it.
class RowOperator : public OperatorModel {
public:
  explicit RowOperator(bool streams) : streams(streams) {}
  std::string_view name() const override {
    return streams ? "streamer" : "filler";
  }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  unsigned streamedOperand() const override { return streams ? 0 : kNone; }
  std::string verify(const Schedule &, const Operator &) const override {
    return {};
  }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 8;
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    for (const bool write : {false, true}) {
      const uint32_t buffer = op.operands[write];
      const uint64_t row = s.buffers[buffer].regionBytes() / 8;
      out.push_back(
          {buffer,
           write,
           Position::None,
           {uint64_t(tile.lo) * row, uint64_t(tile.size()) * row, 0, 1}});
    }
  }

private:
  bool streams;
};

/// Writes a cache at the positions that it is asked to: kv_append writes this
/// one only.
class CacheWriter : public OperatorModel {
public:
  explicit CacheWriter(Position position) : position(position) {}
  std::string_view name() const override {
    return position == Position::Past ? "rewrite" : "append";
  }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  std::string verify(const Schedule &, const Operator &) const override {
    return {};
  }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 1;
  }
  void accesses(const Schedule &s, const Operator &op, Range,
                std::vector<Access> &out) const override {
    const uint32_t cache = op.operands[1];
    out.push_back(
        {cache, true, position, {0, s.buffers[cache].regionBytes(), 0, 1}});
  }

private:
  Position position;
};

struct V9Test : testing::Test {
  Builder b;
  uint32_t x = b.input("x", 8), y = b.output("y", 8);
  uint32_t m =
      b.buffer("m", BufferKind::Activation, ElementType::BF16, {8, 128});
  uint32_t c = b.counters("c");
  V9Test() {
    registerOperator(std::make_unique<RowOperator>(true));
    registerOperator(std::make_unique<RowOperator>(false));
    b.s.ring = Ring{8, 1024, 1, 1, 8};
  }
  void fill(std::vector<uint32_t> bounds = {},
            std::vector<uint32_t> workers = {}) {
    b.task("write", Builder::op("filler", {x, m}), std::move(bounds),
           std::move(workers));
  }
  Task &stream(uint32_t from, std::vector<uint32_t> bounds = {},
               std::vector<uint32_t> workers = {}) {
    Task &t = b.task("stream", Builder::op("streamer", {from, y}),
                     std::move(bounds), std::move(workers));
    t.stream = {4, 128, 0};
    return t;
  }
};

TEST_F(V9Test, StreamedActivation) {
  fill({}, {0});
  stream(m, {}, {1});
  b.signal(0, c);
  b.wait(1, c, 1); // orders the tiles, but the loader does not wait
  EXPECT_EQ(b.check(),
            "V9: task 'stream' operator 0 'streamer' tile 0: streams bytes [0, "
            "2048) of 'm', which task 'write' tile 0 writes in the same "
            "launch: the loader waits for nobody, so no fence can stand "
            "between\n"
            "  note: task 'write' tile 0 writes 'm' there\n");
  // Read directly it is an ordinary read.
  b.s.tasks[1].stream = {};
  EXPECT_EQ(b.check(), "");
}

TEST_F(V9Test, AlsoInProgramOrder) {
  b.s.concurrent = false;
  fill();
  stream(m);
  EXPECT_EQ(b.check().substr(0, 3), "V9:");
}

TEST_F(V9Test, BytesThatAreRead) {
  // Each tile's own rows: only the second tile's are written.
  fill({0, 4, 8}, {0, 1});
  stream(m, {0, 4, 8}, {0, 1});
  EXPECT_NE(b.check().find("tile 0: streams bytes [0, 1024) of 'm', which task "
                           "'write' tile 0 writes"),
            std::string::npos);
  EXPECT_NE(b.check().find("tile 1: streams bytes [1024, 2048) of 'm', which "
                           "task 'write' tile 1 writes"),
            std::string::npos);
}

TEST_F(V9Test, WhatIsThereBeforeTheLaunch) {
  b.s.buffers[m].kind = BufferKind::Input;
  stream(m);
  EXPECT_EQ(b.check(), "");
  b.s.tasks.clear();
  stream(b.weight("w", 8, 128));
  EXPECT_EQ(b.check(), "");
}

TEST_F(V9Test, PageOfWhatIsWritten) {
  // 'm' itself nobody writes, but what shares its page.
  const uint32_t v = b.value("v", 8), z = b.output("z", 8);
  b.hash("write", x, v, {}, {0});
  b.hash("read", v, z, {}, {0});
  stream(m, {}, {0});
  b.s.buffers[m].space = b.s.buffers[v].space = Space::Scratch;
  b.s.buffers[v].pageOffset = 2048;
  EXPECT_EQ(b.check(), "V6: task 'stream' operator 0 'streamer' tile 0: reads "
                       "bytes [0, 2048) of 'm', which nothing has written\n"
                       "  note: the buffer\n");
  b.s.buffers[v].pageOffset = 0;
  EXPECT_EQ(b.check(),
            "V9: task 'stream' operator 0 'streamer' tile 0: streams bytes [0, "
            "32) of 'm', which task 'write' tile 0 writes in the same launch: "
            "the loader waits for nobody, so no fence can stand between\n"
            "  note: task 'write' tile 0 writes 'v' there\n");
}

/// What attention_partial streams of a cache, after `writer` has written it.
std::string streamCache(const char *writer, bool concurrent) {
  registerOperator(std::make_unique<CacheWriter>(Position::Past));
  registerOperator(std::make_unique<CacheWriter>(Position::Now));
  Builder b;
  b.s.positions = 64;
  b.s.numerics = {128, 16, 1, 2};
  b.s.ring = Ring{8, 4096, 1, 1, 8};
  b.s.concurrent = concurrent;
  const uint32_t x = b.input("x", 64, ElementType::BF16);
  const uint32_t kv =
      b.buffer("kv", BufferKind::KvCache, ElementType::BF16, {2, 1, 64, 64});
  const uint32_t y = b.output("y", 96);
  const uint32_t c = b.counters("c");
  b.task("write", Builder::op(writer, {x, kv}), {}, {0});
  Operator op = Builder::op("attention_partial", {x, kv, y});
  op.attributes = {{"group", false, 1, 0},
                   {"head_dim", false, 64, 0},
                   {"query_row", false, 0, 0}};
  b.task("stream", op, {}, {1}).stream = {16, 64, 0};
  b.signal(0, c);
  b.wait(1, c, 1);
  return b.check();
}

TEST_F(V9Test, EarlierPositionsOfACache) {
  std::string expected; // the keys, then the values
  for (const char *bytes : {"[0, 128)", "[128, 256)"})
    expected += "V9: task 'stream' operator 0 'attention_partial' tile 0: "
                "streams bytes " +
                std::string(bytes) +
                " of 'kv', which task 'write' tile 0 writes in the same "
                "launch: the loader waits for nobody, so no fence can stand "
                "between\n"
                "  note: task 'write' tile 0 writes 'kv' there\n";
  EXPECT_EQ(streamCache("rewrite", true), expected);
  EXPECT_EQ(streamCache("rewrite", false), expected);
}

TEST_F(V9Test, ThisPositionOfACache) {
  EXPECT_EQ(streamCache("append", true), "");
  EXPECT_EQ(streamCache("append", false), "");
}

TEST_F(V9Test, LocalValue) {
  b.s.buffers[m].kind = BufferKind::Local;
  stream(m);
  EXPECT_EQ(b.check(),
            "V9: task 'stream' operator 0 'streamer': streams 'm', a value "
            "that the tile itself makes: expected one that is there before the "
            "launch\n");
}

} // namespace
