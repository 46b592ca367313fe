//===- DeviceAttribute.h - The GPU that a schedule is for -------*- C++ -*-===//
//
// A schedule's target says what the compiler needs: chip, workers, shared
// memory. Which board that is, only the cost model asks; it is kept beside, as
// the discardable attribute `amk.device`: the name of a built-in record, or a
// dictionary with the figures of another one.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_TRANSFORMS_DEVICEATTRIBUTE_H
#define AMK_LIB_TRANSFORMS_DEVICEATTRIBUTE_H

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Schedule/DeviceRecord.h"

namespace amk {

/// Notes the device that `target` names: a board or a file. A chip names none.
mlir::LogicalResult setDevice(ScheduleOp op, llvm::StringRef target);

/// The record of the schedule's device, complete; that of its chip's default
/// board, or of sm_90's, if it names none.
mlir::LogicalResult getDevice(ScheduleOp op, core::DeviceRecord &record);

} // namespace amk

#endif // AMK_LIB_TRANSFORMS_DEVICEATTRIBUTE_H
