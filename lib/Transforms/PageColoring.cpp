//===- PageColoring.cpp - Assigns activations to pages --------------------===//

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

namespace amk {
#define GEN_PASS_DEF_PAGECOLORING
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

struct PageColoring : public amk::impl::PageColoringBase<PageColoring> {
  using PageColoringBase::PageColoringBase;

  void runOnOperation() override {
    amk::scheduling::PageColoringReport report;
    if (failed(amk::refineSchedule(
            getOperation(), getArgument(), [&](amk::core::Schedule &s) {
              uint64_t limit = s.target ? s.target->sharedBytes / 8 : 0;
              if (sharedBytes >= 0)
                limit = uint64_t(sharedBytes);
              return amk::scheduling::colorPages(s, {policy, limit}, &report);
            })))
      return signalPassFailure();
    for (const auto &[name, r] : {std::pair("shared", report.shared),
                                  std::pair("scratch", report.scratch)})
      amk::figures(getOperation(), getArgument())
          << remark::metric("space", StringRef(name))
          << remark::metric("buffers", r.buffers)
          << remark::metric("unshared bytes", r.unshared)
          << remark::metric("peak bytes", r.peak)
          << remark::metric("bound bytes", r.bound)
          << remark::metric("generations", report.generations);
  }
};

} // namespace
