//===- ClusterGather.cpp - A gather shared in a cluster -------------------===//
//
// Each CTA polls a part of the packets and sends what it gets to the vector
// area of every CTA of its cluster. Two barriers in every CTA, both with a
// phase for each gather of the worker's step:
//
//   `free`     a CTA arrives at that of all CTAs when its own vector is no
//              longer read. Who has seen its own complete may send everywhere.
//   `arrived`  the CTA itself arrives, and expects the bytes of the vector.
//              Complete when they are there.
//
// Order. Reads of the old vector, the consumers' barrier, the arrival at `free`
// (release), the wait for it (acquire), the stores: so no store is seen by
// those reads. A store is an st.async, whose completion at `arrived` is a
// release: who has waited for that (acquire) sees it. Both at the scope of the
// cluster; no fence is between a packet and its reader.
//
// Phases. A wait names a phase by its parity, so it may be asked for only when
// the phase before is complete, and must be seen before the next one is.
//  - `arrived` of a CTA for gather n + 1: expected, and sent, only after it has
//    itself arrived at `free` for it, which is after all its consumers have
//    seen `arrived` for n.
//  - `free` of a CTA for n + 1 takes the CTA's own arrival, which is after all
//    its consumers have seen it for n: they all wait, also those with nothing
//    to send. The others arrive for n + 1 when they have everything of n, of
//    which every CTA sends a part after it has seen `free` for n: if there are
//    fewer packets, a token.
//
// Giving up. Who gives up a wait, because the launch is aborted, sends nothing
// in this gather and marks its CTA, which takes part in none after it. So a
// barrier sees less than its phase's arrivals and bytes, never more.
//
//===----------------------------------------------------------------------===//

#include "ClusterGather.h"

#include "AMK/Schedule/KernelPlan.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace amk::exec {

using core::ClusterArea;

/// The warp whose share is the smallest: it speaks for its CTA, and waits for
/// the stores before.
static constexpr int64_t kSpeaker = core::kConsumerWarps - 1;

ClusterGather::ClusterGather(KernelLowering &kernel, GatherOp op)
    : k(kernel), d(kernel.d), op(op), ctas(kernel.kernel.getCluster()),
      shares(core::clusterShares(uint32_t(ctas), op.getPackets()->getCount())) {
}

int64_t ClusterGather::packetsOfRound() const {
  return ctas * core::kConsumerThreads;
}

Value ClusterGather::place(uint32_t offset) const {
  return k.shared(k.kernel.getShared().getCluster() + offset);
}

void ClusterGather::announce() {
  int64_t bytes = int64_t(op.getElements()) * op.getBytes();
  if (op.getSquares())
    bytes += int64_t(shares) * 4;
  if (sendsTokens())
    bytes += ctas * 4;
  d.ifThen(d.eq(k.warp, d.i32(kSpeaker)), [&] {
    d.ifThen(d.eq(k.lane, d.i32(0)), [&] {
      d.barrierExpect(place(ClusterArea::arrived), d.i32(bytes));
    });
    d.syncWarp();
    d.ifThen(d.ult(k.lane, d.i32(ctas)), [&] {
      d.barrierArriveCluster(d.clusterAddress(place(ClusterArea::free), k.lane),
                             k.omits(Fault::ClusterRelease));
    });
  });
}

Value ClusterGather::wait(uint32_t which, Fault unless) {
  if (k.omits(unless))
    return d.i32(0);
  // A thread that is suspended takes no stage.
  const bool suspends = !k.holds();
  Value address = place(which);
  Value start;
  if (d.can.boundedWaits)
    start = k.timeNow();
  auto state =
      d.doWhile({d.i32(0), d.i64(0), d.i32(0)}, [&](ValueRange carried) {
        Value complete = d.barrierTestCluster(address, parity, suspends,
                                              k.omits(Fault::ClusterAcquire));
        Value missing = d.eq(complete, d.i32(0));
        // The warp stays together: it takes a stage as one.
        d.ifThen(d.warpAny(missing), [&] { k.tryHold(); });
        auto [late, since] = k.maybeGiveUp(carried[0], carried[1], [&] {
          return KernelLowering::Waiting{PollKind::Cluster, missing,
                                         d.i32(which / 8), parity};
        });
        Value gives = arith::ExtUIOp::create(d.b, d.loc, d.i32Type(),
                                             d.both(missing, late));
        Value again = d.both(missing, d.eq(gives, d.i32(0)));
        if (d.can.boundedWaits)
          again = d.both(again, arith::CmpIOp::create(
                                    d.b, d.loc, arith::CmpIPredicate::ult,
                                    d.sub(k.timeNow(), start), d.i64(1000000)));
        return std::make_pair(
            d.warpAny(again),
            llvm::SmallVector<Value>{d.add(carried[0], 1), since, gives});
      });
  d.ifThen(d.ne(state[2], d.i32(0)),
           [&] { d.storeShared(d.i32(1), place(ClusterArea::left)); });
  return state[2];
}

Value ClusterGather::waitForFree(Value turns, Value wanted) {
  auto op = scf::IfOp::create(d.b, d.loc, TypeRange{d.i32Type()},
                              d.eq(turns, d.i32(0)), true, true);
  OpBuilder::InsertionGuard guard(d.b);
  d.b.setInsertionPointToStart(op.thenBlock());
  k.emitDelay(k.row, d.add(k.warp, 232));
  d.set(givenUp, wait(ClusterArea::free, Fault::ClusterFree));
  scf::YieldOp::create(d.b, d.loc, unlessGivenUp(wanted));
  d.b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(d.b, d.loc, wanted);
  return op.getResult(0);
}

