//===- Models.cpp - Random Llamas as imported -----------------------------===//

#include "Models.h"

#include "AMK/Runtime/Numerics.h"

#include <cmath>

namespace amk::scheduling::properties {

using namespace core;

namespace {

using Index = uint32_t;

/// Operator by operator what lib/Target/HuggingFace/LlamaSchedule.cpp makes.
class Importer {
public:
  explicit Importer(const Model &m) : m(m) {}
  Schedule run();

private:
  Index buffer(const std::string &name, BufferKind kind, ElementType type,
               std::vector<int64_t> shape) {
    Buffer &b = s.buffers.emplace_back();
    b.name = name;
    b.kind = kind;
    b.type = type;
    b.shape = std::move(shape);
    return Index(s.buffers.size() - 1);
  }
  Index value(const std::string &name, ElementType type, int64_t size) {
    return buffer(name, BufferKind::Activation, type, {size});
  }
  Index weight(const std::string &name, std::vector<int64_t> shape,
               int64_t ropeHeadDim = 0) {
    WeightPart part{name, shape.size() == 1 ? 1 : shape[0], ropeHeadDim};
    const Index b =
        buffer(name, BufferKind::Weight, ElementType::BF16, std::move(shape));
    s.buffers[b].view = Index(s.views.size());
    s.views.push_back({{std::move(part)}, false});
    return b;
  }
  void task(const std::string &name, const std::string &op,
            std::vector<Index> operands,
            std::vector<OpAttribute> attributes = {}) {
    Task &t = s.tasks.emplace_back();
    t.name = name;
    Operator &body = t.ops.emplace_back();
    body.name = op;
    body.operands = std::move(operands);
    body.attributes = std::move(attributes);
  }
  static OpAttribute integer(const char *name, int64_t value) {
    return {name, false, value, 0};
  }

  int64_t size(Index b) const { return s.buffers[b].shape[0]; }
  Index round(const std::string &name, Index x) {
    const Index out = value(name, ElementType::BF16, size(x));
    task(name + "_round", "round", {x, out});
    return out;
  }
  Index linear(const std::string &name, const std::string &out, Index x,
               Index w) {
    const Index y = value(out, ElementType::F32, size(w));
    task(name, "linear", {x, w, y});
    return y;
  }
  Index scale(const std::string &name, Index x, Index factor) {
    const Index out = value(name, ElementType::F32, size(x));
    task(name + "_scale", "scale", {x, factor, out});
    return out;
  }
  Index rope(const std::string &name, Index x) {
    const Index out = value(name, ElementType::F32, size(x));
    task(name + "_rope", "rope", {x, table, out},
         {integer("head_dim", m.headDim), integer("rotated_rows", size(x))});
    return out;
  }
  Index norm(const std::string &name, Index x, Index gain, Index &factor) {
    const Index normed = value(name + "_f32", ElementType::F32, size(x));
    factor = value(name + "_factor", ElementType::F32, 1);
    task(name + "_norm", "rms_norm", {x, gain, normed, factor},
         {{"eps", true, 0, 1e-5}});
    return round(name, normed);
  }
  void addToResidual(const std::string &name, Index x) {
    task(name + "_add", "add", {residual, x, residual});
  }

  void attention(const std::string &l);
  void mlp(const std::string &l);

