//===- AMKExecDialect.td - The amk_exec dialect ------------*- tablegen -*-===//

#ifndef AMK_DIALECT_AMKEXEC_DIALECT_TD
#define AMK_DIALECT_AMKEXEC_DIALECT_TD

include "mlir/IR/OpBase.td"

def AMKExec_Dialect : Dialect {
  let name = "amk_exec";
  let cppNamespace = "::amk::exec";
  let summary = "what a persistent kernel does";
  let description = [{
    One `amk_exec.kernel` is a persistent kernel: one CTA per worker, a loader
    warp that streams weights through a ring of shared-memory stages, and
    consumer warps that walk the worker's plan. It holds one
    `amk_exec.task_class` per kind of task; its body is what all consumer
    threads do for one tile, in order. What differs between the tiles of a class
    is read from the plan row with `amk_exec.field`.

    Places are in units of 128 bytes from the start of the arena, the one device
    allocation. The dialect is the same for every target; the lowering to NVVM
    chooses the instructions.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // AMK_DIALECT_AMKEXEC_DIALECT_TD
