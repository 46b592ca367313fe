//===- Estimate.cpp - Prints how long a step will take --------------------===//

#include "AMK/Scheduling/CostModel.h"

#include "AMK/Transforms/Passes.h"
#include "DeviceAttribute.h"
#include "RefineSchedule.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace amk {
#define GEN_PASS_DEF_ESTIMATE
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;

namespace {

using amk::scheduling::TaskEstimate;

void printText(llvm::raw_ostream &os, StringRef name,
               const amk::scheduling::Estimate &e,
               const amk::core::DeviceRecord &device, int64_t position) {
  os << name << " on " << device.name << " at position " << position << ": "
     << llvm::format("%.1f us", e.microseconds)
     << (e.simulated ? "\n" : " (not concurrent: costs added up)\n")
     << llvm::format("  %.3f MB from memory, %.1f us at full rate; "
                     "%.1f %% of %.0f GB/s reached\n",
                     double(e.bytes) * 1e-6, e.streamLimit,
                     e.bandwidthShare * 100, device.memoryBandwidth.value)
     << llvm::format("  a worker waits %.1f us for inputs, %.1f of them with "
                     "nothing in flight; memory idle %.1f us\n",
                     e.wait, e.exposed, e.memoryIdle)
     << llvm::format("  %-20s %5s %6s %10s %8s %8s %8s %8s  us a tile\n",
                     "task", "tasks", "tiles", "MB", "wait", "exposed", "work",
                     "publish");
  for (const TaskEstimate &t : e.tasks)
    os << llvm::format("  %-20s %5u %6u %10.3f %8.2f %8.2f %8.2f %8.2f\n",
                       t.name.c_str(), t.tasks, t.tiles, double(t.bytes) * 1e-6,
                       t.wait, t.exposed, t.work, t.publish);
}

void printJson(llvm::raw_ostream &os, StringRef name,
               const amk::scheduling::Estimate &e,
               const amk::core::DeviceRecord &device, int64_t position) {
  llvm::json::OStream json(os);
  json.object([&] {
    json.attribute("schedule", name);
    json.attribute("device", device.name);
    json.attribute("position", position);
    json.attribute("simulated", e.simulated);
    json.attribute("microseconds", e.microseconds);
    json.attribute("bytes", int64_t(e.bytes));
    json.attribute("stream_limit", e.streamLimit);
    json.attribute("bandwidth_share", e.bandwidthShare);
    json.attribute("wait", e.wait);
    json.attribute("exposed", e.exposed);
    json.attribute("memory_idle", e.memoryIdle);
    json.attributeArray("tasks", [&] {
      for (const TaskEstimate &t : e.tasks)
        json.object([&] {
          json.attribute("name", t.name);
          json.attribute("tasks", t.tasks);
          json.attribute("tiles", t.tiles);
          json.attribute("bytes", int64_t(t.bytes));
          json.attribute("wait", t.wait);
          json.attribute("exposed", t.exposed);
          json.attribute("work", t.work);
          json.attribute("publish", t.publish);
        });
    });
  });
  os << "\n";
}

struct Estimate : public amk::impl::EstimateBase<Estimate> {
  using EstimateBase::EstimateBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    amk::ScheduleOp op = getOperation();
    FailureOr<amk::core::Schedule> s = amk::flatten(op);
    if (failed(s))
      return signalPassFailure();
    amk::core::DeviceRecord device;
    amk::scheduling::Estimate e;
    std::string error;
    if (target.empty()) {
      if (failed(amk::getDevice(op, device)))
        return signalPassFailure();
    } else {
      error = amk::scheduling::findDevice(target, device);
    }
    if (error.empty())
      error = amk::scheduling::estimateStep(
          *s, device, std::min(position.getValue(), s->positions - 1), e);
    if (!error.empty()) {
      op.emitError() << getArgument() << ": " << error;
      return signalPassFailure();
    }
    // One schedule's text at a time, whichever thread is first.
    std::string text;
    llvm::raw_string_ostream os(text);
    (json ? printJson : printText)(os, op.getSymName(), e, device, position);
    llvm::errs() << text;
  }
};

} // namespace
