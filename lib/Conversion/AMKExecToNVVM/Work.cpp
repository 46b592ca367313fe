//===- Work.cpp - Product, attention, argmax ------------------------------===//

#include "KernelLowering.h"

#include <cmath>

using namespace mlir;

namespace amk::exec {

//===----------------------------------------------------------------------===//
// Product
//===----------------------------------------------------------------------===//

void KernelLowering::multiply(Value (&sums)[4][4], llvm::ArrayRef<Value> a,
                              Value b0, Value b1, int which) {
  Type f32 = d.f32Type();
  auto type =
      LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
  Value(&c)[4] = sums[which];
  Value out = d.ptx(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {$0,$1,$2,$3}, "
      "{$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};",
      "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f", type,
      {a[0], a[1], a[2], a[3], b0, b1, c[0], c[1], c[2], c[3]},
      /*sideEffects=*/false);
  for (int64_t i = 0; i < 4; ++i)
    c[i] = LLVM::ExtractValueOp::create(b, d.loc, out, i);
}

Value KernelLowering::heldWord(int64_t word) {
  return LLVM::GEPOp::create(
      b, d.loc, held.getType(),
      LLVM::LLVMArrayType::get(d.i32Type(),
                               kernel.getRing()->getBytes() / 512 * 4),
      held, llvm::ArrayRef<LLVM::GEPArg>{0, int32_t(word)});
}

llvm::SmallVector<Value, 4> KernelLowering::heldFragment(int64_t fragment) {
  llvm::SmallVector<Value, 4> words;
  for (int64_t i = 0; i < 4; ++i)
    words.push_back(d.get(d.i32Type(), heldWord(fragment * 4 + i)));
  return words;
}

void KernelLowering::holdFragment(int64_t fragment,
                                  llvm::ArrayRef<Value> words) {
  for (int64_t i = 0; i < 4; ++i)
    d.set(heldWord(fragment * 4 + i), words[size_t(i)]);
}

void KernelLowering::tryHold() {
  if (!holds())
    return;
  RingAttr ring = *kernel.getRing();
  Value next = d.get(d.i32Type(), nextStage);
  Value wants = d.both(d.eq(d.get(d.i32Type(), holding), d.i32(0)),
                       d.lt(next, holdLimit));
  d.ifThen(wants, [&] {
    Value slot = d.rem(next, ring.getSlots());
    Value parity = d.band(d.div(next, ring.getSlots()), 1);
    Value landed =
        omits(Fault::HoldFull)
            ? wants
            : d.ne(d.barrierTest(fullBarrier(slot), parity), d.i32(0));
    d.ifThen(d.warpAll(landed), [&] {
      stampLanded(next);
      Value from =
          d.add(d.add(smem, d.mul(slot, ring.getBytes())), d.shl(lane, 4));
      if (omits(Fault::HoldRelease)) {
        releaseSlot(slot, next);
        emitDelay(next, d.i32(16));
      }
      // The whole slot: a shorter stage leaves words that nobody reads.
      for (int64_t j = 0; j < int64_t(ring.getBytes()) / 512; ++j)
        holdFragment(j, d.loadShared4(d.add(from, j * 512)));
      d.set(holding, d.i32(1));
      if (!omits(Fault::HoldRelease))
        releaseSlot(slot, next);
    });
  });
}

void KernelLowering::forgetHeld() {
  if (!holds())
    return;
  // Any value: an undefined one would be folded into what was held before.
  for (int64_t i = 0; i < int64_t(kernel.getRing()->getBytes()) / 128; ++i)
    d.set(heldWord(i), d.i32(0));
}

void KernelLowering::consumeStage(ProductOp op, Value stage, Value firstStage,
                                  Value rows, bool fromRegisters) {
  RingAttr ring = *kernel.getRing();
  const int64_t columns = op.getColumns(), slices = op.getSlices();
  Value inTile = d.sub(stage, firstStage);
  Value group = d.div(inTile, slices);
  Value slice = slices == 1 ? d.i32(0) : d.sub(inTile, d.mul(group, slices));
  // One 16-byte load of the input serves two fragments: lane n of the operand
  // holds column group n mod 4.
  Value input = d.add(
      shared(kernel.getShared().getVector()),
      d.add(d.shl(d.band(d.shr(lane, 2), 3), 6), d.shl(d.band(lane, 3), 4)));
  input = d.add(input, d.mul(slice, columns * 2));
  awaitSlice(op, slice);
  Value slot, weights;
  if (!fromRegisters) {
    slot = d.rem(stage, ring.getSlots());
    Value parity = d.band(d.div(stage, ring.getSlots()), 1);
    weights = d.add(d.add(smem, d.mul(slot, ring.getBytes())), d.shl(lane, 4));
    if (!omits(Fault::RingFull))
      d.barrierWait(fullBarrier(slot), parity);
    stampLanded(stage);
    if (omits(Fault::StageRelease)) {
      releaseSlot(slot, stage);
      emitDelay(stage, d.i32(17));
    }
  }
  Value sums[4][4];
  for (auto &sum : sums)
    for (Value &v : sum)
      v = d.f32(0);
  const int64_t fragments = columns / 64;
  for (int64_t j = 0; j < fragments; j += 2) {
    auto x = d.loadShared4(d.add(input, j / 2 * 256));
    auto w0 = fromRegisters ? heldFragment(j)
                            : d.loadShared4(d.add(weights, j * 512));
    auto w1 = fromRegisters ? heldFragment(j + 1)
                            : d.loadShared4(d.add(weights, j * 512 + 512));
    multiply(sums, w0, x[0], x[1], int(j % 4));
    multiply(sums, w1, x[2], x[3], int(j % 4 + 1));
  }
  if (!fromRegisters && !omits(Fault::StageRelease))
    releaseSlot(slot, stage);
  Value c[4];
  for (int i = 0; i < 4; ++i)
    c[i] =
        d.fadd(d.fadd(sums[0][i], sums[1][i]), d.fadd(sums[2][i], sums[3][i]));
  // The diagonal: row r of group g is fragment row r + 4 g, operand column g.
  Value h = d.shr(lane, 2), q = d.band(lane, 3);
  Value isFirst = d.eq(q, d.i32(0)), isSecond = d.eq(q, d.i32(1));
  Value zero = d.f32(0);
  Value upper = d.select(isFirst, c[0], d.select(isSecond, c[2], zero));
  Value lower = d.select(isFirst, c[1], d.select(isSecond, c[3], zero));
  Value v = d.select(d.ult(h, d.i32(4)), upper, lower);
  v = d.fadd(v, d.shuffleXor(v, 1));
  v = d.fadd(v, d.shuffleXor(v, 16));
  Value writes = d.both(isFirst, d.ult(h, d.i32(4)));
  d.ifThen(writes, [&] {
    Value r = d.add(d.shl(group, 2), h);
    Value at = slices == 1 ? r : d.add(d.mul(slice, rows), r);
    d.storeShared(v,
                  d.add(shared(kernel.getShared().getPartial()), d.shl(at, 2)));
  });
}

void KernelLowering::lower(ProductOp op) {
  beginSlices(op);
  // From here on the loader may stream this operator at full window.
  d.ifThen(d.eq(tid, d.i32(0)), [&] {
    d.ptx("st.volatile.shared.u32 [$0], $1;", "r,r",
          {shared(kernel.getShared().getMisc() + 64), row});
  });
  emitDelay(row, d.add(warp, 32));
  Value count = field(4), first = firstStage;
  Value end = d.add(first, count);
  Value rows = d.shl(d.div(count, op.getSlices()), 2);
  if (holds()) {
    Value stage = d.get(d.i32Type(), nextStage);
    Value mine =
        d.both(d.ne(d.get(d.i32Type(), holding), d.i32(0)), d.lt(stage, end));
    d.ifThen(mine, [&] {
      consumeStage(op, stage, first, rows, /*fromRegisters=*/true);
      d.set(holding, d.i32(0));
      d.set(nextStage, d.add(stage, core::kConsumerWarps));
    });
  }
  Value next = d.get(d.i32Type(), nextStage);
  llvm::SmallVector<Value> after = d.forLoop(
      next, end, d.i32(core::kConsumerWarps), {next},
      [&](Value stage, ValueRange) {
        consumeStage(op, stage, first, rows, /*fromRegisters=*/false);
        return llvm::SmallVector<Value>{d.add(stage, core::kConsumerWarps)};
      });
  d.set(nextStage, after[0]);
  syncConsumersUnless(Fault::ProductBarrier);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// Byte offsets in the vector area: query, key and value as float32, then per
/// warp an output, per warp (maximum, sum), then the results of all heads.
struct HeadLayout {
  explicit HeadLayout(int64_t headDim)
      : outputs(3 * headDim * 4),
        states(outputs + core::kConsumerWarps * headDim * 4),
        results(states + core::kConsumerWarps * 8) {}
  int64_t outputs, states, results;
};
} // namespace

void KernelLowering::gatherHead(AttentionOp op, Value head, Value kvHead,
                                Value headInTile) {
  // The wait for the first head ends at point 1; every other has two points,
  // from 4 on. (What the first would begin with is overwritten.)
  const auto stamp = [&](int64_t first) {
    if (recordsTimes())
      stampTime(d.eq(tid, d.i32(0)),
                d.select(d.eq(headInTile, d.i32(0)), d.i32(1),
                         d.add(d.shl(headInTile, 1), first)));
  };
  stamp(2);
  const int64_t dim = op.getHeadDim();
  Value to = shared(kernel.getShared().getVector());
  struct Source {
    Value place, generation, first;
    std::optional<PacketsAttr> packets;
    bool isShared;
  };
  const auto rowOf = [&](int64_t row, Value h) {
    return d.add(d.mul(h, dim), row);
  };
  const Source sources[] = {
      {map(op.getQuery()),
       op.getQueryGeneration() ? map(op.getQueryGeneration()) : Value(),
       rowOf(op.getQueryRow(), head), op.getQueryPackets(),
       op.getQueryShared()},
      {map(op.getKey()),
       op.getKeyGeneration() ? map(op.getKeyGeneration()) : Value(),
       rowOf(op.getKeyRow(), kvHead), op.getKeyPackets(), op.getKeyShared()},
      {map(op.getValue()),
       op.getValueGeneration() ? map(op.getValueGeneration()) : Value(),
       rowOf(op.getValueRow(), kvHead), op.getValuePackets(),
       op.getValueShared()}};
  // One element a thread: threads [which * dim, which * dim + dim) take the
  // query, the key, the value.
  d.forLoop(tid, d.i32(3 * dim), d.i32(core::kConsumerThreads), [&](Value i) {
    for (int which = 0; which < 3; ++which) {
      const Source &s = sources[which];
      Value mine = d.both(d.ge(i, d.i32(which * dim)),
                          d.lt(i, d.i32((which + 1) * dim)));
      d.ifThen(mine, [&] {
        Value element = d.add(s.first, d.sub(i, d.i32(which * dim)));
        Value value;
        if (s.packets) {
          Value entry = d.loadGlobal(
              d.i32Type(),
              d.at(staticPlace(s.packets->getLocate()), d.shl(element, 2)));
          Value packet = d.band(entry, 0xffff), place = d.shr(entry, 16);
          auto w =
              pollPacket(packetAddress(s.place, packet, s.packets->getRoom()),
                         stampOf(s.generation), packet);
          Value pair = d.select(d.lt(place, d.i32(2)), w[0],
                                d.select(d.lt(place, d.i32(4)), w[1], w[2]));
          value = d.select(d.eq(d.band(place, 1), d.i32(0)), d.low(pair),
                           d.high(pair));
        } else {
          Value bits =
              loadAt(b.getI16Type(), s.place, s.isShared, d.shl(element, 1));
          value = d.asFloat(
              d.shl(arith::ExtUIOp::create(b, d.loc, d.i32Type(), bits), 16));
        }
        d.storeShared(value, d.add(to, d.shl(i, 2)));
      });
    }
  });
  syncConsumers();
  stamp(3);
}

void KernelLowering::attendPast(AttentionOp op, Value kvHead) {
  const int64_t dim = op.getHeadDim(), mine = dim / 32;
  const int64_t planeBytes = op.getKvHeads() * op.getPositions() * dim * 2;
  constexpr int64_t kUnroll = 4, kWarps = core::kConsumerWarps;
  const double scale = 1.0 / std::sqrt(double(dim)) * 1.4426950408889634;
  Value vector = shared(kernel.getShared().getVector());
  const HeadLayout layout(dim);
  Value first = d.mul(lane, mine); // this lane's dimensions
  llvm::SmallVector<Value> query, key, value;
  for (int64_t i = 0; i < mine; ++i) {
    Value at = d.add(vector, d.add(d.shl(first, 2), i * 4));
    query.push_back(d.fmul(d.loadShared(d.f32Type(), at), d.f32(scale)));
    key.push_back(d.loadShared(d.f32Type(), d.add(at, dim * 4)));
    value.push_back(d.loadShared(d.f32Type(), d.add(at, dim * 8)));
  }
  const auto reduce = [&](Value v) {
    for (int distance = 16; distance; distance /= 2)
      v = d.fadd(v, d.shuffleXor(v, distance));
    return v;
  };
  // Warp 0 starts with this launch's position, the others with nothing.
  Value now = d.f32(0);
  for (int64_t i = 0; i < mine; ++i)
    now = d.fma(query[size_t(i)], key[size_t(i)], now);
  now = reduce(now);
  Value isZero = d.eq(warp, d.i32(0));
  llvm::SmallVector<Value> init{d.select(isZero, now, d.f32(-1e30)),
                                d.select(isZero, d.f32(1), d.f32(0))};
  for (Value v : value)
    init.push_back(d.select(isZero, v, d.f32(0)));
  // Lane's part of the row at position 0 of the key plane; a row is dim bf16.
  Value plane = arith::MulIOp::create(b, d.loc, d.zext64(kvHead),
                                      d.i64(op.getPositions() * dim * 2));
  Value keys = d.add(globalPlace(map(op.getCache())), plane);
  Value values = d.add(keys, d.i64(planeBytes));
  auto state = d.forLoop(
      warp, position, d.i32(kWarps * kUnroll), init,
      [&](Value j, ValueRange carried) {
        llvm::SmallVector<llvm::SmallVector<Value>> k(kUnroll), v(kUnroll);
        llvm::SmallVector<Value> score;
        for (int64_t u = 0; u < kUnroll; ++u) {
          Value p = d.add(j, u * kWarps);
          p = d.select(d.lt(p, position), p, j);
          Value offset = d.mul(p, dim * 2);
          Value swap = d.shl(d.band(p, 7), 4); // as kv_append stores
          for (int64_t i = 0; i < mine; i += 2) {
            Value inRow = d.bxor(d.add(d.shl(first, 1), i * 2), swap);
            Value at = d.add(offset, inRow);
            k[size_t(u)].push_back(d.loadGlobal(d.i32Type(), d.at(keys, at)));
            v[size_t(u)].push_back(d.loadGlobal(d.i32Type(), d.at(values, at)));
          }
        }
        for (int64_t u = 0; u < kUnroll; ++u) {
          Value dot = d.f32(0);
          for (int64_t i = 0; i < mine; i += 2) {
            Value pair = k[size_t(u)][size_t(i / 2)];
            dot = d.fma(query[size_t(i)], d.low(pair), dot);
            dot = d.fma(query[size_t(i + 1)], d.high(pair), dot);
          }
          score.push_back(dot);
        }
        // Shuffles keep their order: step by step over all positions, or each
        // would wait for the one before.
        for (int distance = 16; distance; distance /= 2)
          for (Value &dot : score)
            dot = d.fadd(dot, d.shuffleXor(dot, distance));
        Value largest = carried[0];
        for (int64_t u = 0; u < kUnroll; ++u) {
          Value inside = d.lt(d.add(j, u * kWarps), position);
          score[size_t(u)] = d.select(inside, score[size_t(u)], d.f32(-1e30));
          largest = d.fmax(largest, score[size_t(u)]);
        }
        Value shrink = d.exp2(d.fsub(carried[0], largest));
        Value sum = d.fmul(carried[1], shrink);
        llvm::SmallVector<Value> out;
        for (int64_t i = 0; i < mine; ++i)
          out.push_back(d.fmul(carried[size_t(2 + i)], shrink));
        for (int64_t u = 0; u < kUnroll; ++u) {
          Value e = d.exp2(d.fsub(score[size_t(u)], largest));
          sum = d.fadd(sum, e);
          for (int64_t i = 0; i < mine; ++i) {
            Value pair = v[size_t(u)][size_t(i / 2)];
            Value x = i % 2 ? d.high(pair) : d.low(pair);
            out[size_t(i)] = d.fma(e, x, out[size_t(i)]);
          }
        }
        llvm::SmallVector<Value> next{largest, sum};
        next.append(out);
        return next;
      });
  for (int64_t i = 0; i < mine; ++i) {
    Value at = d.add(d.mul(warp, dim), d.add(first, i));
    d.storeShared(state[size_t(2 + i)],
                  d.add(vector, d.add(d.shl(at, 2), layout.outputs)));
  }
  d.ifThen(d.eq(lane, d.i32(0)), [&] {
    Value at = d.add(vector, d.add(d.shl(warp, 3), layout.states));
    d.storeShared(state[0], at);
    d.storeShared(state[1], d.add(at, 4));
  });
  syncConsumers();
}

void KernelLowering::combineWarps(AttentionOp op, Value headInTile) {
  const int64_t dim = op.getHeadDim();
  const HeadLayout layout(dim);
  Value vector = shared(kernel.getShared().getVector());
  d.forLoop(tid, d.i32(dim), d.i32(core::kConsumerThreads), [&](Value i) {
    llvm::SmallVector<Value> maxima, sums;
    Value largest;
    for (uint32_t w = 0; w < core::kConsumerWarps; ++w) {
      Value at = d.add(vector, layout.states + w * 8);
      maxima.push_back(d.loadShared(d.f32Type(), at));
      sums.push_back(d.loadShared(d.f32Type(), d.add(at, 4)));
      largest = w ? d.fmax(largest, maxima.back()) : maxima.back();
    }
    Value numerator = d.f32(0), denominator = d.f32(0);
    for (uint32_t w = 0; w < core::kConsumerWarps; ++w) {
      Value weight = d.exp2(d.fsub(maxima[w], largest));
      Value out = d.loadShared(
          d.f32Type(),
          d.add(vector, d.add(d.shl(i, 2), layout.outputs + w * dim * 4)));
      numerator = d.fma(weight, out, numerator);
      denominator = d.fma(weight, sums[w], denominator);
    }
    Value at = d.add(d.mul(headInTile, dim), i);
    d.storeShared(d.divide(numerator, denominator),
                  d.add(vector, d.add(d.shl(at, 2), layout.results)));
  });
  syncConsumers();
}

void KernelLowering::lower(AttentionOp op) {
  Value first = field(1), count = field(2);
  d.forLoop(d.i32(0), count, d.i32(1), [&](Value i) {
    Value head = d.add(first, i);
    Value kvHead = d.div(head, op.getGroup());
    gatherHead(op, head, kvHead, i);
    attendPast(op, kvHead);
    combineWarps(op, i);
  });
}

//===----------------------------------------------------------------------===//
// Argmax
//===----------------------------------------------------------------------===//

std::pair<Value, Value> KernelLowering::largerOf(Value v, Value i, Value w,
                                                 Value j) {
  const auto compare = [&](arith::CmpFPredicate p) {
    return Value(arith::CmpFOp::create(b, d.loc, p, w, v));
  };
  Value larger = compare(arith::CmpFPredicate::OGT);
  Value tie = d.both(compare(arith::CmpFPredicate::OEQ), d.ult(j, i));
  // -1 marks a NaN; as unsigned it is the largest index, so it is asked first.
  Value isNan = d.eq(j, d.i32(-1)), wasNan = d.eq(i, d.i32(-1));
  Value take = arith::OrIOp::create(b, d.loc, larger, tie);
  take = arith::OrIOp::create(b, d.loc, take, isNan);
  Value keep = arith::XOrIOp::create(
      b, d.loc, wasNan,
      arith::ConstantOp::create(b, d.loc, b.getBoolAttr(true)));
  take = d.both(take, keep);
  return {d.select(take, w, v), d.select(take, j, i)};
}

void KernelLowering::lower(ArgmaxOp op) {
  const int64_t count = op.getCount();
  // An index past every other, so that anything beats it (but not -1).
  Value none = d.i32(0x7fffffff);
  const auto better = [&](ValueRange state, Value v, Value i) {
    auto [value, index] = largerOf(state[0], state[1], v, i);
    return llvm::SmallVector<Value>{value, index};
  };
  Value lowest = d.f32(-INFINITY);
  // All loads of a batch first: the last hand-off of a step has nothing to hide
  // them behind. What is past the end is the last value once more.
  const int64_t rounds =
      (count + core::kConsumerThreads - 1) / core::kConsumerThreads;
  const int64_t batch = std::min<int64_t>(rounds, 16);
  auto state = d.forLoop(
      tid, d.i32(count), d.i32(core::kConsumerThreads * batch), {lowest, none},
      [&](Value first, ValueRange carried) {
        llvm::SmallVector<Value> values, indices;
        for (int64_t u = 0; u < batch; ++u) {
          Value i = d.add(first, u * core::kConsumerThreads);
          i = d.select(d.ult(i, d.i32(count)), i, d.i32(count - 1));
          Value offset = d.shl(i, 2);
          values.push_back(loadAt(d.f32Type(), map(op.getValues()),
                                  op.getValuesShared(), offset));
          indices.push_back(op.getIndices()
                                ? loadAt(d.i32Type(), map(op.getIndices()),
                                         op.getIndicesShared(), offset)
                                : i);
        }
        llvm::SmallVector<Value> best(carried.begin(), carried.end());
        for (size_t u = 0; u < values.size(); ++u) {
          Value index = indices[u];
          if (!op.getIndices()) {
            Value nan = arith::CmpFOp::create(
                b, d.loc, arith::CmpFPredicate::UNO, values[u], values[u]);
            index = d.select(nan, d.i32(-1), index);
          }
          best = better(best, values[u], index);
        }
        return best;
      });
  for (int distance = 16; distance; distance /= 2)
    state = better(state, d.shuffleXor(state[0], distance),
                   d.shuffleXor(state[1], distance));
  Value scratch = shared(kernel.getShared().getMisc() + 128);
  d.ifThen(d.eq(lane, d.i32(0)), [&] {
    Value at = d.add(scratch, d.shl(warp, 3));
    d.storeShared(state[0], at);
    d.storeShared(state[1], d.add(at, 4));
  });
  syncConsumers();
  d.ifThen(d.eq(tid, d.i32(0)), [&] {
    llvm::SmallVector<Value> best{d.loadShared(d.f32Type(), scratch),
                                  d.loadShared(d.i32Type(), d.add(scratch, 4))};
    for (uint32_t w = 1; w < core::kConsumerWarps; ++w) {
      Value at = d.add(scratch, w * 8);
      best = better(best, d.loadShared(d.f32Type(), at),
                    d.loadShared(d.i32Type(), d.add(at, 4)));
    }
    storeAt(best[1], map(op.getOut()), op.getOutShared(), d.i32(0));
  });
}

} // namespace amk::exec
