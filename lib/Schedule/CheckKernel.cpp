//===- CheckKernel.cpp - A kernel's plan against its schedule -------------===//

#include "AMK/Schedule/KernelPlan.h"

#include <algorithm>
#include <cstring>

namespace amk::core {

namespace {

class Checker {
public:
  Checker(const Kernel &wanted, const Kernel &found, std::string &error)
      : wanted(wanted), found(found), error(error) {}

  bool run() {
    // The PTX may ask for its architecture's own features: "sm_90a".
    if (found.chip != wanted.chip && found.chip != wanted.chip + "a")
      return fail("chip", wanted.chip, found.chip);
    return same("workers", wanted.workers, found.workers) &&
           same("bytes of shared memory", wanted.sharedBytes,
                found.sharedBytes) &&
           same("bytes of the arena", wanted.arenaBytes, found.arenaBytes) &&
           same("first byte to clear", wanted.zeroOffset, found.zeroOffset) &&
           same("bytes to clear", wanted.zeroBytes, found.zeroBytes) &&
           same("place of the report", wanted.reportOffset,
                found.reportOffset) &&
           same("place of the times", wanted.traceOffset, found.traceOffset) &&
           same("rows of times", wanted.traceRows, found.traceRows) &&
           checkPlacements() && checkBlobs();
  }

private:
  bool fail(const std::string &what, const std::string &expected,
            const std::string &has) {
    error = "kernel: " + what + ": expected " + expected +
            ", as the schedule has it, found " + has;
    return false;
  }
  bool same(const std::string &what, uint64_t expected, uint64_t has) {
    return expected == has ||
           fail(what, std::to_string(expected), std::to_string(has));
  }

  bool checkPlacements() {
    if (!same("placements", wanted.placements.size(), found.placements.size()))
      return false;
    for (size_t i = 0; i < wanted.placements.size(); ++i) {
      const Placement &w = wanted.placements[i], &f = found.placements[i];
      const std::string which = "placement " + std::to_string(i) + ": ";
      if (!same(which + "buffer", w.buffer, f.buffer) ||
          !same(which + "offset", w.offset, f.offset) ||
          !same(which + "bytes", w.bytes, f.bytes) ||
          !same(which + "packed rows", w.packRows, f.packRows) ||
          !same(which + "packed columns", w.packColumns, f.packColumns))
        return false;
    }
    return true;
  }

  bool checkBlobs() {
    if (!same("blobs", wanted.blobs.size(), found.blobs.size()))
      return false;
    for (size_t i = 0; i < wanted.blobs.size(); ++i) {
      const Blob &w = wanted.blobs[i], &f = found.blobs[i];
      if (w.name != f.name)
        return fail("blob " + std::to_string(i), "'" + w.name + "'",
                    "'" + f.name + "'");
      const std::string which = "blob '" + w.name + "': ";
      if (!same(which + "offset", w.offset, f.offset) ||
          !same(which + "bytes", w.data.size(), f.data.size()))
        return false;
      const auto at =
          std::mismatch(w.data.begin(), w.data.end(), f.data.begin());
      if (at.first == w.data.end())
        continue;
      const size_t index = size_t(at.first - w.data.begin()) / 4;
      return same(which + "word " + std::to_string(index), word(w, index),
                  word(f, index));
    }
    return true;
  }

  static uint32_t word(const Blob &blob, size_t index) {
    uint32_t value = 0;
    std::memcpy(&value, blob.data.data() + index * 4,
                std::min<size_t>(4, blob.data.size() - index * 4));
    return value;
  }

  const Kernel &wanted, &found;
  std::string &error;
};

} // namespace

bool checkKernel(const Program &program, std::string &error) {
  if (!program.hasKernel)
    return true;
  KernelPlan plan;
  plan.trace = program.kernel.traceRows > 0;
  uint32_t task = kNone;
  if (!buildKernelPlan(program.schedule, plan, error, task)) {
    const std::string where =
        task < program.schedule.tasks.size()
            ? "task '" + program.schedule.tasks[task].name + "': "
            : "";
    error = "kernel: of a schedule that can have none: " + where + error;
    return false;
  }
  return Checker(plan.kernel, program.kernel, error).run();
}

} // namespace amk::core
