//===- ExtraOperators.cpp - Operators that only mutants have --------------===//

#include "ExtraOperators.h"

#include "AMK/Runtime/Kernels.h"
#include "AMK/Schedule/Operators.h"
#include "Lowering.h"

#include <cstring>

namespace amk::mutants {

using namespace core;

namespace {

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

/// What an attention touches if this position's key and value come from the
/// cache too.
void addThroughCache(const OperatorModel &plain, const Schedule &s,
                     const Operator &op, Range tile, std::vector<Access> &out) {
  std::vector<Access> all;
  plain.accesses(s, op, tile, all);
  // Query, key, value, then the rest.
  for (size_t i = 0; i < all.size(); ++i) {
    if (i == 1 || i == 2)
      continue;
    if (all[i].position == Position::Past)
      all[i].position = Position::Upto;
    out.push_back(all[i]);
  }
}

/// Operands and attributes are those of `attention`; of key and value only the
/// shapes count.
class AttentionUpto : public OperatorModel {
public:
  std::string_view name() const override { return "attention_upto"; }
  unsigned inputs() const override { return 4; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand == 0; }
  int64_t granulesPerTile() const override { return 1; }
  std::string verify(const Schedule &s, const Operator &op) const override {
    return plain().verify(s, op);
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return plain().extent(s, op);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    addThroughCache(plain(), s, op, tile, out);
  }
  Range mapTile(const Schedule &s, const Operator &op,
                Range tile) const override {
    return plain().mapTile(s, op, tile);
  }

private:
  static const OperatorModel &plain() { return *lookupOperator("attention"); }
};

/// Likewise of `attention_join`.
class AttentionJoinUpto : public OperatorModel {
public:
  std::string_view name() const override { return "attention_join_upto"; }
  unsigned inputs() const override { return 5; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override {
    return operand == 0 || operand == 4;
  }
  bool gathersFloats(unsigned operand) const override { return operand == 4; }
  unsigned streamedCache() const override { return 3; }
  CachePiece cachePiece(const Schedule &s, const Operator &op,
                        int64_t index) const override {
    return plain().cachePiece(s, op, index);
  }
  int64_t granulesPerTile() const override { return 1; }
  uint64_t workingBytes(const Schedule &s, const Operator &op,
                        int64_t longest) const override {
    return plain().workingBytes(s, op, longest);
  }
  std::string verify(const Schedule &s, const Operator &op) const override {
    return plain().verify(s, op);
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return plain().extent(s, op);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    addThroughCache(plain(), s, op, tile, out);
  }
  Range mapTile(const Schedule &s, const Operator &op,
                Range tile) const override {
    return plain().mapTile(s, op, tile);
  }

private:
  static const OperatorModel &plain() {
    return *lookupOperator("attention_join");
  }
};

class CopyWeight : public OperatorModel {
public:
  std::string_view name() const override { return "copy_weight"; }
  unsigned inputs() const override { return 1; }
  unsigned outputs() const override { return 1; }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Buffer &from = s.buffers[op.operands[0]];
    const Buffer &to = s.buffers[op.operands[1]];
    return from.kind == BufferKind::Weight && from.shape.size() == 2 &&
                   to.type == ElementType::BF16 && to.shape == from.shape
               ? ""
               : "expected a weight and an activation of its shape";
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return s.buffers[op.operands[0]].shape[0];
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    const uint64_t row = uint64_t(s.buffers[op.operands[0]].shape[1]) * 2;
    for (unsigned i = 0; i < 2; ++i)
      out.push_back(
          {op.operands[i],
           i == 1,
           Position::None,
           {uint64_t(tile.lo) * row, uint64_t(tile.size()) * row, 0, 1}});
  }
};

class LinearPlain : public OperatorModel {
public:
  std::string_view name() const override { return "linear_plain"; }
  unsigned inputs() const override { return 2; }
  unsigned outputs() const override { return 1; }
  bool gathers(unsigned operand) const override { return operand == 0; }
  unsigned streamedOperand() const override { return 1; }
  std::string verify(const Schedule &s, const Operator &op) const override {
    const Buffer &x = s.buffers[op.operands[0]];
    const Buffer &w = s.buffers[op.operands[1]];
    return w.type == ElementType::BF16 && w.shape.size() == 2 &&
                   x.shape.size() == 1 && x.shape[0] == w.shape[1]
               ? ""
               : "expected a matrix with a column for every value";
  }
  int64_t extent(const Schedule &s, const Operator &op) const override {
    return plain().extent(s, op);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &out) const override {
    plain().accesses(s, op, tile, out);
  }

private:
  static const OperatorModel &plain() { return *lookupOperator("linear"); }
};

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Takes key and value of KV heads [first, last] from the cache and calls the
/// kernel that has them as operands.
void callThroughCache(const runtime::KernelCall &call, const char *kernel,
                      int64_t first, int64_t last) {
  const Buffer &cache = call.buffer(3);
  const int64_t heads = cache.shape[1], positions = cache.shape[2];
  const int64_t d = cache.shape[3];
  const uint16_t *values = call.data<uint16_t>(3);
  std::vector<runtime::KernelOperand> operands(
      call.operands, call.operands + call.op.operands.size());
  std::vector<uint16_t> now[2];
  for (int64_t plane = 0; plane < 2; ++plane) {
    const unsigned operand = 1 + unsigned(plane);
    now[plane].resize(size_t(call.buffer(operand).elements()));
    uint16_t *out = now[plane].data() +
                    call.op.getInt(plane == 0 ? "key_row" : "value_row");
    for (int64_t h = first; h <= last; ++h)
      std::memcpy(out + h * d,
                  values +
                      ((plane * heads + h) * positions + call.position) * d,
                  size_t(d) * 2);
    operands[operand].data = reinterpret_cast<char *>(now[plane].data());
  }
  runtime::lookupKernel(kernel)(
      {call.schedule, call.op, call.range, call.position, operands.data()});
}

void attendThroughCache(const runtime::KernelCall &call) {
  const int64_t group = call.op.getInt("group");
  callThroughCache(call, "attention", call.range.lo / group,
                   (call.range.hi - 1) / group);
}

void joinThroughCache(const runtime::KernelCall &call) {
  callThroughCache(call, "attention_join", call.range.lo, call.range.hi - 1);
}

void copyWeight(const runtime::KernelCall &call) {
  const int64_t row = call.buffer(0).shape[1] * 2;
  for (int64_t r = call.range.lo; r < call.range.hi; ++r)
    std::memcpy(call.data<char>(1) + r * row, call.operands[0].weight->row(r),
                size_t(row));
}

/// One tensor that is in memory.
class InMemory : public runtime::WeightSource {
public:
  explicit InMemory(const void *data) : bytes(data) {}
  runtime::Status tensor(const std::string &, int64_t, int64_t,
                         const void *&data) override {
    data = bytes;
    return {};
  }

private:
  const void *bytes;
};

/// Makes a weight of the matrix and calls the kernel of `linear`.
void multiplyPlain(const runtime::KernelCall &call) {
  Schedule views;
  Buffer matrix = call.buffer(1);
  views.views.push_back({{{"matrix", matrix.shape[0], 0}}, false});
  matrix.view = 0;
  InMemory source(call.data<char>(1));
  runtime::WeightRows rows;
  if (!rows.resolve(views, matrix, source).ok())
    return; // the logits show it
  runtime::KernelOperand operands[3] = {call.operands[0], {}, call.operands[2]};
  operands[1].weight = &rows;
  runtime::lookupKernel("linear")(
      {call.schedule, call.op, call.range, call.position, operands});
}

bool add(std::unique_ptr<OperatorModel> model, runtime::KernelFunction kernel) {
  const std::string_view name = model->name();
  return registerOperator(std::move(model)) &&
         runtime::registerKernel(name, kernel);
}

} // namespace

void registerExtraOperators() {
  static const bool once =
      add(std::make_unique<AttentionUpto>(), attendThroughCache) &&
      add(std::make_unique<AttentionJoinUpto>(), joinThroughCache) &&
      add(std::make_unique<CopyWeight>(), copyWeight) &&
      add(std::make_unique<LinearPlain>(), multiplyPlain);
  (void)once;
}

void readThroughCache(Schedule &s) {
  registerExtraOperators();
  for (Task &task : s.tasks)
    for (Operator &op : task.ops)
      if (op.name == "attention" || op.name == "attention_join")
        op.name += "_upto";
}

} // namespace amk::mutants
