//===- amk-reduce.cpp - Makes schedules that show a bug small -------------===//

#include "AMK/InitAll.h"
#include "ScheduleReduction.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/LogicalResult.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  amk::registerAllDialects(registry);
  amk::registerAllPasses();
  amk::registerScheduleReduction();
  mlir::MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  return llvm::failed(mlir::mlirReduceMain(argc, argv, context));
}
