//===- TileWork.h - What a tile gives its worker to do ----------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULING_TILEWORK_H
#define AMK_LIB_SCHEDULING_TILEWORK_H

#include "AMK/Schedule/Tiles.h"

namespace amk::scheduling {

struct TileWork {
  // Through the ring.
  uint32_t stages = 0;
  uint32_t stageBytes = 0; ///< of one of them
  uint32_t lastBytes = 0;  ///< of the last one
  /// The stages are keys and values. With a split of the positions they are
  /// the tile's as far as there are positions.
  bool caches = false;

  // Before the work.
  uint32_t packets = 0;    ///< polled: its part, if its cluster shares them
  uint32_t batches = 0;    ///< of them, beyond the first
  uint32_t pairs = 0;      ///< of values in them, which are scattered
  uint64_t plainBytes = 0; ///< read from the L2 once a counter allows it

  // The work.
  uint64_t directBytes = 0; ///< loaded from memory without the ring
  bool coldRead = false;    ///< a first read of weights that nothing hides
  uint64_t rounds = 0;      ///< dependent rounds of direct loads
  uint32_t columns = 0;     ///< of query heads whose warps are combined
  uint32_t parts = 0;       ///< packets of other splits, after the own stages

  // Afterwards.
  bool constantRead = false;
  uint64_t elements = 0; ///< pulled and published
  bool empty = false;    ///< a later split without positions
  bool stored = false;   ///< a later split: stored as its work ends

  uint64_t streamedBytes() const {
    return stages ? uint64_t(stages - 1) * stageBytes + lastBytes : 0;
  }
  uint64_t bytes() const { return streamedBytes() + directBytes; }
};

/// What the tiles of a schedule do at a position, in their order.
std::vector<TileWork> countWork(const core::Schedule &schedule,
                                const core::Tiles &tiles, int64_t position);

} // namespace amk::scheduling

#endif // AMK_LIB_SCHEDULING_TILEWORK_H
