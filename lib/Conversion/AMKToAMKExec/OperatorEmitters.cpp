//===- OperatorEmitters.cpp - How each operator is emitted ----------------===//

#include "BodyBuilder.h"

#include "AMK/Schedule/Operators.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace amk {

namespace {

Value mulf(BodyBuilder &body, Value x, Value y) {
  return arith::MulFOp::create(body.b, body.loc, x, y);
}
Value addf(BodyBuilder &body, Value x, Value y) {
  return arith::AddFOp::create(body.b, body.loc, x, y);
}
Value andi(BodyBuilder &body, Value x, int64_t y) {
  return arith::AndIOp::create(body.b, body.loc, x, body.constant(y));
}

/// silu(gate) * up, or null if one of them could not be emitted.
Value gated(BodyBuilder &body, Value gate, Value up) {
  if (!gate || !up)
    return Value();
  Value silu =
      exec::SiluOp::create(body.b, body.loc, body.b.getF32Type(), gate);
  return mulf(body, silu, up);
}

struct Round : OperatorEmitter {
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    Value x = body.pull(op, 0, index);
    return x ? Value(exec::RoundOp::create(body.b, body.loc,
                                           body.b.getF32Type(), x))
             : Value();
  }
};

struct Add : OperatorEmitter {
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    Value x = body.pull(op, 0, index), y = body.pull(op, 1, index);
    return x && y ? addf(body, x, y) : Value();
  }
};

struct Scale : OperatorEmitter {
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    Value x = body.pull(op, 0, index);
    Value s = body.pull(op, 1, body.constant(0));
    return x && s ? mulf(body, x, s) : Value();
  }
};

struct SiluMul : OperatorEmitter {
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    Value gate = body.pull(op, 0, index), up = body.pull(op, 1, index);
    return gated(body, gate, up);
  }
};

struct Swiglu : OperatorEmitter {
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    Value even =
        arith::MulIOp::create(body.b, body.loc, index, body.constant(2));
    Value gate = body.pull(op, 0, even);
    Value up = body.pull(op, 0, body.add(even, 1));
    return gated(body, gate, up);
  }
};

struct Rope : OperatorEmitter {
  /// Cosine and sine of the pair that `index` is in: the table's row holds both
  /// of every pair.
  static std::pair<Value, Value> angles(BodyBuilder &body, size_t op,
                                        Value index) {
    const core::Operator &o = body.op(op);
    const int64_t dim = o.getInt("head_dim");
    OpBuilder &b = body.b;
    Location loc = body.loc;
    Value inHead = arith::RemUIOp::create(b, loc, index, body.constant(dim));
    Value even = andi(body, inHead, ~int64_t(1));
    Value position = exec::PositionOp::create(b, loc, b.getI32Type());
    const auto entry = [&](Value at) {
      return Value(exec::LoadOp::create(
          b, loc, b.getF32Type(), body.place(o.operands[1]), at, position,
          b.getF32Type(), uint32_t(dim), /*slice=*/0, false));
    };
    Value cosine = entry(even);
    return {cosine, entry(body.add(even, 1))};
  }
  void loadAhead(BodyBuilder &body, size_t op, Value index) const override {
    if (body.op(op).getInt("rotated_rows") == 0)
      return;
    const auto [cosine, sine] = angles(body, op, index);
    body.keepAhead(op, {cosine, sine});
  }
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    const core::Operator &o = body.op(op);
    const int64_t rows = o.getInt("rotated_rows");
    Value self = body.pull(op, 0, index);
    if (!self || rows == 0)
      return self;
    OpBuilder &b = body.b;
    Location loc = body.loc;
    Value other = body.pull(
        op, 0, arith::XOrIOp::create(b, loc, index, body.constant(1)));
    if (!other)
      return Value();
    std::pair<Value, Value> angle;
    if (llvm::ArrayRef<Value> known = body.loadedAhead(op, index);
        !known.empty())
      angle = {known[0], known[1]};
    else
      angle = angles(body, op, index);
    const auto [cosine, sine] = angle;
    // A head has an even number of rows, and begins at an even one.
    Value isEven =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                              andi(body, index, 1), body.constant(0));
    Value negative = arith::NegFOp::create(b, loc, sine);
    Value signedSine = arith::SelectOp::create(b, loc, isEven, negative, sine);
    Value rotated =
        addf(body, mulf(body, self, cosine), mulf(body, other, signedSine));
    if (rows == body.operand(op, 0).elements())
      return rotated;
    Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                         index, body.constant(rows));
    return arith::SelectOp::create(b, loc, inside, rotated, self);
  }
};

