//===- SplitAttention.cpp - Attention of one split, on tensor cores -------===//
//
// A stage of the ring holds the keys and the values of up to `rows` positions.
// It is one warp's, for all query heads of the KV head: eight heads make one
// column operand of mma.m16n8k16.
//
//   scores [16 positions x 8 heads] = keys [16 x dim] queries^T [dim x 8]
//   output [16 dims x 8 heads] += values^T [16 x positions] weights [. x 8]
//
// A thread's accumulators of both belong to the same two heads, 2 (lane mod 4)
// and the next, so maxima and sums stay in the thread until a column is reduced
// over its rows.
//
//===----------------------------------------------------------------------===//

#include "SplitAttention.h"

#include "AMK/Schedule/Operators.h"

#include <cmath>

using namespace mlir;

namespace amk::exec {

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

SplitAttention::Source
SplitAttention::source(Value place, Value generation,
                       std::optional<PacketsAttr> packets, bool isShared,
                       Value first, int64_t count, int64_t to, int64_t skew) {
  Source s{k.map(place), generation ? k.map(generation) : Value(),
           packets,      isShared,
           first,        count,
           to,           skew,
           Value(),      Value()};
  if (!packets)
    return s;
  const auto packetOf = [&](Value element) {
    Value entry =
        d.loadGlobal(d.i32Type(), d.at(k.staticPlace(packets->getLocate()),
                                       d.shl(element, 2)));
    return d.band(entry, 0xffff);
  };
  s.firstPacket = packetOf(first);
  s.items = d.add(d.sub(packetOf(d.add(first, count - 1)), s.firstPacket), 1);
  return s;
}

/// A pair of values at `element` of the source (from its first), if inside.
void SplitAttention::storePair(const Source &s, Value word, Value element) {
  d.ifThen(d.ult(element, d.i32(s.count)), [&] {
    Value at = d.shl(element, 1);
    if (s.skew)
      at = d.add(at, d.mul(d.div(element, dim), s.skew));
    d.storeShared(word, d.add(vector(s.to), at));
  });
}

/// Plain values: 32 bits a thread.
void SplitAttention::gatherPlain(const Source &s) {
  d.forLoop(k.tid, d.i32(s.count / 2), d.i32(core::kConsumerThreads),
            [&](Value i) {
              Value element = d.shl(i, 1);
              Value word = k.loadAt(d.i32Type(), s.place, s.isShared,
                                    d.shl(d.add(s.first, element), 1));
              storePair(s, word, element);
            });
}

void SplitAttention::scatter(const Source &s, Value entry,
                             llvm::ArrayRef<Value> words) {
  Value element = d.sub(d.band(entry, 0xffff), s.first);
  Value count = d.shr(entry, 16);
  for (int64_t i = 0; i < int64_t(s.packets->getElements()); i += 2)
    d.ifThen(d.lt(d.i32(i), count),
             [&] { storePair(s, words[size_t(i / 2)], d.add(element, i)); });
}

/// Every thread polls one packet at a time; a warp stays together, since it
/// takes a stage as one.
void SplitAttention::gatherPackets(llvm::ArrayRef<Source> sources,
                                   bool mayHold) {
  // Every source begins with a warp of its own.
  llvm::SmallVector<Value> begins;
  Value end = d.i32(0);
  for (const Source &s : sources) {
    begins.push_back(end);
    end = d.band(d.add(d.add(end, s.items), 31), ~int64_t(31));
  }
  Value warpFirst = d.shl(k.warp, 5);
  d.forLoop(warpFirst, end, d.i32(core::kConsumerThreads), [&](Value at) {
    Value i = d.add(at, k.lane);
    // All in global memory, or all in the inbox.
    Value address = sources.front().packets->getRoom() ? k.smem : k.arena;
    Value stamp = d.i32(0), entry = d.i32(0);
    Value wanted = d.i32(0), which = d.i32(int64_t(sources.size()));
    for (size_t s = 0; s < sources.size(); ++s) {
      const Source &source = sources[s];
      Value item = d.sub(i, begins[s]);
      Value mine = d.ult(item, source.items);
      Value packet = d.add(source.firstPacket, d.select(mine, item, d.i32(0)));
      address = d.select(
          mine,
          k.packetAddress(source.place, packet, source.packets->getRoom()),
          address);
      stamp = d.select(mine, k.stampOf(source.generation), stamp);
      // Before the packet can be there: off the path from packet to product.
      entry =
          d.select(mine,
                   d.loadGlobal(d.i32Type(),
                                d.at(k.staticPlace(source.packets->getTable()),
                                     d.shl(packet, 2))),
                   entry);
      which = d.select(mine, d.i32(int64_t(s)), which);
      wanted = d.select(mine, d.i32(1), wanted);
    }
    d.doWhile({wanted, d.i32(0), d.i64(0)}, [&](ValueRange state) {
      auto words = k.loadPacket(address, state[0]);
      if (mayHold)
        k.tryHold(); // while the packets are on their way
      Value came = d.ne(state[0], d.i32(0));
      if (!k.omits(Fault::HeadWait))
        came = d.both(came, d.eq(words[3], stamp));
      for (size_t s = 0; s < sources.size(); ++s)
        d.ifThen(d.both(came, d.eq(which, d.i32(int64_t(s)))),
                 [&] { scatter(sources[s], entry, words); });
      Value left = d.select(came, d.i32(0), state[0]);
      auto [giveUp, since] = k.maybeGiveUp(state[1], state[2], [&] {
        return KernelLowering::Waiting{PollKind::Packet, d.ne(left, d.i32(0)),
                                       i, words[3]};
      });
      left = d.select(giveUp, d.i32(0), left);
      return std::make_pair(d.warpAny(d.ne(left, d.i32(0))),
                            Values{left, d.add(state[1], 1), since});
    });
  });
}

/// Brings the heads into shared memory.
void SplitAttention::gather(bool mayHold) {
  const auto rowOf = [&](int64_t row, int64_t heads) {
    return d.add(d.mul(kvHead, heads * dim), row);
  };
  llvm::SmallVector<Source> all, inPackets;
  all.push_back(source(op.getQuery(), op.getQueryGeneration(),
                       op.getQueryPackets(), op.getQueryShared(),
                       rowOf(op.getQueryRow(), group), group * dim, 0,
                       int64_t(area.queryStride) - dim * 2));
  if (joins()) {
    all.push_back(source(op.getKey(), op.getKeyGeneration(), op.getKeyPackets(),
                         op.getKeyShared(), rowOf(op.getKeyRow(), 1), dim,
                         area.key, 0));
    all.push_back(source(op.getValue(), op.getValueGeneration(),
                         op.getValuePackets(), op.getValueShared(),
                         rowOf(op.getValueRow(), 1), dim, area.value, 0));
  }
  for (const Source &s : all) {
    if (s.packets)
      inPackets.push_back(s);
    else
      gatherPlain(s);
  }
  if (!inPackets.empty())
    gatherPackets(inPackets, mayHold);
  k.syncConsumersUnless(Fault::HeadsBarrier);
  k.stampTime(1);
  // From here on the loader may stream at full window.
  d.ifThen(d.eq(k.tid, d.i32(0)), [&] {
    d.ptx("st.volatile.shared.u32 [$0], $1;", "r,r",
          {k.shared(k.kernel.getShared().getMisc() + 64), k.row});
  });
}

/// The score of this position, by head, in units of the exponential base 2.
void SplitAttention::scoreNow() {
  const double scale = kLog2E / std::sqrt(double(dim));
  // The warps that come last with their stages begin.
  Value first = d.band(d.sub(d.sub(k.firstStage, d.i32(1)), k.warp),
                       core::kConsumerWarps - 1);
  d.forLoop(first, d.i32(group), d.i32(core::kConsumerWarps), [&](Value h) {
    Value sum = d.f32(0);
    for (int64_t i = 0; i < dim / 64; ++i) {
      Value at = d.add(d.shl(k.lane, 2), i * 128);
      Value q = d.loadShared(
          d.i32Type(), d.add(vector(0), d.add(d.mul(h, area.queryStride), at)));
      Value key = d.loadShared(d.i32Type(), d.add(vector(area.key), at));
      sum = d.fma(d.low(q), d.low(key), sum);
      sum = d.fma(d.high(q), d.high(key), sum);
    }
    for (int distance = 16; distance; distance /= 2)
      sum = d.fadd(sum, d.shuffleXor(sum, distance));
    d.ifThen(d.eq(k.lane, d.i32(0)), [&] {
      d.storeShared(d.fmul(sum, d.f32(scale)),
                    d.add(vector(area.scores), d.shl(h, 2)));
    });
  });
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

Values SplitAttention::loadMatrices(Value address, bool transpose) {
  auto type = LLVM::LLVMStructType::getLiteral(
      d.b.getContext(), llvm::SmallVector<Type>(4, d.i32Type()));
  const std::string text = std::string("ldmatrix.sync.aligned.m8n8.x4") +
                           (transpose ? ".trans" : "") +
                           ".shared.b16 {$0,$1,$2,$3}, [$4];";
  Value all = d.ptx(text, "=r,=r,=r,=r,r", type, {address});
  Values words;
  for (int64_t i = 0; i < 4; ++i)
    words.push_back(LLVM::ExtractValueOp::create(d.b, d.loc, all, i));
  return words;
}

void SplitAttention::multiply(llvm::MutableArrayRef<Value> c, const Values &a,
                              Value b0, Value b1) {
  Value sums[4][4];
  std::copy(c.begin(), c.end(), sums[0]);
  k.multiply(sums, a, b0, b1, 0);
  std::copy(sums[0], sums[0] + 4, c.begin());
}

/// The operand of the scores, by column and 16 dimensions: two words.
Values SplitAttention::queryFragments() {
  Values out;
  Value head = d.shr(k.lane, 2), quad = d.band(k.lane, 3);
  Value at =
      d.add(vector(0), d.add(d.mul(head, area.queryStride), d.shl(quad, 2)));
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t step = 0; step < dim / 16; ++step)
      for (int64_t half = 0; half < 2; ++half)
        out.push_back(d.loadShared(
            d.i32Type(),
            d.add(at, column * core::kHeadColumn * area.queryStride +
                          step * 32 + half * 16)));
  return out;
}

/// Keys times queries: by column and 16 positions, four sums of a thread.
Values SplitAttention::scoresOf(Value slot, const Values &query) {
  const int64_t tiles = rows / 16, steps = dim / 16;
  Values sums(size_t(columns * tiles * 4), d.f32(0));
  // Lane l names row l mod 8 of matrix l / 8: the matrices are the upper and
  // the lower rows of the first 8 columns, then of the others.
  Value row = d.add(d.band(k.lane, 7), d.shl(d.band(d.shr(k.lane, 3), 1), 3));
  Value chunk = d.bxor(d.shr(k.lane, 4), d.band(k.lane, 7));
  Value base = d.add(slot, d.mul(row, rowBytes));
  for (int64_t step = 0; step < steps; ++step) {
    Value column = d.bxor(d.shl(chunk, 4), d.i32(step * 32));
    Value at = d.add(base, column);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      Values keys = loadMatrices(d.add(at, tile * 16 * rowBytes), false);
      for (int64_t c = 0; c < columns; ++c) {
        const size_t q = size_t((c * steps + step) * 2);
        multiply(llvm::MutableArrayRef<Value>(sums).slice(
                     size_t((c * tiles + tile) * 4), 4),
                 keys, query[q], query[q + 1]);
      }
    }
  }
  return sums;
}

