//===- Pipelines.cpp - From an imported schedule to one to emit -----------===//

#include "AMK/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace {

struct CompilePipelineOptions
    : public PassPipelineOptions<CompilePipelineOptions> {
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("chip (sm_80, sm_90, sm_100, sm_120), board (a100, h100, "
                     "h200, ...) or .json file with the record of one "
                     "(default: the schedule's, else sm_90)")};
  Option<uint32_t> workers{
      *this, "workers",
      llvm::cl::desc("workers, one per SM (default: all that the target has)"),
      llvm::cl::init(0)};
  Option<int64_t> positions{
      *this, "positions",
      llvm::cl::desc("length of the KV cache (default: as imported)"),
      llvm::cl::init(0)};
};

} // namespace

void amk::buildCompilePipeline(OpPassManager &pm,
                               const CompileOptions &options) {
  OpPassManager &schedule = pm.nest<ScheduleOp>();
  if (options.positions) {
    SetPositionsOptions positions;
    positions.positions = options.positions;
    schedule.addPass(createSetPositions(positions));
  }
  schedule.addPass(createFusionGrouping());
  TilingOptions tiling;
  tiling.target = options.target;
  tiling.workers = options.workers;
  schedule.addPass(createTiling(tiling));
  schedule.addPass(createSMAssignment());
  schedule.addPass(createSynchronization());
  schedule.addPass(createPageColoring());
  schedule.addPass(createPipelining());
}

void amk::registerCompilePipeline() {
  PassPipelineRegistration<CompilePipelineOptions>(
      "amk-compile",
      "Take an imported schedule to one that can be emitted: fusion grouping, "
      "tiling, SM assignment, synchronization, page coloring, pipelining",
      [](OpPassManager &pm, const CompilePipelineOptions &options) {
        buildCompilePipeline(
            pm, {options.target, options.workers, options.positions});
      });
}
