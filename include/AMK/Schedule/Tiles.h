//===- Tiles.h - A schedule's tiles, expanded -------------------*- C++ -*-===//
//
// The verifier, the passes and the CPU device work on tiles: one per part of a
// task, with its accesses, waits and signals in flat arrays. Call only on a
// schedule whose structure holds (V1, V2).
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_TILES_H
#define AMK_SCHEDULE_TILES_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core {

struct TileWait {
  uint32_t counter; ///< flat: counterBase[array] + index
  uint32_t threshold;
};

struct Tile {
  uint32_t task = 0;
  uint32_t index = 0; ///< in the task
  Range range;        ///< of the task's cut operator
  uint32_t worker = 0;
  uint32_t slot = 0; ///< place in the worker's queue, dense from 0
  uint32_t firstAccess = 0, lastAccess = 0; ///< half-open, in Tiles::accesses
  uint32_t firstWait = 0, lastWait = 0;
  uint32_t firstSignal = 0, lastSignal = 0;
};

struct Tiles {
  /// In program order: by task, then by index in the task.
  std::vector<Tile> tiles;
  std::vector<uint32_t> firstTile; ///< of every task; one more than tasks
  /// Accesses to everything but Local buffers, operator by operator.
  std::vector<Access> accesses;
  std::vector<uint32_t> accessOp; ///< operator (in the task) of every access
  std::vector<TileWait> waits;
  std::vector<uint32_t> signals;     ///< flat counters
  std::vector<uint32_t> counterBase; ///< first flat counter of every array
  uint32_t counterCount = 0;
  uint32_t workers = 1;
  std::vector<std::vector<uint32_t>> queues; ///< tiles of every worker
};

Tiles expand(const Schedule &schedule);

} // namespace amk::core

#endif // AMK_SCHEDULE_TILES_H
