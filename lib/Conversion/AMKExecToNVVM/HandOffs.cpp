//===- HandOffs.cpp - Counters, packets and plain vectors -----------------===//

#include "KernelLowering.h"

#include "AMK/Schedule/ProgramFile.h"

using namespace mlir;

namespace amk::exec {

//===----------------------------------------------------------------------===//
// The watchdog
//===----------------------------------------------------------------------===//

std::pair<Value, Value> KernelLowering::checkWatchdog(PollKind kind,
                                                      Value index, Value seen,
                                                      Value start) {
  Value report = staticPlace(kernel.getArena().getReport());
  Type i32 = d.i32Type(), i64 = b.getI64Type();
  Value aborted =
      d.ptx("ld.relaxed.gpu.global.u32 $0, [$1];", "=r,l", i32, {report});
  Value now = d.ptx("mov.u64 $0, %globaltimer;", "=l", i64, {});
  Value isFirst = arith::CmpIOp::create(b, d.loc, arith::CmpIPredicate::eq,
                                        start, d.i64(0));
  Value since = d.select(isFirst, now, start);
  Value spent = d.sub(now, since);
  Value late =
      arith::CmpIOp::create(b, d.loc, arith::CmpIPredicate::ugt, spent, budget);
  d.ifThen(late, [&] {
    d.ptx("st.relaxed.gpu.global.u32 [$0], $1;", "l,r", {report, d.i32(1)});
    Value record = d.at(d.add(report, d.i64(16)), d.shl(worker, 4));
    d.ptx("st.relaxed.gpu.global.v4.u32 [$0], {$1, $2, $3, $4};", "l,r,r,r,r",
          {record, d.add(row, 1), d.i32(int(kind)), index, seen});
  });
  Value giveUp = arith::OrIOp::create(b, d.loc, late, d.ne(aborted, d.i32(0)));
  return {giveUp, since};
}

std::pair<Value, Value> KernelLowering::maybeGiveUp(Value spins, PollKind kind,
                                                    Value index, Value seen,
                                                    Value start) {
  Value due = d.eq(d.band(spins, 1023), d.i32(1023));
  Type i1 = b.getI1Type(), i64 = b.getI64Type();
  auto op = scf::IfOp::create(b, d.loc, TypeRange{i1, i64}, due, true, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  auto [giveUp, since] = checkWatchdog(kind, index, seen, start);
  scf::YieldOp::create(b, d.loc, ValueRange{giveUp, since});
  b.setInsertionPointToStart(op.elseBlock());
  Value no = arith::ConstantOp::create(b, d.loc, b.getBoolAttr(false));
  scf::YieldOp::create(b, d.loc, ValueRange{no, start});
  return {op.getResult(0), op.getResult(1)};
}

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

void KernelLowering::lower(PollOp) {
  ArenaAttr places = kernel.getArena();
  Value list = field(6);
  Value first = d.band(list, 0xffffff), count = d.shr(list, 24);
  Type i32 = d.i32Type();
  d.ifThen(d.ult(tid, count), [&] {
    Value entry =
        d.at(staticPlace(places.getWaits()), d.mul(d.add(first, tid), 12));
    Value counter = d.loadGlobal(i32, entry);
    Value threshold = d.loadGlobal(i32, d.add(entry, d.i64(4)));
    Value perLaunch = d.loadGlobal(i32, d.add(entry, d.i64(8)));
    Value wanted = d.add(d.mul(d.sub(epoch, d.i32(1)), perLaunch), threshold);
    Value address = d.at(staticPlace(places.getCounters()), d.shl(counter, 2));
    d.doWhile({d.i32(0), d.i64(0)}, [&](ValueRange state) {
      Value value =
          d.ptx("ld.acquire.gpu.global.u32 $0, [$1];", "=r,l", i32, {address});
      // By signed difference: 32 bits wrap within hours.
      Value missing = d.lt(d.sub(value, wanted), d.i32(0));
      auto [giveUp, since] =
          maybeGiveUp(state[0], PollKind::Counter, counter, value, state[1]);
      Value again =
          d.both(missing,
                 d.eq(arith::ExtUIOp::create(b, d.loc, i32, giveUp), d.i32(0)));
      return std::make_pair(
          again, llvm::SmallVector<Value>{d.add(state[0], 1), since});
    });
  });
  syncConsumers();
}

void KernelLowering::lower(SignalOp) {
  ArenaAttr places = kernel.getArena();
  // Every thread's stores come before the barrier, the release after it.
  syncConsumers();
  Value list = field(7);
  Value first = d.band(list, 0xffffff), count = d.shr(list, 24);
  d.ifThen(d.ult(tid, count), [&] {
    Value counter =
        d.loadGlobal(d.i32Type(), d.at(staticPlace(places.getSignals()),
                                       d.shl(d.add(first, tid), 2)));
    Value address = d.at(staticPlace(places.getCounters()), d.shl(counter, 2));
    // LLVM drops ordering and scope of atomicrmw on NVPTX.
    d.ptx("red.release.gpu.global.add.u32 [$0], $1;", "l,r",
          {address, d.i32(1)});
  });
}

void KernelLowering::lower(StampOp op) {
  ArenaAttr places = kernel.getArena();
  if (places.getTraceRows() == 0)
    return;
  d.ifThen(d.eq(tid, d.i32(0)), [&] {
    Value entry = d.add(d.mul(worker, places.getTraceRows()), row);
    entry = d.add(d.mul(entry, core::kTracePoints), op.getPoint());
    Value now = d.ptx("mov.u64 $0, %globaltimer;", "=l", b.getI64Type(), {});
    d.storeGlobal(now, d.at(staticPlace(places.getTrace()), d.shl(entry, 3)));
  });
}

//===----------------------------------------------------------------------===//
// Packets
//===----------------------------------------------------------------------===//

Value KernelLowering::stampOf(Value generation) {
  const uint32_t generations = kernel.getArena().getGenerations();
  Value stamp = d.mul(epoch, generations);
  return generation ? d.add(stamp, generation) : stamp;
}

llvm::SmallVector<Value, 4> KernelLowering::loadPacket(Value address,
                                                       Value wanted) {
  Type i32 = d.i32Type();
  auto type =
      LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, i32, i32});
  // One 16-byte access is single-copy (PTX .b128), so the stamp vouches for
  // the values beside it.
  Value words = d.ptx(
      "{.reg .pred p; .reg .b128 t; .reg .b64 u, v; setp.ne.u32 p, $5, 0; "
      "mov.b64 u, 0; mov.b64 v, 0; mov.b128 t, {u, v}; "
      "@p ld.relaxed.gpu.global.b128 t, [$4]; mov.b128 {u, v}, t; "
      "mov.b64 {$0, $1}, u; mov.b64 {$2, $3}, v;}",
      "=r,=r,=r,=r,l,r", type, {address, wanted});
  llvm::SmallVector<Value, 4> out;
  for (int64_t i = 0; i < 4; ++i)
    out.push_back(LLVM::ExtractValueOp::create(b, d.loc, words, i));
  return out;
}

