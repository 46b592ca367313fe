//===- Campaign.h - Verifier and oracle side by side ------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULE_ORACLE_CAMPAIGN_H
#define AMK_UNITTESTS_SCHEDULE_ORACLE_CAMPAIGN_H

#include "Oracle.h"

namespace amk::core::oracle {

struct Counts {
  uint64_t schedules = 0, safe = 0, concurrencyOnly = 0, byPacketsOnly = 0,
           states = 0;
  /// Concurrent ones with gangs; of those: safe, stuck only because gangs
  /// meet, safe only because they do.
  uint64_t gangs = 0, gangsSafe = 0, stuckByMeeting = 0, safeByMeeting = 0;
  /// With packets in inboxes; of those: safe; and of these: with room for less
  /// than all packets.
  uint64_t inboxes = 0, inboxesSafe = 0, inboxesSmall = 0;
  /// With inboxes and refused by the verifier, by its first rule.
  uint64_t inboxRule[10] = {};
  uint64_t firstRule[10] = {}; ///< of the verifier
  std::string disagreement;    ///< the first one, in full; empty if none
};

/// Why the verifier and the oracle disagree about a schedule; empty if they
/// agree: both accept, or the rule that the verifier reports first is violated
/// by the oracle's account too.
std::string disagreement(const Schedule &s, Counts *counts = nullptr);

/// Judges the schedules of `count` seeds from `seed` on, up to the first
/// disagreement.
Counts campaign(uint64_t seed, uint64_t count);

} // namespace amk::core::oracle

#endif // AMK_UNITTESTS_SCHEDULE_ORACLE_CAMPAIGN_H
