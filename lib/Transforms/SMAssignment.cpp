//===- SMAssignment.cpp - Chooses the worker of every tile ----------------===//

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"
#include "llvm/Support/FormatVariadic.h"

namespace amk {
#define GEN_PASS_DEF_SMASSIGNMENT
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

struct SMAssignment : public amk::impl::SMAssignmentBase<SMAssignment> {
  using SMAssignmentBase::SMAssignmentBase;

  void runOnOperation() override {
    amk::scheduling::AssignmentReport report;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(), [&](amk::core::Schedule &s) {
              if (!s.target)
                return std::string("expected a target (run amk-tiling first)");
              std::vector<amk::scheduling::PlacedTasks> placed(map.size());
              for (auto [text, entry] : llvm::zip(map, placed))
                if (std::string m =
                        amk::scheduling::parsePlacedTasks(text, entry);
                    !m.empty())
                  return m;
              return amk::scheduling::assignWorkers(
                  s,
                  {s.target->workers, policy, keepOwners, std::move(placed),
                   cluster},
                  &report);
            })))
      return signalPassFailure();
    const double mean = report.meanLoad > 0 ? report.meanLoad : 1;
    const double meanBytes = report.meanBytes > 0 ? report.meanBytes : 1;
    amk::figures(getOperation(), getArgument())
        << remark::metric("tiles", report.tiles)
        << remark::metric("workers used", report.usedWorkers)
        << remark::metric("workers of a cluster", uint32_t(cluster))
        << remark::metric("mean bytes", uint64_t(report.meanLoad))
        << remark::metric(
               "least over mean",
               llvm::formatv("{0:F4}", report.leastLoad / mean).str())
        << remark::metric("most over mean",
                          llvm::formatv("{0:F4}", report.mostLoad / mean).str())
        << remark::metric(
               "most weights over mean",
               llvm::formatv("{0:F4}", report.mostBytes / meanBytes).str());
  }
};

} // namespace
