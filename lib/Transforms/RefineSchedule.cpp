//===- RefineSchedule.cpp - What the scheduling passes share --------------===//

#include "RefineSchedule.h"

using namespace mlir;

LogicalResult
amk::refineSchedule(ScheduleOp op, StringRef pass,
                    llvm::function_ref<std::string(core::Schedule &)> solve) {
  FailureOr<core::Schedule> flat = flatten(op);
  if (failed(flat))
    return failure();
  LocationMap locations(op);
  if (std::string message = solve(*flat); !message.empty())
    return op.emitError() << pass << ": " << message;
  return rewriteSchedule(op, *flat, locations);
}
