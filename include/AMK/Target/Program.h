//===- Program.h - Writing program files ------------------------*- C++ -*-===//

#ifndef AMK_TARGET_PROGRAM_H
#define AMK_TARGET_PROGRAM_H

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Schedule/ProgramFile.h"
#include "mlir/IR/BuiltinOps.h"

namespace amk {

/// The one schedule in `op`. Fails, with an error, if there is none or more.
mlir::FailureOr<ScheduleOp> getOnlySchedule(mlir::Operation *op);

/// The program of a schedule. It has a kernel if the schedule is concurrent,
/// has a target, and, where there is anything to stream, has been pipelined.
mlir::FailureOr<core::Program> buildProgram(ScheduleOp op);

/// What a translation from MLIR registers: the dialect, and that a diagnostic
/// does not print its op, which may be a whole schedule (amk-translate sets
/// that option of the context itself, after the command line).
void registerScheduleForTranslation(mlir::DialectRegistry &registry);

/// Registers `--amk-to-program`, `--amk-to-flat-text`, `--program-to-text` and
/// `--program-to-amk`.
void registerProgramTranslations();

} // namespace amk

#endif // AMK_TARGET_PROGRAM_H
