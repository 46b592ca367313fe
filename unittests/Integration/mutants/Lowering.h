//===- Lowering.h - Real schedules at every stage ---------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_LOWERING_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_LOWERING_H

#include "AMK/Schedule/Schedule.h"

namespace amk::mutants {

enum class Stage {
  Imported,
  Fused,
  Tiled,
  Assigned,
  Synchronized, ///< concurrent from here on
  Colored,
  Pipelined,
};
constexpr unsigned kStages = 7;
const char *toString(Stage stage);

/// A model, by what config.json says of it.
struct ModelShape {
  std::string name;
  int64_t hidden, inter, heads, kvHeads, headDim, vocab, layers;
  bool tied, llama3;
  uint32_t workers[3]; ///< the three tile sizes
  bool large;          ///< of the widths that people use
  /// Attention reads this position's keys and values from the cache too, so
  /// that a read of the cache depends on the append of the same launch.
  bool throughCache = false;
  bool split = false; ///< attention is cut by positions, else by query heads
  core::Numerics numerics = {};

  int64_t positions() const { return large ? 4096 : 64; }
};
/// Every sort of model that the importer takes, small; then models that people
/// use, with fewer layers; all of them with attention split and not.
std::vector<ModelShape> modelShapes();

/// What the passes are asked for, beside the number of workers.
struct Choice {
  bool split = true;         ///< attention by positions
  bool throughCache = false; ///< then read this position from the cache too
  uint32_t workers = 1;
  uint32_t packets = 6; ///< values of a packet
  const char *policy = "contiguous";
  uint32_t cluster = 1; ///< workers of one
  uint64_t inboxes = 0; ///< bytes for packets that stay in a cluster
};
/// The choices of the three tile sizes.
Choice choiceOf(const ModelShape &shape, unsigned size);

struct Lowering {
  const ModelShape *shape;
  unsigned size; ///< which of the three tile sizes
  Stage stage;
  core::Schedule schedule;
  std::string name() const;
};

/// The model as imported and after every pass, by the importer and the passes
/// where the compiler is built; otherwise the toy Llama of the same shape and
/// the solvers that the passes call. Empty, with a line on stderr, on failure.
std::vector<core::Schedule> lower(const ModelShape &shape,
                                  const Choice &choice);

/// The same by the solvers from an imported schedule on.
std::vector<core::Schedule> lowerBySolvers(core::Schedule imported,
                                           const Choice &choice);

/// Makes attention, split or not, read the cache for this position too
/// (ExtraOperators.cpp).
void readThroughCache(core::Schedule &s);

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_LOWERING_H
