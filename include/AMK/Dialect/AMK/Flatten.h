//===- Flatten.h - Between amk.schedule and the flat schedule ---*- C++ -*-===//
//
// Passes, the verifier and the exporters work on core::Schedule. A pass
// flattens the op, changes the flat form and writes it back:
//
//   FlattenMap map;
//   FailureOr<core::Schedule> flat = flatten(op, map);
//   LocationMap locations(op);
//   ... change *flat ...
//   if (failed(rewriteSchedule(op, *flat, locations)))
//
//===----------------------------------------------------------------------===//

#ifndef AMK_DIALECT_AMK_FLATTEN_H
#define AMK_DIALECT_AMK_FLATTEN_H

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Schedule/Schedule.h"
#include "AMK/Schedule/Verify.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

namespace amk {

/// The op of everything in a flat schedule, by index.
struct FlattenMap {
  mlir::Operation *schedule = nullptr;
  std::vector<mlir::Operation *> buffers; ///< amk.buffer or amk.weight
  std::vector<mlir::Operation *> counters;
  std::vector<mlir::Operation *> tasks;
  std::vector<std::vector<mlir::Operation *>> ops; ///< by task

  /// The most specific op of a place: operator, task, buffer, counter array or
  /// the schedule.
  mlir::Operation *lookup(const core::Place &place) const;
};

/// The flat form of a schedule: buffers, counters, tasks and operators in the
/// order of the ops. Fails, with a diagnostic, only where the flat form cannot
/// hold what the op says (a negative bound); the rules are not checked.
mlir::FailureOr<core::Schedule> flatten(ScheduleOp op, FlattenMap &map);
mlir::FailureOr<core::Schedule> flatten(ScheduleOp op);

/// Checks the rules. Each violation is an error at its op, with its label.
mlir::LogicalResult verifySchedule(const core::Schedule &schedule,
                                   const FlattenMap &map);

/// Source locations by the names in a flat schedule, so that they outlive a
/// rewrite: of buffers and tasks by name, of operators by mnemonic and
/// operands.
class LocationMap {
public:
  explicit LocationMap(mlir::Location otherwise) : otherwise(otherwise) {}
  explicit LocationMap(ScheduleOp op);

  mlir::Location schedule() const { return otherwise; }
  mlir::Location buffer(llvm::StringRef name) const;
  mlir::Location counter(llvm::StringRef name) const;
  mlir::Location task(llvm::StringRef name) const;
  mlir::Location op(const core::Schedule &schedule,
                    const core::Operator &op) const;

  void setBuffer(llvm::StringRef name, mlir::Location location);
  void setCounter(llvm::StringRef name, mlir::Location location);
  void setTask(llvm::StringRef name, mlir::Location location);
  void setOp(const core::Schedule &schedule, const core::Operator &op,
             mlir::Location location);

private:
  mlir::Location find(const llvm::Twine &key) const;
  void set(const llvm::Twine &key, mlir::Location location);

  mlir::Location otherwise;
  llvm::StringMap<mlir::Location> locations;
};

/// Builds the op of a flat schedule at the builder's insertion point. Every
/// buffer and counter stands before the first task that uses it, so the flat
/// form of the result has them in the same order. Null, with a diagnostic, if
/// an operator has no op. The rules are not checked.
ScheduleOp unflatten(const core::Schedule &schedule, mlir::OpBuilder &builder,
                     const LocationMap &locations);

/// A module that holds the schedule.
mlir::OwningOpRef<mlir::ModuleOp>
unflattenModule(const core::Schedule &schedule, mlir::MLIRContext *context,
                const LocationMap &locations);

/// Replaces what is in `op` by a flat schedule, in place.
mlir::LogicalResult rewriteSchedule(ScheduleOp op,
                                    const core::Schedule &schedule,
                                    const LocationMap &locations);

} // namespace amk

#endif // AMK_DIALECT_AMK_FLATTEN_H
