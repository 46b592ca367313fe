//===- Ownership.h - Tasks that share a buffer in place ---------*- C++ -*-===//
//
// The residual stream is updated in place by several tasks. If they are cut
// and placed alike, every element stays with one worker: it needs no hand-off
// and can live in that worker's shared memory.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULING_OWNERSHIP_H
#define AMK_SCHEDULING_OWNERSHIP_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling {

/// For every task the group of tasks that must be cut and placed alike, or
/// core::kNone. A group is the tasks that write the same float32 activation
/// element by element, and those that read it so.
std::vector<uint32_t> ownerGroups(const core::Schedule &schedule);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_OWNERSHIP_H
