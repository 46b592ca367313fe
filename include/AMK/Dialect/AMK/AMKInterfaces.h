//===- AMKInterfaces.h - What can be asked of an operator -------*- C++ -*-===//

#ifndef AMK_DIALECT_AMK_AMKINTERFACES_H
#define AMK_DIALECT_AMK_AMKINTERFACES_H

#include "AMK/Schedule/Operators.h"
#include "mlir/IR/OpDefinition.h"

#include <vector>

namespace amk::detail {
// The interface's default methods: they ask the operator's core model. An
// operator without a model has no outputs, no extent and no accesses.
mlir::OperandRange operatorInputs(mlir::Operation *op);
mlir::OperandRange operatorOutputs(mlir::Operation *op);
int64_t operatorExtent(mlir::Operation *op);
int64_t operatorGranule(mlir::Operation *op);
std::vector<core::Access> operatorAccesses(mlir::Operation *op,
                                           core::Range tile);
core::Range operatorMapTile(mlir::Operation *op, core::Range tile);
core::Cost operatorCost(mlir::Operation *op, core::Range tile);
} // namespace amk::detail

#include "AMK/Dialect/AMK/AMKInterfaces.h.inc"

#endif // AMK_DIALECT_AMK_AMKINTERFACES_H
