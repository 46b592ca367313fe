//===- ScheduleReduction.cpp - Making schedules smaller -------------------===//
//
// MLIR's reduction tree erases ops and drops their uses, which no schedule
// survives: what a task wrote is read by the next. This pass takes a part away
// and mends what is left, so that every attempt is a legal schedule.
//
//===----------------------------------------------------------------------===//

#include "ScheduleReduction.h"

#include "AMK/Dialect/AMK/AMKOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Reducer/Tester.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace amk;

namespace {

/// Program order decides; hand-offs, queues and pages go.
void makeSequential(ScheduleOp op) {
  op.setConcurrent(false);
  op.removeRingAttr();
  for (TaskOp task : op.getBody().getOps<TaskOp>()) {
    task.getWaitCountersMutable().clear();
    task.getSignalCountersMutable().clear();
    task.removeWaitFansAttr();
    task.removeWaitThresholdsAttr();
    task.removeSignalFansAttr();
    task.removeStreamAttr();
    task.removePlaceAttr();
  }
  for (BufferOp buffer : op.getBody().getOps<BufferOp>()) {
    buffer.removePacketsAttr();
    buffer.removePageAttr();
    buffer.setGeneration(0);
  }
}

void makeWhole(TaskOp task) {
  task.removeTilesAttr();
  task.removePlaceAttr();
  task.removeStreamAttr();
}

bool isWritten(Value buffer) {
  return llvm::any_of(buffer.getUses(), [](OpOperand &use) {
    auto op = dyn_cast<OperatorOp>(use.getOwner());
    return op && use.getOperandNumber() >= op.getInputs().size();
  });
}

/// What the tasks wrote comes from the host instead, where it is still read.
void eraseTasks(ArrayRef<TaskOp> tasks) {
  SetVector<Operation *> touched;
  for (TaskOp task : tasks) {
    for (OperatorOp op : task.getBody().getOps<OperatorOp>())
      for (Value operand : op->getOperands())
        touched.insert(operand.getDefiningOp());
    for (Value counter : task.getOperands())
      touched.insert(counter.getDefiningOp());
    task.erase();
  }
  for (Operation *definition : touched) {
    auto buffer = dyn_cast<BufferOp>(definition);
    if (definition->use_empty())
      definition->erase();
    else if (buffer && !isWritten(buffer.getResult()) &&
             (buffer.getKind() == BufferKind::Activation ||
              buffer.getKind() == BufferKind::Output))
      buffer.setKind(BufferKind::Input);
  }
}

struct ScheduleReduction
    : public PassWrapper<ScheduleReduction, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ScheduleReduction)

  ScheduleReduction() = default;
  ScheduleReduction(const ScheduleReduction &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "amk-reduction"; }
  StringRef getDescription() const override {
    return "make a schedule as small as it can be while it stays interesting";
  }

  void runOnOperation() override;

  Option<std::string> test{
      *this, "test",
      llvm::cl::desc("script that exits with 1 if the file that it is given "
                     "is interesting")};
  ListOption<std::string> testArgs{*this, "test-arg",
                                   llvm::cl::desc("arguments of the script")};

private:
  using Edit = llvm::function_ref<void(ScheduleOp)>;
  /// Makes the edit if the result is legal and interesting.
  bool attempt(const Tester &tester, Edit edit);
  void reduceTasks(const Tester &tester);
};

ScheduleOp onlySchedule(ModuleOp module) {
  auto schedules = module.getOps<ScheduleOp>();
  return schedules.empty() ? ScheduleOp() : *schedules.begin();
}

bool ScheduleReduction::attempt(const Tester &tester, Edit edit) {
  OwningOpRef<ModuleOp> copy = getOperation().clone();
  edit(onlySchedule(*copy));
  {
    ScopedDiagnosticHandler silent(&getContext(),
                                   [](Diagnostic &) { return success(); });
    if (failed(verify(*copy)))
      return false;
  }
  if (tester.isInteresting(*copy).first != Tester::Interestingness::True)
    return false;
  getOperation().getBodyRegion().takeBody(copy->getBodyRegion());
  return true;
}

/// Runs of tasks, half as long each time nothing more can be taken away.
void ScheduleReduction::reduceTasks(const Tester &tester) {
  auto count = [&] {
    return size_t(llvm::range_size(
        onlySchedule(getOperation()).getBody().getOps<TaskOp>()));
  };
  for (size_t length = count(); length > 0; length /= 2)
    for (size_t end = count(); end > 0;) {
      const size_t first = end > length ? end - length : 0;
      attempt(tester, [&](ScheduleOp op) {
        auto tasks = llvm::to_vector(op.getBody().getOps<TaskOp>());
        eraseTasks(ArrayRef(tasks).slice(first, end - first));
      });
      end = first;
    }
}

void ScheduleReduction::runOnOperation() {
  if (!onlySchedule(getOperation())) {
    getOperation().emitError("expected an amk.schedule, found none");
    return signalPassFailure();
  }
  Tester tester(test, testArgs);
  if (tester.isInteresting(getOperation()).first !=
      Tester::Interestingness::True) {
    getOperation().emitError("the input is not interesting");
    return signalPassFailure();
  }
  attempt(tester, makeSequential);
  attempt(tester, [](ScheduleOp op) {
    for (TaskOp task : op.getBody().getOps<TaskOp>())
      makeWhole(task);
  });
  reduceTasks(tester);
  attempt(tester, [](ScheduleOp op) {
    for (Operation &child : llvm::make_early_inc_range(op.getBody().front()))
      if (!isa<TaskOp>(child) && child.use_empty())
        child.erase();
  });
}

} // namespace

void amk::registerScheduleReduction() { PassRegistration<ScheduleReduction>(); }
