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
/// every tile the spans `wait` (for its inputs), `work` and `publish`.
std::string traceJson(const core::Program &program, const TracedStep &step,
                      const std::vector<runtime::TileTimes> &times);

/// Writes the times of the device's last launch.
runtime::Status writeTrace(const core::Program &program, const TracedStep &step,
                           runtime::Device &device, const std::string &path);

} // namespace amk::run

#endif // AMK_TOOLS_AMKRUN_TRACE_H
