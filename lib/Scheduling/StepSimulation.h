//===- StepSimulation.h - A step, event by event ----------------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULING_STEPSIMULATION_H
#define AMK_LIB_SCHEDULING_STEPSIMULATION_H

#include "TileWork.h"

#include "AMK/Schedule/DeviceRecord.h"
#include "AMK/Schedule/HappensBefore.h"

namespace amk::scheduling {

/// When a tile did what, in nanoseconds from the launch.
struct TileTimes {
  double begin = 0, ready = 0, done = 0, end = 0;
  double exposed = 0; ///< of the wait: nothing in flight
};

struct SimulationResult {
  double end = 0;        ///< ns
  double memoryBusy = 0; ///< ns
  std::vector<TileTimes> tiles;
  uint32_t stuck = core::kNone; ///< a tile that never ran
};

/// Runs the queues of a concurrent schedule, which is legal.
SimulationResult simulateStep(const core::Schedule &schedule,
                              const core::Tiles &tiles,
                              const std::vector<TileWork> &work,
                              const core::DeviceRecord &device);

/// GB/s that `workers` workers reach together.
double streamRate(const core::DeviceRecord &device, uint32_t workers);

} // namespace amk::scheduling

#endif // AMK_LIB_SCHEDULING_STEPSIMULATION_H
