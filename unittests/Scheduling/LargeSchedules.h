//===- LargeSchedules.h - Schedules that take long to verify ----*- C++ -*-===//
//
// Shared by the benchmarks of the checking core and by the test that bounds
// what it costs.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_SCHEDULING_LARGESCHEDULES_H
#define AMK_UNITTESTS_SCHEDULING_LARGESCHEDULES_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling::test {

/// `layers` layers (of 80) of 70B shape for 132 workers, as the passes leave
/// them.
core::Schedule llama70B(int64_t layers);

/// A schedule of 1B width of at least `tiles` tiles for 160 workers: some 670 a
/// layer. No ring: the plan of so many layers leaves it no room.
core::Schedule llamaOfTiles(int64_t tiles);

} // namespace amk::scheduling::test

#endif // AMK_UNITTESTS_SCHEDULING_LARGESCHEDULES_H
