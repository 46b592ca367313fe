//===- Fusion.h - Grouping operators into tasks -----------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_FUSION_H
#define AMK_SCHEDULING_FUSION_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling {

/// Tasks of the schedule, first to last in program order, to become one.
struct TaskGroup {
  std::string first, last;
};

struct FusionReport {
  uint32_t tasks = 0;    ///< of the schedule
  uint32_t handOffs = 0; ///< pairs of a task that writes and one that reads it
  uint32_t layers = 0;   ///< KV caches
  /// Of the pairs those that every layer adds (from one layer's first write of
  /// its cache to the next layer's), without what stays with its owners
  /// (Ownership.h) and so on its worker; all of a schedule of one layer.
  double crossingPerLayer = 0;
  /// The longest chain of these, one after the other, that every layer adds.
  double chainPerLayer = 0;
};

/// Counts what fusion reduces.
FusionReport countHandOffs(const core::Schedule &schedule);

/// The tasks that operators were made from, so that they keep their source
/// locations: by task and operator of the result, indices of old tasks.
using FusionOrigins = std::vector<std::vector<std::vector<uint32_t>>>;

/// Groups the operators of a sequential schedule into tasks:
///
/// 1. Products of one input become one: those of query, key and value by
///    concatenating their weights, those of gate and up by interleaving them.
/// 2. An argmax is split into blocks and a combination.
/// 3. Every operator that reads what a tile of an earlier task writes, and no
///    more, goes into that task.
/// 4. What only one task reads and any tile can compute in full (a norm)
///    becomes its prologue.
/// 5. Buffers used inside one task only become local.
///
/// With `groups`, instead of 1 to 4 the given tasks become one each. Returns
/// why it cannot be done, or an empty string.
std::string groupOperators(core::Schedule &schedule,
                           const std::vector<TaskGroup> &groups,
                           FusionOrigins &origins);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_FUSION_H
