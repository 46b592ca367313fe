//===- CostModel.h - How long a step will take ------------------*- C++ -*-===//
//
// Predicts the time of a step from a schedule and the record of a GPU. A
// concurrent schedule is simulated event by event: the loaders, the ring and
// its windows, the memory that all share, hand-offs, consumers. What a bubble
// costs comes out of that; it is not a term of a formula.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULING_COSTMODEL_H
#define AMK_SCHEDULING_COSTMODEL_H

#include "AMK/Schedule/DeviceRecord.h"
#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling {

/// The tasks with the same operators, together.
struct TaskEstimate {
  std::string name; ///< of the first of them
  uint32_t tasks = 0, tiles = 0;
  uint64_t bytes = 0;
  // Microseconds, mean of the tiles.
  double wait = 0;    ///< until the input is there
  double exposed = 0; ///< of that: with nothing in flight either
  double work = 0;    ///< until the results are there
  double publish = 0; ///< until they are handed over
};

struct Estimate {
  double microseconds = 0;
  uint64_t bytes = 0;        ///< read from memory in the step
  double streamLimit = 0;    ///< us that these take at full bandwidth
  double bandwidthShare = 0; ///< of the board's memory bandwidth
  double wait = 0;           ///< us that a worker waits for inputs, mean
  double exposed = 0;        ///< of that: with nothing in flight
  double memoryIdle = 0;     ///< us in which the memory has nothing to do
  bool simulated = false;    ///< false: a sequential schedule, added up
  std::vector<TaskEstimate> tasks;
};

/// Estimates the step at `position`: that many earlier tokens are attended to.
/// The record is complete (core::completeRecord). Returns why it cannot be
/// done, or an empty string.
std::string estimateStep(const core::Schedule &schedule,
                         const core::DeviceRecord &device, int64_t position,
                         Estimate &estimate);

/// Reads a record as `amk-run --describe-device` prints it; `file` names it in
/// messages. Returns what is wrong, or an empty string.
std::string parseDevice(std::string_view json, const std::string &file,
                        core::DeviceRecord &record);

/// The record that `target` names: a board, a chip, or a file (.json). It is
/// complete. Returns what is wrong, or an empty string.
std::string findDevice(const std::string &target, core::DeviceRecord &record);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_COSTMODEL_H
