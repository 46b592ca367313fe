//===- Target.h - What a schedule is made for -------------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_TARGET_H
#define AMK_SCHEDULING_TARGET_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling {

/// Gives the schedule the target `name`: a chip, a board or a .json file with a
/// record (CostModel.h); with an empty name the one it has, or else sm_90. It
/// gets `workers` workers, or with 0 as many as it has or the board. Returns
/// why it cannot be done, or an empty string.
std::string chooseTarget(core::Schedule &schedule, const std::string &name,
                         uint32_t workers);

/// What of the target is asked for besides; 0: nothing.
struct TargetLimits {
  uint64_t sharedBytes = 0; ///< of a worker, at most the target's
  uint32_t threads = 0;     ///< of a block: what the kernel has
  int64_t kvBlock = 0;      ///< what the schedule's numerics have
};
/// Limits the schedule's target, or says why that cannot be.
std::string limitTarget(core::Schedule &schedule, const TargetLimits &limits);

/// Gives the KV caches and the RoPE tables room for `positions` positions, of
/// which the model takes at most `longest`. Returns why it cannot be done, or
/// an empty string.
std::string setPositions(core::Schedule &schedule, int64_t positions,
                         int64_t longest);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_TARGET_H
