//===- LlamaSchedule.cpp - The schedule of a Llama as imported ------------===//

#include "LlamaSchedule.h"

using namespace mlir;
using namespace amk;
using core::ElementType;
using Kind = core::BufferKind;

namespace {

using Index = uint32_t;

class Importer {
public:
  Importer(const frontends::LlamaConfig &config, int64_t positions,
           int64_t kvSplits, LocationMap &locations, MLIRContext *context)
      : config(config), locations(locations), context(context) {
    s.name = "decode";
    s.positions = positions;
    s.endTokens = config.endTokens;
    // Long contexts are spread over the splits: about as many pieces, one for
    // each KV head and split, as a GPU has workers. A context of up to 256
    // positions is one split, so nothing has to be combined.
    constexpr int64_t kPieces = 128, kOneSplit = 256;
    s.numerics.kvChunk = kOneSplit / s.numerics.kvBlock;
    s.numerics.kvSplits =
        std::clamp<int64_t>(config.maxPositionEmbeddings / kOneSplit, 1,
                            std::max<int64_t>(kPieces / config.kvHeads, 1));
    if (kvSplits)
      s.numerics.kvSplits = kvSplits;
  }

  core::Schedule run();

private:
  /// From here on, what is made belongs to this tensor.
  void at(std::string tensor) { origin = std::move(tensor); }
  Location loc() const {
    return NameLoc::get(StringAttr::get(context, origin));
  }

  Index buffer(std::string name, Kind kind, ElementType type,
               std::vector<int64_t> shape);
  Index value(std::string name, ElementType type, int64_t size) {
    return buffer(std::move(name), Kind::Activation, type, {size});
  }
  Index weight(std::string name, std::vector<int64_t> shape,
               int64_t ropeHeadDim = 0);
  void task(std::string name, std::string op, std::vector<Index> operands,
            std::vector<core::OpAttribute> attributes = {});

  Index round(const std::string &name, Index x);
  Index linear(const std::string &name, const std::string &out, Index x,
               Index w);
  Index scale(const std::string &name, Index x, Index factor);
  Index rope(const std::string &name, Index x);
  void addToResidual(const std::string &name, Index x);
  /// The normed vector (bf16); `factor` is what its products are scaled by.
  Index norm(const std::string &name, Index x, Index gain, Index &factor);

  void attention(const std::string &layer, const std::string &tensors);
  void mlp(const std::string &layer, const std::string &tensors);

  static core::OpAttribute integer(std::string name, int64_t value) {
    return {std::move(name), false, value, 0};
  }

