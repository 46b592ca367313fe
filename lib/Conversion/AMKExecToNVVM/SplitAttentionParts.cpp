//===- SplitAttentionParts.cpp - What warps and splits hand on ------------===//
//
// The states of the warps are combined in their order, then those of the
// splits, which come as packets or as plain values.
//
//===----------------------------------------------------------------------===//

#include "SplitAttention.h"

#include "AMK/Schedule/TraceLayout.h"

#include <cmath>

using namespace mlir;

namespace amk::exec {

/// Leaves this warp's maxima, sums and outputs in shared memory.
void SplitAttention::storeColumn(int64_t column, llvm::ArrayRef<Value> state) {
  const double scale = kLog2E / std::sqrt(double(dim));
  Value row = d.shr(k.lane, 2), quad = d.band(k.lane, 3);
  Value first = d.mul(k.warp, columnHeads());
  for (size_t h = 0; h < 2; ++h) {
    Value sum = state[2 + h];
    for (int distance = 4; distance < 32; distance *= 2)
      sum = d.fadd(sum, d.shuffleXor(sum, distance));
    Value head = d.add(d.shl(quad, 1), int64_t(h));
    Value entry = d.add(first, head);
    d.ifThen(d.lt(head, d.i32(headsOf(column))), [&] {
      d.ifThen(d.eq(row, d.i32(0)), [&] {
        Value at = d.add(vector(area.states), d.shl(entry, 3));
        d.storeShared(d.fmul(state[h], d.f32(scale)), at);
        d.storeShared(sum, d.add(at, 4));
      });
      Value at = d.add(vector(area.outputs), d.mul(entry, dim * 4));
      at = d.add(at, d.shl(row, 2));
      for (int64_t step = 0; step < dim / 16; ++step)
        for (int64_t half = 0; half < 2; ++half)
          d.storeShared(state[size_t(4 + step * 4 + half * 2) + h],
                        d.add(at, step * 64 + half * 32));
    });
  }
}

std::pair<Value, Value> SplitAttention::loadTwo(Value address) {
  auto type = VectorType::get({2}, d.f32Type());
  Value p = LLVM::IntToPtrOp::create(
      d.b, d.loc, LLVM::LLVMPointerType::get(d.b.getContext(), 3), address);
  Value v = LLVM::LoadOp::create(d.b, d.loc, type, p, /*alignment=*/8);
  return {LLVM::ExtractElementOp::create(d.b, d.loc, v, d.i32(0)),
          LLVM::ExtractElementOp::create(d.b, d.loc, v, d.i32(1))};
}

/// Maximum, sum and two outputs over the warps and, for the first split, this
/// position.
Values SplitAttention::combinePair(int64_t column, Value head,
                                   Value pairInHead) {
  Values maxima, sums;
  const auto entryOf = [&](uint32_t warp) {
    return d.add(head, int64_t(warp) * columnHeads());
  };
  for (uint32_t w = 0; w < core::kConsumerWarps; ++w) {
    Value at = d.add(vector(area.states), d.shl(entryOf(w), 3));
    auto [max, sum] = loadTwo(at);
    maxima.push_back(max);
    sums.push_back(sum);
  }
  Value now;
  if (joins())
    now = d.loadShared(
        d.f32Type(),
        d.add(vector(area.scores + uint32_t(column) * core::kHeadColumn * 4),
              d.shl(head, 2)));
  Value largest = joins() ? now : maxima[0];
  for (Value m : maxima)
    largest = d.fmax(largest, m);
  Value sum = d.f32(0), even = d.f32(0), odd = d.f32(0);
  for (uint32_t w = 0; w < core::kConsumerWarps; ++w) {
    Value weight = d.exp2(d.fsub(maxima[w], largest));
    Value at = d.add(vector(area.outputs), d.mul(entryOf(w), dim * 4));
    at = d.add(at, d.shl(pairInHead, 3));
    auto [first, second] = loadTwo(at);
    sum = d.fma(weight, sums[w], sum);
    even = d.fma(weight, first, even);
    odd = d.fma(weight, second, odd);
  }
  if (joins()) {
    Value weight = d.exp2(d.fsub(now, largest));
    Value value = d.loadShared(d.i32Type(),
                               d.add(vector(area.value), d.shl(pairInHead, 2)));
    sum = d.fadd(sum, weight);
    even = d.fma(weight, d.low(value), even);
    odd = d.fma(weight, d.high(value), odd);
  }
  return {largest, sum, even, odd};
}

void SplitAttention::combineColumn(int64_t column) {
  const int64_t half = dim / 2;
  d.forLoop(k.tid, d.i32(headsOf(column) * half), d.i32(core::kConsumerThreads),
            [&](Value i) {
              Value head = d.div(i, half);
              Value inHead = d.sub(i, d.mul(head, half));
              Values own = combinePair(column, head, inHead);
              Value pair = d.add(i, column * core::kHeadColumn * half);
              if (joins()) {
                // What follows may have to wait.
                if (k.recordsTimes() && partsInPackets() && column == 0)
                  k.stampTime(d.eq(i, d.i32(0)), d.i32(core::kTracePoints + 2));
                own = joinOthers(pair, own);
                Value at = d.add(vector(area.results), d.shl(pair, 3));
                d.storeShared(d.divide(own[2], own[1]), at);
                d.storeShared(d.divide(own[3], own[1]), d.add(at, 4));
                return;
              }
              Value log = d.ptx("lg2.approx.ftz.f32 $0, $1;", "=f,f",
                                d.f32Type(), {own[1]}, false);
              log = d.fmul(d.fadd(own[0], log), d.f32(kLn2));
              storePart(pair, log, d.divide(own[2], own[1]),
                        d.divide(own[3], own[1]));
            });
}

void SplitAttention::storePart(Value pair, Value log, Value even, Value odd) {
  Value index = partIndex(d.sub(split, d.i32(1)), pair);
  Value parts = k.map(op.getParts());
  if (partsInPackets()) {
    Value stamp = k.stampOf(k.map(op.getPartsGeneration()));
    const Values words{d.asBits(log), d.asBits(even), d.asBits(odd), stamp};
    Value address = k.packetAddress(parts, index, op.getPartsRoom());
    if (op.getPartsRoom())
      k.sendPacket(address, k.map(op.getPeers()), words);
    else
      k.storePacket(address, words, Fault::PartCopy);
    return;
  }
  Value at = d.mul(index, 12);
  const Value values[] = {log, even, odd};
  for (int64_t i = 0; i < 3; ++i)
    k.storeAt(values[i], parts, op.getPartsShared(), d.add(at, i * 4));
}

/// What a split without positions gives: minus infinity and zeros.
/// Of packets the first will do: nobody reads the others at this position.
void SplitAttention::storeEmpty() {
  const int64_t count = partsInPackets() ? 1 : pairs();
  d.forLoop(k.tid, d.i32(count), d.i32(core::kConsumerThreads), [&](Value i) {
    storePart(i, d.f32(-INFINITY), d.f32(0), d.f32(0));
  });
}

/// Waits for the packets of splits without positions. They say nothing, but a
/// tile that has read them is after the tiles that wrote them. The warp that
/// comes last with its stages, and so has none where there are few, does it
/// while the others attend; they meet it at the next barrier.
void SplitAttention::waitForEmpty() {
  d.ifThen(d.eq(k.warp, lastWarp()), [&] {
    Value parts = k.map(op.getParts());
    Value stamp = k.stampOf(k.map(op.getPartsGeneration()));
    d.forLoop(d.add(live, k.lane), d.i32(others), d.i32(32), [&](Value at) {
      Value packet = partIndex(at, d.i32(0));
      k.pollPacket(k.packetAddress(parts, packet, op.getPartsRoom()), stamp,
                   packet, Fault::EmptyWait);
      k.stampLatest(core::kTracePoints + 1);
    });
  });
}

/// If times are recorded: from when all other warps have attended, the tile
/// waits for the one that polls for empty splits.
void SplitAttention::stampAttended() {
  if (!k.recordsTimes())
    return;
  Value stamps = d.both(d.ne(k.warp, lastWarp()), d.eq(k.lane, d.i32(0)));
  d.ifThen(stamps, [&] { k.stampLatest(core::kTracePoints); });
}

/// The parts of a pair from `batch` splits, three words each; anything where
/// there is no such split.
Values SplitAttention::pollParts(Value firstSplit, Value pair, int64_t batch) {
  Value parts = k.map(op.getParts());
  Value first = partIndex(firstSplit, pair);
  const auto isLive = [&](int64_t i) {
    return d.lt(d.add(firstSplit, i), live);
  };
  Values words;
  if (!partsInPackets()) {
    for (int64_t i = 0; i < batch; ++i) {
      // One that is there, instead of one that is not.
      Value index = d.select(isLive(i), d.add(first, i * pairs()), first);
      for (int64_t w = 0; w < 3; ++w)
        words.push_back(k.loadAt(d.i32Type(), parts, op.getPartsShared(),
                                 d.add(d.mul(index, 12), w * 4)));
    }
    return words;
  }
  Value stamp = k.stampOf(k.map(op.getPartsGeneration()));
  const uint32_t room = op.getPartsRoom();
  Value base = room ? Value() : k.packetAddress(parts, first, 0);
  const auto addressOf = [&](int64_t i) {
    return room ? k.packetAddress(parts, d.add(first, i * pairs()), room)
                : d.add(base, d.i64(i * pairs() * 16));
  };
  Value missing = d.i32(0);
  for (int64_t i = 0; i < batch; ++i)
    missing = d.bor(missing, d.select(isLive(i), d.i32(1 << i), d.i32(0)));
  Values init{missing, d.i32(0), d.i64(0)};
  init.append(size_t(batch * 3), d.i32(0));
  Values state = d.doWhile(init, [&](ValueRange s) {
    llvm::SmallVector<llvm::SmallVector<Value, 4>> packets;
    for (int64_t i = 0; i < batch; ++i)
      packets.push_back(
          k.loadPacket(addressOf(i), d.band(s[0], 1 << i), Fault::PartCopy));
    Value left = s[0];
    Values now;
    for (int64_t i = 0; i < batch; ++i) {
      const auto &w = packets[size_t(i)];
      Value came = d.ne(d.band(s[0], 1 << i), d.i32(0));
      if (!k.omits(Fault::PartWait))
        came = d.both(came, d.eq(w[3], stamp));
      left = d.select(came, d.band(left, ~(1 << i)), left);
      for (size_t j = 0; j < 3; ++j)
        now.push_back(d.select(came, w[j], s[size_t(3 + i * 3) + j]));
    }
    auto [giveUp, since] = k.maybeGiveUp(s[1], s[2], [&] {
      return KernelLowering::Waiting{PollKind::Packet, d.ne(left, d.i32(0)),
                                     first, left};
    });
    left = d.select(giveUp, d.i32(0), left);
    Values next{left, d.add(s[1], 1), since};
    next.append(now);
    return std::make_pair(d.ne(left, d.i32(0)), next);
  });
  k.stampLatest(core::kTracePoints + 3);
  words.append(state.begin() + 3, state.end());
  return words;
}

/// (maximum, sum, even, odd) of the first split, joined with the others, in
/// their order.
Values SplitAttention::joinOthers(Value pair, const Values &own) {
  const int64_t batch = std::min(others, kMostAtOnce);
  return d.forLoop(
      d.i32(0), live, d.i32(batch), own, [&](Value from, ValueRange carried) {
        Values words = pollParts(from, pair, batch);
        Values logs;
        Value largest = carried[0];
        for (int64_t i = 0; i < batch; ++i) {
          Value log = d.fmul(d.asFloat(words[size_t(i * 3)]), d.f32(kLog2E));
          logs.push_back(
              d.select(d.lt(d.add(from, i), live), log, d.f32(kNoScore)));
          largest = d.fmax(largest, logs.back());
        }
        Value shrink = d.exp2(d.fsub(carried[0], largest));
        Values next{largest};
        for (size_t i = 1; i < 4; ++i)
          next.push_back(d.fmul(carried[i], shrink));
        for (int64_t i = 0; i < batch; ++i) {
          const size_t at = size_t(i * 3);
          Value weight = d.exp2(d.fsub(logs[size_t(i)], largest));
          next[1] = d.fadd(next[1], weight);
          next[2] = d.fma(weight, d.asFloat(words[at + 1]), next[2]);
          next[3] = d.fma(weight, d.asFloat(words[at + 2]), next[3]);
        }
        return next;
      });
}

} // namespace amk::exec
