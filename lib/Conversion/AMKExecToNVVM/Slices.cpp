//===- Slices.cpp - Inputs that are taken by slices -----------------------===//
//
// A stage of a product needs a slice of the input's columns only. Where the
// input comes in packets, thread t of the consumers polls packet t + 256 r in
// *round* r. Every round has a barrier, `arrived`, that takes an arrival of
// each consumer warp: when it has all its packets of the round, or has none.
// The product waits for the rounds in which the packets of a stage's slice are,
// in place of the consumers' barrier after the gather.
//
// Order. The stores of a warp's lanes, the warp's barrier, the arrival of one
// of them (release), the wait of a lane (acquire), its warp's barrier, the
// loads.
//
// Phases. Every warp arrives at all barriers of the area once in each such
// gather, also at those of rounds that this gather does not have, and before it
// comes to the barrier of the consumers behind the product. So there all of
// them have completed the same number of phases: one bit of the plan row has
// the parity for all, and the phase before the one that is waited for is
// complete. What the warp gives up, because the launch is aborted, it also
// arrives for.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "AMK/Schedule/KernelPlan.h"

using namespace mlir;

namespace amk::exec {

Value KernelLowering::roundBarrier(Value round) {
  return d.add(shared(kernel.getShared().getArrived()), d.shl(round, 3));
}

void KernelLowering::initializeRounds() {
  // No fence: no copy completes at them, and the barrier of the block follows.
  d.ifThen(d.ult(tid, d.i32(kernel.getShared().getRounds())),
           [&] { d.barrierInit(roundBarrier(tid), core::kConsumerWarps); });
}

void KernelLowering::beginRounds(GatherOp op) {
  // A lane for each round: the warp's first packet of it is one too many. Where
  // a fault says so, at all, in place of the arrivals that follow.
  Value first = d.add(d.shl(warp, 5), d.mul(lane, core::kConsumerThreads));
  Value isRound = d.ult(lane, d.i32(kernel.getShared().getRounds()));
  Value isEmpty =
      omits(Fault::SliceStores)
          ? isRound
          : d.both(isRound, d.ge(first, d.i32(op.getPackets()->getCount())));
  d.ifThen(isEmpty, [&] { d.barrierArrive(roundBarrier(lane)); });
  if (omits(Fault::SliceStores))
    emitDelay(row, d.add(warp, 64));
}

Value KernelLowering::arriveAtRounds(Value first, Value before, Value left) {
  const auto anyOf = [&](Value bits) {
    return d.ptx("redux.sync.or.b32 $0, $1, 0xffffffff;", "=r,r", d.i32Type(),
                 {bits});
  };
  Value missing = anyOf(left);
  if (omits(Fault::SliceStores))
    return missing;
  Value complete = d.band(anyOf(before), d.bxor(missing, d.i32(-1)));
  // The stores of all lanes come before the arrival.
  d.syncWarp();
  Value isMine = d.ne(d.band(d.shr(complete, lane), 1), d.i32(0));
  d.ifThen(isMine, [&] { d.barrierArrive(roundBarrier(d.add(first, lane))); });
  return missing;
}

void KernelLowering::beginSlices(ProductOp op) {
  if (!op.getRounds())
    return;
  d.set(roundsSeen, d.i32(0));
  roundsPhase = d.band(d.shr(field(0), core::kRoundsPhaseShift), 1);
}

void KernelLowering::awaitSlice(ProductOp op, Value slice) {
  if (!op.getRounds() || omits(Fault::SliceWait))
    return;
  llvm::ArrayRef<int32_t> rounds = *op.getRounds();
  Value wanted = d.i32(rounds.back());
  for (size_t i = rounds.size() - 1; i-- > 0;)
    wanted = d.select(d.eq(slice, d.i32(int64_t(i))), d.i32(rounds[i]), wanted);
  Value seen = d.get(d.i32Type(), roundsSeen);
  Value missing = d.band(wanted, d.bxor(seen, d.i32(-1)));
  d.ifThen(d.ne(missing, d.i32(0)), [&] {
    // A lane for each round; the others wait for those lanes.
    Value isMine = d.ne(d.band(d.shr(missing, lane), 1), d.i32(0));
    d.ifThen(isMine, [&] { d.barrierWait(roundBarrier(lane), roundsPhase); });
    d.syncWarp();
    d.set(roundsSeen, d.bor(seen, wanted));
  });
}

} // namespace amk::exec
