//===- FusionMerge.cpp - Products of one input become one -----------------===//
//
// Rewrites of the operator list that come before grouping. Each matches on the
// dataflow: buffers that one operator writes and known ones read. The row of a
// merged product is the row of its part, so no result changes.
//
//===----------------------------------------------------------------------===//

#include "FusionMerge.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace amk::scheduling {

using namespace core;

namespace {

/// Argmax blocks: small enough that a cut need not respect much.
constexpr int64_t kArgmaxBlock = 16;

/// Who writes and reads every buffer.
class Uses {
public:
  Uses(const Schedule &s, const std::vector<FusionOp> &ops)
      : writers(s.buffers.size()), readers(s.buffers.size()) {
    for (uint32_t i = 0; i < ops.size(); ++i) {
      const Operator &op = ops[i].op;
      const OperatorModel *model = lookupOperator(op.name);
      for (uint32_t k = 0; k < op.operands.size(); ++k)
        (k < model->inputs() ? readers : writers)[op.operands[k]].push_back(i);
    }
  }
  /// The only operator that writes the buffer, or kNone.
  uint32_t writer(uint32_t buffer) const {
    return writers[buffer].size() == 1 ? writers[buffer][0] : kNone;
  }
  std::vector<std::vector<uint32_t>> writers, readers;
};

/// The chain of one product: the product and what is done to its rows.
struct Chain {
  uint32_t linear = kNone, scale = kNone, rope = kNone, round = kNone;
  uint32_t append = kNone;

  std::vector<uint32_t> members() const {
    std::vector<uint32_t> result;
    for (uint32_t i : {linear, scale, rope, round, append})
      if (i != kNone)
        result.push_back(i);
    return result;
  }
};

/// Matches chains backwards from a buffer.
class Matcher {
public:
  Matcher(const Schedule &s, const std::vector<FusionOp> &ops)
      : s(s), ops(ops), uses(s, ops) {}

  const Operator &op(uint32_t i) const { return ops[i].op; }

  /// The operator of that name that alone writes an activation, which only
  /// `readers` operators read; kNone if it is not so.
  uint32_t producer(uint32_t buffer, std::string_view name,
                    size_t readers) const {
    if (s.buffers[buffer].kind != BufferKind::Activation ||
        uses.readers[buffer].size() != readers)
      return kNone;
    const uint32_t w = uses.writer(buffer);
    return w != kNone && op(w).name == name ? w : kNone;
  }

  /// linear, scale: ends in a buffer that one operator reads.
  bool product(uint32_t buffer, Chain &c) const {
    c.scale = producer(buffer, "scale", 1);
    if (c.scale == kNone)
      return false;
    c.linear = producer(op(c.scale).operands[0], "linear", 1);
    return c.linear != kNone && plainWeight(op(c.linear).operands[1]);
  }

  /// linear, scale, rope?, round, kv_append?
  bool rows(uint32_t buffer, bool rotated, bool appended, Chain &c) const {
    c.round = producer(buffer, "round", appended ? 2 : 1);
    if (c.round == kNone)
      return false;
    uint32_t before = op(c.round).operands[0];
    if (rotated) {
      c.rope = producer(before, "rope", 1);
      if (c.rope == kNone ||
          op(c.rope).getInt("rotated_rows") != s.buffers[before].elements())
        return false;
      before = op(c.rope).operands[0];
    }
    if (appended) {
      for (uint32_t reader : uses.readers[buffer])
        if (op(reader).name == "kv_append")
          c.append = reader;
      if (c.append == kNone || op(c.append).getInt("from") != 0)
        return false;
    }
    return product(before, c);
  }

  /// Whether all chains have the same input, factor and so on.
  bool alike(const std::vector<Chain> &chains) const {
    for (const Chain &c : chains) {
      const Chain &first = chains[0];
      if (op(c.linear).operands[0] != op(first.linear).operands[0] ||
          op(c.scale).operands[1] != op(first.scale).operands[1] ||
          ops[c.linear].op.prologue)
        return false;
      if (c.rope != kNone &&
          (op(c.rope).operands[1] != op(first.rope).operands[1] ||
           op(c.rope).getInt("head_dim") != op(first.rope).getInt("head_dim")))
        return false;
    }
    return true;
  }

