//===- Describe.h - One op in the flat form ---------------------*- C++ -*-===//

#ifndef AMK_LIB_DIALECT_AMK_DESCRIBE_H
#define AMK_LIB_DIALECT_AMK_DESCRIBE_H

#include "AMK/Dialect/AMK/AMKOps.h"

namespace amk::detail {

/// Kind, name, element type and shape of the buffer that `op` defines: what
/// operator models look at.
core::Buffer describeBuffer(mlir::Operation *op);

/// Name and attributes; operands are left to the caller.
core::Operator describeOperator(OperatorOp op);

} // namespace amk::detail

#endif // AMK_LIB_DIALECT_AMK_DESCRIBE_H
