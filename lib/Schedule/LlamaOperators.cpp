//===- LlamaOperators.cpp - Models of the built-in operators --------------===//
//
// All arithmetic is in float32. Rounding to bf16 is an operator of its own
// (`round`), so a pass cannot move or drop a rounding unseen.
//
//===----------------------------------------------------------------------===//

#include "LlamaOperators.h"

#include "AMK/Schedule/SharedLayout.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace amk::core {

namespace {

using Shape = std::vector<int64_t>;

std::string shapeText(ElementType type, const Shape &shape) {
  std::ostringstream os;
  for (int64_t d : shape)
    os << d << 'x';
  os << toString(type);
  return os.str();
}

const Buffer &operand(const Schedule &s, const Operator &op, unsigned i) {
  return s.buffers[op.operands[i]];
}

/// Empty if operand `i` has the type and shape, else what was found.
std::string expect(const Schedule &s, const Operator &op, unsigned i,
                   std::string_view what, ElementType type,
                   const Shape &shape) {
  const Buffer &b = operand(s, op, i);
  if (b.type == type && b.shape == shape)
    return {};
  return std::string(what) + " '" + b.name + "': expected " +
         shapeText(type, shape) + ", found " + shapeText(b.type, b.shape);
}

std::string expectKind(const Schedule &s, const Operator &op, unsigned i,
                       std::string_view what, BufferKind kind) {
  const Buffer &b = operand(s, op, i);
  if (b.kind == kind)
    return {};
  return std::string(what) + " '" + b.name + "': expected a " +
         std::string(toString(kind)) + " buffer, found " +
         std::string(toString(b.kind));
}

/// The first non-empty message.
std::string firstOf(std::initializer_list<std::string> messages) {
  for (const std::string &m : messages)
    if (!m.empty())
      return m;
  return {};
}

std::string expectInt(const Operator &op, std::string_view name, int64_t lo,
                      int64_t hi) {
  if (!op.has(name))
    return "expected attribute '" + std::string(name) + "'";
  const int64_t v = op.getInt(name);
  if (v >= lo && v <= hi)
    return {};
  return "attribute '" + std::string(name) + "': expected " +
         std::to_string(lo) + " to " + std::to_string(hi) + ", found " +
         std::to_string(v);
}

/// Elements [lo, hi) of operand `i`.
void touch(const Schedule &s, const Operator &op, unsigned i, bool write,
           Range r, std::vector<Access> &out) {
  if (r.empty())
    return;
  const uint64_t w = byteWidth(operand(s, op, i).type);
  Access a;
  a.buffer = op.operands[i];
  a.write = write;
  a.region = {uint64_t(r.lo) * w, uint64_t(r.size()) * w, 0, 1};
  out.push_back(a);
}

void touchAll(const Schedule &s, const Operator &op, unsigned i, bool write,
              std::vector<Access> &out) {
  touch(s, op, i, write, {0, operand(s, op, i).elements()}, out);
}

int64_t length(const Schedule &s, const Operator &op, unsigned i) {
  const Buffer &b = operand(s, op, i);
  return b.shape.empty() ? 0 : b.shape[0];
}

/// Operators whose output element i depends on element i of every input.
template <unsigned Inputs>
class Elementwise : public OperatorModel {
public:
  Elementwise(std::string_view name, ElementType out)
      : mnemonic(name), outType(out) {}
  std::string_view name() const override { return mnemonic; }
  unsigned inputs() const override { return Inputs; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 0);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Shape shape{extent(s, op)};
    for (unsigned i = 0; i < Inputs; ++i)
      if (std::string m = expect(s, op, i, "input", ElementType::F32, shape);
          !m.empty())
        return m;
    return expect(s, op, Inputs, "output", outType, shape);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    for (unsigned i = 0; i < Inputs; ++i)
      touch(s, op, i, false, tile, out);
    touch(s, op, Inputs, true, tile, out);
  }

private:
  std::string_view mnemonic;
  ElementType outType;
};

