//===- Pipelining.h - The stream of weights ---------------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_PIPELINING_H
#define AMK_SCHEDULING_PIPELINING_H

#include "AMK/Schedule/SharedLayout.h"

namespace amk::scheduling {

/// When a stage is multiplied whose row has more slices than one.
enum class SlicePolicy {
  Arrive, ///< when the input of its slice is there
  Whole   ///< when all of the input is there
};

struct PipeliningOptions {
  uint32_t columns = 2048;               ///< most columns of a stage
  uint32_t slots = 16;                   ///< most slots of the ring
  uint32_t teams = core::kConsumerWarps; ///< that take stages in turns
  uint32_t window = 0; ///< stages in flight for the operator at hand, or 0:
                       ///< by the ring's depth
  uint32_t ahead = 0;  ///< stages in flight for a later one, or 0: likewise
  uint32_t held = 1;   ///< stages that a team may take into registers
  SlicePolicy slices = SlicePolicy::Arrive;
};

struct PipeliningReport {
  uint32_t tasks = 0;     ///< with a stream
  uint32_t bySlice = 0;   ///< of them with an input that is taken by slices
  uint32_t direct = 0;    ///< products that load directly: shapes do not fit
  uint64_t stages = 0;    ///< of one launch, all workers
  uint64_t ringBytes = 0; ///< of a worker
  uint64_t otherBytes = 0;
};

/// Gives every product a stream and the schedule a ring that fits beside what
/// else a worker's shared memory holds. The schedule has a target. Returns why
/// it cannot be done, or an empty string.
std::string makeStreams(core::Schedule &schedule,
                        const PipeliningOptions &options,
                        PipeliningReport *report = nullptr);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_PIPELINING_H
