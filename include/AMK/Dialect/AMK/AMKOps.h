//===- AMKOps.h - Operations of the amk dialect -----------------*- C++ -*-===//

#ifndef AMK_DIALECT_AMK_AMKOPS_H
#define AMK_DIALECT_AMK_AMKOPS_H

#include "AMK/Dialect/AMK/AMKAttributes.h"
#include "AMK/Dialect/AMK/AMKDialect.h"
#include "AMK/Dialect/AMK/AMKInterfaces.h"
#include "AMK/Dialect/AMK/AMKTypes.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

namespace amk {
/// The syntax of every operator, also of one from outside this dialect:
///   amk.NAME prologue? inputs -> outputs {attributes} : types
/// Integer and float attributes are i64 and f64 and print without their type.
mlir::ParseResult parseOperator(mlir::OpAsmParser &parser,
                                mlir::OperationState &result);
void printOperator(mlir::OpAsmPrinter &printer, OperatorOp op);
} // namespace amk

#define GET_OP_CLASSES
#include "AMK/Dialect/AMK/AMKOps.h.inc"

#endif // AMK_DIALECT_AMK_AMKOPS_H