class Embed : public OperatorModel {
public:
  std::string_view name() const override { return "embed"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 2);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    return firstOf(
        {expect(s, op, 0, "token", ElementType::I32, {1}),
         expectKind(s, op, 1, "table", BufferKind::Weight),
         expect(s, op, 1, "table", ElementType::BF16,
                {length(s, op, 1), extent(s, op)}),
         expect(s, op, 2, "output", ElementType::F32, {extent(s, op)})});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    touchAll(s, op, 0, false, out);
    // Columns [lo, hi) of one row that only the launch knows.
    Access a;
    a.buffer = op.operands[1];
    const uint64_t w = byteWidth(operand(s, op, 1).type);
    a.region = {uint64_t(tile.lo) * w, uint64_t(tile.size()) * w,
                uint64_t(extent(s, op)) * w, uint64_t(length(s, op, 1))};
    out.push_back(a);
    touch(s, op, 2, true, tile, out);
  }
  Cost cost(const Schedule &, const Operator &, Range tile) const override {
    return {uint64_t(tile.size()) * 2, 0};
  }
};

class RmsNorm : public OperatorModel {
public:
  std::string_view name() const override { return "rms_norm"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 2; }
  // The scale needs every element, so the operator is never cut.
  bool gathers(unsigned operand) const override { return operand == 0; }
  bool gathersWhole(unsigned operand) const override { return operand == 0; }
  bool sumsSquares() const override { return true; }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 1;
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Shape shape{length(s, op, 0)};
    const double eps = op.getFloat("eps", -1);
    if (!(eps > 0 && std::isfinite(eps)))
      return "attribute 'eps': expected a positive, finite number";
    return firstOf({expect(s, op, 0, "input", ElementType::BF16, shape),
                    expect(s, op, 1, "gain", ElementType::BF16, shape),
                    expect(s, op, 2, "output", ElementType::F32, shape),
                    expect(s, op, 3, "scale", ElementType::F32, {1})});
  }
  void accesses(const Schedule &s, const Operator &op, Range,
                std::vector<Access> &out) const override {
    touchAll(s, op, 0, false, out);
    touchAll(s, op, 1, false, out);
    touchAll(s, op, 2, true, out);
    touchAll(s, op, 3, true, out);
  }
};

class Linear : public OperatorModel {
public:
  std::string_view name() const override { return "linear"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand == 0; }
  bool gathersWhole(unsigned operand) const override { return operand == 0; }
  unsigned streamedOperand() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 1);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    return firstOf(
        {expect(s, op, 0, "input", ElementType::BF16, {length(s, op, 0)}),
         expectKind(s, op, 1, "weight", BufferKind::Weight),
         expect(s, op, 1, "weight", ElementType::BF16,
                {extent(s, op), length(s, op, 0)}),
         expect(s, op, 2, "output", ElementType::F32, {extent(s, op)})});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    const int64_t columns = length(s, op, 0);
    touchAll(s, op, 0, false, out);
    touch(s, op, 1, false, {tile.lo * columns, tile.hi * columns}, out);
    touch(s, op, 2, true, tile, out);
  }
  Cost cost(const Schedule &s, const Operator &op, Range tile) const override {
    const uint64_t products =
        uint64_t(tile.size()) * uint64_t(length(s, op, 0));
    return {products * 2, products * 2};
  }
};

class Scale : public OperatorModel {
public:
  std::string_view name() const override { return "scale"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 0);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Shape shape{extent(s, op)};
    return firstOf({expect(s, op, 0, "input", ElementType::F32, shape),
                    expect(s, op, 1, "scale", ElementType::F32, {1}),
                    expect(s, op, 2, "output", ElementType::F32, shape)});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    touch(s, op, 0, false, tile, out);
    touchAll(s, op, 1, false, out);
    touch(s, op, 2, true, tile, out);
  }
};

class Rope : public OperatorModel {
public:
  std::string_view name() const override { return "rope"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 0);
  }
  int64_t granule(const Schedule &, const Operator &) const override {
    return 2; // a pair is rotated together
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const int64_t n = extent(s, op), d = op.getInt("head_dim");
    if (std::string m = firstOf({expectInt(op, "head_dim", 2, 1 << 16),
                                 expectInt(op, "rotated_rows", 0, n)});
        !m.empty())
      return m;
    if (d % 2 || op.getInt("rotated_rows") % d)
      return "expected whole heads of an even size, found rotated_rows " +
             std::to_string(op.getInt("rotated_rows")) + " and head_dim " +
             std::to_string(d);
    return firstOf(
        {expect(s, op, 0, "input", ElementType::F32, {n}),
         expectKind(s, op, 1, "table", BufferKind::Constant),
         expect(s, op, 1, "table", ElementType::F32, {s.positions, d / 2, 2}),
         expect(s, op, 2, "output", ElementType::F32, {n})});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    touch(s, op, 0, false, tile, out);
    touchAll(s, op, 1, false, out);
    touch(s, op, 2, true, tile, out);
  }
  Cost cost(const Schedule &, const Operator &, Range tile) const override {
    return {uint64_t(tile.size()) * 4, uint64_t(tile.size()) * 3};
  }
};

