//===- Trace.h - Times of a step ---------------------------------*- C++
//-*-===//

#ifndef AMK_TOOLS_AMKRUN_TRACE_H
#define AMK_TOOLS_AMKRUN_TRACE_H

#include "AMK/Runtime/Device.h"

namespace amk::run {

/// Writes the times of the device's last launch to `path` as Chrome trace
/// events, which Perfetto opens: one thread per worker, and for every tile the
/// spans `wait` (for its inputs), `work` and `publish`.
runtime::Status writeTrace(const core::Program &program,
                           runtime::Device &device, const std::string &path);

} // namespace amk::run

#endif // AMK_TOOLS_AMKRUN_TRACE_H
