//===- AMKToAMKExec.cpp - Schedules to persistent kernels -----------------===//

#include "BodyBuilder.h"

#include "AMK/Conversion/Passes.h"
#include "AMK/Dialect/AMK/Flatten.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace amk {
#define GEN_PASS_DEF_CONVERTAMKTOAMKEXEC
#include "AMK/Conversion/Passes.h.inc"

static exec::SharedAttr sharedAttr(MLIRContext *context,
                                   const core::SharedLayout &l,
                                   uint64_t inboxBytes) {
  return exec::SharedAttr::get(context, l.barriers, l.plan, l.planRowWords,
                               l.vector, l.partial, l.misc, l.pages, l.total,
                               l.cluster, inboxBytes ? l.inbox : 0,
                               uint32_t(inboxBytes), l.arrived, l.rounds);
}

FailureOr<exec::KernelOp> emitKernelOp(ScheduleOp op, OpBuilder &builder,
                                       core::KernelPlan &plan) {
  FlattenMap map;
  FailureOr<core::Schedule> schedule = flatten(op, map);
  if (failed(schedule))
    return failure();
  std::string message;
  uint32_t task = core::kNone;
  if (!core::buildKernelPlan(*schedule, plan, message, task)) {
    Operation *at = task == core::kNone ? op.getOperation() : map.tasks[task];
    at->emitOpError(message);
    return failure();
  }
  MLIRContext *context = op.getContext();
  exec::RingAttr ring;
  uint32_t held = 0;
  for (const core::Task &t : schedule->tasks)
    held = std::max(held, t.stream.held);
  if (schedule->ring)
    ring = exec::RingAttr::get(context, schedule->ring->slots,
                               schedule->ring->bytes, schedule->ring->window,
                               schedule->ring->ahead, held);
  auto arena = exec::ArenaAttr::get(
      context, plan.planPlace, plan.planRowsOffset, plan.waitPlace,
      plan.signalPlace, plan.countersPlace, plan.reportPlace, plan.generations,
      plan.tracePlace, plan.kernel.traceRows,
      plan.trace ? plan.traceLayout.points : 0, plan.traceStagesPlace,
      uint32_t(plan.traceLayout.stages));
  exec::CachesAttr caches;
  if (const core::KernelPlan::CacheStream &c = plan.cacheStream; c.rows)
    caches = exec::CachesAttr::get(context, c.rows, c.rowBytes, c.plane,
                                   c.block, c.chunk, c.splits);
  auto kernel = exec::KernelOp::create(
      builder, op.getLoc(),
      builder.getStringAttr(plan.kernel.entry + "_kernel"),
      builder.getStringAttr(plan.kernel.chip),
      builder.getI32IntegerAttr(int32_t(plan.kernel.workers)),
      sharedAttr(context, plan.shared, core::inboxBytes(*schedule)), arena,
      ring, caches,
      builder.getI32IntegerAttr(int32_t(schedule->target->cluster)));
  OpBuilder::InsertionGuard guard(builder);
  Block &block = kernel.getBody().emplaceBlock();
  for (uint32_t c = 0; c < plan.classes.size(); ++c) {
    builder.setInsertionPointToEnd(&block);
    Operation *representative = map.tasks[plan.classes[c].task];
    auto name = schedule->tasks[plan.classes[c].task].name;
    auto taskClass = exec::TaskClassOp::create(
        builder, representative->getLoc(), builder.getStringAttr(name),
        builder.getI32IntegerAttr(int32_t(c)));
    taskClass.getBody().emplaceBlock();
    if (failed(BodyBuilder(builder, representative->getLoc(), *schedule, plan,
                           plan.classes[c])
                   .build(taskClass)))
      return failure();
  }
  return kernel;
}

} // namespace amk

namespace {

struct ConvertAMKToAMKExec
    : amk::impl::ConvertAMKToAMKExecBase<ConvertAMKToAMKExec> {
  void runOnOperation() override {
    llvm::SmallVector<amk::ScheduleOp> schedules;
    getOperation()->walk([&](amk::ScheduleOp s) { schedules.push_back(s); });
    OpBuilder builder(&getContext());
    for (amk::ScheduleOp schedule : schedules) {
      if (!schedule.getConcurrent() || !schedule.getTarget())
        continue;
      builder.setInsertionPointAfter(schedule);
      amk::core::KernelPlan plan;
      if (failed(amk::emitKernelOp(schedule, builder, plan)))
        return signalPassFailure();
    }
  }
};

} // namespace
