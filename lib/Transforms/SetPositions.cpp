//===- SetPositions.cpp - The length of the KV cache ----------------------===//

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

namespace amk {
#define GEN_PASS_DEF_SETPOSITIONS
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

std::string setPositions(amk::core::Schedule &s, int64_t positions,
                         int64_t longest) {
  if (positions < 1 || positions > longest)
    return "positions: expected 1 to " + std::to_string(longest) + ", found " +
           std::to_string(positions);
  s.positions = positions;
  for (amk::core::Buffer &b : s.buffers) {
    if (b.kind == amk::core::BufferKind::KvCache && b.shape.size() == 4)
      b.shape[2] = positions;
    if (b.rope != amk::core::kNone && !b.shape.empty())
      b.shape[0] = positions;
  }
  return {};
}

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
              return setPositions(s, positions, longest);
            })))
      signalPassFailure();
  }
};

} // namespace
