//===- Target.cpp - What a schedule is made for ---------------------------===//

#include "AMK/Scheduling/Target.h"

#include "AMK/Schedule/TargetInfo.h"

namespace amk::scheduling {

using namespace core;

std::string chooseTarget(Schedule &s, const std::string &chip,
                         uint32_t workers) {
  const std::string name = !chip.empty() ? chip
                           : s.target    ? s.target->chip
                                         : "sm_90";
  const TargetInfo *info = lookupTarget(name);
  if (!info)
    return "target: expected one of " + knownTargets() + ", found '" + name +
           "'";
  if (workers > info->workers)
    return "workers: expected 1 to " + std::to_string(info->workers) + " on " +
           name + ", found " + std::to_string(workers);
  // A target that the schedule brings along keeps its numbers.
  const bool same = s.target && s.target->chip == name;
  if (!same)
    s.target = Target{name, info->workers, info->sharedBytes};
  if (workers)
    s.target->workers = workers;
  return {};
}

std::string setPositions(Schedule &s, int64_t positions, int64_t longest) {
  if (positions < 1 || positions > longest)
    return "positions: expected 1 to " + std::to_string(longest) + ", found " +
           std::to_string(positions);
  s.positions = positions;
  for (Buffer &b : s.buffers) {
    if (b.kind == BufferKind::KvCache && b.shape.size() == 4)
      b.shape[2] = positions;
    if (b.rope != kNone && !b.shape.empty())
      b.shape[0] = positions;
  }
  return {};
}

} // namespace amk::scheduling
