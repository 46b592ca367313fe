//===- AMKExecToNVVM.cpp - Persistent kernels to gpu and NVVM -------------===//

#include "AMK/Conversion/Passes.h"
#include "AMK/Schedule/TargetInfo.h"

#include "KernelLowering.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace amk {
#define GEN_PASS_DEF_CONVERTAMKEXECTONVVM
#include "AMK/Conversion/Passes.h.inc"
} // namespace amk

namespace {

struct ConvertAMKExecToNVVM
    : amk::impl::ConvertAMKExecToNVVMBase<ConvertAMKExecToNVVM> {
  using Base = amk::impl::ConvertAMKExecToNVVMBase<ConvertAMKExecToNVVM>;
  using Base::Base;

  void runOnOperation() override {
    amk::exec::Faults faults;
    std::string error;
    if (!faults.add(testOmit, error)) {
      getOperation()->emitError("test-omit: ") << error;
      return signalPassFailure();
    }
    faults.delays = testDelays;
    faults.silentPosition = testSilentAt;
    llvm::SmallVector<amk::exec::KernelOp> kernels;
    getOperation()->walk([&](amk::exec::KernelOp k) { kernels.push_back(k); });
    OpBuilder builder(&getContext());
    for (amk::exec::KernelOp kernel : kernels) {
      const amk::core::TargetInfo *target =
          amk::core::lookupTarget(std::string_view(kernel.getChip()));
      if (!target) {
        kernel.emitOpError("expected a chip of ")
            << amk::core::knownTargets() << ", found '" << kernel.getChip()
            << "'";
        return signalPassFailure();
      }
      amk::exec::Capabilities capabilities;
      capabilities.bulkCopy = target->bulkCopies;
      // Only held stages need more registers than an even share.
      capabilities.registerPools = target->registerPools && kernel.getRing() &&
                                   kernel.getRing()->getHeld() > 0;
      capabilities.boundedWaits = faults.anyOmitted();
      if (failed(
              amk::exec::KernelLowering(kernel, builder, capabilities, faults)
                  .run()))
        return signalPassFailure();
      kernel.erase();
    }
  }
};

} // namespace
