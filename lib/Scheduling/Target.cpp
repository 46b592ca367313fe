//===- Target.cpp - What a schedule is made for ---------------------------===//

#include "AMK/Scheduling/Target.h"

#include "AMK/Schedule/KernelRoles.h"
#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Scheduling/CostModel.h"

namespace amk::scheduling {

using namespace core;

std::string chooseTarget(Schedule &s, const std::string &name,
                         uint32_t workers) {
  const std::string chosen = !name.empty() ? name
                             : s.target    ? s.target->chip
                                           : "sm_90";
  Target target;
  if (const TargetInfo *info = lookupTarget(chosen)) {
    target = {chosen, info->workers, info->sharedBytes};
  } else {
    DeviceRecord record;
    if (std::string m = findDevice(chosen, record); !m.empty())
      return m;
    target = {record.chip, uint32_t(record.workers.value),
              uint64_t(record.sharedBytes.value)};
  }
  if (workers > target.workers)
    return "workers: expected 1 to " + std::to_string(target.workers) + " on " +
           chosen + ", found " + std::to_string(workers);
  // A target that the schedule brings along keeps its numbers.
  if (!s.target || s.target->chip != chosen)
    s.target = target;
  if (workers)
    s.target->workers = workers;
  return {};
}

std::string limitTarget(Schedule &s, const TargetLimits &limits) {
  Target &target = *s.target;
  if (limits.sharedBytes > target.sharedBytes)
    return "shared-bytes: expected at most " +
           std::to_string(target.sharedBytes) + ", found " +
           std::to_string(limits.sharedBytes);
  const TargetInfo *info = lookupTarget(target.chip);
  const uint32_t threads = kernelRoles(info && info->registerPools).threads;
  if (limits.threads && limits.threads != threads)
    return "threads: expected " + std::to_string(threads) +
           ", which the kernel has on " + target.chip + ", found " +
           std::to_string(limits.threads);
  if (limits.kvBlock && limits.kvBlock != s.numerics.kvBlock)
    return "kv-block: expected " + std::to_string(s.numerics.kvBlock) +
           ", since the schedule's numerics are fixed, found " +
           std::to_string(limits.kvBlock);
  if (limits.sharedBytes)
    target.sharedBytes = limits.sharedBytes;
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
