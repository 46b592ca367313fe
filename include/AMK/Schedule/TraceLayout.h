//===- TraceLayout.h - What a kernel that records times writes --*- C++ -*-===//
//
// The times lie in the arena from `Kernel::traceOffset` on: first those of the
// plan rows, then those of the stages. Whoever has the schedule knows where.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_TRACELAYOUT_H
#define AMK_SCHEDULE_TRACELAYOUT_H

#include "AMK/Schedule/Tiles.h"

namespace amk::core {

/// Times of a plan row, in nanoseconds (u64): the row begins, its inputs are
/// there, its work is done, its results are published. Then, for every wait in
/// the midst of the work, when it began and ended.
constexpr uint32_t kTracePoints = 4;

/// Of a stage, in words of 32 bits: three times (u64), when it was issued, seen
/// to have landed, and released; the plan row; the launch's epoch.
constexpr uint32_t kStageWords = 8;

struct TraceLayout {
  uint32_t rows = 0;              ///< of a worker: those of the longest queue
  uint32_t points = kTracePoints; ///< of a row
  uint64_t stages = 0;            ///< of a worker, as many as a step may have
  uint64_t stagesAt = 0;          ///< bytes from the first, a multiple of 128
  uint64_t bytes = 0;             ///< of all workers

  /// Of the row's first time, in u64 from the first.
  uint64_t row(uint32_t worker, uint32_t row) const {
    return (uint64_t(worker) * rows + row) * points;
  }
};

/// The schedule is legal.
TraceLayout traceLayout(const Schedule &schedule, const Tiles &tiles);

/// Stages that index `index` of an operator's parallel dimension takes of a KV
/// cache in a launch at `position`: of those before it.
uint32_t cacheStages(const Schedule &schedule, const Stream &stream,
                     const Operator &op, int64_t index, int64_t position);

} // namespace amk::core

#endif // AMK_SCHEDULE_TRACELAYOUT_H