  /// Whether `members` can all stand where the last of them does: nothing
  /// between the first and the last touches what they touch, other than by
  /// reading what they read.
  bool canGather(const std::vector<uint32_t> &members) const {
    std::set<uint32_t> read, written;
    for (uint32_t m : members) {
      const size_t inputs = lookupOperator(op(m).name)->inputs();
      for (size_t k = 0; k < op(m).operands.size(); ++k)
        (k < inputs ? read : written).insert(op(m).operands[k]);
    }
    const auto [first, last] =
        std::minmax_element(members.begin(), members.end());
    for (uint32_t i = *first; i <= *last; ++i) {
      if (std::find(members.begin(), members.end(), i) != members.end())
        continue;
      const size_t inputs = lookupOperator(op(i).name)->inputs();
      for (size_t k = 0; k < op(i).operands.size(); ++k) {
        const uint32_t b = op(i).operands[k];
        if (written.count(b) || (k >= inputs && read.count(b)))
          return false;
      }
    }
    return true;
  }

private:
  /// A matrix whose parts follow each other, so that more can.
  bool plainWeight(uint32_t buffer) const {
    const Buffer &b = s.buffers[buffer];
    return b.kind == BufferKind::Weight && b.shape.size() == 2 &&
           b.view < s.views.size() && !s.views[b.view].interleave;
  }

  const Schedule &s;
  const std::vector<FusionOp> &ops;
  Uses uses;
};

/// "L0_q", "L0_k", "L0_v": "L0_qkv"; "L0_q0", "L0_k0": "L0_qk0".
std::string joinNames(const std::vector<std::string> &names) {
  const std::string &model = names[0];
  auto allHave = [&](size_t fromStart, size_t fromEnd, char c) {
    return std::all_of(names.begin(), names.end(), [&](const std::string &n) {
      return fromStart + fromEnd < n.size() &&
             (fromEnd ? n[n.size() - fromEnd] : n[fromStart]) == c;
    });
  };
  size_t prefix = 0, suffix = 0;
  while (prefix < model.size() && allHave(prefix, 0, model[prefix]))
    ++prefix;
  while (prefix + suffix + 1 < model.size() &&
         std::isdigit(model[model.size() - suffix - 1]) &&
         allHave(prefix, suffix + 1, model[model.size() - suffix - 1]))
    ++suffix;
  std::string result = model.substr(0, prefix);
  for (const std::string &name : names)
    result += name.substr(prefix, name.size() - prefix - suffix);
  return result + model.substr(model.size() - suffix);
}

std::string uniqueName(const Schedule &s, std::string name) {
  auto taken = [&](const std::string &n) {
    return std::any_of(s.buffers.begin(), s.buffers.end(),
                       [&](const Buffer &b) { return b.name == n; });
  };
  const std::string base = name;
  for (unsigned i = 1; taken(name); ++i)
    name = base + "_" + std::to_string(i);
  return name;
}

uint32_t addBuffer(Schedule &s, std::string name, ElementType type,
                   std::vector<int64_t> shape) {
  Buffer b;
  b.name = uniqueName(s, std::move(name));
  b.type = type;
  b.shape = std::move(shape);
  s.buffers.push_back(std::move(b));
  return uint32_t(s.buffers.size() - 1);
}

/// Makes the merged operators of chains, from the product on.
class Merge {
public:
  Merge(Schedule &s, const std::vector<FusionOp> &ops,
        const std::vector<Chain> &chains)
      : s(s), ops(ops), chains(chains) {
    for (const Chain &c : chains)
      rows += s.buffers[out(c.linear)].elements();
  }

  /// The merged buffer of what the operators write.
  uint32_t output(const std::vector<uint32_t> &from, ElementType type) {
    std::vector<std::string> names;
    names.reserve(from.size());
    for (uint32_t i : from)
      names.push_back(s.buffers[out(i)].name);
    return addBuffer(s, joinNames(names), type, {rows});
  }

