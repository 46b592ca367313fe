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

namespace amk::exec {

/// Lanes of a warp that have an element in each round of an `elements` op with
/// packets of `packet` values (0: none), so that no packet is cut.
constexpr int64_t elementLanes(int64_t packet) {
  return packet ? 32 / packet * packet : 32;
}

} // namespace amk::exec

#endif // AMK_DIALECT_AMKEXEC_AMKEXEC_H