struct Embed : OperatorEmitter {
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    const core::Operator &o = body.op(op);
    Value token = body.pull(op, 0, body.constant(0));
    if (!token)
      return Value();
    // A table that a product streams too (tied embeddings) is packed for it.
    uint32_t slice = 0;
    for (const core::Placement &p : body.plan.kernel.placements)
      if (p.buffer == o.operands[1])
        slice = p.packColumns;
    return exec::LoadOp::create(
        body.b, body.loc, body.b.getF32Type(), body.place(o.operands[1]), index,
        token, body.b.getBF16Type(), uint32_t(body.operand(op, 1).shape[1]),
        slice, false);
  }
};

struct RmsNorm : OperatorEmitter {
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    return body.gather(op, body.op(op).operands[0], op, /*applyGain=*/false);
  }
  void prepareElements(BodyBuilder &body, size_t op) const override {
    (void)body.normScale(op);
  }
  Value element(BodyBuilder &body, size_t op, unsigned output,
                Value index) const override {
    if (output == 1)
      return body.normScale(op);
    if (body.op(op).prologue) {
      (void)body.error(op, "expected a product that takes the prologue in");
      return Value();
    }
    Value x =
        exec::VectorOp::create(body.b, body.loc, body.b.getF32Type(), index);
    Value gain = body.pull(op, 1, index);
    return mulf(body, x, gain);
  }
};

struct Linear : OperatorEmitter {
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    const uint32_t x = body.op(op).operands[0];
    if (failed(gatherInput(body, op, x)))
      return failure();
    const core::Stream &stream = body.task.stream;
    exec::ProductOp::create(
        body.b, body.loc, stream.columns,
        core::columnSlices(body.buffer(x).elements(), stream), body.rounds());
    return success();
  }

  /// The input as it is, or, behind a prologue of rms_norm and round, with the
  /// gain applied on the way into shared memory.
  LogicalResult gatherInput(BodyBuilder &body, size_t op, uint32_t x) const {
    const std::optional<size_t> round = body.producer(x, op);
    if (!round)
      return body.gather(op, x, std::nullopt, false);
    const auto refuse = [&] {
      return body.error(op, "expected an input from memory or from rms_norm "
                            "and round, found it from '" +
                                body.op(*round).name + "'");
    };
    if (body.op(*round).name != "round")
      return refuse();
    const uint32_t normed = body.op(*round).operands[0];
    const std::optional<size_t> norm = body.producer(normed, *round);
    if (!norm || body.op(*norm).name != "rms_norm")
      return refuse();
    return body.gather(op, body.op(*norm).operands[0], norm,
                       /*applyGain=*/true);
  }

  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    const uint32_t slices =
        core::columnSlices(body.operand(op, 0).elements(), body.task.stream);
    return exec::PartialOp::create(body.b, body.loc, body.b.getF32Type(), index,
                                   slices);
  }
};

struct KvAppend : OperatorEmitter {
  int64_t storeExtent(const BodyBuilder &body, size_t op,
                      unsigned) const override {
    return body.operand(op, 0).elements();
  }
  Value element(BodyBuilder &body, size_t op, unsigned, Value) const override {
    (void)body.error(op, "expected that no operator of its task reads the "
                         "cache it appends to");
    return Value();
  }
  LogicalResult store(BodyBuilder &body, size_t op, unsigned,
                      Value index) const override {
    const core::Operator &o = body.op(op);
    OpBuilder &b = body.b;
    Location loc = body.loc;
    const core::Buffer &cache = body.operand(op, 1);
    const int64_t from = o.getInt("from"), to = o.getInt("to");
    const int64_t positions = cache.shape[2], dim = cache.shape[3];
    if (dim % core::kCacheColumns)
      return body.error(op, "expected a head dimension that is a multiple of " +
                                llvm::Twine(core::kCacheColumns) + ", found " +
                                llvm::Twine(dim));
    Value value = body.pull(op, 0, index);
    if (!value)
      return failure();
    Value row = body.add(index, to - from);
    Value head = arith::DivUIOp::create(b, loc, row, body.constant(dim));
    Value inHead = arith::RemUIOp::create(b, loc, row, body.constant(dim));
    Value position = exec::PositionOp::create(b, loc, b.getI32Type());
    // Chunks of 16 bytes are swapped by the position, so that eight rows of a
    // stage have a column in eight different banks.
    Value swap = arith::ShLIOp::create(b, loc, andi(body, position, 7),
                                       body.constant(3));
    inHead = arith::XOrIOp::create(b, loc, inHead, swap);
    Value at = arith::MulIOp::create(b, loc, head, body.constant(positions));
    at = arith::AddIOp::create(b, loc, at, position);
    at = arith::MulIOp::create(b, loc, at, body.constant(dim));
    at = arith::AddIOp::create(b, loc, at, inHead);
    Value condition;
    if (from > 0)
      condition = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge,
                                        index, body.constant(from));
    body.storeElement(o.operands[1], value, at, condition);
    return success();
  }
};

