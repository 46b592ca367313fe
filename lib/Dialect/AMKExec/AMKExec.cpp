//===- AMKExec.cpp - The amk_exec dialect ---------------------------------===//

#include "AMK/Dialect/AMKExec/AMKExec.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace amk::exec;

#include "AMK/Dialect/AMKExec/AMKExecDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "AMK/Dialect/AMKExec/AMKExecAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "AMK/Dialect/AMKExec/AMKExecOps.cpp.inc"

void AMKExecDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "AMK/Dialect/AMKExec/AMKExecAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "AMK/Dialect/AMKExec/AMKExecOps.cpp.inc"
      >();
}