class KvAppend : public OperatorModel {
public:
  std::string_view name() const override { return "kv_append"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 0);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const int64_t n = extent(s, op);
    const Buffer &cache = operand(s, op, 1);
    if (std::string m =
            firstOf({expectKind(s, op, 1, "cache", BufferKind::KvCache),
                     expectInt(op, "from", 0, n)});
        !m.empty())
      return m;
    if (cache.shape.size() != 4)
      return "cache '" + cache.name +
             "': expected [2, kv heads, positions, head dim], found " +
             shapeText(cache.type, cache.shape);
    const int64_t rows = cache.shape[0] * cache.shape[1] * cache.shape[3];
    return firstOf({expect(s, op, 0, "input", ElementType::BF16, {n}),
                    expect(s, op, 1, "cache", ElementType::BF16,
                           {2, cache.shape[1], s.positions, cache.shape[3]}),
                    expectInt(op, "to", 0, rows - (n - op.getInt("from")))});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    const int64_t from = op.getInt("from"), to = op.getInt("to");
    const Range r{std::max(tile.lo, from), tile.hi};
    if (r.empty())
      return;
    touch(s, op, 0, false, r, out);
    touch(s, op, 1, true, {r.lo - from + to, r.hi - from + to}, out);
    out.back().position = Position::Now;
  }
};

/// What the three attention operators have in common: a cache, heads in groups,
/// and rows of the query, key and value in their operands.
class AttentionOperator : public OperatorModel {
protected:
  static int64_t kvHeads(const Schedule &s, const Operator &op,
                         unsigned cache) {
    const Buffer &b = operand(s, op, cache);
    return b.shape.size() == 4 ? b.shape[1] : 0;
  }

  /// Also keeps the products of heads and dimensions in range.
  static std::string verifyCache(const Schedule &s, const Operator &op,
                                 unsigned index) {
    const Buffer &cache = operand(s, op, index);
    if (std::string m =
            firstOf({expectKind(s, op, index, "cache", BufferKind::KvCache),
                     expectInt(op, "group", 1, 1 << 16),
                     expectInt(op, "head_dim", 2, 1 << 16)});
        !m.empty())
      return m;
    if (cache.shape.size() != 4)
      return "cache '" + cache.name +
             "': expected [2, kv heads, positions, head dim], found " +
             shapeText(cache.type, cache.shape);
    if (cache.shape[1] < 1 || cache.shape[1] > 1 << 24)
      return "cache '" + cache.name +
             "': expected 1 to 16777216 heads, found " +
             std::to_string(cache.shape[1]);
    return expect(s, op, index, "cache", ElementType::BF16,
                  {2, cache.shape[1], s.positions, op.getInt("head_dim")});
  }

  /// A bf16 operand that holds `heads` heads from the row that `row` names on.
  static std::string verifyHeads(const Schedule &s, const Operator &op,
                                 unsigned index, std::string_view what,
                                 std::string_view row, int64_t heads) {
    const int64_t rows = length(s, op, index);
    return firstOf(
        {expect(s, op, index, what, ElementType::BF16, {rows}),
         expectInt(op, row, 0, rows - heads * op.getInt("head_dim"))});
  }

  /// Query, key, value and cache of an operator that adds this position.
  static std::string verifyInputs(const Schedule &s, const Operator &op) {
    if (std::string m = verifyCache(s, op, 3); !m.empty())
      return m;
    const int64_t kv = kvHeads(s, op, 3);
    return firstOf(
        {verifyHeads(s, op, 0, "query", "query_row", kv * op.getInt("group")),
         verifyHeads(s, op, 1, "key", "key_row", kv),
         verifyHeads(s, op, 2, "value", "value_row", kv)});
  }
  /// The results of all heads, behind such inputs.
  static std::string verifyOutput(const Schedule &s, const Operator &op,
                                  unsigned index) {
    return expect(
        s, op, index, "output", ElementType::F32,
        {kvHeads(s, op, 3) * op.getInt("group") * op.getInt("head_dim")});
  }

