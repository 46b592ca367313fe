//===- Times.cpp - When things happened, for a trace ----------------------===//
//
// Nothing here emits anything for a kernel that does not record times. The
// places are those of core::TraceLayout.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "AMK/Schedule/TraceLayout.h"

using namespace mlir;

namespace amk::exec {

Value KernelLowering::timeNow() {
  return d.ptx("mov.u64 $0, %globaltimer;", "=l", b.getI64Type(), {});
}

/// Address of the current row's time `point`.
Value KernelLowering::timeOf(Value point) {
  ArenaAttr places = kernel.getArena();
  Value entry = d.add(d.mul(worker, places.getTraceRows()), row);
  entry = d.add(d.mul(entry, places.getTracePoints()), point);
  return d.at(staticPlace(places.getTrace()), d.shl(entry, 3));
}

void KernelLowering::lower(StampOp op) { stampTime(op.getPoint()); }

void KernelLowering::stampTime(uint32_t point) {
  if (recordsTimes())
    stampTime(d.eq(tid, d.i32(0)), d.i32(point));
}

void KernelLowering::stampTime(Value isStamper, Value point) {
  d.ifThen(isStamper, [&] { d.storeGlobal(timeNow(), timeOf(point)); });
}

void KernelLowering::stampLatest(uint32_t point) {
  if (!recordsTimes())
    return;
  // Times grow, so that what an earlier launch left is in nobody's way.
  d.ptx("red.relaxed.gpu.global.max.u64 [$0], $1;", "l,l",
        {timeOf(d.i32(point)), timeNow()});
}

/// Address of what is recorded of a stage, counted over the worker's step.
Value KernelLowering::timesOfStage(Value stage) {
  ArenaAttr places = kernel.getArena();
  Value entry = d.add(d.mul(worker, places.getTraceStages()), stage);
  Value bytes = arith::MulIOp::create(b, d.loc, d.zext64(entry),
                                      d.i64(int64_t(core::kStageWords) * 4));
  return d.add(staticPlace(places.getStages()), bytes);
}

void KernelLowering::stampIssue(Value stage, Value at) {
  if (!recordsTimes())
    return;
  d.ifThen(d.eq(tid, d.i32(core::kConsumerThreads)), [&] {
    Value times = timesOfStage(stage);
    d.storeGlobal(timeNow(), times);
    d.storeGlobal(at, d.add(times, d.i64(24)));
    d.storeGlobal(epoch, d.add(times, d.i64(28)));
  });
}

void KernelLowering::stampLanded(Value stage) {
  if (!recordsTimes())
    return;
  d.ifThen(d.eq(lane, d.i32(0)), [&] {
    d.storeGlobal(timeNow(), d.add(timesOfStage(stage), d.i64(8)));
  });
}

void KernelLowering::releaseSlot(Value slot, Value stage) {
  // Of this warp: after all of its lanes have read it.
  d.syncWarp();
  d.ifThen(d.eq(lane, d.i32(0)), [&] {
    // Before, so that the slot's next stage is issued later.
    if (recordsTimes())
      d.storeGlobal(timeNow(), d.add(timesOfStage(stage), d.i64(16)));
    d.barrierArrive(emptyBarrier(slot));
  });
}

} // namespace amk::exec
