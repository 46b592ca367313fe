//===- Explain.h - Why a schedule orders what it orders ---------*- C++ -*-===//
//
// What of two tiles comes first and by which edges, and which path through the
// tiles of a step is the longest. Call only on a concurrent, legal schedule.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULING_EXPLAIN_H
#define AMK_SCHEDULING_EXPLAIN_H

#include "AMK/Schedule/HappensBefore.h"

namespace amk::scheduling {

/// Why tile `to` cannot start until tile `from` is done.
struct Edge {
  uint32_t from, to;
  uint32_t counter; ///< of the hand-offs; core::kNone: both in one queue
  /// If not core::kNone: `from` is what this mate of `to` waits for, and
  /// `to` waits for it to be reached.
  uint32_t mate = core::kNone;
};

/// How two tiles are ordered.
struct Relation {
  bool before = false;  ///< the first is done whenever the second starts
  bool visible = false; ///< and so is all that it wrote visible
  /// If before: the fewest edges from the first to the second. Without one of
  /// packets if visible.
  std::vector<Edge> chain;
  /// If not before: the tiles that can run while the first has not, in an order
  /// in which they can. The second is one of them.
  std::vector<uint32_t> without;
};

Relation relate(const core::Tiles &tiles, const core::HandOffs &handOffs,
                uint32_t first, uint32_t second);

/// What every tile weighs: the bytes that its operators read, or their
/// operations where they read none.
std::vector<uint64_t> tileWeights(const core::Schedule &schedule,
                                  const core::Tiles &tiles);

/// When tiles start if each takes as long as it weighs and nothing else takes
/// any time.
struct Paths {
  std::vector<uint64_t> earliest; ///< start
  /// Start that does not make the step longer. A wait for the first k of n
  /// signals counts as one for the k that came first at the earliest starts.
  std::vector<uint64_t> latest;
  uint64_t length = 0;
  std::vector<uint32_t> critical; ///< tiles of a longest path, in order
};

Paths findPaths(const core::Tiles &tiles, const core::HandOffs &handOffs,
                const std::vector<uint64_t> &weights);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_EXPLAIN_H
