//===- FusionGrouping.cpp - Operators into tasks --------------------------===//

#include "AMK/Scheduling/Fusion.h"

#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

namespace amk {
#define GEN_PASS_DEF_FUSIONGROUPING
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

struct FusionGrouping : public amk::impl::FusionGroupingBase<FusionGrouping> {
  using FusionGroupingBase::FusionGroupingBase;

  void runOnOperation() override;

private:
  LogicalResult parseGroups(std::vector<amk::scheduling::TaskGroup> &list);
};

LogicalResult
FusionGrouping::parseGroups(std::vector<amk::scheduling::TaskGroup> &list) {
  for (StringRef text : groups) {
    auto [first, last] = text.split("..");
    if (first.empty() || last.empty())
      return getOperation().emitOpError()
             << "groups: expected 'first..last', found '" << text << "'";
    list.push_back({first.str(), last.str()});
  }
  return success();
}

/// Every task and operator is where those were that it comes from.
void setLocations(const amk::core::Schedule &flat,
                  const amk::scheduling::FusionOrigins &origins,
                  const amk::FlattenMap &map, amk::LocationMap &locations) {
  MLIRContext *context = map.schedule->getContext();
  for (auto [t, task] : llvm::enumerate(flat.tasks)) {
    SmallVector<Location> all;
    for (auto [i, op] : llvm::enumerate(task.ops)) {
      SmallVector<Location> from;
      for (uint32_t origin : origins[t][i])
        from.push_back(map.tasks[origin]->getLoc());
      locations.setOp(flat, op, FusedLoc::get(context, from));
      all.append(from);
    }
    locations.setTask(task.name, FusedLoc::get(context, all));
  }
}

void FusionGrouping::runOnOperation() {
  if (!enable)
    return markAllAnalysesPreserved();
  amk::ScheduleOp op = getOperation();
  std::vector<amk::scheduling::TaskGroup> list;
  amk::FlattenMap map;
  FailureOr<amk::core::Schedule> flat = amk::flatten(op, map);
  if (failed(flat) || failed(parseGroups(list)))
    return signalPassFailure();
  const amk::scheduling::FusionReport before =
      amk::scheduling::countHandOffs(*flat);
  amk::scheduling::FusionOrigins origins;
  if (std::string error = amk::scheduling::groupOperators(*flat, list, origins);
      !error.empty()) {
    op.emitOpError() << error;
    return signalPassFailure();
  }
  amk::LocationMap locations(op);
  setLocations(*flat, origins, map, locations);
  if (failed(amk::rewriteSchedule(op, *flat, locations)))
    return signalPassFailure();
  const amk::scheduling::FusionReport after =
      amk::scheduling::countHandOffs(*flat);
  const double layers = std::max(before.layers, 1u);
  auto perLayer = [&](uint32_t count) { return amk::tenths(count / layers); };
  amk::figures(op, getArgument())
      << remark::metric("tasks_before", before.tasks)
      << remark::metric("tasks", after.tasks)
      << remark::metric("handoffs_before", before.handOffs)
      << remark::metric("handoffs", after.handOffs)
      << remark::metric("handoffs_per_layer_before", perLayer(before.handOffs))
      << remark::metric("handoffs_per_layer", perLayer(after.handOffs))
      << remark::metric("chain_per_layer_before",
                        amk::tenths(before.chainPerLayer))
      << remark::metric("chain_per_layer", amk::tenths(after.chainPerLayer))
      << remark::metric("crossing_per_layer_before",
                        amk::tenths(before.crossingPerLayer))
      << remark::metric("crossing_per_layer",
                        amk::tenths(after.crossingPerLayer));
}

} // namespace
