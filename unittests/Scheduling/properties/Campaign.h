//===- Campaign.h - Passes in random orders with random options -*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULING_PROPERTIES_CAMPAIGN_H
#define AMK_UNITTESTS_SCHEDULING_PROPERTIES_CAMPAIGN_H

#include "Steps.h"

#include <functional>

namespace amk::scheduling::properties {

/// How often something was asked for, and what came of it.
struct Tally {
  uint64_t accepted = 0, refused = 0;
};

struct Counts {
  uint64_t configurations = 0;
  std::map<std::string, uint64_t> models; ///< kinds of
  uint64_t alone = 0, inOrder = 0, anyOrder = 0;
  uint64_t complete = 0;   ///< ended concurrent, on pages and with a ring
  uint64_t schedules = 0;  ///< verified and run at two positions
  uint64_t concurrent = 0; ///< of these
  uint64_t gangs = 0;      ///< of these, with gathers that clusters share
  uint64_t inboxes = 0;    ///< with packets in cluster memory
  uint64_t bySlice = 0;    ///< with inputs that are taken by slices
  std::array<Tally, kPasses> passes;
  std::array<std::map<std::string, Tally>, kPasses> options;
  std::array<std::map<std::string, uint64_t>, kPasses> reasons;
  std::string failure; ///< the first one, in full; empty if none
};

/// Runs the configurations of `count` seeds from `seed` on, up to the first
/// failure. Each is a model, the schedule that the import makes of it, and
/// passes in some order. After every pass
///
/// - a request that the pass must refuse is refused with a reason and the
///   schedule is as before; one that it must take is taken;
/// - the schedule is legal, and its program file reads back as it was;
/// - the CPU device gives the logits and the token of the imported schedule,
///   bit for bit, at two positions.
///
/// `spoil`, for tests of the campaign itself, changes what a pass has left.
Counts campaign(uint64_t seed, uint64_t count,
                const std::function<void(core::Schedule &)> &spoil = {});

} // namespace amk::scheduling::properties

#endif // AMK_UNITTESTS_SCHEDULING_PROPERTIES_CAMPAIGN_H
