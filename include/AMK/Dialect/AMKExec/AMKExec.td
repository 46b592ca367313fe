//===- AMKExec.td - Everything of the amk_exec dialect -----*- tablegen -*-===//

#ifndef AMK_DIALECT_AMKEXEC_TD
#define AMK_DIALECT_AMKEXEC_TD

include "AMK/Dialect/AMKExec/AMKExecDialect.td"
include "AMK/Dialect/AMKExec/AMKExecAttributes.td"
include "AMK/Dialect/AMKExec/AMKExecOps.td"

#endif // AMK_DIALECT_AMKEXEC_TD