  uint32_t weight(bool interleave) {
    WeightView view;
    view.interleave = interleave;
    std::vector<std::string> names;
    int64_t columns = 0;
    for (const Chain &c : chains) {
      const Buffer &b = s.buffers[ops[c.linear].op.operands[1]];
      names.push_back(b.name);
      columns = b.shape[1];
      for (const WeightPart &part : s.views[b.view].parts)
        view.parts.push_back(part);
    }
    const uint32_t w =
        addBuffer(s, joinNames(names), ElementType::BF16, {rows, columns});
    s.buffers[w].kind = BufferKind::Weight;
    s.buffers[w].view = uint32_t(s.views.size());
    s.views.push_back(std::move(view));
    return w;
  }

  /// An operator in place of those at `from`.
  void add(const std::vector<uint32_t> &from, std::vector<uint32_t> operands,
           std::vector<OpAttribute> attributes) {
    FusionOp merged;
    std::vector<std::string> names;
    merged.op.name = ops[from[0]].op.name;
    merged.op.operands = std::move(operands);
    merged.op.attributes = std::move(attributes);
    for (uint32_t i : from) {
      names.push_back(ops[i].task);
      merged.origins.insert(merged.origins.end(), ops[i].origins.begin(),
                            ops[i].origins.end());
    }
    merged.task = joinNames(names);
    result.push_back(std::move(merged));
  }

  std::vector<uint32_t> all(uint32_t Chain::*member) const {
    std::vector<uint32_t> indices;
    for (const Chain &c : chains)
      if (c.*member != kNone)
        indices.push_back(c.*member);
    return indices;
  }

  /// The merged product and its scale; returns the buffer it ends in.
  uint32_t product(bool interleave) {
    const Operator &linear = ops[chains[0].linear].op;
    const Operator &scale = ops[chains[0].scale].op;
    const uint32_t w = weight(interleave);
    const uint32_t y = output(all(&Chain::linear), ElementType::F32);
    const uint32_t scaled = output(all(&Chain::scale), ElementType::F32);
    add(all(&Chain::linear), {linear.operands[0], w, y}, {});
    add(all(&Chain::scale), {y, scale.operands[1], scaled}, {});
    return scaled;
  }

