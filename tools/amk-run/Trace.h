//===- Trace.h - Times of a step --------------------------------*- C++ -*-===//

#ifndef AMK_TOOLS_AMKRUN_TRACE_H
#define AMK_TOOLS_AMKRUN_TRACE_H

#include "AMK/Runtime/Device.h"

namespace amk::run {

/// What the trace file says of the step itself.
struct TracedStep {
  std::string device; ///< as given: "cpu", "cuda:1"
  int64_t position = 0;
};

/// Chrome trace events, which Perfetto opens: a thread per worker, and for
/// every tile the spans `wait` (for its inputs), `work` and `publish`; a
/// process per ring with a thread per slot, and for every stage the spans
/// `fetch` and `use`. Spans of a thread do not overlap.
std::string traceJson(const core::Program &program, const TracedStep &step,
                      const runtime::StepTimes &times);

/// Writes the times of the device's last launch.
runtime::Status writeTrace(const core::Program &program, const TracedStep &step,
                           runtime::Device &device, const std::string &path);

} // namespace amk::run

#endif // AMK_TOOLS_AMKRUN_TRACE_H
