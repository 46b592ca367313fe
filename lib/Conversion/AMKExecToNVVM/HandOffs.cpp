//===- HandOffs.cpp - Counters, packets and plain vectors -----------------===//

#include "ClusterGather.h"

using namespace mlir;

namespace amk::exec {

//===----------------------------------------------------------------------===//
// The watchdog
//===----------------------------------------------------------------------===//

/// For how long a worker that gives up stands still. What it does afterwards
/// may satisfy others, so each of them must look at the flag before: a multiple
/// of the 1024 spins after which it does.
static constexpr int64_t kHoldNanoseconds = 10'000'000;

void KernelLowering::recordWait(const Waiting &waiting, Value now) {
  Value record =
      d.at(d.add(staticPlace(kernel.getArena().getReport()), d.i64(16)),
           d.shl(worker, 4));
  // The first of the worker's threads, at the first row that is stuck.
  Value before = d.ptx("atom.relaxed.gpu.global.cas.b32 $0, [$1], 0, $2;",
                       "=r,l,r", d.i32Type(), {record, d.add(row, 1)});
  d.ifThen(d.eq(before, d.i32(0)), [&] {
    d.ptx("st.relaxed.gpu.global.u32 [$0+4], $1; "
          "st.relaxed.gpu.global.v2.u32 [$0+8], {$2, $3};",
          "l,r,r,r",
          {record, d.i32(int(waiting.kind)), waiting.index, waiting.seen});
    d.doWhile({}, [&](ValueRange) {
      d.ptx("nanosleep.u32 100000;", "", {});
      Value later =
          d.ptx("mov.u64 $0, %globaltimer;", "=l", b.getI64Type(), {});
      Value early =
          arith::CmpIOp::create(b, d.loc, arith::CmpIPredicate::ult,
                                d.sub(later, now), d.i64(kHoldNanoseconds));
      return std::make_pair(early, llvm::SmallVector<Value>());
    });
  });
}

std::pair<Value, Value> KernelLowering::checkWatchdog(Value start,
                                                      WaitingFor waitingFor) {
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
  // The flag is the launch's epoch: launches that are queued behind give up
  // too, but have nothing to report.
  Value raises = d.both(late, d.eq(aborted, d.i32(0)));
  d.ifThen(raises, [&] {
    d.ptx("st.relaxed.gpu.global.u32 [$0], $1;", "l,r", {report, epoch});
  });
  Value here = arith::OrIOp::create(b, d.loc, raises, d.eq(aborted, epoch));
  d.ifThen(here, [&] {
    const Waiting waiting = waitingFor();
    d.ifThen(waiting.missing, [&] { recordWait(waiting, now); });
  });
  Value giveUp = arith::OrIOp::create(b, d.loc, late, d.ne(aborted, d.i32(0)));
  return {giveUp, since};
}

std::pair<Value, Value> KernelLowering::maybeGiveUp(Value spins, Value start,
                                                    WaitingFor waitingFor) {
  Value due = d.eq(d.band(spins, 1023), d.i32(1023));
  Type i1 = b.getI1Type(), i64 = b.getI64Type();
  auto op = scf::IfOp::create(b, d.loc, TypeRange{i1, i64}, due, true, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  auto [giveUp, since] = checkWatchdog(start, waitingFor);
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
          d.ptx(omits(Fault::Acquire) ? "ld.relaxed.gpu.global.u32 $0, [$1];"
                                      : "ld.acquire.gpu.global.u32 $0, [$1];",
                "=r,l", i32, {address});
      // By signed difference: 32 bits wrap within hours.
      Value missing = d.lt(d.sub(value, wanted), d.i32(0));
      if (omits(Fault::CounterWait))
        missing = d.lt(d.i32(0), d.i32(0));
      auto [giveUp, since] = maybeGiveUp(state[0], state[1], [&] {
        return Waiting{PollKind::Counter, missing, counter, value};
      });
      Value again =
          d.both(missing,
                 d.eq(arith::ExtUIOp::create(b, d.loc, i32, giveUp), d.i32(0)));
      return std::make_pair(
          again, llvm::SmallVector<Value>{d.add(state[0], 1), since});
    });
  });
  syncConsumersUnless(Fault::PollBarrier);
}

