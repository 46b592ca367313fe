//===- AMKAttributes.h - Attributes of the amk dialect ----------*- C++ -*-===//

#ifndef AMK_DIALECT_AMK_AMKATTRIBUTES_H
#define AMK_DIALECT_AMK_AMKATTRIBUTES_H

#include "mlir/IR/BuiltinAttributes.h"

#include "AMK/Dialect/AMK/AMKEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "AMK/Dialect/AMK/AMKAttributes.h.inc"

#endif // AMK_DIALECT_AMK_AMKATTRIBUTES_H