void KernelLowering::storePacket(Value address, llvm::ArrayRef<Value> w) {
  d.ptx("{.reg .b128 t; .reg .b64 u, v; mov.b64 u, {$1, $2}; "
        "mov.b64 v, {$3, $4}; mov.b128 t, {u, v}; "
        "st.relaxed.gpu.global.b128 [$0], t;}",
        "l,r,r,r,r", {address, w[0], w[1], w[2], w[3]});
}

llvm::SmallVector<Value, 4>
KernelLowering::pollPacket(Value address, Value stamp, Value index) {
  Type i32 = d.i32Type();
  llvm::SmallVector<Value> carried = d.doWhile(
      {d.i32(0), d.i64(0), d.i32(0), d.i32(0), d.i32(0), d.i32(0)},
      [&](ValueRange state) {
        auto w = loadPacket(address, d.i32(1));
        Value missing = d.ne(w[3], stamp);
        auto [giveUp, since] =
            maybeGiveUp(state[0], PollKind::Packet, index, w[3], state[1]);
        Value again =
            d.both(missing, d.eq(arith::ExtUIOp::create(b, d.loc, i32, giveUp),
                                 d.i32(0)));
        return std::make_pair(
            again, llvm::SmallVector<Value>{d.add(state[0], 1), since, w[0],
                                            w[1], w[2], w[3]});
      });
  return {carried[2], carried[3], carried[4], carried[5]};
}

void KernelLowering::scatterPacket(GatherOp op, llvm::ArrayRef<Value> words,
                                   Value target, llvm::ArrayRef<Value> gain,
                                   Value squares) {
  Value to = d.add(shared(kernel.getShared().getVector()),
                   d.shl(d.band(target, 0xffff), 1));
  Value count = d.shr(target, 16);
  const int64_t elements = op.getPackets()->getElements();
  for (int64_t k = 0; k < elements; k += 2) {
    // Counts are even: a packet holds whole pairs.
    d.ifThen(d.lt(d.i32(k), count), [&] {
      Value pair = words[k / 2];
      if (squares)
        addSquares(pair, squares);
      if (!gain.empty())
        pair = d.pack(d.fmul(d.low(pair), d.low(gain[k / 2])),
                      d.fmul(d.high(pair), d.high(gain[k / 2])));
      d.storeShared(pair, d.add(to, k * 2));
    });
  }
}

