//===- EmitPTX.cpp - LLVM and NVVM dialect to PTX -------------------------===//

#include "AMK/Target/PTX.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

// Only NVPTX, so that nothing depends on other backends being there.
extern "C" {
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

namespace amk {

namespace {

/// What LLVM 22 and ptxas 13.0 both know, and what .b128 accesses need.
constexpr llvm::StringLiteral kPtxVersion = "+ptx88";

/// No LICM: it hoists the addresses of every task class out of the persistent
/// loop, and the registers with them.
constexpr llvm::StringLiteral kPasses =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "simplifycfg,reassociate,loop(loop-rotate,indvars,loop-deletion,"
    "loop-unroll-full),instcombine<no-verify-fixpoint>,gvn,dse,adce,"
    "simplifycfg,early-cse)";

void initializeBackend() {
  static const bool once = [] {
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    // 32-bit pointers to shared memory: only a command-line option in LLVM 22.
    auto &options = llvm::cl::getRegisteredOptions();
    auto found = options.find("nvptx-short-ptr");
    if (found != options.end())
      static_cast<llvm::cl::opt<bool> *>(found->second)->setValue(true);
    return true;
  }();
  (void)once;
}

/// MLIR 22 translates inline PTX without `convergent`; LLVM would duplicate a
/// barrier or a shuffle into divergent branches.
void markConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : block)
        if (auto *call = llvm::dyn_cast<llvm::CallBase>(&instruction))
          if (call->isInlineAsm())
            call->setConvergent();
}

LogicalResult optimize(Operation *op, llvm::Module &module,
                       llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder passes(&machine);
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(sccs);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::ModulePassManager manager;
  if (llvm::Error error = passes.parsePassPipeline(manager, kPasses))
    return op->emitError("LLVM pass pipeline: ")
           << llvm::toString(std::move(error));
  manager.run(module, modules);
  return success();
}

} // namespace

FailureOr<std::string> emitPTX(gpu::GPUModuleOp op, llvm::StringRef chip) {
  initializeBackend();
  registerBuiltinDialectTranslation(*op.getContext());
  registerLLVMDialectTranslation(*op.getContext());
  registerNVVMDialectTranslation(*op.getContext());
  registerGPUDialectTranslation(*op.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(op, context, op.getName());
  if (!module)
    return failure();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return op.emitError(error);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, chip, kPtxVersion, llvm::TargetOptions(), std::nullopt,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  module->setTargetTriple(triple);
  module->setDataLayout(machine->createDataLayout());
  markConvergent(*module);
  if (failed(optimize(op, *module, *machine)))
    return failure();
  llvm::legacy::PassManager emitter;
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  if (machine->addPassesToEmitFile(emitter, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return op.emitError("the NVPTX backend cannot emit assembly");
  emitter.run(*module);
  return std::string(buffer.begin(), buffer.end());
}

} // namespace amk
