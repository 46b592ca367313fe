//===- Pipelining.cpp - Makes the stream of weights -----------------------===//

#include "AMK/Scheduling/Pipelining.h"

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

namespace amk {
#define GEN_PASS_DEF_PIPELINING
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

struct Pipelining : public amk::impl::PipeliningBase<Pipelining> {
  using PipeliningBase::PipeliningBase;

  void runOnOperation() override {
    amk::scheduling::PipeliningReport report;
    amk::core::Ring ring;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(), [&](amk::core::Schedule &s) {
              std::string m = amk::scheduling::makeStreams(
                  s, {columns, slots, teams, window, ahead, held, slices},
                  &report);
              ring = s.ring.value_or(amk::core::Ring());
              return m;
            })))
      return signalPassFailure();
    amk::figures(getOperation(), getArgument())
        << remark::metric("streams", report.tasks)
        << remark::metric("by slice", report.bySlice)
        << remark::metric("direct", report.direct)
        << remark::metric("stages", report.stages)
        << remark::metric("slots", ring.slots)
        << remark::metric("stage bytes", ring.bytes)
        << remark::metric("window", ring.window)
        << remark::metric("ring bytes", report.ringBytes)
        << remark::metric("other bytes", report.otherBytes);
  }
};

} // namespace