void KernelLowering::gatherPacketBatch(GatherOp op, int64_t first,
                                       int64_t batch, Value squares) {
  PacketsAttr packets = *op.getPackets();
  Value base = globalPlace(map(op.getPlace()));
  Value stamp = stampOf(map(op.getGeneration()));
  Value count = d.i32(packets.getCount());
  llvm::SmallVector<Value> targets, addresses;
  llvm::SmallVector<llvm::SmallVector<Value>> gains(static_cast<size_t>(batch));
  Value missing = d.i32(0);
  for (int64_t i = 0; i < batch; ++i) {
    Value index = d.add(tid, (first + i) * core::kConsumerThreads);
    Value mine = d.ult(index, count);
    Value packet = d.select(mine, index, d.i32(0));
    Value bit = d.select(mine, d.i32(1 << i), d.i32(0));
    missing = d.bor(missing, bit);
    targets.push_back(d.loadGlobal(
        d.i32Type(), d.at(staticPlace(packets.getTable()), d.shl(packet, 2))));
    addresses.push_back(d.at(base, d.shl(packet, 4)));
    if (!op.getGain())
      continue;
    // Before the packets can be there: off the path from packet to product.
    Value gain = d.at(globalPlace(map(op.getGain())),
                      d.shl(d.band(targets.back(), 0xffff), 1));
    for (int64_t k = 0; k < packets.getElements(); k += 2)
      gains[size_t(i)].push_back(
          d.loadGlobal(d.i32Type(), d.add(gain, d.i64(k * 2))));
  }
  d.doWhile({missing, d.i32(0), d.i64(0)}, [&](ValueRange state) {
    // All loads first, then the checks: one round trip for the batch.
    llvm::SmallVector<llvm::SmallVector<Value, 4>> words;
    for (int64_t i = 0; i < batch; ++i)
      words.push_back(
          loadPacket(addresses[size_t(i)], d.band(state[0], 1 << i)));
    tryHold(); // while the packets are on their way
    Value left = state[0];
    for (int64_t i = 0; i < batch; ++i) {
      const size_t at = size_t(i);
      Value arrived = d.both(d.ne(d.band(state[0], 1 << i), d.i32(0)),
                             d.eq(words[at][3], stamp));
      d.ifThen(arrived, [&] {
        scatterPacket(op, words[at], targets[at], gains[at], squares);
      });
      left = d.select(arrived, d.band(left, ~(1 << i)), left);
    }
    auto [giveUp, since] =
        maybeGiveUp(state[1], PollKind::Packet, tid, left, state[2]);
    left = d.select(giveUp, d.i32(0), left);
    // The warp stays together: it takes a stage as one.
    return std::make_pair(
        d.warpAny(d.ne(left, d.i32(0))),
        llvm::SmallVector<Value>{left, d.add(state[1], 1), since});
  });
}

void KernelLowering::gatherPackets(GatherOp op, Value squares) {
  constexpr int64_t kMostAtOnce = 6; // registers: four words a packet
  const int64_t count = op.getPackets()->getCount();
  const int64_t rounds =
      (count + core::kConsumerThreads - 1) / core::kConsumerThreads;
  const int64_t batches = (rounds + kMostAtOnce - 1) / kMostAtOnce;
  const int64_t batch = (rounds + batches - 1) / batches;
  for (int64_t first = 0; first < rounds; first += batch)
    gatherPacketBatch(op, first, std::min(batch, rounds - first), squares);
}

void KernelLowering::gatherPlain(GatherOp op, Value squares) {
  const int64_t words = (op.getElements() * op.getBytes() + 3) / 4;
  Value to = shared(kernel.getShared().getVector());
  d.forLoop(tid, d.i32(words), d.i32(core::kConsumerThreads), [&](Value i) {
    Value offset = d.shl(i, 2);
    Value pair =
        loadAt(d.i32Type(), map(op.getPlace()), op.getShared(), offset);
    if (squares)
      addSquares(pair, squares);
    if (op.getGain()) {
      Value gain = d.loadGlobal(d.i32Type(),
                                d.at(globalPlace(map(op.getGain())), offset));
      pair = d.pack(d.fmul(d.low(pair), d.low(gain)),
                    d.fmul(d.high(pair), d.high(gain)));
    }
    d.storeShared(pair, d.add(to, offset));
  });
}

void KernelLowering::addSquares(Value pair, Value squares) {
  Value even = d.low(pair), odd = d.high(pair);
  Value sum = d.get(d.f32Type(), squares);
  d.set(squares, d.fma(odd, odd, d.fma(even, even, sum)));
}

void KernelLowering::storeSquares(Value squares) {
  Value sum = d.get(d.f32Type(), squares);
  for (int distance = 16; distance; distance /= 2)
    sum = d.fadd(sum, d.shuffleXor(sum, distance));
  d.ifThen(d.eq(lane, d.i32(0)), [&] {
    d.storeShared(sum,
                  d.add(shared(kernel.getShared().getMisc()), d.shl(warp, 2)));
  });
}

void KernelLowering::lower(GatherOp op) {
  Value squares; // this thread's sum, if it is wanted
  if (op.getSquares()) {
    squares = d.variable(d.f32Type());
    d.set(squares, d.f32(0));
  }
  if (op.getPackets())
    gatherPackets(op, squares);
  else
    gatherPlain(op, squares);
  if (squares)
    storeSquares(squares);
  syncConsumers();
}

} // namespace amk::exec