void KernelLowering::lower(SignalOp) {
  ArenaAttr places = kernel.getArena();
  // Every thread's stores come before the barrier, the release after it.
  syncConsumersUnless(Fault::SignalBarrier);
  Value list = field(7);
  Value first = d.band(list, 0xffffff), count = d.shr(list, 24);
  Value signals = d.ult(tid, count);
  if (faults.silentPosition >= 0)
    signals = d.both(signals, d.ne(position, d.i32(faults.silentPosition)));
  d.ifThen(signals, [&] {
    Value counter =
        d.loadGlobal(d.i32Type(), d.at(staticPlace(places.getSignals()),
                                       d.shl(d.add(first, tid), 2)));
    Value address = d.at(staticPlace(places.getCounters()), d.shl(counter, 2));
    // LLVM drops ordering and scope of atomicrmw on NVPTX.
    d.ptx(omits(Fault::Release) ? "red.relaxed.gpu.global.add.u32 [$0], $1;"
                                : "red.release.gpu.global.add.u32 [$0], $1;",
          "l,r", {address, d.i32(1)});
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

Value KernelLowering::packetAddress(Value place, Value index, uint32_t room) {
  if (!room)
    return d.at(globalPlace(place), d.shl(index, 4));
  Value base = d.add(shared(kernel.getShared().getInbox()), place);
  return d.add(base, d.shl(d.rem(index, room), 4));
}

Value KernelLowering::loadStamp(Value address) {
  const bool isShared = address.getType().isInteger(32);
  return d.ptx(isShared ? "ld.relaxed.cluster.shared.u32 $0, [$1+12];"
                        : "ld.relaxed.gpu.global.u32 $0, [$1+12];",
               isShared ? "=r,r" : "=r,l", d.i32Type(), {address});
}

llvm::SmallVector<Value, 4>
KernelLowering::loadPacket(Value address, Value wanted, Fault inTwo) {
  Type i32 = d.i32Type();
  const bool isShared = address.getType().isInteger(32);
  const std::string load =
      isShared ? "@p ld.relaxed.cluster.shared." : "@p ld.relaxed.gpu.global.";
  if (isShared)
    inTwo = Fault::InboxCopy;
  auto type =
      LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, i32, i32});
  // One 16-byte access is single-copy (PTX .b128), so the stamp vouches for
  // the values beside it.
  std::string text =
      "{.reg .pred p; .reg .b128 t; .reg .b64 u, v; setp.ne.u32 p, $5, 0; "
      "mov.b64 u, 0; mov.b64 v, 0; mov.b128 t, {u, v}; " +
      load +
      "b128 t, [$4]; mov.b128 {u, v}, t; "
      "mov.b64 {$0, $1}, u; mov.b64 {$2, $3}, v;}";
  if (omits(inTwo))
    text = "{.reg .pred p; .reg .b64 u, v; setp.ne.u32 p, $5, 0; "
           "mov.b64 u, 0; mov.b64 v, 0; " +
           load + "b64 u, [$4]; " + load +
           "b64 v, [$4+8]; "
           "mov.b64 {$0, $1}, u; mov.b64 {$2, $3}, v;}";
  Value words = d.ptx(text, isShared ? "=r,=r,=r,=r,r,r" : "=r,=r,=r,=r,l,r",
                      type, {address, wanted});
  llvm::SmallVector<Value, 4> out;
  for (int64_t i = 0; i < 4; ++i)
    out.push_back(LLVM::ExtractValueOp::create(b, d.loc, words, i));
  return out;
}

void KernelLowering::storePacket(Value address, llvm::ArrayRef<Value> w,
                                 Fault inTwo) {
  llvm::StringRef text = "{.reg .b128 t; .reg .b64 u, v; mov.b64 u, {$1, $2}; "
                         "mov.b64 v, {$3, $4}; mov.b128 t, {u, v}; "
                         "st.relaxed.gpu.global.b128 [$0], t;}";
  if (omits(inTwo))
    text = "{.reg .b64 u, v; mov.b64 u, {$1, $2}; mov.b64 v, {$3, $4}; "
           "st.relaxed.gpu.global.b64 [$0+8], v; "
           "st.relaxed.gpu.global.b64 [$0], u;}";
  d.ptx(text, "l,r,r,r,r", {address, w[0], w[1], w[2], w[3]});
}

void KernelLowering::sendPacket(Value address, Value peers,
                                llvm::ArrayRef<Value> w) {
  llvm::StringRef text = "{.reg .b128 t; .reg .b64 u, v; mov.b64 u, {$1, $2}; "
                         "mov.b64 v, {$3, $4}; mov.b128 t, {u, v}; "
                         "st.relaxed.cluster.shared::cluster.b128 [$0], t;}";
  if (omits(Fault::InboxCopy))
    text = "{.reg .b64 u, v; mov.b64 u, {$1, $2}; mov.b64 v, {$3, $4}; "
           "st.relaxed.cluster.shared::cluster.b64 [$0+8], v; "
           "st.relaxed.cluster.shared::cluster.b64 [$0], u;}";
  // Mostly one has a bit: from bit to bit.
  d.ifThen(d.ne(peers, d.i32(0)), [&] {
    d.doWhile({peers}, [&](ValueRange state) {
      Value zeros = d.ptx("clz.b32 $0, $1;", "=r,r", d.i32Type(), {state[0]},
                          /*sideEffects=*/false);
      Value rank = d.sub(d.i32(31), zeros);
      d.ptx(text, "r,r,r,r,r",
            {d.clusterAddress(address, rank), w[0], w[1], w[2], w[3]});
      Value bit = arith::ShLIOp::create(b, d.loc, d.i32(1), rank);
      Value left = d.bxor(state[0], bit);
      return std::make_pair(d.ne(left, d.i32(0)),
                            llvm::SmallVector<Value>{left});
    });
  });
}

llvm::SmallVector<Value, 4> KernelLowering::pollPacket(Value address,
                                                       Value stamp, Value index,
                                                       Fault unless) {
  Type i32 = d.i32Type();
  llvm::SmallVector<Value> carried = d.doWhile(
      {d.i32(0), d.i64(0), d.i32(0), d.i32(0), d.i32(0), d.i32(0)},
      [&](ValueRange state) {
        auto w = loadPacket(address, d.i32(1));
        Value missing =
            omits(unless) ? d.lt(d.i32(0), d.i32(0)) : d.ne(w[3], stamp);
        auto [giveUp, since] = maybeGiveUp(state[0], state[1], [&] {
          return Waiting{PollKind::Packet, missing, index, w[3]};
        });
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

KernelLowering::PacketBatch KernelLowering::beginBatch(GatherOp op, Value first,
                                                       int64_t size,
                                                       bool addsSquares,
                                                       ClusterGather *cluster) {
  PacketsAttr packets = *op.getPackets();
  PacketBatch batch;
  batch.first = first;
  batch.firstOfRound = cluster ? cluster->firstPacket() : tid;
  batch.round = cluster ? cluster->packetsOfRound() : core::kConsumerThreads;
  batch.base = map(op.getPlace());
  batch.room = packets.getRoom();
  batch.stamp = stampOf(map(op.getGeneration()));
  batch.packets.resize(size_t(size));
  Value count = d.i32(packets.getCount());
  if (addsSquares)
    for (Packet &p : batch.packets) {
      p.squares = d.variable(d.f32Type());
      d.set(p.squares, d.f32(0));
    }
  batch.missing = d.i32(0);
  for (int64_t i = 0; i < size; ++i) {
    Packet &p = batch.packets[size_t(i)];
    Value index = batch.indexOf(d, d.add(first, i));
    Value mine = d.ult(index, count);
    Value packet = d.select(mine, index, d.i32(0));
    Value bit = d.select(mine, d.i32(1 << i), d.i32(0));
    batch.missing = d.bor(batch.missing, bit);
    p.target = d.loadGlobal(
        d.i32Type(), d.at(staticPlace(packets.getTable()), d.shl(packet, 2)));
    p.address = packetAddress(batch.base, packet, batch.room);
    if (!op.getGain())
      continue;
    // Before the packets can be there: off the path from packet to product.
    Value gain = d.at(globalPlace(map(op.getGain())),
                      d.shl(d.band(p.target, 0xffff), 1));
    for (int64_t k = 0; k < packets.getElements(); k += 2)
      p.gains.push_back(d.loadGlobal(d.i32Type(), d.add(gain, d.i64(k * 2))));
  }
  return batch;
}

KernelLowering::Waiting KernelLowering::firstMissing(const PacketBatch &batch,
                                                     Value left) {
  Value at = d.ptx("{.reg .b32 t; brev.b32 t, $1; clz.b32 $0, t;}", "=r,r",
                   d.i32Type(), {left}, /*sideEffects=*/false);
  Value index = batch.indexOf(d, d.add(at, batch.first));
  Value isMissing = d.ne(left, d.i32(0));
  Value seen = loadStamp(packetAddress(
      batch.base, d.select(isMissing, index, d.i32(0)), batch.room));
  return {PollKind::Packet, isMissing, index, seen};
}

void KernelLowering::gatherPacketBatch(GatherOp op, Value first, int64_t size,
                                       Value squares, ClusterGather *cluster) {
  const PacketBatch batch = beginBatch(op, first, size, !!squares, cluster);
  d.doWhile({batch.missing, d.i32(0), d.i64(0)}, [&](ValueRange state) {
    // All loads first, then the checks: one round trip for the batch.
    llvm::SmallVector<llvm::SmallVector<Value, 4>> words;
    for (int64_t i = 0; i < size; ++i)
      words.push_back(loadPacket(batch.packets[size_t(i)].address,
                                 d.band(state[0], 1 << i)));
    tryHold(); // while the packets are on their way
    Value left = state[0];
    if (cluster)
      left = cluster->waitForFree(state[1], left);
    Value wanted = left;
    for (int64_t i = 0; i < size; ++i) {
      const Packet &p = batch.packets[size_t(i)];
      const auto &w = words[size_t(i)];
      Value arrived = d.ne(d.band(wanted, 1 << i), d.i32(0));
      if (!omits(Fault::PacketWait))
        arrived = d.both(arrived, d.eq(w[3], batch.stamp));
      d.ifThen(arrived, [&] {
        if (cluster)
          cluster->scatterPacket(w, p.target, p.gains, p.squares);
        else
          scatterPacket(op, w, p.target, p.gains, p.squares);
      });
      left = d.select(arrived, d.band(left, ~(1 << i)), left);
    }
    auto [giveUp, since] = maybeGiveUp(
        state[1], state[2], [&] { return firstMissing(batch, left); });
    left = d.select(giveUp, d.i32(0), left);
    // The warp stays together: it takes a stage as one.
    Value again = op.getBySlice()
                      ? d.ne(arriveAtRounds(first, state[0], left), d.i32(0))
                      : d.warpAny(d.ne(left, d.i32(0)));
    return std::make_pair(
        again, llvm::SmallVector<Value>{left, d.add(state[1], 1), since});
  });
  if (!squares)
    return;
  Value sum = d.get(d.f32Type(), squares);
  for (const Packet &p : batch.packets)
    sum = d.fadd(sum, d.get(d.f32Type(), p.squares));
  d.set(squares, sum);
}

int64_t KernelLowering::mostPacketsAtOnce(GatherOp op) {
  // Registers that a thread has for a batch: beside a held stage there are few.
  constexpr int64_t kBatchWords = 42;
  // The packet's own words, its address, where its values go.
  int64_t words = 4 + 2 + 1;
  if (op.getGain())
    words += op.getPackets()->getElements() / 2 + 1;
  if (op.getSquares())
    words += 1;
  return std::max<int64_t>(kBatchWords / words, 1);
}

void KernelLowering::gatherPackets(GatherOp op, Value squares,
                                   ClusterGather *cluster) {
  const int64_t count = op.getPackets()->getCount();
  const int64_t round =
      cluster ? cluster->packetsOfRound() : core::kConsumerThreads;
  const int64_t rounds = (count + round - 1) / round;
  const int64_t most = mostPacketsAtOnce(op);
  const int64_t batches = (rounds + most - 1) / most;
  const int64_t batch = (rounds + batches - 1) / batches;
  // Two batches of the same size one after the other, others in a loop. Also
  // two with squares: LLVM would move the sums of the first down to the end of
  // the second.
  const bool isTwice = batches == 2 && rounds == 2 * batch && !squares;
  if (batches > 1 && !isTwice) {
    d.forLoop(d.i32(0), d.i32(rounds), d.i32(batch), [&](Value first) {
      gatherPacketBatch(op, first, batch, squares, cluster);
    });
    return;
  }
  for (int64_t first = 0; first < rounds; first += batch)
    gatherPacketBatch(op, d.i32(first), std::min(batch, rounds - first),
                      squares, cluster);
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

Value KernelLowering::newSquares(GatherOp op) {
  if (!op.getSquares())
    return Value();
  Value squares = d.variable(d.f32Type());
  d.set(squares, d.f32(0));
  return squares;
}

void KernelLowering::lower(GatherOp op) {
  if (op.getCluster())
    return ClusterGather(*this, op).lower();
  Value squares = newSquares(op);
  if (op.getBySlice())
    beginRounds(op);
  if (op.getPackets())
    gatherPackets(op, squares);
  else
    gatherPlain(op, squares);
  if (squares)
    storeSquares(squares);
  if (op.getBySlice())
    return;
  syncConsumersUnless(Fault::GatherBarrier);
}

} // namespace amk::exec
