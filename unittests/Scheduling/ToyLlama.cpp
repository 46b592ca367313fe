//===- ToyLlama.cpp - A Llama of any shape, for tests ---------------------===//

#include "ToyLlama.h"

#include "AMK/Schedule/Verify.h"

namespace amk::scheduling::test {

using namespace core;

namespace {

constexpr ElementType kF32 = ElementType::F32, kBF16 = ElementType::BF16;

struct Maker {
  const ToyShape &shape;
  bool fused;
  Schedule s;

  uint32_t buffer(const std::string &name, BufferKind kind, ElementType type,
                  std::vector<int64_t> dims) {
    Buffer b;
    b.name = name;
    b.kind = kind;
    b.type = type;
    b.shape = std::move(dims);
    s.buffers.push_back(std::move(b));
    return uint32_t(s.buffers.size() - 1);
  }
  uint32_t value(const std::string &name, int64_t n, ElementType type = kF32) {
    return buffer(name, BufferKind::Activation, type, {n});
  }
  /// A value that fusion keeps inside its task.
  uint32_t inner(const std::string &name, int64_t n, ElementType type = kF32) {
    return buffer(name, fused ? BufferKind::Local : BufferKind::Activation,
                  type, {n});
  }
  uint32_t weight(const std::string &name, std::vector<int64_t> dims) {
    WeightView view;
    view.parts.push_back({name, dims[0], 0});
    s.views.push_back(view);
    const uint32_t b = buffer(name, BufferKind::Weight, kBF16, dims);
    s.buffers[b].view = uint32_t(s.views.size() - 1);
    return b;
  }

  static OpAttribute integer(std::string name, int64_t v) {
    return {std::move(name), false, v, 0};
  }
  static Operator op(std::string name, std::vector<uint32_t> operands,
                     std::vector<OpAttribute> attributes = {}) {
    Operator o;
    o.name = std::move(name);
    o.operands = std::move(operands);
    o.attributes = std::move(attributes);
    return o;
  }
  /// One task, or with everything apart one task per operator.
  void add(const std::string &name, std::vector<Operator> ops,
           size_t prologues = 0) {
    for (size_t i = 0; i < ops.size(); ++i) {
      if (i == 0 || !fused) {
        s.tasks.emplace_back();
        s.tasks.back().name = i == 0 ? name : name + "_" + std::to_string(i);
      }
      ops[i].prologue = fused && i < prologues;
      s.tasks.back().ops.push_back(ops[i]);
    }
  }

  std::vector<Operator> norm(const std::string &name, uint32_t x,
                             uint32_t &normed, uint32_t &scale) {
    const uint32_t gain = weight(name + "_gain", {shape.hidden});
    const uint32_t y = inner(name + "_y", shape.hidden);
    scale = inner(name + "_scale", 1);
    normed = inner(name, shape.hidden, kBF16);
    return {op("rms_norm", {x, gain, y, scale}, {{"eps", true, 0, 1e-5}}),
            op("round", {y, normed})};
  }

  uint32_t product(std::vector<Operator> &ops, const std::string &name,
                   uint32_t x, int64_t rows) {
    const uint32_t w = weight(name + "_w", {rows, s.buffers[x].elements()});
    const uint32_t y = inner(name + "_f", rows);
    ops.push_back(op("linear", {x, w, y}));
    return y;
  }
  uint32_t scaled(std::vector<Operator> &ops, const std::string &name,
                  uint32_t x, uint32_t scale) {
    const uint32_t y = inner(name + "_s", s.buffers[x].elements());
    ops.push_back(op("scale", {x, scale, y}));
    return y;
  }

  void attentionPart(const std::string &l, uint32_t x, uint32_t residual,
                     uint32_t rope, uint32_t &next) {
    const int64_t d = shape.headDim, q = shape.heads * d;
    const int64_t kv = shape.kvHeads * d, rows = q + 2 * kv;
    const uint32_t cache = buffer(l + "kv", BufferKind::KvCache, kBF16,
                                  {2, shape.kvHeads, shape.positions, d});
    uint32_t normed, scale;
    std::vector<Operator> ops = norm(l + "n1", x, normed, scale);
    const uint32_t y =
        scaled(ops, l + "qkv", product(ops, l + "qkv", normed, rows), scale);
    const uint32_t rotated = inner(l + "rotated", rows);
    const uint32_t qkv = value(l + "qkv", rows, kBF16);
    ops.push_back(
        op("rope", {y, rope, rotated},
           {integer("head_dim", d), integer("rotated_rows", q + kv)}));
    ops.push_back(op("round", {rotated, qkv}));
    ops.push_back(
        op("kv_append", {qkv, cache}, {integer("from", q), integer("to", 0)}));
    add(l + "qkv", ops, 2);

    const uint32_t a = inner(l + "a_f", q), rounded = value(l + "a", q, kBF16);
    add(l + "attention",
        {op("attention", {qkv, qkv, qkv, cache, a},
            {integer("group", shape.heads / shape.kvHeads),
             integer("head_dim", d), integer("query_row", 0),
             integer("key_row", q), integer("value_row", q + kv)}),
         op("round", {a, rounded})});
    update(l + "o", rounded, residual, next);
  }

