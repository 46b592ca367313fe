//===- Passes.h - The passes over amk.schedule ------------------*- C++ -*-===//

#ifndef AMK_TRANSFORMS_PASSES_H
#define AMK_TRANSFORMS_PASSES_H

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Knobs.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "mlir/Pass/Pass.h"

namespace amk {

#define GEN_PASS_DECL
#include "AMK/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "AMK/Transforms/Passes.h.inc"

/// What the whole pipeline needs to know.
struct CompileOptions {
  std::string target;      ///< empty: the schedule's, else sm_90
  uint32_t workers = 0;    ///< 0: all of the target's
  int64_t positions = 0;   ///< 0: as imported
  scheduling::Knobs knobs; ///< where the three above say nothing
};

/// Appends the passes that take an imported schedule to one that can be
/// emitted.
void buildCompilePipeline(mlir::OpPassManager &pm,
                          const CompileOptions &options);

/// Registers that pipeline as `amk-compile`.
void registerCompilePipeline();

} // namespace amk

#endif // AMK_TRANSFORMS_PASSES_H
