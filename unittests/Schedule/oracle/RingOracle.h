//===- RingOracle.h - What a ring of stages can do, by search ---*- C++ -*-===//
//
// A loader, teams and the barriers of a ring as an abstract machine, of which
// every reachable state is visited. The stream has no given length and no given
// cut into tiles: both are chosen when somebody first has to know, so one
// search covers all of them. Nothing of the checking core is used.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_SCHEDULE_ORACLE_RINGORACLE_H
#define AMK_UNITTESTS_SCHEDULE_ORACLE_RINGORACLE_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace amk::core::oracle {

constexpr int kMostTeams = 4;

struct RingModel {
  int slots = 1, teams = 1;
  int window = 1; ///< in flight for a tile whose product has begun
  int ahead = 1;  ///< in flight for a later tile
  bool holds = false;
  /// All teams end a tile before one of them begins the next, as in the kernel.
  bool together = true;
};

struct RingVerdict {
  std::string fault; ///< what went wrong first; empty if nothing can
  size_t states = 0;
};

RingVerdict judgeRing(const RingModel &model);

std::string toString(const RingModel &model);

struct RingCounts {
  size_t safe = 0, unsafe = 0, states = 0;
};

/// Judges all rings of up to that many slots and teams, every window up to two
/// more than slots and every `ahead` up to the window, if `fits` says so.
/// Returns the first ring on which `accepts` does not agree; empty if none.
std::string campaign(int slots, int teams,
                     const std::function<bool(const RingModel &)> &fits,
                     const std::function<bool(const RingModel &)> &accepts,
                     RingCounts &counts);

} // namespace amk::core::oracle

#endif // AMK_UNITTESTS_SCHEDULE_ORACLE_RINGORACLE_H