  void update(const std::string &name, uint32_t x, uint32_t residual,
              uint32_t &next) {
    std::vector<Operator> ops;
    const uint32_t y = product(ops, name, x, shape.hidden);
    next = value(name + "_x", shape.hidden, kBF16);
    ops.push_back(op("add", {residual, y, residual}));
    ops.push_back(op("round", {residual, next}));
    add(name, ops);
  }

  void mlp(const std::string &l, uint32_t x, uint32_t residual,
           uint32_t &next) {
    uint32_t normed, scale;
    std::vector<Operator> ops = norm(l + "n2", x, normed, scale);
    const uint32_t y = scaled(
        ops, l + "gu", product(ops, l + "gu", normed, 2 * shape.inter), scale);
    const uint32_t m = inner(l + "m_f", shape.inter);
    const uint32_t rounded = value(l + "m", shape.inter, kBF16);
    ops.push_back(op("swiglu", {y, m}));
    ops.push_back(op("round", {m, rounded}));
    add(l + "gate_up", ops, 2);
    update(l + "down", rounded, residual, next);
  }

  void head(uint32_t x) {
    uint32_t normed, scale;
    std::vector<Operator> ops = norm("nf", x, normed, scale);
    const uint32_t y = product(ops, "head", normed, shape.vocab);
    const uint32_t logits =
        buffer("logits", BufferKind::Output, kF32, {shape.vocab});
    const int64_t blocks =
        (shape.vocab + shape.argmaxBlock - 1) / shape.argmaxBlock;
    const uint32_t values = value("values", blocks);
    const uint32_t indices = value("indices", blocks, ElementType::I32);
    const uint32_t next =
        buffer("next", BufferKind::Output, ElementType::I32, {1});
    ops.push_back(op("scale", {y, scale, logits}));
    ops.push_back(op("argmax_blocks", {logits, values, indices},
                     {integer("block", shape.argmaxBlock)}));
    add("lm_head", ops, 2);
    add("argmax", {op("argmax_combine", {values, indices, next})});
  }

  Schedule run() {
    s.name = "decode";
    s.positions = shape.positions;
    const uint32_t token =
        buffer("token", BufferKind::Input, ElementType::I32, {1});
    const uint32_t rope = buffer("rope", BufferKind::Constant, kF32,
                                 {shape.positions, shape.headDim / 2, 2});
    RopeTable table;
    table.headDim = shape.headDim;
    s.ropeTables.push_back(table);
    s.buffers[rope].rope = 0;
    const uint32_t embed = weight("embed", {shape.vocab, shape.hidden});
    const uint32_t residual = value("residual", shape.hidden);
    uint32_t x = value("x0", shape.hidden, kBF16);
    add("embed",
        {op("embed", {token, embed, residual}), op("round", {residual, x})});
    for (int64_t l = 0; l < shape.layers; ++l) {
      const std::string prefix = "L" + std::to_string(l) + "_";
      attentionPart(prefix, x, residual, rope, x);
      mlp(prefix, x, residual, x);
    }
    head(x);
    return std::move(s);
  }
};

} // namespace

ToyShape shape1B(int64_t positions) {
  ToyShape shape;
  shape.hidden = 2048;
  shape.inter = 8192;
  shape.heads = 32;
  shape.kvHeads = 8;
  shape.vocab = 128256;
  shape.layers = 16;
  shape.positions = positions;
  shape.argmaxBlock = 16;
  return shape;
}

ToyShape shape8B(int64_t positions) {
  ToyShape shape = shape1B(positions);
  shape.hidden = 4096;
  shape.inter = 14336;
  shape.headDim = 128;
  shape.layers = 32;
  return shape;
}

Schedule toyLlama(const ToyShape &shape, bool fused) {
  return Maker{shape, fused, {}}.run();
}

std::string check(const Schedule &s) {
  std::string text;
  for (const Diagnostic &d : verify(s)) {
    text += toString(s, d) + "\n";
    for (const Note &n : d.notes)
      text += "  note: " + n.message + "\n";
  }
  return text;
}

} // namespace amk::scheduling::test