  const frontends::LlamaConfig &config;
  LocationMap &locations;
  MLIRContext *context;
  core::Schedule s;
  std::string origin;
  Index residual = 0, ropeTable = 0;
};

Index Importer::buffer(std::string name, Kind kind, ElementType type,
                       std::vector<int64_t> shape) {
  locations.setBuffer(name, loc());
  core::Buffer &b = s.buffers.emplace_back();
  b.name = std::move(name);
  b.kind = kind;
  b.type = type;
  b.shape = std::move(shape);
  return s.buffers.size() - 1;
}

Index Importer::weight(std::string name, std::vector<int64_t> shape,
                       int64_t ropeHeadDim) {
  core::WeightPart part;
  part.tensor = origin;
  part.rows = shape.size() == 1 ? 1 : shape[0];
  part.ropeHeadDim = ropeHeadDim;
  Index index = buffer(std::move(name), Kind::Weight, ElementType::BF16,
                       std::move(shape));
  s.buffers[index].view = s.views.size();
  s.views.push_back({{std::move(part)}, /*interleave=*/false});
  return index;
}

void Importer::task(std::string name, std::string op,
                    std::vector<Index> operands,
                    std::vector<core::OpAttribute> attributes) {
  core::Operator body;
  body.name = std::move(op);
  body.operands = std::move(operands);
  body.attributes = std::move(attributes);
  locations.setTask(name, loc());
  locations.setOp(s, body, loc());
  core::Task &t = s.tasks.emplace_back();
  t.name = std::move(name);
  t.ops.push_back(std::move(body));
}

Index Importer::round(const std::string &name, Index x) {
  Index out = value(name, ElementType::BF16, s.buffers[x].shape[0]);
  task(name + "_round", "round", {x, out});
  return out;
}

Index Importer::linear(const std::string &name, const std::string &out, Index x,
                       Index w) {
  Index y = value(out, ElementType::F32, s.buffers[w].shape[0]);
  task(name, "linear", {x, w, y});
  return y;
}

Index Importer::scale(const std::string &name, Index x, Index factor) {
  Index out = value(name, ElementType::F32, s.buffers[x].shape[0]);
  task(name + "_scale", "scale", {x, factor, out});
  return out;
}

Index Importer::rope(const std::string &name, Index x) {
  const int64_t rows = s.buffers[x].shape[0];
  Index out = value(name, ElementType::F32, rows);
  task(name + "_rope", "rope", {x, ropeTable, out},
       {integer("head_dim", config.headDim), integer("rotated_rows", rows)});
  return out;
}

void Importer::addToResidual(const std::string &name, Index x) {
  task(name + "_add", "add", {residual, x, residual});
}

Index Importer::norm(const std::string &name, Index x, Index gain,
                     Index &factor) {
  const int64_t size = s.buffers[x].shape[0];
  Index normed = value(name + "_f32", ElementType::F32, size);
  factor = value(name + "_factor", ElementType::F32, 1);
  core::OpAttribute eps{"eps", true, 0, config.rmsNormEps};
  task(name + "_norm", "rms_norm", {x, gain, normed, factor}, {eps});
  return round(name, normed);
}

void Importer::attention(const std::string &layer, const std::string &tensors) {
  const int64_t d = config.headDim, hidden = config.hiddenSize;
  const int64_t queryRows = config.heads * d, kvRows = config.kvHeads * d;
  at(tensors + "input_layernorm.weight");
  Index gain = weight(layer + "gain1", {hidden});
  Index factor;
  Index x = norm(layer + "n1", round(layer + "x1", residual), gain, factor);

  at(tensors + "self_attn.q_proj.weight");
  Index wq = weight(layer + "wq", {queryRows, hidden}, d);
  Index q = linear(layer + "q", layer + "q0", x, wq);
  q = scale(layer + "q1", q, factor);
  q = round(layer + "q", rope(layer + "q2", q));

  at(tensors + "self_attn.k_proj.weight");
  Index cache = buffer(layer + "kv", Kind::KvCache, ElementType::BF16,
                       {2, config.kvHeads, s.positions, d});
  Index wk = weight(layer + "wk", {kvRows, hidden}, d);
  Index k = linear(layer + "k", layer + "k0", x, wk);
  k = scale(layer + "k1", k, factor);
  k = round(layer + "k", rope(layer + "k2", k));
  task(layer + "k_append", "kv_append", {k, cache},
       {integer("from", 0), integer("to", 0)});

  at(tensors + "self_attn.v_proj.weight");
  Index wv = weight(layer + "wv", {kvRows, hidden});
  Index v = linear(layer + "v", layer + "v0", x, wv);
  v = round(layer + "v", scale(layer + "v1", v, factor));
  task(layer + "v_append", "kv_append", {v, cache},
       {integer("from", 0), integer("to", kvRows)});

  at(tensors + "self_attn");
  Index a = value(layer + "a0", ElementType::F32, queryRows);
  task(layer + "attention", "attention", {q, k, v, cache, a},
       {integer("group", config.heads / config.kvHeads), integer("head_dim", d),
        integer("key_row", 0), integer("query_row", 0),
        integer("value_row", 0)});
  a = round(layer + "a", a);

  at(tensors + "self_attn.o_proj.weight");
  Index wo = weight(layer + "wo", {hidden, queryRows});
  addToResidual(layer + "o", linear(layer + "o", layer + "o0", a, wo));
}

void Importer::mlp(const std::string &layer, const std::string &tensors) {
  const int64_t inner = config.intermediateSize, hidden = config.hiddenSize;
  at(tensors + "post_attention_layernorm.weight");
  Index gain = weight(layer + "gain2", {hidden});
  Index factor;
  Index x = norm(layer + "n2", round(layer + "x2", residual), gain, factor);

  at(tensors + "mlp.gate_proj.weight");
  Index wg = weight(layer + "wg", {inner, hidden});
  Index gate =
      scale(layer + "g", linear(layer + "gate", layer + "g0", x, wg), factor);

  at(tensors + "mlp.up_proj.weight");
  Index wu = weight(layer + "wu", {inner, hidden});
  Index up =
      scale(layer + "u", linear(layer + "up", layer + "u0", x, wu), factor);
  Index m = value(layer + "m0", ElementType::F32, inner);
  task(layer + "silu_mul", "silu_mul", {gate, up, m});
  m = round(layer + "m", m);

  at(tensors + "mlp.down_proj.weight");
  Index wd = weight(layer + "wd", {hidden, inner});
  addToResidual(layer + "down", linear(layer + "down", layer + "d0", m, wd));
}

core::Schedule Importer::run() {
  const int64_t vocabulary = config.vocabSize, hidden = config.hiddenSize;
  at("rope");
  ropeTable = buffer("rope", Kind::Constant, ElementType::F32,
                     {s.positions, config.headDim / 2, 2});
  core::RopeTable table;
  table.theta = config.rope.theta;
  table.headDim = config.headDim;
  if (config.rope.type == frontends::Rope::Type::Llama3) {
    table.factor = config.rope.factor;
    table.lowFreqFactor = config.rope.lowFreqFactor;
    table.highFreqFactor = config.rope.highFreqFactor;
    table.originalPositions = config.rope.originalMaxPositions;
  }
  s.buffers[ropeTable].rope = 0;
  s.ropeTables.push_back(table);

  const std::string embedding = "model.embed_tokens.weight";
  at(embedding);
  Index token = buffer("token", Kind::Input, ElementType::I32, {1});
  Index embed = weight("embed", {vocabulary, hidden});
  residual = value("residual", ElementType::F32, hidden);
  task("embed", "embed", {token, embed, residual});

  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string layer = "L" + std::to_string(i) + "_";
    const std::string tensors = "model.layers." + std::to_string(i) + ".";
    attention(layer, tensors);
    mlp(layer, tensors);
  }

  at("model.norm.weight");
  Index gain = weight("gain", {hidden});
  Index factor;
  Index x = norm("n", round("x", residual), gain, factor);

  at(config.tieWordEmbeddings ? embedding : "lm_head.weight");
  Index head = config.tieWordEmbeddings
                   ? embed
                   : weight("lm_head", {vocabulary, hidden});
  Index product = linear("lm_head", "logits0", x, head);
  Index logits = buffer("logits", Kind::Output, ElementType::F32, {vocabulary});
  task("logits_scale", "scale", {product, factor, logits});
  Index next = buffer("next", Kind::Output, ElementType::I32, {1});
  task("argmax", "argmax", {logits, next});
  return std::move(s);
}

} // namespace

core::Schedule amk::buildLlamaSchedule(const frontends::LlamaConfig &config,
                                       int64_t positions, int64_t kvSplits,
                                       LocationMap &locations,
                                       MLIRContext *context) {
  return Importer(config, positions, kvSplits, locations, context).run();
}
