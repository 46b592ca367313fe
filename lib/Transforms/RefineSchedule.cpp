//===- RefineSchedule.cpp - What the scheduling passes share --------------===//

#include "RefineSchedule.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

std::string amk::tenths(double value) {
  return llvm::formatv("{0:F1}", value).str();
}

LogicalResult
amk::refineSchedule(ScheduleOp op, StringRef pass,
                    llvm::function_ref<std::string(core::Schedule &)> solve) {
  return refineSchedule(
      op, pass, [&](core::Schedule &s, LocationMap &) { return solve(s); });
}

LogicalResult amk::refineSchedule(
    ScheduleOp op, StringRef pass,
    llvm::function_ref<std::string(core::Schedule &, LocationMap &)> solve) {
  FailureOr<core::Schedule> flat = flatten(op);
  if (failed(flat))
    return failure();
  LocationMap locations(op);
  if (std::string message = solve(*flat, locations); !message.empty())
    return op.emitError() << pass << ": " << message;
  return rewriteSchedule(op, *flat, locations);
}