  /// Splits other than the first; the pieces of the parts are by KV head, then
  /// by split.
  static int64_t otherSplits(const Schedule &s) {
    return s.numerics.kvSplits - 1;
  }
  static std::string verifyParts(const Schedule &s, const Operator &op,
                                 unsigned cache, unsigned parts) {
    const int64_t d = op.getInt("head_dim"), group = op.getInt("group");
    if (d % 2)
      return "attribute 'head_dim': expected an even number, found " +
             std::to_string(d);
    if (otherSplits(s) < 1)
      return "expected numerics of at least 2 kv_splits, found " +
             std::to_string(s.numerics.kvSplits);
    return expect(
        s, op, parts, "parts", ElementType::F32,
        {kvHeads(s, op, cache) * otherSplits(s) * partValues(group, d)});
  }

  /// The keys and the values of KV heads [lo, hi) at earlier positions.
  static void touchPast(const Schedule &s, const Operator &op, unsigned cache,
                        Range heads, std::vector<Access> &out) {
    const int64_t d = op.getInt("head_dim"), all = kvHeads(s, op, cache);
    for (int64_t plane = 0; plane < 2; ++plane) {
      const int64_t base = plane * all;
      touch(s, op, cache, false, {(base + heads.lo) * d, (base + heads.hi) * d},
            out);
      out.back().position = Position::Past;
    }
  }
  /// Heads [lo, hi) of an operand from the row that `row` names on.
  static void touchHeads(const Schedule &s, const Operator &op, unsigned index,
                         std::string_view row, Range heads,
                         std::vector<Access> &out) {
    const int64_t d = op.getInt("head_dim"), first = op.getInt(row);
    touch(s, op, index, false, {first + heads.lo * d, first + heads.hi * d},
          out);
  }

  /// Of `heads` query heads at the full cache, which is what the worst step
  /// costs; the keys and values are read once for `shared` heads.
  static Cost costOf(const Schedule &s, const Operator &op, uint64_t heads,
                     uint64_t shared) {
    const uint64_t values =
        heads * uint64_t(op.getInt("head_dim")) * uint64_t(s.positions);
    return {values * 4 / shared, values * 4};
  }
  static uint64_t groupOf(const Operator &op) {
    return uint64_t(std::max<int64_t>(op.getInt("group", 1), 1));
  }
};

class Attention : public AttentionOperator {
public:
  std::string_view name() const override { return "attention"; }
  unsigned inputs() const override { return 4; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand < 3; }
  int64_t granulesPerTile() const override { return 1; } // a head
  /// For the query, key and value of every head but the first.
  int64_t laterWaits(const Schedule &, const Operator &,
                     Range tile) const override {
    return std::max<int64_t>(tile.size() - 1, 0);
  }
  /// Query, key and value as float32; per warp an output and (maximum, sum);
  /// the results of all heads of the tile.
  uint64_t workingBytes(const Schedule &, const Operator &op,
                        int64_t longest) const override {
    const uint64_t d = uint64_t(op.getInt("head_dim"));
    return d * 4 * (3 + kConsumerWarps + uint64_t(longest)) +
           kConsumerWarps * 8;
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return kvHeads(s, op, 3) * op.getInt("group");
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    if (std::string m = verifyInputs(s, op); !m.empty())
      return m;
    return verifyOutput(s, op, 4);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    if (tile.empty())
      return;
    const int64_t group = op.getInt("group");
    const Range kv{tile.lo / group, (tile.hi - 1) / group + 1};
    touchHeads(s, op, 0, "query_row", tile, out);
    touchHeads(s, op, 1, "key_row", kv, out);
    touchHeads(s, op, 2, "value_row", kv, out);
    touchPast(s, op, 3, kv, out);
    touch(s, op, 4, true, mapTile(s, op, tile), out);
  }
  Range mapTile(const Schedule &, const Operator &op,
                Range tile) const override {
    const int64_t d = op.getInt("head_dim");
    return {tile.lo * d, tile.hi * d};
  }
  Cost cost(const Schedule &s, const Operator &op, Range tile) const override {
    return costOf(s, op, uint64_t(tile.size()), groupOf(op));
  }
};

