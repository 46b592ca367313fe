//===- TargetInfo.h - What is known of every target -------------*- C++ -*-===//
//
// Targets are data. A pass, the verifier or an emitter that depends on what a
// chip can do asks here; nothing else compares chip names.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_TARGETINFO_H
#define AMK_SCHEDULE_TARGETINFO_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core {

struct TargetInfo {
  std::string_view chip;
  uint32_t workers;     ///< SMs of the usual board: one CTA each
  uint32_t sharedBytes; ///< shared memory that one block can have
  bool bulkCopies;      ///< cp.async.bulk that completes on an mbarrier
  bool clusters;        ///< distributed shared memory
  bool registerPools;   ///< setmaxnreg
  std::string_view board;
};

inline constexpr TargetInfo kTargets[] = {
    {"sm_80", 108, 163 * 1024, false, false, false, "A100"},
    {"sm_90", 132, 227 * 1024, true, true, true, "H100, H200"},
    {"sm_100", 148, 227 * 1024, true, true, true, "B200"},
    {"sm_120", 188, 99 * 1024, true, true, true, "RTX PRO 6000"},
};

/// The record of a chip, or null.
inline const TargetInfo *lookupTarget(std::string_view chip) {
  for (const TargetInfo &t : kTargets)
    if (t.chip == chip)
      return &t;
  return nullptr;
}

/// "sm_80, sm_90, ...": for messages.
inline std::string knownTargets() {
  std::string names;
  for (const TargetInfo &t : kTargets)
    names += (names.empty() ? "" : ", ") + std::string(t.chip);
  return names;
}

} // namespace amk::core

#endif // AMK_SCHEDULE_TARGETINFO_H
