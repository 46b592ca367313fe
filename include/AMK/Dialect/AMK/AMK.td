//===- AMK.td - The amk dialect ----------------------------*- tablegen -*-===//
//
// The umbrella: everything of the dialect that TableGen reads.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_DIALECT_AMK_AMK_TD
#define AMK_DIALECT_AMK_AMK_TD

include "AMK/Dialect/AMK/AMKAttributes.td"
include "AMK/Dialect/AMK/AMKDialect.td"
include "AMK/Dialect/AMK/AMKInterfaces.td"
include "AMK/Dialect/AMK/AMKOps.td"
include "AMK/Dialect/AMK/AMKTypes.td"

#endif // AMK_DIALECT_AMK_AMK_TD