/// Softmax of a column's scores, which become weights: updates maxima and sums
/// and shrinks the output to the new maxima.
void SplitAttention::weigh(Values &scores, Value valid, int64_t column,
                           Values &state) {
  const int64_t tiles = rows / 16;
  const double scale = kLog2E / std::sqrt(double(dim));
  llvm::MutableArrayRef<Value> s = llvm::MutableArrayRef<Value>(scores).slice(
      size_t(column * tiles * 4), size_t(tiles * 4));
  llvm::MutableArrayRef<Value> own = llvm::MutableArrayRef<Value>(state).slice(
      size_t(column * stateWords()), size_t(stateWords()));
  Value row = d.shr(k.lane, 2);
  Value largest[2] = {own[0], own[1]};
  for (int64_t i = 0; i < tiles * 4; ++i) {
    Value at = d.add(row, i / 4 * 16 + i % 4 / 2 * 8);
    s[size_t(i)] = d.select(d.lt(at, valid), s[size_t(i)], d.f32(kNoScore));
    largest[i % 2] = d.fmax(largest[i % 2], s[size_t(i)]);
  }
  for (int distance = 4; distance < 32; distance *= 2)
    for (Value &v : largest)
      v = d.fmax(v, d.shuffleXor(v, distance));
  for (size_t h = 0; h < 2; ++h) {
    Value shrink = d.exp2(d.fmul(d.fsub(own[h], largest[h]), d.f32(scale)));
    Value offset = d.fmul(largest[h], d.f32(-scale));
    Value sum = d.fmul(own[2 + h], shrink);
    for (size_t i = h; i < s.size(); i += 2) {
      s[i] = d.exp2(d.fma(s[i], d.f32(scale), offset));
      sum = d.fadd(sum, s[i]);
    }
    for (size_t i = 4 + h; i < own.size(); i += 2)
      own[i] = d.fmul(own[i], shrink);
    own[h] = largest[h];
    own[2 + h] = sum;
  }
}