/// Index kv * (splits - 1) + split - 1 of the parallel dimension is one split
/// but the first of one KV head, for all query heads of its group.
class AttentionPartial : public AttentionOperator {
public:
  std::string_view name() const override { return "attention_partial"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand == 0; }
  unsigned streamedCache() const override { return 1; }
  CachePiece cachePiece(const Schedule &s, const Operator &,
                        int64_t index) const override {
    return {index / otherSplits(s), index % otherSplits(s) + 1};
  }
  int64_t granulesPerTile() const override { return 1; } // a head's split
  uint64_t workingBytes(const Schedule &, const Operator &op,
                        int64_t) const override {
    return SplitArea(op.getInt("group"), op.getInt("head_dim")).total;
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return kvHeads(s, op, 1) * otherSplits(s);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    if (std::string m = verifyCache(s, op, 1); !m.empty())
      return m;
    const int64_t heads = kvHeads(s, op, 1) * op.getInt("group");
    return firstOf({verifyHeads(s, op, 0, "query", "query_row", heads),
                    verifyParts(s, op, 1, 2)});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    if (tile.empty())
      return;
    const int64_t splits = otherSplits(s), group = op.getInt("group");
    const Range kv{tile.lo / splits, (tile.hi - 1) / splits + 1};
    touchHeads(s, op, 0, "query_row", {kv.lo * group, kv.hi * group}, out);
    touchPast(s, op, 1, kv, out);
    touch(s, op, 2, true, mapTile(s, op, tile), out);
  }
  Range mapTile(const Schedule &, const Operator &op,
                Range tile) const override {
    const int64_t w = partValues(op.getInt("group"), op.getInt("head_dim"));
    return {tile.lo * w, tile.hi * w};
  }
  Cost cost(const Schedule &s, const Operator &op, Range tile) const override {
    const uint64_t group = groupOf(op);
    Cost c = costOf(s, op, uint64_t(tile.size()) * group, group);
    c.bytes /= uint64_t(s.numerics.kvSplits);
    c.operations /= uint64_t(s.numerics.kvSplits);
    return c;
  }
};

/// The first split of a KV head, with this launch's position, joined with what
/// attention_partial made of the others.
class AttentionJoin : public AttentionOperator {
public:
  std::string_view name() const override { return "attention_join"; }
  unsigned inputs() const override { return 5; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand != 3; }
  bool gathersFloats(unsigned operand) const override { return operand == 4; }
  unsigned streamedCache() const override { return 3; }
  CachePiece cachePiece(const Schedule &, const Operator &,
                        int64_t index) const override {
    return {index, 0};
  }
  int64_t granulesPerTile() const override { return 1; } // a KV head
  /// For the other splits, those without positions and those with.
  int64_t laterWaits(const Schedule &, const Operator &,
                     Range tile) const override {
    return 2 * tile.size();
  }
  uint64_t workingBytes(const Schedule &, const Operator &op,
                        int64_t) const override {
    return SplitArea(op.getInt("group"), op.getInt("head_dim")).total;
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return kvHeads(s, op, 3);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    if (std::string m = verifyInputs(s, op); !m.empty())
      return m;
    return firstOf({verifyParts(s, op, 3, 4), verifyOutput(s, op, 5)});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    if (tile.empty())
      return;
    const int64_t group = op.getInt("group");
    const int64_t piece =
        otherSplits(s) * partValues(group, op.getInt("head_dim"));
    touchHeads(s, op, 0, "query_row", {tile.lo * group, tile.hi * group}, out);
    touchHeads(s, op, 1, "key_row", tile, out);
    touchHeads(s, op, 2, "value_row", tile, out);
    touchPast(s, op, 3, tile, out);
    touch(s, op, 4, false, {tile.lo * piece, tile.hi * piece}, out);
    touch(s, op, 5, true, mapTile(s, op, tile), out);
  }
  Range mapTile(const Schedule &, const Operator &op,
                Range tile) const override {
    const int64_t w = op.getInt("group") * op.getInt("head_dim");
    return {tile.lo * w, tile.hi * w};
  }
  Cost cost(const Schedule &s, const Operator &op, Range tile) const override {
    const uint64_t group = groupOf(op);
    Cost c = costOf(s, op, uint64_t(tile.size()) * group, group);
    c.bytes /= uint64_t(s.numerics.kvSplits);
    c.operations /= uint64_t(s.numerics.kvSplits);
    return c;
  }
};

class Swiglu : public OperatorModel {
public:
  std::string_view name() const override { return "swiglu"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 0);
  }
  int64_t granule(const Schedule &, const Operator &) const override {
    return 2; // a gate and its up
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const int64_t n = length(s, op, 1);
    return firstOf({expect(s, op, 0, "input", ElementType::F32, {2 * n}),
                    expect(s, op, 1, "output", ElementType::F32, {n})});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    touch(s, op, 0, false, tile, out);
    touch(s, op, 1, true, mapTile(s, op, tile), out);
  }
  Range mapTile(const Schedule &, const Operator &, Range tile) const override {
    return {tile.lo / 2, tile.hi / 2};
  }
};

