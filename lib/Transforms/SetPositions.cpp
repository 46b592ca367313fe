//===- SetPositions.cpp - The length of the KV cache ----------------------===//

#include "AMK/Scheduling/Target.h"

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

namespace amk {
#define GEN_PASS_DEF_SETPOSITIONS
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

struct SetPositions : public amk::impl::SetPositionsBase<SetPositions> {
  using SetPositionsBase::SetPositionsBase;

  void runOnOperation() override {
    if (positions == 0)
      return markAllAnalysesPreserved();
    amk::ScheduleOp op = getOperation();
    // Where the import did not say, what a 32-bit position can count.
    int64_t longest = INT32_MAX;
    if (auto most = op->getAttrOfType<IntegerAttr>("amk.max_positions"))
      longest = most.getInt();
    if (failed(
            amk::refineSchedule(op, getArgument(), [&](amk::core::Schedule &s) {
              return amk::scheduling::setPositions(s, positions, longest);
            })))
      signalPassFailure();
  }
};

} // namespace