/// The weights as the operand of the values: two words for 16 positions.
Values SplitAttention::transposed(const Values &scores) {
  Values out;
  for (size_t i = 0; i < scores.size(); i += 2)
    out.push_back(d.ptx("movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;", "=r,r",
                        d.i32Type(), {d.pack(scores[i], scores[i + 1])}));
  return out;
}

/// Adds the weighted values to the output.
void SplitAttention::addValues(Value slot, const Values &weights,
                               Values &state) {
  const int64_t tiles = rows / 16;
  // Transposed: the matrices are 8 rows of 8 columns, the next 8 columns, then
  // the same of the lower rows.
  Value row = d.add(d.band(k.lane, 7), d.shl(d.shr(k.lane, 4), 3));
  Value chunk = d.bxor(d.band(d.shr(k.lane, 3), 1), d.band(k.lane, 7));
  Value base = d.add(d.add(slot, rows * rowBytes), d.mul(row, rowBytes));
  Values at;
  for (int64_t step = 0; step < dim / 16; ++step)
    at.push_back(d.add(base, d.bxor(d.shl(chunk, 4), d.i32(step * 32))));
  // Neighbours add to different sums, so that none waits for the one before.
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t step = 0; step < dim / 16; ++step) {
      Values values =
          loadMatrices(d.add(at[size_t(step)], tile * 16 * rowBytes), true);
      for (int64_t c = 0; c < columns; ++c) {
        const size_t w = size_t((c * tiles + tile) * 2);
        multiply(llvm::MutableArrayRef<Value>(state).slice(
                     size_t(c * stateWords() + 4 + step * 4), 4),
                 values, weights[w], weights[w + 1]);
      }
    }
}

