//===- AMKDialect.h - The amk dialect ---------------------------*- C++ -*-===//

#ifndef AMK_DIALECT_AMK_AMKDIALECT_H
#define AMK_DIALECT_AMK_AMKDIALECT_H

#include "mlir/IR/Dialect.h"

#include "AMK/Dialect/AMK/AMKDialect.h.inc"

#endif // AMK_DIALECT_AMK_AMKDIALECT_H
