//===- Elements.cpp - One lane an element ---------------------------------===//

#include "ClusterGather.h"

#include "AMK/Schedule/WeightPacking.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace amk::exec {

/// The lane's element of the round that begins at `base`, relative to the
/// tile's first, and whether it has one. Lanes without have the last one again:
/// the shuffles need every lane.
std::pair<Value, Value> KernelLowering::laneElement(Value base, Value count,
                                                    int64_t packet) {
  Value relative = d.add(base, lane);
  Value live = d.lt(relative, count);
  if (elementLanes(packet) < 32)
    live = d.both(live, d.lt(lane, d.i32(elementLanes(packet))));
  return {d.select(live, relative, d.sub(count, d.i32(1))), live};
}

LogicalResult KernelLowering::lower(ElementsOp op) {
  // Values of one packet lie in one warp: 30 lanes for packets of 6.
  emitDelay(row, d.add(warp, 64));
  const int64_t packet = op.getPacket();
  const int64_t perWarp = elementLanes(packet);
  Value first = map(op.getFirst()), count = map(op.getCount());
  Value step = d.i32(perWarp * core::kConsumerWarps);
  auto loop = scf::ForOp::create(b, d.loc, d.mul(warp, perWarp), count, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  element.base = loop.getInductionVar();
  element.packet = packet;
  element.first = first;
  element.count = count;
  std::tie(element.relative, element.live) =
      laneElement(element.base, count, packet);
  element.index = d.add(first, element.relative);
  Block &body = op.getBody().front();
  mapping.map(body.getArgument(0), element.index);
  for (Operation &inner : body)
    if (failed(lowerElement(&inner)))
      return failure();
  return success();
}

LogicalResult KernelLowering::lowerElement(Operation *op) {
  d.loc = op->getLoc();
  const auto result = [&](Value v) {
    mapping.map(op->getResult(0), v);
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](FieldOp o) { return result(field(o.getWord())); })
      .Case([&](PositionOp) { return result(position); })
      .Case([&](LaneElementOp o) {
        Value base = d.mul(warp, elementLanes(o.getPacket()));
        Value relative =
            laneElement(base, map(o.getCount()), o.getPacket()).first;
        return result(d.add(map(o.getFirst()), relative));
      })
      .Case([&](PartialOp o) { return result(lowerPartial(o)); })
      .Case([&](NormScaleOp o) { return result(lowerNormScale(o)); })
      .Case([&](LoadOp o) { return result(lowerLoad(o)); })
      .Case([&](HashOp o) { return result(lowerHash(o)); })
      .Case([&](VectorOp o) {
        Value at = d.add(shared(kernel.getShared().getVector()),
                         d.shl(map(o.getIndex()), 1));
        Value bits = d.loadShared(b.getI16Type(), at);
        return result(d.asFloat(
            d.shl(arith::ExtUIOp::create(b, d.loc, d.i32Type(), bits), 16)));
      })
      .Case([&](ResultOp o) {
        Value results = shared(kernel.getShared().getVector() + o.getOffset());
        return result(d.loadShared(
            d.f32Type(), d.add(results, d.shl(map(o.getIndex()), 2))));
      })
      .Case([&](RoundOp o) {
        return result(d.low(d.pack(map(o.getValue()), d.f32(0))));
      })
      .Case([&](SiluOp o) {
        Value x = map(o.getValue());
        Value e = d.exp2(d.fmul(x, d.f32(-1.4426950408889634)));
        return result(d.divide(x, d.fadd(d.f32(1), e)));
      })
      .Case([&](StoreOp o) {
        lowerStore(o);
        return success();
      })
      .Case([&](PublishOp o) {
        lowerPublish(o);
        return success();
      })
      .Case([&](BlockArgmaxOp o) {
        lowerBlockArgmax(o);
        return success();
      })
      .Default([&](Operation *o) -> LogicalResult {
        if (o->getDialect()->getNamespace() == "amk_exec")
          return o->emitOpError("is not expected here");
        b.clone(*o, mapping);
        return success();
      });
}

Value KernelLowering::lowerPartial(PartialOp op) {
  Value row = d.sub(map(op.getRow()), field(1));
  Value base = shared(kernel.getShared().getPartial());
  Value sum = d.loadShared(d.f32Type(), d.add(base, d.shl(row, 2)));
  if (op.getSlices() == 1)
    return sum;
  Value stride = d.shl(d.div(field(4), op.getSlices()), 4); // bytes
  Value at = d.add(base, d.shl(row, 2));
  for (uint32_t i = 1; i < op.getSlices(); ++i) {
    at = d.add(at, stride);
    sum = d.fadd(sum, d.loadShared(d.f32Type(), at));
  }
  return sum;
}

Value KernelLowering::lowerNormScale(NormScaleOp op) {
  Value sum = d.f32(0);
  if (op.getShares())
    sum = ClusterGather::sumOfSquares(*this, op.getShares());
  for (uint32_t w = 0; w < core::kConsumerWarps && !op.getShares(); ++w)
    sum =
        d.fadd(sum, d.loadShared(d.f32Type(),
                                 shared(kernel.getShared().getMisc() + w * 4)));
  Value mean = d.fmul(sum, d.f32(1.0 / double(op.getElements())));
  return d.rsqrt(d.fadd(mean, d.f32(op.getEps().convertToDouble())));
}

/// Bytes of one element.
static int64_t widthOf(Type type) { return type.isBF16() ? 2 : 4; }