class Argmax : public OperatorModel {
public:
  std::string_view name() const override { return "argmax"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 1;
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    return firstOf(
        {expect(s, op, 0, "input", ElementType::F32, {length(s, op, 0)}),
         expect(s, op, 1, "output", ElementType::I32, {1})});
  }
  void accesses(const Schedule &s, const Operator &op, Range,
                std::vector<Access> &out) const override {
    touchAll(s, op, 0, false, out);
    touchAll(s, op, 1, true, out);
  }
};

class ArgmaxBlocks : public OperatorModel {
public:
  std::string_view name() const override { return "argmax_blocks"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 2; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 0);
  }
  int64_t granule(const Schedule &, const Operator &op) const override {
    return op.getInt("block", 1);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    if (std::string m = expectInt(op, "block", 1, 1 << 20); !m.empty())
      return m;
    const int64_t n = extent(s, op), block = op.getInt("block");
    const int64_t blocks = (n + block - 1) / block;
    return firstOf({expect(s, op, 0, "input", ElementType::F32, {n}),
                    expect(s, op, 1, "values", ElementType::F32, {blocks}),
                    expect(s, op, 2, "indices", ElementType::I32, {blocks})});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    touch(s, op, 0, false, tile, out);
    const Range blocks = mapTile(s, op, tile);
    touch(s, op, 1, true, blocks, out);
    touch(s, op, 2, true, blocks, out);
  }
  Range mapTile(const Schedule &, const Operator &op,
                Range tile) const override {
    const int64_t block = op.getInt("block", 1);
    return {tile.lo / block, (tile.hi + block - 1) / block};
  }
};

class ArgmaxCombine : public OperatorModel {
public:
  std::string_view name() const override { return "argmax_combine"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  int64_t extent(const Schedule &, const Operator &) const override {
    return 1;
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Shape shape{length(s, op, 0)};
    return firstOf({expect(s, op, 0, "values", ElementType::F32, shape),
                    expect(s, op, 1, "indices", ElementType::I32, shape),
                    expect(s, op, 2, "output", ElementType::I32, {1})});
  }
  void accesses(const Schedule &s, const Operator &op, Range,
                std::vector<Access> &out) const override {
    touchAll(s, op, 0, false, out);
    touchAll(s, op, 1, false, out);
    touchAll(s, op, 2, true, out);
  }
};

/// Test operator: every output element is a hash of its index and of all
/// input bytes, so that one wrong byte anywhere shows.
class Hash : public OperatorModel {
public:
  std::string_view name() const override { return "hash"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand == 0; }
  bool gathersWhole(unsigned operand) const override { return operand == 0; }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return length(s, op, 1);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Buffer &x = operand(s, op, 0), &y = operand(s, op, 1);
    return firstOf({expect(s, op, 0, "input", x.type, {length(s, op, 0)}),
                    expect(s, op, 1, "output", y.type, {extent(s, op)})});
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    touchAll(s, op, 0, false, out);
    touch(s, op, 1, true, tile, out);
  }
};

} // namespace

void addLlamaOperators(std::vector<std::unique_ptr<OperatorModel>> &models) {
  models.push_back(std::make_unique<Embed>());
  models.push_back(
      std::make_unique<Elementwise<1>>("round", ElementType::BF16));
  models.push_back(std::make_unique<RmsNorm>());
  models.push_back(std::make_unique<Linear>());
  models.push_back(std::make_unique<Scale>());
  models.push_back(std::make_unique<Rope>());
  models.push_back(std::make_unique<KvAppend>());
  models.push_back(std::make_unique<Attention>());
  models.push_back(std::make_unique<AttentionPartial>());
  models.push_back(std::make_unique<AttentionJoin>());
  models.push_back(std::make_unique<Elementwise<2>>("add", ElementType::F32));
  models.push_back(
      std::make_unique<Elementwise<2>>("silu_mul", ElementType::F32));
  models.push_back(std::make_unique<Swiglu>());
  models.push_back(std::make_unique<Argmax>());
  models.push_back(std::make_unique<ArgmaxBlocks>());
  models.push_back(std::make_unique<ArgmaxCombine>());
  models.push_back(std::make_unique<Hash>());
}

} // namespace amk::core
