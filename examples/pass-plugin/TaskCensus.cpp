//===- TaskCensus.cpp - A pass that lives outside AMK ---------------------===//
//
// The smallest useful plugin: it registers this pass (and that of
// HandOffChain.cpp), and amk-opt can use it by name once it has loaded the
// library:
//
//   amk-opt --load-pass-plugin=AMKTaskCensus.so
//           --pass-pipeline='builtin.module(example-task-census)' in.mlir
//
// The pass only looks. It remarks on each schedule how many tasks it has and
// how many operators these contain, which shows what fusion did.
//
//===----------------------------------------------------------------------===//

#include "HandOffChain.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

namespace {

struct TaskCensus : PassWrapper<TaskCensus, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TaskCensus)

  StringRef getArgument() const override { return "example-task-census"; }
  StringRef getDescription() const override {
    return "Remarks how many tasks and operators each schedule has";
  }

  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (op->getName().getStringRef() == "amk.schedule")
        count(op);
    });
    markAllAnalysesPreserved();
  }

  static void count(Operation *schedule) {
    unsigned tasks = 0, operators = 0;
    schedule->walk([&](Operation *op) {
      if (op->getName().getStringRef() == "amk.task")
        ++tasks;
      else if (op->getParentOp()->getName().getStringRef() == "amk.task")
        operators += !op->hasTrait<OpTrait::IsTerminator>();
    });
    schedule->emitRemark() << tasks << " tasks with " << operators
                           << " operators";
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "AMKTaskCensus", "0.1", [] {
            PassRegistration<TaskCensus>();
            registerHandOffChain();
          }};
}
