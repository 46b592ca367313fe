//===- Pipelines.cpp - From an imported schedule to one to emit -----------===//

#include "AMK/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringSwitch.h"

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
  Option<std::string> knobs{
      *this, "knobs",
      llvm::cl::desc("JSON file with all options (docs/knobs.md)")};
};

using amk::scheduling::AssignmentPolicy;
using amk::scheduling::Knobs;
using amk::scheduling::PagePolicy;
using amk::scheduling::SlicePolicy;

/// Sets an option that a knob gives.
template <typename Option, typename Value>
void take(Option &option, const std::optional<Value> &knob) {
  if (knob)
    option = Option(*knob);
}

amk::TilingOptions tilingOf(const amk::CompileOptions &options) {
  const Knobs &k = options.knobs;
  amk::TilingOptions o;
  take(o.target, k.target);
  take(o.workers, k.workers);
  if (!options.target.empty())
    o.target = options.target;
  if (options.workers)
    o.workers = options.workers;
  take(o.rows, k.rows);
  take(o.kvBlock, k.kvBlock);
  take(o.balance, k.balance);
  take(o.fewest, k.fewest);
  take(o.splitAttention, k.splitAttention);
  take(o.threads, k.threads);
  take(o.sharedBytes, k.sharedBytes);
  take(o.keepOwners, k.keepOwners);
  return o;
}

amk::SMAssignmentOptions assignmentOf(const Knobs &k) {
  amk::SMAssignmentOptions o;
  if (k.assignment)
    o.policy = llvm::StringSwitch<AssignmentPolicy>(*k.assignment)
                   .Case("round-robin", AssignmentPolicy::RoundRobin)
                   .Case("load-balanced", AssignmentPolicy::LoadBalanced)
                   .Case("locality", AssignmentPolicy::Locality)
                   .Case("explicit", AssignmentPolicy::Explicit)
                   .Default(AssignmentPolicy::Contiguous);
  o.map.assign(k.map.begin(), k.map.end());
  take(o.cluster, k.cluster);
  take(o.keepOwners, k.keepOwners);
  return o;
}

amk::PageColoringOptions pagesOf(const Knobs &k) {
  amk::PageColoringOptions o;
  if (k.pages)
    o.policy = llvm::StringSwitch<PagePolicy>(*k.pages)
                   .Case("none", PagePolicy::None)
                   .Case("linear", PagePolicy::Linear)
                   .Default(PagePolicy::GraphColor);
  take(o.sharedBytes, k.sharedPageBytes);
  return o;
}

amk::PipeliningOptions streamsOf(const Knobs &k) {
  amk::PipeliningOptions o;
  take(o.columns, k.columns);
  take(o.slots, k.slots);
  take(o.teams, k.warps);
  take(o.window, k.window);
  take(o.ahead, k.ahead);
  take(o.held, k.held);
  if (k.slices)
    o.slices = *k.slices == "whole" ? SlicePolicy::Whole : SlicePolicy::Arrive;
  return o;
}

LogicalResult
parseCompile(OpPassManager &pm, StringRef text,
             llvm::function_ref<LogicalResult(const Twine &)> error) {
  FailureOr<std::unique_ptr<CompilePipelineOptions>> options =
      CompilePipelineOptions::createFromString(text);
  if (failed(options))
    return failure();
  const CompilePipelineOptions &o = **options;
  amk::CompileOptions compile{o.target, o.workers, o.positions, {}};
  if (!o.knobs.empty())
    if (std::string m = amk::scheduling::readKnobs(o.knobs, compile.knobs);
        !m.empty())
      return error(m);
  amk::buildCompilePipeline(pm, compile);
  return success();
}

} // namespace

void amk::buildCompilePipeline(OpPassManager &pm,
                               const CompileOptions &options) {
  const Knobs &k = options.knobs;
  OpPassManager &schedule = pm.nest<ScheduleOp>();
  SetPositionsOptions positions;
  take(positions.positions, k.positions);
  if (options.positions)
    positions.positions = options.positions;
  if (positions.positions)
    schedule.addPass(createSetPositions(positions));
  FusionGroupingOptions fusion;
  take(fusion.enable, k.fuse);
  fusion.groups.assign(k.groups.begin(), k.groups.end());
  schedule.addPass(createFusionGrouping(fusion));
  schedule.addPass(createTiling(tilingOf(options)));
  schedule.addPass(createSMAssignment(assignmentOf(k)));
  SynchronizationOptions handOffs;
  take(handOffs.packets, k.packets);
  take(handOffs.reduce, k.reduce);
  take(handOffs.clusterGathers, k.clusterGathers);
  take(handOffs.inboxBytes, k.inboxBytes);
  schedule.addPass(createSynchronization(handOffs));
  schedule.addPass(createPageColoring(pagesOf(k)));
  schedule.addPass(createPipelining(streamsOf(k)));
}

void amk::registerCompilePipeline() {
  registerPassPipeline(
      "amk-compile",
      "Take an imported schedule to one that can be emitted: fusion grouping, "
      "tiling, SM assignment, synchronization, page coloring, pipelining",
      parseCompile,
      [](llvm::function_ref<void(const mlir::detail::PassOptions &)> show) {
        CompilePipelineOptions options;
        show(options);
      });
}
