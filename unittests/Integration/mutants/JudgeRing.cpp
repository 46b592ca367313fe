//===- JudgeRing.cpp - A ring, stage by stage -----------------------------===//
//
// Loader and teams are moved as far as they go while the landing of one stage
// is withheld; every stage is withheld in turn. They look at barriers as the
// kernel does, by the parity of how often a barrier has completed.
//
//===----------------------------------------------------------------------===//

#include "Judge.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace amk::mutants {

using namespace core;

namespace {

class RingRun {
public:
  /// `distance`: the loader waits for the stage so far back.
  RingRun(const Ring &ring, uint32_t distance)
      : ring(ring), distance(distance),
        stages(4 * ring.slots + 2 * ring.teams) {}

  /// Whether everything is consumed if all lands, and nobody is let through too
  /// early whichever stage lands late.
  bool holds() {
    const uint32_t none = stages;
    if (!run(none) || consumed != stages)
      return false;
    for (uint32_t late = 0; late < stages; ++late)
      if (!run(late))
        return false;
    return true;
  }

private:
  /// False if a team takes a stage that has not landed.
  bool run(uint32_t late) {
    issued = consumed = 0;
    landings.assign(ring.slots, 0);
    taken.assign(stages, 0);
    std::vector<uint32_t> next(ring.teams);
    for (uint32_t team = 0; team < ring.teams; ++team)
      next[team] = team;
    for (bool moved = true; moved;) {
      moved = false;
      while (issued < stages && mayIssue()) {
        if (issued != late)
          ++landings[issued % ring.slots];
        ++issued;
        moved = true;
      }
      for (uint32_t &stage : next)
        while (stage < stages && passes(stage)) {
          if (landings[stage % ring.slots] != stage / ring.slots + 1)
            return false;
          taken[stage] = 1;
          ++consumed;
          stage += ring.teams;
          moved = true;
        }
    }
    return true;
  }

  /// A wait for the landing of a stage: whether the parity says that it has.
  bool passes(uint32_t stage) const {
    return (landings[stage % ring.slots] - stage / ring.slots) % 2 == 1;
  }
  bool mayIssue() const {
    if (issued >= ring.slots && !taken[issued - ring.slots])
      return false;
    if (distance == 0)
      return false; // the stage itself would have to be there
    return issued < distance || passes(issued - distance);
  }

  const Ring &ring;
  const uint32_t distance, stages;
  uint32_t issued = 0, consumed = 0;
  std::vector<uint32_t> landings; ///< by slot
  std::vector<char> taken;        ///< by stage
};

} // namespace

bool ringHolds(const Ring &ring) {
  using Key = std::tuple<uint32_t, uint32_t, uint32_t>;
  static std::map<Key, bool> known;
  const auto holds = [&](uint32_t distance) {
    const Key key{ring.slots, ring.teams, distance};
    if (const auto it = known.find(key); it != known.end())
      return it->second;
    return known[key] = RingRun(ring, distance).holds();
  };
  // Which of the two holds depends on how far the consumers are. With more
  // ahead than the window it would change in the middle of a tile, and leave
  // copies for whose landing nobody waits.
  return holds(ring.window) && holds(ring.ahead) && ring.ahead <= ring.window;
}

} // namespace amk::mutants
