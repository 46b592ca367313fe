//===- AMKExecToNVVM.cpp - Persistent kernels to gpu and NVVM -------------===//

#include "AMK/Conversion/Passes.h"

#include "KernelLowering.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace amk {
#define GEN_PASS_DEF_CONVERTAMKEXECTONVVM
#include "AMK/Conversion/Passes.h.inc"
} // namespace amk

namespace {

struct ConvertAMKExecToNVVM
    : amk::impl::ConvertAMKExecToNVVMBase<ConvertAMKExecToNVVM> {
  void runOnOperation() override {
    llvm::SmallVector<amk::exec::KernelOp> kernels;
    getOperation()->walk([&](amk::exec::KernelOp k) { kernels.push_back(k); });
    OpBuilder builder(&getContext());
    for (amk::exec::KernelOp kernel : kernels) {
      llvm::StringRef digits = kernel.getChip();
      unsigned version = 0;
      if (!digits.consume_front("sm_") ||
          digits.take_while(llvm::isDigit).getAsInteger(10, version) ||
          version < 80) {
        kernel.emitOpError("expected a chip of sm_80 or later, found '")
            << kernel.getChip() << "'";
        return signalPassFailure();
      }
      amk::exec::Capabilities capabilities;
      capabilities.bulkCopy = version >= 90;
      if (failed(
              amk::exec::KernelLowering(kernel, builder, capabilities).run()))
        return signalPassFailure();
      kernel.erase();
    }
  }
};

} // namespace
