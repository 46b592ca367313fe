//===- Assignment.h - Which worker runs which tile --------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_ASSIGNMENT_H
#define AMK_SCHEDULING_ASSIGNMENT_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling {

enum class AssignmentPolicy {
  /// Tile i on worker i; fewer tiles than workers are spread at equal steps.
  Contiguous,
  /// A task starts at the worker after the last task's last one.
  RoundRobin,
  /// Longest tile first onto the least loaded worker, over the whole step.
  LoadBalanced,
  /// Where most of what the tile reads of its own was written.
  Locality,
  /// As `AssignmentOptions::map` says; contiguous where it says nothing.
  Explicit,
};

/// The workers of the tiles of all tasks whose name matches, in the order of
/// the tiles; one worker for all tiles.
struct PlacedTasks {
  std::string tasks; ///< a name; '*' stands for any letters
  std::vector<uint32_t> workers;
};

struct AssignmentOptions {
  uint32_t workers = 1;
  AssignmentPolicy policy = AssignmentPolicy::Contiguous;
  /// Keep every element that is updated in place on one worker (Ownership.h).
  bool keepOwners = true;
  /// First match counts.
  // NOLINTNEXTLINE(readability-redundant-member-init): lists may leave it out.
  std::vector<PlacedTasks> map = {};
  /// Workers of a cluster, 1, 2, 4 or 8: the target's from then on.
  uint32_t cluster = 1;
};

/// Parses "TASK=0-3:7:9": a name or pattern and its workers. Returns what is
/// wrong, or an empty string.
std::string parsePlacedTasks(const std::string &text, PlacedTasks &placed);

struct AssignmentReport {
  uint32_t tiles = 0;
  uint32_t usedWorkers = 0;
  double leastLoad = 0, mostLoad = 0, meanLoad = 0; ///< cost of a worker
  double mostBytes = 0, meanBytes = 0; ///< of weights, streamed by a worker
};

/// Places every tile and sets the target's clusters; queues are in program
/// order. Returns why it cannot be done, or an empty string.
std::string assignWorkers(core::Schedule &schedule,
                          const AssignmentOptions &options,
                          AssignmentReport *report = nullptr);

/// What a tile costs: the bytes it reads, and its operations where they count.
double tileCost(const core::Schedule &schedule, const core::Task &task,
                uint32_t tile);

/// Bytes of weights that a tile streams: the part of its cost that is the same
/// at every position.
uint64_t streamedBytes(const core::Schedule &schedule, const core::Task &task,
                       uint32_t tile);

/// The workers of a task's tiles under the contiguous policy.
std::vector<uint32_t> spreadTiles(uint32_t tiles, uint32_t workers);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_ASSIGNMENT_H
