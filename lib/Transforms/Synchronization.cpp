//===- Synchronization.cpp - Chooses hand-offs ----------------------------===//

#include "AMK/Scheduling/Synchronization.h"

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

namespace amk {
#define GEN_PASS_DEF_SYNCHRONIZATION
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

struct Synchronization
    : public amk::impl::SynchronizationBase<Synchronization> {
  using SynchronizationBase::SynchronizationBase;

  void runOnOperation() override {
    amk::scheduling::SynchronizationReport report;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(), [&](amk::core::Schedule &s) {
              return amk::scheduling::synchronize(
                  s, {packets, reduce, share, clusterGathers, inboxBytes},
                  &report);
            })))
      return signalPassFailure();
    amk::figures(getOperation(), getArgument())
        << remark::metric("dependences", report.dependences)
        << remark::metric("same worker", report.sameWorker)
        << remark::metric("packets", report.byPackets)
        << remark::metric("counter", report.byCounter)
        << remark::metric("implied", report.implied)
        << remark::metric("packet buffers", report.packetBuffers)
        << remark::metric("cluster gathers", report.clusterGathers)
        << remark::metric("cluster packets", report.clusterPackets)
        << remark::metric("inbox bytes", int64_t(report.inboxBytes))
        << remark::metric("polled packets", report.polled)
        << remark::metric("polled packets before", report.polledBefore)
        << remark::metric("counters", report.counters)
        << remark::metric("counters before", report.countersBefore)
        << remark::metric("signals", report.signals)
        << remark::metric("signals before", report.signalsBefore)
        << remark::metric("signals removed",
                          int64_t(report.signalsBefore) - report.signals)
        << remark::metric("waits", report.waits)
        << remark::metric("waits before", report.waitsBefore)
        << remark::metric("waits removed",
                          int64_t(report.waitsBefore) - report.waits);
  }
};

} // namespace
