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

struct Tiling : public amk::impl::TilingBase<Tiling> {
  using TilingBase::TilingBase;

  void runOnOperation() override {
    amk::scheduling::TilingReport report;
    uint32_t used = 0;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(),
            [&](amk::core::Schedule &s) {
              if (std::string m =
                      amk::scheduling::chooseTarget(s, target, workers);
                  !m.empty())
                return m;
              if (std::string m = amk::scheduling::limitTarget(
                      s, {sharedBytes, threads, kvBlock});
                  !m.empty())
                return m;
              used = s.target->workers;
              return amk::scheduling::cutTasks(
                  s, {used, keepOwners, fewest, balance, rows}, &report);
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
                          llvm::formatv("{0:F4}", report.mostOverMean).str());
  }
};

} // namespace
