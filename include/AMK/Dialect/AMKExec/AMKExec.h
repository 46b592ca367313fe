//===- AMKExec.h - The amk_exec dialect -------------------------*- C++ -*-===//

#ifndef AMK_DIALECT_AMKEXEC_AMKEXEC_H
#define AMK_DIALECT_AMKEXEC_AMKEXEC_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "AMK/Dialect/AMKExec/AMKExecDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "AMK/Dialect/AMKExec/AMKExecAttributes.h.inc"

#define GET_OP_CLASSES
#include "AMK/Dialect/AMKExec/AMKExecOps.h.inc"

#endif // AMK_DIALECT_AMKEXEC_AMKEXEC_H