  Schedule &s;
  const std::vector<FusionOp> &ops;
  const std::vector<Chain> &chains;
  int64_t rows = 0;
  std::vector<FusionOp> result;

private:
  uint32_t out(uint32_t i) const { return ops[i].op.operands.back(); }
};

void setInt(Operator &op, std::string_view name, int64_t value) {
  for (OpAttribute &a : op.attributes)
    if (a.name == name)
      a.integer = value;
}

OpAttribute integer(std::string name, int64_t value) {
  return {std::move(name), false, value, 0};
}

/// Puts `merged` where the last of `members` stands and drops them.
void replace(std::vector<FusionOp> &ops, std::vector<uint32_t> members,
             std::vector<FusionOp> merged) {
  std::sort(members.begin(), members.end());
  const uint32_t last = members.back();
  ops.insert(ops.begin() + last + 1, std::make_move_iterator(merged.begin()),
             std::make_move_iterator(merged.end()));
  for (size_t i = members.size(); i-- > 0;)
    ops.erase(ops.begin() + members[i]);
}

/// The attention at `index`, if its query, key and value come from products of
/// one input that go into its cache.
bool mergeAttention(Schedule &s, std::vector<FusionOp> &ops, uint32_t index) {
  const Matcher match(s, ops);
  const Operator attention = ops[index].op;
  std::vector<Chain> chains(3);
  if (attention.getInt("query_row") || attention.getInt("key_row") ||
      attention.getInt("value_row") ||
      !match.rows(attention.operands[0], true, false, chains[0]) ||
      !match.rows(attention.operands[1], true, true, chains[1]) ||
      !match.rows(attention.operands[2], false, true, chains[2]) ||
      !match.alike(chains))
    return false;
  const Operator &appendK = match.op(chains[1].append);
  const Operator &appendV = match.op(chains[2].append);
  const int64_t q = s.buffers[attention.operands[0]].elements();
  const int64_t k = s.buffers[attention.operands[1]].elements();
  const uint32_t cache = attention.operands[3];
  const int64_t to = appendK.getInt("to");
  if (appendK.operands[1] != cache || appendV.operands[1] != cache ||
      appendV.getInt("to") != to + k)
    return false;
  std::vector<uint32_t> members;
  for (const Chain &c : chains)
    for (uint32_t m : c.members())
      members.push_back(m);
  if (!match.canGather(members) ||
      index < *std::max_element(members.begin(), members.end()))
    return false;

  Merge merge(s, ops, chains);
  const Operator &rope = match.op(chains[0].rope);
  const uint32_t scaled = merge.product(/*interleave=*/false);
  const uint32_t rotated =
      merge.output(merge.all(&Chain::rope), ElementType::F32);
  const uint32_t rounded =
      merge.output(merge.all(&Chain::round), ElementType::BF16);
  merge.add(merge.all(&Chain::rope), {scaled, rope.operands[1], rotated},
            {integer("head_dim", rope.getInt("head_dim")),
             integer("rotated_rows", q + k)});
  merge.add(merge.all(&Chain::round), {rotated, rounded}, {});
  merge.add(merge.all(&Chain::append), {rounded, cache},
            {integer("from", q), integer("to", to)});
  Operator &fused = ops[index].op;
  fused.operands[0] = fused.operands[1] = fused.operands[2] = rounded;
  setInt(fused, "key_row", q);
  setInt(fused, "value_row", q + k);
  replace(ops, members, std::move(merge.result));
  return true;
}

bool mergeSiluMul(Schedule &s, std::vector<FusionOp> &ops, uint32_t index) {
  const Matcher match(s, ops);
  const Operator op = ops[index].op;
  std::vector<Chain> chains(2);
  if (!match.product(op.operands[0], chains[0]) ||
      !match.product(op.operands[1], chains[1]) || !match.alike(chains) ||
      op.operands[0] == op.operands[1])
    return false;
  std::vector<uint32_t> members;
  for (const Chain &c : chains) {
    // Views interleave tensors, so each side must be one.
    const Buffer &w = s.buffers[match.op(c.linear).operands[1]];
    if (s.views[w.view].parts.size() != 1)
      return false;
    for (uint32_t m : c.members())
      members.push_back(m);
  }
  members.push_back(index);
  if (!match.canGather(members))
    return false;

  Merge merge(s, ops, chains);
  const uint32_t scaled = merge.product(/*interleave=*/true);
  merge.add({index}, {scaled, op.operands[2]}, {});
  merge.result.back().op.name = "swiglu";
  replace(ops, members, std::move(merge.result));
  return true;
}

} // namespace

void mergeQueryKeyValue(Schedule &s, std::vector<FusionOp> &ops) {
  // From the end, so that the indices still to come stay right.
  for (uint32_t i = uint32_t(ops.size()); i-- > 0;)
    if (ops[i].op.name == "attention")
      mergeAttention(s, ops, i);
}

void mergeGateUp(Schedule &s, std::vector<FusionOp> &ops) {
  for (uint32_t i = uint32_t(ops.size()); i-- > 0;)
    if (ops[i].op.name == "silu_mul")
      mergeSiluMul(s, ops, i);
}

void splitArgmax(Schedule &s, std::vector<FusionOp> &ops) {
  for (uint32_t i = uint32_t(ops.size()); i-- > 0;) {
    if (ops[i].op.name != "argmax")
      continue;
    const uint32_t x = ops[i].op.operands[0], out = ops[i].op.operands[1];
    const std::string name = s.buffers[x].name;
    const int64_t blocks =
        (s.buffers[x].elements() + kArgmaxBlock - 1) / kArgmaxBlock;
    const uint32_t values =
        addBuffer(s, name + "_best", ElementType::F32, {blocks});
    const uint32_t indices =
        addBuffer(s, name + "_best_index", ElementType::I32, {blocks});
    FusionOp combine = ops[i];
    combine.op.name = "argmax_combine";
    combine.op.operands = {values, indices, out};
    ops[i].op.name = "argmax_blocks";
    ops[i].op.operands = {x, values, indices};
    ops[i].op.attributes = {integer("block", kArgmaxBlock)};
    ops[i].task += "_blocks";
    ops.insert(ops.begin() + i + 1, std::move(combine));
  }
}

} // namespace amk::scheduling
