//===- Passes.h - Conversions from one dialect to another -------*- C++ -*-===//

#ifndef AMK_CONVERSION_PASSES_H
#define AMK_CONVERSION_PASSES_H

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Dialect/AMKExec/AMKExec.h"
#include "AMK/Schedule/KernelPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace amk {

#define GEN_PASS_DECL
#include "AMK/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "AMK/Conversion/Passes.h.inc"

/// Emits the kernel of a schedule at the builder's insertion point, and the
/// plan that belongs to it.
mlir::FailureOr<exec::KernelOp>
emitKernelOp(ScheduleOp op, mlir::OpBuilder &builder, core::KernelPlan &plan);

/// Appends what takes a schedule to LLVM and NVVM dialect: both conversions
/// above, then MLIR's own.
void buildKernelPipeline(mlir::OpPassManager &pm);

/// Registers the pipeline as `amk-lower-kernel`.
void registerKernelPipeline();

} // namespace amk

#endif // AMK_CONVERSION_PASSES_H
