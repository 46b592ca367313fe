//===- Tiling.cpp - Cuts tasks into tiles ---------------------------------===//

#include "AMK/Scheduling/Tiling.h"

#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

namespace amk {
#define GEN_PASS_DEF_TILING
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

/// The target of the options, else the schedule's, else sm_90.
std::string chooseTarget(amk::core::Schedule &s, const std::string &chip,
                         uint32_t workers) {
  const std::string name = !chip.empty() ? chip
                           : s.target    ? s.target->chip
                                         : "sm_90";
  const amk::core::TargetInfo *info = amk::core::lookupTarget(name);
  if (!info)
    return "target: expected one of " + amk::core::knownTargets() +
           ", found '" + name + "'";
  if (workers > info->workers)
    return "workers: expected 1 to " + std::to_string(info->workers) + " on " +
           name + ", found " + std::to_string(workers);
  // A target that the schedule brings along keeps its numbers.
  const bool same = s.target && s.target->chip == name;
  if (!same)
    s.target = amk::core::Target{name, info->workers, info->sharedBytes};
  if (workers)
    s.target->workers = workers;
  return {};
}

struct Tiling : public amk::impl::TilingBase<Tiling> {
  using TilingBase::TilingBase;

  void runOnOperation() override {
    amk::scheduling::TilingReport report;
    uint32_t used = 0;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(), [&](amk::core::Schedule &s) {
              if (std::string m = chooseTarget(s, target, workers); !m.empty())
                return m;
              used = s.target->workers;
              return amk::scheduling::cutTasks(s, {used, keepOwners, fewest},
                                               &report);
            })))
      return signalPassFailure();
    amk::figures(getOperation(), getArgument())
        << remark::metric("workers", used)
        << remark::metric("tasks", report.tasks)
        << remark::metric("tiles", report.tiles)
        << remark::metric("imbalance",
                          llvm::formatv("{0:F4}", report.imbalance).str());
  }
};

} // namespace
