//===- Passes.td - Conversions from one dialect to another -*- tablegen -*-===//

#ifndef AMK_CONVERSION_PASSES_TD
#define AMK_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertAMKToAMKExec
    : Pass<"convert-amk-to-amk-exec", "::mlir::ModuleOp"> {
  let summary = "Emit the persistent kernel of every concurrent schedule";
  let description = [{
    Adds an `amk_exec.kernel` beside each `amk.schedule` that is concurrent and
    has a target: one task class per kind of body, with the hand-offs, streams
    and places that the schedule's plan gives it. The schedule stays: it is what
    the program file carries. A task whose operators cannot be emitted is an
    error that names the operator.
  }];
  let dependentDialects = ["::amk::exec::AMKExecDialect",
    "::mlir::arith::ArithDialect"];
}

def ConvertAMKExecToNVVM
    : Pass<"convert-amk-exec-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Lower persistent kernels to the gpu and NVVM dialects";
  let description = [{
    Replaces every `amk_exec.kernel` by a `gpu.module` with one kernel. The chip
    decides the instructions: cp.async and mbarrier.test_wait on sm_80,
    cp.async.bulk and mbarrier.try_wait from sm_90 on.

    The options that begin with `test-` make kernels that are wrong on purpose:
    tests show with them that each wait and each barrier is needed.
  }];
  let options = [
    ListOption<"testOmit", "test-omit", "std::string",
               "for tests only: waits, barriers and orderings to leave out">,
    Option<"testDelays", "test-delays", "uint32_t", "0",
           "for tests only: not 0: the seed of random delays before tiles">,
    Option<"testSilentAt", "test-silent-at", "int64_t", "-1",
           "for tests only: a position at which no counter is signaled">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
    "::mlir::scf::SCFDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::gpu::GPUDialect"];
}

#endif // AMK_CONVERSION_PASSES_TD
