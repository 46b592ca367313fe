//===- PTX.h - From kernels to PTX ------------------------------*- C++ -*-===//

#ifndef AMK_TARGET_PTX_H
#define AMK_TARGET_PTX_H

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Schedule/ProgramFile.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <string>
#include <vector>

namespace amk {

/// PTX of a gpu.module in LLVM and NVVM dialect, for `chip` ("sm_90"), by the
/// NVPTX backend in this process.
mlir::FailureOr<std::string> emitPTX(mlir::gpu::GPUModuleOp module,
                                     llvm::StringRef chip);

struct KernelOptions {
  bool trace = false; ///< the kernel records when each plan row began and ended
  /// For tests: kernels that are wrong on purpose, as the options of
  /// convert-amk-exec-to-nvvm whose names begin with `test-` say.
  std::vector<std::string> testOmit;
  uint32_t testDelays = 0;
  int64_t testSilentAt = -1;
};

/// The kernel of a concurrent schedule with a target: its plan, its places and
/// its PTX. The schedule is not changed.
mlir::FailureOr<core::Kernel> emitKernel(ScheduleOp op,
                                         const KernelOptions &options);

/// As the command line of a translation says (`--kernel-trace`).
KernelOptions kernelOptionsFromCommandLine();

/// Registers `--amk-to-ptx`.
void registerToPTXTranslation();

} // namespace amk

#endif // AMK_TARGET_PTX_H
