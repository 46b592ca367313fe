//===- StreamRing.h - When a ring of stages is safe -------------*- C++ -*-===//
//
// Every worker's loader fills the slots of a ring with stages, and its teams
// take them in turn: stage s lies in slot s mod slots and is team s mod
// teams'. A slot has two mbarriers, of which a wait names a phase by its parity
// only. Rule V8 is that nobody can come to wait for a phase before the phase
// before it is complete; the verifier and the pipelining pass ask here.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_STREAMRING_H
#define AMK_SCHEDULE_STREAMRING_H

#include <cstdint>

namespace amk::core {

/// Stages that a warp can hold in registers: the kernel has one place for them.
constexpr uint32_t kMostHeld = 1;

/// The most stages that may be in flight (issued and not landed), for every
/// number of stages and every way in which tasks cut them up; 0 if no number is
/// safe.
///
/// If the slots are a multiple of the teams, a team always meets the same slots
/// and has itself taken the stage that was in one before. Then only the loader
/// bounds the window: it waits for the stage `window` back, whose slot must not
/// have been filled again.
///
/// Otherwise stage s - slots is another team's. When a team comes to wait for s
/// it has taken s - teams, so stages up to s - teams - window have landed. That
/// covers s - slots if the window is at most slots - teams, and if it is larger
/// there is an execution in which s - slots is still in flight.
constexpr uint32_t mostInFlight(uint32_t slots, uint32_t teams) {
  if (teams == 0 || slots < teams)
    return 0;
  return slots % teams == 0 ? slots : slots - teams;
}

} // namespace amk::core

#endif // AMK_SCHEDULE_STREAMRING_H