  const Model &m;
  Schedule s;
  Index residual = 0, table = 0;
};

void Importer::attention(const std::string &l) {
  const int64_t q = m.heads * m.headDim, kv = m.kvHeads * m.headDim;
  Index factor;
  const Index gain = weight(l + "gain1", {m.hidden});
  const Index x = norm(l + "n1", round(l + "x1", residual), gain, factor);
  const Index wq = weight(l + "wq", {q, m.hidden}, m.headDim);
  Index query = scale(l + "q1", linear(l + "q", l + "q0", x, wq), factor);
  query = round(l + "q", rope(l + "q2", query));
  const Index cache = buffer(l + "kv", BufferKind::KvCache, ElementType::BF16,
                             {2, m.kvHeads, s.positions, m.headDim});
  const Index wk = weight(l + "wk", {kv, m.hidden}, m.headDim);
  Index key = scale(l + "k1", linear(l + "k", l + "k0", x, wk), factor);
  key = round(l + "k", rope(l + "k2", key));
  task(l + "k_append", "kv_append", {key, cache},
       {integer("from", 0), integer("to", 0)});
  const Index wv = weight(l + "wv", {kv, m.hidden});
  const Index v =
      round(l + "v", scale(l + "v1", linear(l + "v", l + "v0", x, wv), factor));
  task(l + "v_append", "kv_append", {v, cache},
       {integer("from", 0), integer("to", kv)});
  const Index a = value(l + "a0", ElementType::F32, q);
  task(l + "attention", "attention", {query, key, v, cache, a},
       {integer("group", m.heads / m.kvHeads), integer("head_dim", m.headDim),
        integer("key_row", 0), integer("query_row", 0),
        integer("value_row", 0)});
  const Index rounded = round(l + "a", a);
  const Index wo = weight(l + "wo", {m.hidden, q});
  addToResidual(l + "o", linear(l + "o", l + "o0", rounded, wo));
}

void Importer::mlp(const std::string &l) {
  Index factor;
  const Index gain = weight(l + "gain2", {m.hidden});
  const Index x = norm(l + "n2", round(l + "x2", residual), gain, factor);
  const Index wg = weight(l + "wg", {m.inter, m.hidden});
  const Index gate =
      scale(l + "g", linear(l + "gate", l + "g0", x, wg), factor);
  const Index wu = weight(l + "wu", {m.inter, m.hidden});
  const Index up = scale(l + "u", linear(l + "up", l + "u0", x, wu), factor);
  const Index product = value(l + "m0", ElementType::F32, m.inter);
  task(l + "silu_mul", "silu_mul", {gate, up, product});
  const Index rounded = round(l + "m", product);
  const Index wd = weight(l + "wd", {m.hidden, m.inter});
  addToResidual(l + "down", linear(l + "down", l + "d0", rounded, wd));
}

Schedule Importer::run() {
  s.name = "decode";
  s.positions = m.positions;
  s.numerics = m.numerics;
  table = buffer("rope", BufferKind::Constant, ElementType::F32,
                 {s.positions, m.headDim / 2, 2});
  s.buffers[table].rope = 0;
  s.ropeTables.push_back(m.rope);
  const Index token = buffer("token", BufferKind::Input, ElementType::I32, {1});
  const Index embed = weight("embed", {m.vocab, m.hidden});
  residual = value("residual", ElementType::F32, m.hidden);
  task("embed", "embed", {token, embed, residual});
  for (int64_t i = 0; i < m.layers; ++i) {
    const std::string l = "L" + std::to_string(i) + "_";
    attention(l);
    mlp(l);
  }
  const Index gain = weight("gain", {m.hidden});
  Index factor;
  const Index x = norm("n", round("x", residual), gain, factor);
  const Index head = m.tied ? embed : weight("lm_head", {m.vocab, m.hidden});
  const Index product = linear("lm_head", "logits0", x, head);
  const Index logits =
      buffer("logits", BufferKind::Output, ElementType::F32, {m.vocab});
  task("logits_scale", "scale", {product, factor, logits});
  const Index next = buffer("next", BufferKind::Output, ElementType::I32, {1});
  task("argmax", "argmax", {logits, next});
  return std::move(s);
}

} // namespace

Model randomModel(Random &r) {
  Model m;
  m.kvHeads = r.pick({1, 1, 2, 3, 4});
  m.heads = m.kvHeads * r.pick({1, 1, 2, 3, 4, 8});
  m.headDim = r.pick({2, 4, 6, 14, 16, 20, 32, 64, 64, 80, 96, 128});
  m.hidden = r.pick({1, 7, 30, 48, 64, 72, 128, 128, 130, 256, 256, 384});
  m.inter = r.pick({1, 9, 40, 88, 96, 128, 256, 256, 384, 640, 2048});
  m.vocab = r.pick({1, 15, 17, 100, 256, 500, 1003});
  m.layers = 1 + r.below(3);
  m.positions = 2 + r.below(40);
  m.tied = r.oneIn(2);
  m.rope.headDim = m.headDim;
  m.rope.theta = r.pick({1e4, 5e5, 100.0});
  if (r.oneIn(2)) {
    m.rope.factor = r.pick({2.0, 8.0, 32.0});
    m.rope.lowFreqFactor = 1;
    m.rope.highFreqFactor = r.pick({2.0, 4.0});
    m.rope.originalPositions = r.pick({8, 64, 8192});
  }
  m.numerics.kBlock = r.pick({32, 48, 128, 2048});
  m.numerics.kvBlock = r.pick({1, 3, 4, 64});
  return m;
}

std::vector<std::string> kindsOf(const Model &m) {
  std::vector<std::string> kinds;
  kinds.push_back(m.heads == m.kvHeads ? "every head its own keys (MHA)"
                  : m.kvHeads == 1     ? "all heads share keys (MQA)"
                                       : "groups of heads share keys (GQA)");
  kinds.push_back(m.tied ? "head tied to the embedding" : "head of its own");
  kinds.push_back(m.rope.factor == 1 ? "plain rope" : "rope scaled as llama3");
  kinds.push_back(std::to_string(m.layers) +
                  (m.layers == 1 ? " layer" : " layers"));
  kinds.push_back(m.hidden % 128 ? "width that cannot be streamed"
                                 : "width that can be streamed");
  return kinds;
}

std::string print(const Model &m) {
  const auto n = [](int64_t v) { return std::to_string(v); };
  return "hidden " + n(m.hidden) + ", inter " + n(m.inter) + ", heads " +
         n(m.heads) + "/" + n(m.kvHeads) + " of " + n(m.headDim) + ", vocab " +
         n(m.vocab) + ", layers " + n(m.layers) + ", positions " +
         n(m.positions) + (m.tied ? ", tied" : "") +
         (m.rope.factor == 1 ? "" : ", rope scaled") + ", sums of " +
         n(m.numerics.kBlock) + ", softmax of " + n(m.numerics.kvBlock);
}

Schedule importModel(const Model &model) { return Importer(model).run(); }

runtime::Status Weights::tensor(const std::string &name, int64_t rows,
                                int64_t columns, const void *&data) {
  std::vector<uint16_t> &values = tensors[name];
  if (values.empty()) {
    uint64_t key = seed;
    for (char c : name)
      key = (key ^ uint8_t(c)) * 0x100000001b3u;
    Random r(key);
    // Products of unit vectors are about 1; gains are near 1.
    const double spread = rows == 1 ? 0.5 : 2 / std::sqrt(double(columns));
    const double middle = rows == 1 && name.find("gain") != name.npos ? 1 : 0;
    values.resize(size_t(rows * columns));
    for (uint16_t &v : values)
      v = runtime::floatToBf16(
          float(middle + spread * (double(r.below(2001)) - 1000) / 1000));
  }
  data = values.data();
  return {};
}

} // namespace amk::scheduling::properties