/// Values past the last position: what was in the slot before, times a weight
/// of zero, could be no number.
void SplitAttention::zeroRows(Value slot, Value valid) {
  d.ifThen(d.lt(valid, d.i32(rows)), [&] {
    Value from = d.add(d.mul(valid, rowBytes), d.shl(k.lane, 4));
    Value values = d.add(slot, rows * rowBytes);
    Value zero = d.i32(0);
    d.forLoop(from, d.i32(rows * rowBytes), d.i32(512), [&](Value at) {
      d.ptx("st.shared.v4.u32 [$0], {$1, $1, $1, $1};", "r,r",
            {d.add(values, at), zero});
    });
    d.syncWarp();
  });
}

Values SplitAttention::attendStage(Value stage, ValueRange state,
                                   const Values &query) {
  RingAttr ring = *k.kernel.getRing();
  Value index = d.rem(stage, ring.getSlots());
  Value parity = d.band(d.div(stage, ring.getSlots()), 1);
  Value slot = d.add(k.smem, d.mul(index, ring.getBytes()));
  Value valid = k.cachePositions(split, d.sub(stage, k.firstStage)).second;
  if (!k.omits(Fault::KvFull))
    d.barrierWait(k.fullBarrier(index), parity);
  k.stampLanded(stage);
  if (k.omits(Fault::KvRelease)) {
    k.releaseSlot(index, stage);
    k.emitDelay(stage, d.i32(17));
  }
  zeroRows(slot, valid);
  Values scores = scoresOf(slot, query);
  Values next(state.begin(), state.end());
  for (int64_t c = 0; c < columns; ++c)
    weigh(scores, valid, c, next);
  addValues(slot, transposed(scores), next);
  // The next copy into the slot comes through the other proxy.
  if (d.can.bulkCopy && !k.omits(Fault::KvFence))
    d.ifThen(d.lt(valid, d.i32(rows)),
             [&] { d.ptx("fence.proxy.async.shared::cta;", "", {}); });
  if (!k.omits(Fault::KvRelease))
    k.releaseSlot(index, stage);
  return next;
}

