//===- StepSimulation.h - A step, event by event ----------------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULING_STEPSIMULATION_H
#define AMK_LIB_SCHEDULING_STEPSIMULATION_H

#include "AMK/Schedule/DeviceRecord.h"
#include "AMK/Schedule/HappensBefore.h"

namespace amk::scheduling {

/// What a tile gives its worker to do.
struct TileWork {
  uint32_t stages = 0;      ///< through the ring
  uint32_t stageBytes = 0;  ///< of one of them
  uint32_t packets = 0;     ///< gathered before the work begins
  uint64_t plainBytes = 0;  ///< read from the L2 once a counter allows it
  uint64_t directBytes = 0; ///< loaded from memory without the ring
  bool coldRead = false;    ///< a first read of weights that nothing hides
  bool constantRead = false;
  uint64_t rounds = 0;   ///< dependent rounds of direct loads
  uint64_t elements = 0; ///< published
};

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
