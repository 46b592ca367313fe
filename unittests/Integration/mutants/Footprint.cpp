//===- Footprint.cpp - What operators touch, by hand ----------------------===//

#include "Footprint.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

struct Known {
  const char *name;
  Arity arity;
};

constexpr Known kKnown[] = {
    {"embed", {2, 1}},          {"round", {1, 1}},
    {"rms_norm", {2, 2}},       {"linear", {2, 1}},
    {"scale", {2, 1}},          {"rope", {2, 1}},
    {"kv_append", {1, 1}},      {"attention", {4, 1}},
    {"attention_upto", {4, 1}}, {"add", {2, 1}},
    {"silu_mul", {2, 1}},       {"swiglu", {1, 1}},
    {"argmax", {1, 1}},         {"argmax_blocks", {1, 2}},
    {"argmax_combine", {2, 1}}, {"linear_plain", {2, 1}},
    {"copy_weight", {1, 1}},
};

bool isAttention(const Operator &op) {
  return op.name == "attention" || op.name == "attention_upto";
}

class Uses {
public:
  Uses(const Schedule &s, const Operator &op, std::vector<Use> &out)
      : s(s), op(op), out(out) {}

  /// Elements [lo, hi) of operand `i`.
  void part(uint32_t i, Range r, Position position = Position::None) {
    const Buffer &b = s.buffers[op.operands[i]];
    const uint64_t width = b.type == ElementType::BF16 ? 2 : 4;
    if (r.hi > r.lo)
      out.push_back({op.operands[i], i >= arity(op).inputs, position,
                     uint64_t(r.lo) * width, uint64_t(r.hi) * width});
  }
  void all(uint32_t i) {
    int64_t n = 1;
    for (int64_t d : s.buffers[op.operands[i]].shape)
      n *= d;
    part(i, {0, n});
  }

  void attention(Range heads) {
    const int64_t d = op.getInt("head_dim"), group = op.getInt("group");
    const int64_t kv = s.buffers[op.operands[3]].shape[1];
    const auto rows = [&](int64_t from, int64_t lo, int64_t hi) {
      return Range{from + lo * d, from + hi * d};
    };
    const int64_t first = heads.lo / group, last = (heads.hi - 1) / group + 1;
    part(0, rows(op.getInt("query_row"), heads.lo, heads.hi));
    Position position = Position::Upto;
    if (op.name == "attention") {
      part(1, rows(op.getInt("key_row"), first, last));
      part(2, rows(op.getInt("value_row"), first, last));
      position = Position::Past;
    }
    part(3, rows(0, first, last), position);
    part(3, rows(kv * d, first, last), position);
    part(4, rows(0, heads.lo, heads.hi));
  }

  void append(Range rows) {
    const int64_t from = op.getInt("from"), to = op.getInt("to");
    rows.lo = std::max(rows.lo, from);
    if (rows.hi <= rows.lo)
      return;
    part(0, rows);
    part(1, {rows.lo - from + to, rows.hi - from + to}, Position::Now);
  }

private:
  const Schedule &s;
  const Operator &op;
  std::vector<Use> &out;
};

} // namespace

Arity arity(const Operator &op) {
  for (const Known &k : kKnown)
    if (op.name == k.name)
      return k.arity;
  return {};
}

int64_t extentOf(const Schedule &s, const Operator &op) {
  const auto length = [&](uint32_t i) {
    const Buffer &b = s.buffers[op.operands[i]];
    return b.shape.empty() ? 0 : b.shape[0];
  };
  if (op.name == "rms_norm" || op.name == "argmax" ||
      op.name == "argmax_combine")
    return 1;
  if (isAttention(op)) {
    const Buffer &cache = s.buffers[op.operands[3]];
    return cache.shape.size() == 4 ? cache.shape[1] * op.getInt("group") : 0;
  }
  return length(op.name == "embed" ? 2 : isProduct(op) ? 1 : 0);
}

int64_t granuleOf(const Operator &op) {
  if (op.name == "rope" || op.name == "swiglu")
    return 2;
  return op.name == "argmax_blocks" ? op.getInt("block", 1) : 1;
}

Range feeds(const Operator &op, Range r) {
  if (isAttention(op)) {
    const int64_t d = op.getInt("head_dim");
    return {r.lo * d, r.hi * d};
  }
  if (op.name == "swiglu")
    return {r.lo / 2, r.hi / 2};
  if (op.name == "argmax_blocks") {
    const int64_t block = op.getInt("block", 1);
    return {r.lo / block, (r.hi + block - 1) / block};
  }
  return r;
}

bool isProduct(const Operator &op) {
  return op.name == "linear" || op.name == "linear_plain";
}

bool gathers(const Operator &op, uint32_t i) {
  return op.name == "attention"
             ? i < 3
             : i == 0 && (op.name == "rms_norm" || isProduct(op) ||
                          op.name == "attention_upto");
}

void addUses(const Schedule &s, const Operator &op, Range r,
             std::vector<Use> &out) {
  Uses u(s, op, out);
  if (op.name == "rms_norm" || op.name == "argmax" ||
      op.name == "argmax_combine") {
    const Arity n = arity(op);
    for (uint32_t i = 0; i < n.inputs + n.outputs; ++i)
      u.all(i);
  } else if (isAttention(op)) {
    if (!r.empty())
      u.attention(r);
  } else if (op.name == "kv_append") {
    u.append(r);
  } else if (op.name == "embed") {
    u.all(0);
    u.part(2, r);
  } else if (isProduct(op)) {
    const int64_t columns = s.buffers[op.operands[1]].shape[1];
    u.all(0);
    u.part(1, {r.lo * columns, r.hi * columns});
    u.part(2, r);
  } else if (op.name == "copy_weight") {
    const int64_t columns = s.buffers[op.operands[1]].shape[1];
    u.part(1, {r.lo * columns, r.hi * columns});
  } else if (op.name == "scale") {
    u.part(0, r);
    u.all(1);
    u.part(2, r);
  } else if (op.name == "rope") {
    u.part(0, r);
    u.part(2, r);
  } else if (op.name == "swiglu") {
    u.part(0, r);
    u.part(1, feeds(op, r));
  } else if (op.name == "argmax_blocks") {
    u.part(0, r);
    u.part(1, feeds(op, r));
    u.part(2, feeds(op, r));
  } else {
    // round, add, silu_mul: element by element.
    const Arity n = arity(op);
    for (uint32_t i = 0; i < n.inputs + n.outputs; ++i)
      u.part(i, r);
  }
}

} // namespace amk::mutants
