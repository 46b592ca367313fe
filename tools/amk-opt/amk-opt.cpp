//===- amk-opt.cpp - Runs passes over schedules ---------------------------===//

#include "AMK/InitAll.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  amk::registerAllDialects(registry);
  amk::registerAllPasses();
  amk::setToolDefaults();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "AMK optimizer\n", registry));
}
