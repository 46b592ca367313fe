//===- Tiling.cpp - Cuts tasks into tiles ---------------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "AMK/Scheduling/Target.h"
#include "AMK/Transforms/Passes.h"
#include "DeviceAttribute.h"
#include "RefineSchedule.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

namespace amk {
#define GEN_PASS_DEF_TILING
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

/// What a split attention was made of is where that was.
void locateSplits(const amk::core::Schedule &s,
                  const amk::scheduling::TilingReport &report,
                  amk::LocationMap &locations) {
  for (const amk::scheduling::AttentionSplit &split : report.splits) {
    const Location from = locations.op(s, split.whole);
    const amk::core::Task &partial = s.tasks[split.partial];
    locations.setTask(partial.name, from);
    locations.setOp(s, partial.ops[0], from);
    locations.setOp(s, s.tasks[split.partial + 1].ops[0], from);
  }
}

struct Tiling : public amk::impl::TilingBase<Tiling> {
  using TilingBase::TilingBase;

  void runOnOperation() override {
    amk::scheduling::TilingReport report;
    uint32_t used = 0;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(),
            [&](amk::core::Schedule &s, amk::LocationMap &locations) {
              if (std::string m =
                      amk::scheduling::chooseTarget(s, target, workers);
                  !m.empty())
                return m;
              if (std::string m = amk::scheduling::limitTarget(
                      s, {sharedBytes, threads, kvBlock});
                  !m.empty())
                return m;
              used = s.target->workers;
              std::string m = amk::scheduling::cutTasks(
                  s, {used, keepOwners, fewest, balance, rows, splitAttention},
                  &report);
              locateSplits(s, report, locations);
              return m;
            })) ||
        failed(amk::setDevice(getOperation(), target)))
      return signalPassFailure();
    amk::figures(getOperation(), getArgument())
        << remark::metric("workers", used)
        << remark::metric("tasks", report.tasks)
        << remark::metric("tiles", report.tiles)
        << remark::metric("imbalance",
                          llvm::formatv("{0:F4}", report.imbalance).str())
        << remark::metric("most over mean",
                          llvm::formatv("{0:F4}", report.mostOverMean).str())
        << remark::metric("attention_ranges", report.attentionRanges)
        << remark::metric("attention_workers_before",
                          report.attentionWorkersBefore)
        << remark::metric("attention_workers", report.attentionWorkers)
        << remark::metric("chain_per_layer_before",
                          amk::tenths(report.before.chainPerLayer))
        << remark::metric("chain_per_layer",
                          amk::tenths(report.after.chainPerLayer))
        << remark::metric("crossing_per_layer_before",
                          amk::tenths(report.before.crossingPerLayer))
        << remark::metric("crossing_per_layer",
                          amk::tenths(report.after.crossingPerLayer));
  }
};

} // namespace
