//===- Steps.h - Passes with random options ---------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULING_PROPERTIES_STEPS_H
#define AMK_UNITTESTS_SCHEDULING_PROPERTIES_STEPS_H

#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Target.h"
#include "AMK/Scheduling/Tiling.h"
#include "Models.h"

#include <array>

namespace amk::scheduling::properties {

enum class Pass {
  SetPositions,
  Fusion,
  Tiling,
  Assignment,
  Synchronization,
  PageColoring,
  Pipelining,
};
constexpr size_t kPasses = 7;
const char *nameOf(Pass pass); ///< as on the command line of amk-opt

/// A pass and what it is asked for.
struct Step {
  Pass pass = Pass::SetPositions;
  int64_t positions = 0, longest = 0;
  /// Groups of fusion, by number of the first and the last task; more than
  /// there are names one that does not exist. Empty: by dataflow.
  std::vector<std::pair<uint32_t, uint32_t>> groups;
  std::string chip;
  uint32_t workers = 0;
  TargetLimits limits;
  TilingOptions tiling;
  AssignmentOptions assignment;
  SynchronizationOptions synchronization;
  PagePolicy pages = PagePolicy::GraphColor;
  int64_t sharedBytes = -1;
  PipeliningOptions pipelining;
};

/// The options as on the command line, one a string.
std::vector<std::string> optionsOf(const Step &step);
std::string print(const Step &step);

/// A pass with random options. With `legal`, options that it takes.
Step randomStep(Random &random, Pass pass, const Model &model,
                int64_t leastPositions, bool legal);

/// Runs the pass. Returns why it refused, or an empty string.
std::string apply(const Step &step, core::Schedule &schedule);

/// What the documentation of the passes says of this request.
enum class Expected { Accepted, Refused, Either };
Expected expectation(const Step &step, const core::Schedule &schedule);

} // namespace amk::scheduling::properties

#endif // AMK_UNITTESTS_SCHEDULING_PROPERTIES_STEPS_H
