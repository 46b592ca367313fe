//===- DirectReads.h - Reads beside the publishing of packets ---*- C++ -*-===//
//
// A schedule's tile has read everything when its packets come. A kernel
// publishes a packet as soon as its own values are there, while other lanes
// still work on theirs. The difference shows where a tile reads memory element
// by element and a reader of some of its packets then overwrites that memory.
// What is brought in as a whole is behind a barrier by then, and whoever writes
// what the tile writes itself has to wait for all of the tile (V5).
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_DIRECTREADS_H
#define AMK_SCHEDULE_DIRECTREADS_H

#include "AMK/Schedule/Tiles.h"

namespace amk::core {

/// The first access of a tile that reads, element by element, global memory
/// that other tiles may overwrite within the launch: an index in
/// Tiles::accesses, or kNone. A tile with one must not publish packets.
uint32_t directRead(const Schedule &schedule, const Tiles &tiles,
                    const Tile &tile);

} // namespace amk::core

#endif // AMK_SCHEDULE_DIRECTREADS_H
