//===- ToPTX.cpp - Schedules to kernels -----------------------------------===//

#include "AMK/Conversion/Passes.h"
#include "AMK/Dialect/AMK/AMKDialect.h"
#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Target/PTX.h"
#include "AMK/Target/Program.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace amk {

static void addLowering(OpPassManager &pm, const KernelOptions &options) {
  ConvertAMKExecToNVVMOptions conversion;
  conversion.testOmit.assign(options.testOmit.begin(), options.testOmit.end());
  conversion.testDelays = options.testDelays;
  conversion.testSilentAt = options.testSilentAt;
  pm.addPass(createConvertAMKExecToNVVM(conversion));
  pm.nest<gpu::GPUModuleOp>().addPass(createSCFToControlFlowPass());
  pm.nest<gpu::GPUModuleOp>().addPass(createArithToLLVMConversionPass());
  // This one insists on a builtin module; it converts what is nested too.
  pm.addPass(createConvertControlFlowToLLVMPass());
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void buildKernelPipeline(OpPassManager &pm) {
  pm.addPass(createConvertAMKToAMKExec());
  addLowering(pm, {});
}

void registerKernelPipeline() {
  PassPipelineRegistration<>(
      "amk-lower-kernel",
      "lower concurrent schedules to kernels in LLVM and NVVM dialect",
      [](OpPassManager &pm) { buildKernelPipeline(pm); });
}

static llvm::cl::opt<bool> &traceOption() {
  static llvm::cl::opt<bool> option(
      "kernel-trace", llvm::cl::init(false),
      llvm::cl::desc("--amk-to-ptx, --amk-to-program: the kernel records when "
                     "each of its tiles began and ended (amk-run --trace)"));
  return option;
}

namespace {
/// Options that no user needs, and that --help does not show: they make kernels
/// that are wrong on purpose.
struct TestOptions {
  llvm::cl::list<std::string> omit{
      "amk-test-omit", llvm::cl::CommaSeparated, llvm::cl::Hidden,
      llvm::cl::desc("tests only: waits, barriers and orderings that the "
                     "kernel is to lack")};
  llvm::cl::opt<uint32_t> delays{
      "amk-test-delays", llvm::cl::init(0), llvm::cl::Hidden,
      llvm::cl::desc("tests only: not 0: the seed of random delays")};
  llvm::cl::opt<int64_t> silentAt{
      "amk-test-silent-at", llvm::cl::init(-1), llvm::cl::Hidden,
      llvm::cl::desc("tests only: a position at which nothing is signaled")};
};
} // namespace

static TestOptions &testOptions() {
  static TestOptions options;
  return options;
}

KernelOptions kernelOptionsFromCommandLine() {
  KernelOptions options;
  options.trace = traceOption();
  const TestOptions &test = testOptions();
  options.testOmit.assign(test.omit.begin(), test.omit.end());
  options.testDelays = test.delays;
  options.testSilentAt = test.silentAt;
  return options;
}

FailureOr<core::Kernel> emitKernel(ScheduleOp op,
                                   const KernelOptions &options) {
  core::KernelPlan plan;
  plan.trace = options.trace;
  OwningOpRef<ModuleOp> module(ModuleOp::create(op.getLoc()));
  op.getContext()
      ->loadDialect<exec::AMKExecDialect, arith::ArithDialect,
                    LLVM::LLVMDialect, NVVM::NVVMDialect, gpu::GPUDialect,
                    scf::SCFDialect, cf::ControlFlowDialect>();
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  FailureOr<exec::KernelOp> kernelOp = emitKernelOp(op, builder, plan);
  if (failed(kernelOp))
    return failure();
  core::Kernel kernel = std::move(plan.kernel);
  kernel.entry = kernelOp->getSymName().str();
  // Held stages need setmaxnreg, which is of the architecture-specific feature
  // set: PTX for it runs on that GPU only.
  const core::TargetInfo *target = core::lookupTarget(kernel.chip);
  if (target && target->registerPools && kernelOp->getRing() &&
      kernelOp->getRing()->getHeld() > 0)
    kernel.chip += "a";
  PassManager pm(op.getContext());
  addLowering(pm, options);
  if (failed(pm.run(*module)))
    return failure();
  auto kernels = module->getOps<gpu::GPUModuleOp>();
  gpu::GPUModuleOp gpuModule = *kernels.begin();
  for (auto function : gpuModule.getOps<LLVM::LLVMFuncOp>())
    if (auto threads =
            function->getAttrOfType<DenseI32ArrayAttr>("nvvm.reqntid"))
      kernel.threads = uint32_t(threads[0]);
  FailureOr<std::string> ptx = emitPTX(gpuModule, kernel.chip);
  if (failed(ptx))
    return failure();
  kernel.ptx = std::move(*ptx);
  return kernel;
}

void registerToPTXTranslation() {
  (void)traceOption(); // registers it
  (void)testOptions();
  TranslateFromMLIRRegistration toPTX(
      "amk-to-ptx", "emit the PTX of a concurrent amk.schedule",
      [](Operation *op, llvm::raw_ostream &os) -> LogicalResult {
        FailureOr<ScheduleOp> schedule = getOnlySchedule(op);
        if (failed(schedule))
          return failure();
        FailureOr<core::Kernel> kernel =
            emitKernel(*schedule, kernelOptionsFromCommandLine());
        if (failed(kernel))
          return failure();
        os << kernel->ptx;
        return success();
      },
      registerScheduleForTranslation);
}

} // namespace amk
