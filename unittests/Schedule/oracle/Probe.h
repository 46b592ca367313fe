//===- Probe.h - An operator that touches what it is told -------*- C++ -*-===//
//
// Operators for tests only. What they touch is written in their attributes, so
// that random schedules can have any regions.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_SCHEDULE_ORACLE_PROBE_H
#define AMK_UNITTESTS_SCHEDULE_ORACLE_PROBE_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core::oracle {

constexpr unsigned kProbeInputs = 2, kProbeOutputs = 2;

/// One access of a probe. With a step every unit of the tile has one, at
/// region.offset + unit * step; without one the tile has one.
struct Touch {
  uint32_t operand = 0;
  bool write = false;
  bool wholeOnly = false; ///< only by a tile that is the whole operator
  Position position = Position::None;
  uint32_t step = 0;
  Region region;
};

OpAttribute encode(const Touch &touch);
Touch decode(const OpAttribute &attribute);
inline bool isTouch(const OpAttribute &a) { return a.name == "touch"; }

std::string probeName(unsigned inputs, unsigned outputs);

/// Adds the probes to the core's operators. May be called again.
void registerProbes();

} // namespace amk::core::oracle

#endif // AMK_UNITTESTS_SCHEDULE_ORACLE_PROBE_H