/// Element `index` of attention's output; an index of the parallel dimension
/// makes `width` of them, and the tile's lie at `offset` in the vector area.
Value attentionResult(BodyBuilder &body, Value index, int64_t width,
                      int64_t offset) {
  Value first = arith::MulIOp::create(body.b, body.loc, body.rangeFirst(),
                                      body.constant(width));
  Value inTile = arith::SubIOp::create(body.b, body.loc, index, first);
  return exec::ResultOp::create(body.b, body.loc, body.b.getF32Type(), inTile,
                                uint32_t(offset));
}

struct Attention : OperatorEmitter {
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    const core::Operator &o = body.op(op);
    const core::Buffer &cache = body.operand(op, 3);
    const int64_t dim = o.getInt("head_dim");
    if (dim % 64)
      return body.error(op, "expected a head dimension that is a multiple of "
                            "64, found " +
                                llvm::Twine(dim));
    const auto packets = [&](unsigned i) {
      const auto p = body.packets(o.operands[i]);
      return p ? *p : exec::PacketsAttr();
    };
    exec::AttentionOp::create(
        body.b, body.loc, body.place(o.operands[0]), body.place(o.operands[1]),
        body.place(o.operands[2]), body.generation(o.operands[0]),
        body.generation(o.operands[1]), body.generation(o.operands[2]),
        body.place(o.operands[3]), uint32_t(dim), uint32_t(o.getInt("group")),
        uint32_t(cache.shape[1]), uint32_t(cache.shape[2]),
        uint32_t(o.getInt("query_row")), uint32_t(o.getInt("key_row")),
        uint32_t(o.getInt("value_row")), packets(0), packets(1), packets(2),
        body.isShared(o.operands[0]), body.isShared(o.operands[1]),
        body.isShared(o.operands[2]));
    return success();
  }
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    // Behind query, key and value, the warps' outputs and their states.
    const int64_t dim = body.op(op).getInt("head_dim");
    return attentionResult(body, index, dim,
                           dim * 4 * (3 + core::kConsumerWarps) +
                               core::kConsumerWarps * 8);
  }
};

exec::PacketsAttr packetsOf(BodyBuilder &body, uint32_t buffer) {
  const auto p = body.packets(buffer);
  return p ? *p : exec::PacketsAttr();
}

struct AttentionPartial : OperatorEmitter {
  bool storesInPrepare() const override { return true; }
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    const core::Operator &o = body.op(op);
    const uint32_t query = o.operands[0], parts = o.operands[2];
    exec::SplitAttentionOp::create(
        body.b, body.loc, body.place(query), Value(), Value(),
        body.generation(query), Value(), Value(), body.place(parts),
        body.generation(parts), body.peers(parts),
        uint32_t(o.getInt("head_dim")), uint32_t(o.getInt("group")),
        uint32_t(body.schedule.numerics.kvSplits),
        uint32_t(o.getInt("query_row")), 0, 0, packetsOf(body, query),
        exec::PacketsAttr(), exec::PacketsAttr(), body.isShared(query), false,
        false, body.isShared(parts), body.buffer(parts).packetRoom);
    return success();
  }
  Value element(BodyBuilder &body, size_t op, unsigned, Value) const override {
    (void)body.error(op, "expected to end its task");
    return Value();
  }
};

struct AttentionJoin : OperatorEmitter {
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    const core::Operator &o = body.op(op);
    const uint32_t query = o.operands[0], key = o.operands[1],
                   value = o.operands[2], parts = o.operands[4];
    exec::SplitAttentionOp::create(
        body.b, body.loc, body.place(query), body.place(key), body.place(value),
        body.generation(query), body.generation(key), body.generation(value),
        body.place(parts), body.generation(parts), Value(),
        uint32_t(o.getInt("head_dim")), uint32_t(o.getInt("group")),
        uint32_t(body.schedule.numerics.kvSplits),
        uint32_t(o.getInt("query_row")), uint32_t(o.getInt("key_row")),
        uint32_t(o.getInt("value_row")), packetsOf(body, query),
        packetsOf(body, key), packetsOf(body, value), body.isShared(query),
        body.isShared(key), body.isShared(value), body.isShared(parts),
        body.buffer(parts).packetRoom);
    return success();
  }
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    const core::Operator &o = body.op(op);
    const int64_t dim = o.getInt("head_dim"), group = o.getInt("group");
    return attentionResult(body, index, group * dim,
                           core::SplitArea(group, dim).results);
  }
};