Value KernelLowering::packedBytes(Value rowInGroup, Value column,
                                  int64_t slice) {
  // As core::packedOffset, with the stages of the row's group in front.
  Value stage = d.div(column, slice);
  Value c = d.sub(column, d.mul(stage, slice));
  Value block = d.shr(c, 7), group = d.band(d.shr(c, 5), 3);
  Value quad = d.band(d.shr(c, 3), 3), j = d.band(c, 7);
  Value m = d.add(rowInGroup, d.shl(group, 2));
  Value bytes = d.mul(d.add(d.shl(block, 1), d.shr(j, 2)), 512);
  bytes = d.add(bytes, d.shl(d.add(d.shl(d.band(m, 7), 2), quad), 4));
  Value word = d.add(d.shr(m, 3), d.band(j, 2)); // 2 * (j % 4 / 2)
  bytes = d.add(bytes, d.shl(word, 2));
  bytes = d.add(bytes, d.shl(d.band(j, 1), 1));
  return d.add(bytes, d.mul(stage, slice * int64_t(core::kPackRows) * 2));
}

Value KernelLowering::lowerLoad(LoadOp op) {
  const int64_t width = widthOf(op.getType());
  Value index = map(op.getIndex());
  Type raw = op.getType().isBF16() ? b.getI16Type() : op.getType();
  Value bits;
  if (op.getShared()) {
    bits = loadAt(raw, map(op.getPlace()), true, d.mul(index, width));
  } else {
    Value row = op.getRow() ? map(op.getRow()) : Value();
    Value inRow = d.mul(index, width);
    if (op.getSlice()) {
      inRow = packedBytes(d.band(row, 3), index, op.getSlice());
      row = d.shr(row, 2);
    }
    Value at = d.at(globalPlace(map(op.getPlace())), inRow);
    if (row) {
      // A table may be larger than 4 GB.
      const int64_t rows = op.getSlice() ? core::kPackRows : 1;
      Value offset = arith::MulIOp::create(
          b, d.loc, d.zext64(row), d.i64(op.getColumns() * width * rows));
      at = d.add(at, offset);
    }
    bits = d.loadGlobal(raw, at);
  }
  if (!op.getType().isBF16())
    return bits;
  return d.asFloat(
      d.shl(arith::ExtUIOp::create(b, d.loc, d.i32Type(), bits), 16));
}

void KernelLowering::lowerStore(StoreOp op) {
  const int64_t width = widthOf(op.getType());
  Value condition = element.live;
  if (op.getCondition())
    condition = d.both(condition, map(op.getCondition()));
  d.ifThen(condition, [&] {
    Value value = map(op.getValue());
    if (op.getType().isBF16()) {
      Value bits =
          value.getType().isInteger(32) ? value : d.pack(value, d.f32(0));
      value = arith::TruncIOp::create(b, d.loc, b.getI16Type(), bits);
    }
    storeAt(value, map(op.getPlace()), op.getShared(),
            d.mul(map(op.getIndex()), width));
  });
}

void KernelLowering::lowerPublish(PublishOp op) {
  const int64_t packet = element.packet;
  const int64_t perWarp = 32 / packet;
  Value value = map(op.getValue());
  Value next = d.shuffleDown(value, 1);
  Value pair;
  if (value.getType().isInteger(32))
    pair = d.bor(d.band(value, 0xffff), d.shl(next, 16));
  else
    pair = d.pack(value, next);
  // Lane i collects packet i of this warp's round: its words sit in the lanes
  // of its even values.
  Value inWarp = d.lt(lane, d.i32(perWarp));
  Value from = d.mul(d.select(inWarp, lane, d.i32(0)), packet);
  llvm::SmallVector<Value, 4> words;
  for (int64_t k = 0; k < 6; k += 2)
    words.push_back(k < packet ? d.shuffle(pair, d.add(from, k)) : d.i32(0));
  words.push_back(stampOf(map(op.getGeneration())));
  Value firstElement = d.add(element.base, from);
  Value holds = d.both(inWarp, d.lt(firstElement, element.count));
  d.ifThen(holds, [&] {
    Value index = d.add(
        d.add(map(op.getFirstPacket()), d.div(element.base, packet)), lane);
    Value address = packetAddress(map(op.getPlace()), index, op.getRoom());
    if (op.getRoom())
      sendPacket(address, map(op.getPeers()), words);
    else
      storePacket(address, words);
  });
}

Value KernelLowering::lowerHash(HashOp op) {
  Value vector = shared(kernel.getShared().getVector());
  auto hash = d.forLoop(
      d.i32(0), d.i32(op.getBytes()), d.i32(1), {d.i32(2166136261u)},
      [&](Value i, ValueRange h) {
        Value byte = d.loadShared(b.getI8Type(), d.add(vector, i));
        Value wide = arith::ExtUIOp::create(b, d.loc, d.i32Type(), byte);
        return llvm::SmallVector<Value>{d.mul(d.bxor(h[0], wide), 16777619)};
      });
  return d.bxor(hash[0],
                d.mul(d.add(map(op.getIndex()), 1), int64_t(2654435761u)));
}

void KernelLowering::lowerBlockArgmax(BlockArgmaxOp op) {
  Value v = map(op.getValue()), i = map(op.getIndex());
  Value nan = arith::CmpFOp::create(b, d.loc, arith::CmpFPredicate::UNO, v, v);
  i = d.select(nan, d.i32(-1), i);
  for (int distance = int(op.getBlock()) / 2; distance; distance /= 2)
    std::tie(v, i) =
        largerOf(v, i, d.shuffleXor(v, distance), d.shuffleXor(i, distance));
  mapping.map(op.getLargest(), v);
  mapping.map(op.getAt(), i);
}

} // namespace amk::exec