void SplitAttention::attend() {
  k.emitDelay(k.row, d.add(k.warp, 96));
  Values query = queryFragments();
  Values init;
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t i = 0; i < stateWords(); ++i)
      init.push_back(d.f32(i < 2 ? kNoScore : 0));
  Value next = d.get(d.i32Type(), k.nextStage);
  init.push_back(next);
  Values state = d.forLoop(
      next, d.add(k.firstStage, k.stages), d.i32(core::kConsumerWarps), init,
      [&](Value stage, ValueRange carried) {
        Values after = attendStage(stage, carried.drop_back(), query);
        after.push_back(d.add(stage, core::kConsumerWarps));
        return after;
      });
  d.set(k.nextStage, state.back());
  if (joins() && partsInPackets())
    waitForEmpty();
  for (int64_t c = 0; c < columns; ++c) {
    storeColumn(c, llvm::ArrayRef<Value>(state).slice(size_t(c * stateWords()),
                                                      size_t(stateWords())));
    if (joins() && partsInPackets() && c == 0)
      stampAttended();
    k.syncConsumersUnless(Fault::StatesBarrier);
    k.emitDelay(k.row, d.add(k.warp, 128 + 8 * c));
    combineColumn(c);
    // The next column's results, or the next reader's.
    if (joins() || c + 1 < columns)
      k.syncConsumersUnless(Fault::ResultsBarrier);
  }
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

void SplitAttention::lower() {
  Value index = k.field(1);
  if (joins()) {
    kvHead = index;
    split = d.i32(0);
  } else {
    kvHead = d.div(index, others);
    split = d.add(d.sub(index, d.mul(kvHead, others)), 1);
  }
  live = k.liveSplits;
  live = d.select(d.lt(d.i32(0), live), d.sub(live, d.i32(1)), d.i32(0));
  if (joins()) {
    gather(/*mayHold=*/false);
    scoreNow();
    attend();
    k.forgetHeld();
    return;
  }
  auto isEmpty = scf::IfOp::create(d.b, d.loc, d.eq(k.stages, d.i32(0)),
                                   /*withElse=*/true);
  OpBuilder::InsertionGuard guard(d.b);
  d.b.setInsertionPointToStart(isEmpty.thenBlock());
  if (k.omits(Fault::EmptyOrder))
    storeEmpty();
  k.emitDelay(k.row, d.add(k.warp, 192));
  // Though nothing is computed: what comes later on this worker is after the
  // tiles that made the queries; and whoever has the packets of this one may
  // overwrite the queries, so they are read before.
  gather(/*mayHold=*/true);
  if (!k.omits(Fault::EmptyOrder))
    storeEmpty();
  d.b.setInsertionPointToStart(isEmpty.elseBlock());
  gather(/*mayHold=*/false);
  attend();
  k.forgetHeld();
}

void KernelLowering::lower(SplitAttentionOp op) {
  SplitAttention(*this, op).lower();
}

} // namespace amk::exec