struct Argmax : OperatorEmitter {
  explicit Argmax(bool combine) : combine(combine) {}
  bool storesInPrepare() const override { return true; }
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    const core::Operator &o = body.op(op);
    Value indices = combine ? body.place(o.operands[1]) : Value();
    exec::ArgmaxOp::create(body.b, body.loc, body.place(o.operands[0]), indices,
                           body.place(o.operands[combine ? 2 : 1]),
                           uint32_t(body.operand(op, 0).elements()),
                           body.isShared(o.operands[0]),
                           combine && body.isShared(o.operands[1]),
                           body.isShared(o.operands[combine ? 2 : 1]));
    return success();
  }
  Value element(BodyBuilder &body, size_t op, unsigned, Value) const override {
    (void)body.error(op, "expected to end its task");
    return Value();
  }
  bool combine;
};

struct ArgmaxBlocks : OperatorEmitter {
  int64_t storeExtent(const BodyBuilder &body, size_t op,
                      unsigned output) const override {
    // Both outputs are stored with the first.
    return output == 0 ? body.operand(op, 0).elements() : 0;
  }
  Value element(BodyBuilder &body, size_t op, unsigned, Value) const override {
    (void)body.error(op, "expected to end its task");
    return Value();
  }
  LogicalResult store(BodyBuilder &body, size_t op, unsigned,
                      Value index) const override {
    const core::Operator &o = body.op(op);
    OpBuilder &b = body.b;
    Location loc = body.loc;
    const int64_t block = o.getInt("block");
    if (block > 32 || (block & (block - 1)))
      return body.error(op, "expected a block of 1 to 32, a power of two, "
                            "found " +
                                llvm::Twine(block));
    Value value = body.pull(op, 0, index);
    if (!value)
      return failure();
    auto best = exec::BlockArgmaxOp::create(
        b, loc, b.getF32Type(), b.getI32Type(), value, index, uint32_t(block));
    Value at = arith::DivUIOp::create(b, loc, index, body.constant(block));
    Value isFirst =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                              andi(body, index, block - 1), body.constant(0));
    body.storeElement(o.operands[1], best.getLargest(), at, isFirst);
    body.storeElement(o.operands[2], best.getAt(), at, isFirst);
    return success();
  }
};

struct Hash : OperatorEmitter {
  LogicalResult prepare(BodyBuilder &body, size_t op) const override {
    return body.gather(op, body.op(op).operands[0], std::nullopt, false);
  }
  Value element(BodyBuilder &body, size_t op, unsigned,
                Value index) const override {
    const core::Buffer &x = body.operand(op, 0);
    return exec::HashOp::create(
        body.b, body.loc, body.b.getI32Type(), index,
        uint32_t(x.elements() * core::byteWidth(x.type)));
  }
};

} // namespace

const OperatorEmitter *lookupEmitter(llvm::StringRef name) {
  static const auto *emitters = [] {
    auto *m = new llvm::StringMap<std::unique_ptr<OperatorEmitter>>();
    (*m)["embed"] = std::make_unique<Embed>();
    (*m)["round"] = std::make_unique<Round>();
    (*m)["rms_norm"] = std::make_unique<RmsNorm>();
    (*m)["linear"] = std::make_unique<Linear>();
    (*m)["scale"] = std::make_unique<Scale>();
    (*m)["rope"] = std::make_unique<Rope>();
    (*m)["kv_append"] = std::make_unique<KvAppend>();
    (*m)["attention"] = std::make_unique<Attention>();
    (*m)["attention_partial"] = std::make_unique<AttentionPartial>();
    (*m)["attention_join"] = std::make_unique<AttentionJoin>();
    (*m)["add"] = std::make_unique<Add>();
    (*m)["silu_mul"] = std::make_unique<SiluMul>();
    (*m)["swiglu"] = std::make_unique<Swiglu>();
    (*m)["argmax"] = std::make_unique<Argmax>(/*combine=*/false);
    (*m)["argmax_blocks"] = std::make_unique<ArgmaxBlocks>();
    (*m)["argmax_combine"] = std::make_unique<Argmax>(/*combine=*/true);
    (*m)["hash"] = std::make_unique<Hash>();
    return m;
  }();
  const auto at = emitters->find(name);
  return at == emitters->end() ? nullptr : at->second.get();
}

} // namespace amk