Value ClusterGather::unlessGivenUp(Value wanted) {
  return d.select(d.eq(d.get(d.i32Type(), givenUp), d.i32(0)), wanted,
                  d.i32(0));
}

void ClusterGather::scatterPacket(llvm::ArrayRef<Value> words, Value target,
                                  llvm::ArrayRef<Value> gain, Value squares) {
  Value address = d.add(k.shared(k.kernel.getShared().getVector()),
                        d.shl(d.band(target, 0xffff), 1));
  Value count = d.shr(target, 16);
  llvm::SmallVector<Value> pairs, there;
  for (int64_t i = 0; i < int64_t(op.getPackets()->getElements()); i += 2) {
    Value pair = words[size_t(i / 2)];
    there.push_back(d.lt(d.i32(i), count));
    if (squares)
      d.ifThen(there.back(), [&] { k.addSquares(pair, squares); });
    if (!gain.empty())
      pair = d.pack(d.fmul(d.low(pair), d.low(gain[size_t(i / 2)])),
                    d.fmul(d.high(pair), d.high(gain[size_t(i / 2)])));
    pairs.push_back(pair);
  }
  // Not unrolled, for the registers. Each CTA begins with itself, so that they
  // do not all send to one.
  d.forLoop(d.i32(0), d.clusterSize(), d.i32(1), [&](Value i) {
    Value peer = d.bxor(rank, i);
    Value to = d.clusterAddress(address, peer);
    Value barrier = d.clusterAddress(place(ClusterArea::arrived), peer);
    for (size_t j = 0; j < pairs.size(); ++j)
      d.ifThen(there[j],
               [&] { d.storeAsync(pairs[j], to, int64_t(j) * 4, barrier); });
  });
}

void ClusterGather::sendSquares(Value squares) {
  Value sum = d.get(d.f32Type(), squares);
  for (int distance = 16; distance; distance /= 2)
    sum = d.fadd(sum, d.shuffleXor(sum, distance));
  Value address = d.add(place(ClusterArea::sums), d.shl(share, 2));
  d.ifThen(d.both(d.eq(k.lane, d.i32(0)), d.ult(share, d.i32(shares))),
           [&] { sendToAll(sum, address); });
}

void ClusterGather::sendToken() {
  d.ifThen(d.eq(k.tid, d.i32(kSpeaker * 32)),
           [&] { sendToAll(d.i32(0), place(ClusterArea::token)); });
}

void ClusterGather::sendToAll(Value value, Value address) {
  Value barrier = place(ClusterArea::arrived);
  Value peers = unlessGivenUp(d.i32(ctas)); // none, if it may not
  d.forLoop(d.i32(0), peers, d.i32(1), [&](Value to) {
    d.storeAsync(value, d.clusterAddress(address, to), 0,
                 d.clusterAddress(barrier, to));
  });
}

Value ClusterGather::sumOfSquares(KernelLowering &k, uint32_t shares) {
  DeviceBuilder &d = k.d;
  Value at = k.shared(k.kernel.getShared().getCluster() + ClusterArea::sums);
  const auto load = [&](Value address) {
    return d.loadShared(d.f32Type(), address);
  };
  if (shares <= 16) {
    // Four chains: the result is waited for.
    llvm::SmallVector<Value, 4> sums;
    for (uint32_t i = 0; i < shares; ++i) {
      Value own = load(d.add(at, i * 4));
      if (i < 4)
        sums.push_back(own);
      else
        sums[i % 4] = d.fadd(sums[i % 4], own);
    }
    Value sum = sums[0];
    for (size_t i = 1; i < sums.size(); ++i)
      sum = d.fadd(sum, sums[i]);
    return sum;
  }
  // More loads take too many registers: by shuffles.
  const uint32_t lanes = uint32_t(llvm::PowerOf2Ceil(std::min(shares, 32u)));
  Value sum = d.f32(0);
  for (uint32_t from = 0; from < shares; from += lanes) {
    Value i = d.add(d.band(k.lane, lanes - 1), from);
    Value there = d.ult(i, d.i32(shares));
    Value word = load(d.add(at, d.shl(d.select(there, i, d.i32(0)), 2)));
    sum = d.fadd(sum, d.select(there, word, d.f32(0)));
  }
  for (uint32_t distance = lanes / 2; distance; distance /= 2)
    sum = d.fadd(sum, d.shuffleXor(sum, int(distance)));
  return sum;
}

void ClusterGather::gather() {
  rank = d.clusterRank();
  parity = d.band(d.shr(k.field(0), core::kPhaseShift), 1);
  // 32 packets at a time are dealt over the CTAs, so that each has as many.
  share = d.add(d.mul(k.warp, ctas), rank);
  first = d.add(d.shl(share, 5), k.lane);
  givenUp = d.variable(d.i32Type());
  Value squares = k.newSquares(op);
  // All consumers have passed the barrier at the end of the tile before.
  announce();
  k.gatherPackets(op, squares, this);
  if (squares)
    sendSquares(squares);
  if (sendsTokens())
    sendToken();
  wait(ClusterArea::arrived, Fault::ClusterArrived);
}

void ClusterGather::lower() {
  k.emitDelay(k.row, d.add(k.warp, 224));
  Value left = d.loadShared(d.i32Type(), place(ClusterArea::left));
  d.ifThen(d.eq(left, d.i32(0)), [&] { gather(); });
}

} // namespace amk::exec
