//===- RefineSchedule.h - What the scheduling passes share ------*- C++ -*-===//

#ifndef AMK_LIB_TRANSFORMS_REFINESCHEDULE_H
#define AMK_LIB_TRANSFORMS_REFINESCHEDULE_H

#include "AMK/Dialect/AMK/Flatten.h"
#include "mlir/IR/Remarks.h"

namespace amk {

/// Lets `solve` change the flat form of a schedule and writes it back. What
/// `solve` returns is an error at the op; empty for none.
mlir::LogicalResult
refineSchedule(ScheduleOp op, llvm::StringRef pass,
               llvm::function_ref<std::string(core::Schedule &)> solve);
/// The same for a `solve` that adds tasks, whose locations it sets.
mlir::LogicalResult refineSchedule(
    ScheduleOp op, llvm::StringRef pass,
    llvm::function_ref<std::string(core::Schedule &, LocationMap &)> solve);

/// A mean, with one digit.
std::string tenths(double value);

/// A remark of a pass at its schedule, to add figures to. Costs nothing unless
/// remarks of this pass are asked for.
inline mlir::remark::detail::InFlightRemark figures(ScheduleOp op,
                                                    llvm::StringRef pass) {
  return mlir::remark::analysis(
      op.getLoc(),
      mlir::remark::RemarkOpts::name("figures").category(pass).function(
          op.getSymName()));
}

} // namespace amk

#endif // AMK_LIB_TRANSFORMS_REFINESCHEDULE_H
