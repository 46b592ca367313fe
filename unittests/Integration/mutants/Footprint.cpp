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
    {"copy_weight", {1, 1}},    {"attention_partial", {2, 1}},
    {"attention_join", {5, 1}}, {"attention_join_upto", {5, 1}},
};

/// Attention by query heads.
bool isWhole(const Operator &op) {
  return op.name == "attention" || op.name == "attention_upto";
}

/// Splits of the positions but the first, which the join does.
int64_t otherSplits(const Schedule &s) { return s.numerics.kvSplits - 1; }

/// Values handed over for a KV head and a split: for each query head and pair
/// of dimensions a logarithm and two values.
int64_t partOf(const Operator &op) {
  return op.getInt("group") * (op.getInt("head_dim") / 2) * 3;
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

  /// By KV head, then by split: the query heads of the KV heads, and all that
  /// is earlier of these, since the position says what of it is in which split.
  void partial(Range r) {
    const int64_t n = otherSplits(s);
    const Range kv{r.lo / n, (r.hi + n - 1) / n};
    heads(0, "query_row", kv, op.getInt("group"));
    cached(1, kv, Position::Past);
    part(2, {r.lo * partOf(op), r.hi * partOf(op)});
  }

  /// KV heads with their query heads, their own key and value, the first split
  /// and what has been made of the others.
  void join(Range kv) {
    const int64_t group = op.getInt("group"), d = op.getInt("head_dim");
    const int64_t parts = otherSplits(s) * partOf(op);
    heads(0, "query_row", kv, group);
    if (op.name == "attention_join") {
      heads(1, "key_row", kv, 1);
      heads(2, "value_row", kv, 1);
      cached(3, kv, Position::Past);
    } else {
      cached(3, kv, Position::Upto);
    }
    part(4, {kv.lo * parts, kv.hi * parts});
    part(5, {kv.lo * group * d, kv.hi * group * d});
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
  /// `each` heads of operand `i` for every KV head.
  void heads(uint32_t i, const char *row, Range kv, int64_t each) {
    const int64_t d = op.getInt("head_dim"), from = op.getInt(row);
    part(i, {from + kv.lo * each * d, from + kv.hi * each * d});
  }
  /// Keys, and behind those of all heads the values.
  void cached(uint32_t i, Range kv, Position position) {
    const int64_t d = op.getInt("head_dim");
    const int64_t all = s.buffers[op.operands[i]].shape[1];
    part(i, {kv.lo * d, kv.hi * d}, position);
    part(i, {(all + kv.lo) * d, (all + kv.hi) * d}, position);
  }

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
  if (const uint32_t i = cacheOf(op); i != kNone) {
    const Buffer &cache = s.buffers[op.operands[i]];
    const int64_t kv = cache.shape.size() == 4 ? cache.shape[1] : 0;
    return kv * (isWhole(op)  ? op.getInt("group")
                 : isJoin(op) ? 1
                              : otherSplits(s));
  }
  return length(op.name == "embed" ? 2 : isProduct(op) ? 1 : 0);
}

int64_t granuleOf(const Operator &op) {
  if (op.name == "rope" || op.name == "swiglu")
    return 2;
  return op.name == "argmax_blocks" ? op.getInt("block", 1) : 1;
}

Range feeds(const Operator &op, Range r) {
  if (cacheOf(op) != kNone) {
    const int64_t d = op.getInt("head_dim");
    const int64_t each = isWhole(op)  ? d
                         : isJoin(op) ? op.getInt("group") * d
                                      : partOf(op);
    return {r.lo * each, r.hi * each};
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

bool isJoin(const Operator &op) {
  return op.name == "attention_join" || op.name == "attention_join_upto";
}
bool isPartial(const Operator &op) { return op.name == "attention_partial"; }

uint32_t cacheOf(const Operator &op) {
  return isWhole(op) || isJoin(op) ? 3 : isPartial(op) ? 1 : kNone;
}
uint32_t streamedCache(const Operator &op) {
  return isWhole(op) ? kNone : cacheOf(op);
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
  } else if (cacheOf(op) != kNone) {
    if (r.empty())
      return;
    if (isWhole(op))
      u.attention(r);
    else if (isJoin(op))
      u.join(r);
    else
      u.partial(r);
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
