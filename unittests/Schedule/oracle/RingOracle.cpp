//===- RingOracle.cpp - Every reachable state of a ring -------------------===//
//
// The machine, step by step as the kernel does it:
//
//   loader, for every stage s
//     wait until the slot is empty, if a stage was in it before
//     look how far the teams are: W = window or ahead
//     wait until stage s - W has landed
//     issue the copy; it lands at any later time
//   team, for every tile
//     gather: may take its next stage into registers, if that has landed
//     wait for all teams
//     product: takes its stages of the tile in order, each from registers or
//       when it has landed; releases the slot
//     wait for all teams
//
// A barrier that has completed c phases lets a wait for phase n (from 0) pass
// if c and n differ in parity. That is right if c > n, and a fault if not.
//
// Stages are numbered from the start of the stream, but a barrier and a team
// see numbers only modulo the least common multiple of 2 slots and teams, so
// states that differ by a multiple of it are one.
//
//===----------------------------------------------------------------------===//

#include "RingOracle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <unordered_set>
#include <vector>

namespace amk::core::oracle {

namespace {

enum Loader : uint8_t { WaitEmpty, Look, WaitWindow, WaitAhead };
/// Where a team stands in its tile.
enum Phase : uint8_t { Gather, Gathered, Product, Done };

constexpr int kMostSlots = 8, kMostCuts = 20;

/// Bytes only, so that states can be compared and hashed as such.
struct State {
  uint8_t loader = WaitEmpty;
  uint8_t stage = 0;   ///< that the loader is at
  uint8_t decided = 1; ///< whether stages below this begin a tile is decided
  uint8_t ended = 0;   ///< the last cut is the end of the stream
  /// Issued and not landed, by slot.
  uint8_t flying[kMostSlots] = {};
  /// Cuts ahead of the tile of the slowest team; 0 where there is none.
  uint8_t cuts[kMostCuts] = {};
  struct Team {
    uint8_t next = 0;
    uint8_t holds = 0;
    uint8_t tile = 0; ///< since the tile of the slowest team
    uint8_t phase = Gather;
  } team[kMostTeams];

  int cutCount() const {
    int n = 0;
    while (n < kMostCuts && cuts[n])
      ++n;
    return n;
  }
  bool operator==(const State &o) const {
    return std::memcmp(this, &o, sizeof(State)) == 0;
  }
};

struct Hash {
  size_t operator()(const State &s) const {
    uint64_t h = 0xcbf29ce484222325u;
    uint64_t words[sizeof(State) / 8 + 1] = {};
    std::memcpy(words, &s, sizeof(State));
    for (const uint64_t w : words)
      h = (h ^ w) * 0x9e3779b97f4a7c15u ^ (h >> 29);
    return size_t(h ^ h >> 32);
  }
};

class Search {
public:
  explicit Search(const RingModel &m) : m(m) {
    period = std::lcm(2 * m.slots, m.teams);
    while (period < std::max({m.slots, m.window, m.ahead}))
      period *= 2;
  }

  RingVerdict run() {
    State start;
    for (int w = 0; w < m.teams; ++w) {
      start.team[w].next = uint8_t(w);
      start.team[w].phase = m.holds ? Gather : Gathered;
    }
    visit(start);
    while (!open.empty() && fault.empty()) {
      const State s = open.back();
      open.pop_back();
      moves = 0;
      moveLoader(s);
      land(s);
      for (int w = 0; w < m.teams && fault.empty(); ++w)
        moveTeam(s, w);
      if (fault.empty() && moves == 0 && !finished(s))
        fault = "nothing moves" + where(s);
    }
    return {fault, seen.size()};
  }

private:
  void moveLoader(const State &s);
  void land(const State &s);
  void moveTeam(const State &s, int w);
  void hold(const State &s, int w);
  void take(const State &s, int w);
  void pass(const State &s, int w);

  //===--------------------------------------------------------------------===//
  // What a state says
  //===--------------------------------------------------------------------===//

  /// The first stage that its team has not taken.
  int firstLeft(const State &s) const {
    int first = 255;
    for (int w = 0; w < m.teams; ++w)
      first = std::min(first,
                       int(s.team[w].next) + (s.team[w].holds ? m.teams : 0));
    return first;
  }
  bool isReleased(const State &s, int stage) const {
    const State::Team &t = s.team[stage % m.teams];
    return stage < t.next || (stage == t.next && t.holds);
  }
  bool isFlying(const State &s, int stage) const {
    return s.flying[stage % m.slots] == stage + 1;
  }
  /// Phases that a slot's barriers have completed.
  int fullCount(const State &s, int slot) const {
    const int issued = (s.stage - slot + m.slots - 1) / m.slots;
    return issued - (s.flying[slot] != 0);
  }
  int emptyCount(const State &s, int slot) const {
    int n = 0;
    for (int stage = slot; stage < s.stage && isReleased(s, stage);
         stage += m.slots)
      ++n;
    return n;
  }
  /// Cuts up to and including one in front of `stage`.
  int tileOf(const State &s, int stage) const {
    int n = 0;
    while (n < kMostCuts && s.cuts[n] && s.cuts[n] <= stage)
      ++n;
    return n;
  }
  bool isPastEnd(const State &s, int stage) const {
    const int n = s.cutCount();
    return s.ended && stage >= s.cuts[n - 1];
  }
  bool finished(const State &s) const {
    for (int w = 0; w < m.teams; ++w)
      if (!s.ended || s.team[w].tile < s.cutCount())
        return false;
    return true;
  }
  std::string where(const State &s) const {
    std::string text = ": loader at " + std::to_string(s.stage);
    for (int w = 0; w < m.teams; ++w)
      text += ", team " + std::to_string(w) + " at " +
              std::to_string(s.team[w].next);
    return text;
  }

  /// Whether a wait for phase `n` of a barrier that has completed `c` passes.
  bool passes(const State &s, int c, int n, const char *who) {
    if ((c & 1) == (n & 1))
      return false;
    if (c <= n)
      fault = std::string(who) + " passes early" + where(s);
    return true;
  }

  //===--------------------------------------------------------------------===//
  // Steps
  //===--------------------------------------------------------------------===//

  /// Whether `stage` begins a tile, or the stream has ended, is decided;
  /// otherwise all ways to decide the next one become states.
  bool decide(const State &s, int stage) {
    if (s.ended || stage < s.decided)
      return true;
    State next = s;
    const int at = next.decided++;
    visit(next);
    next.cuts[next.cutCount()] = uint8_t(at);
    visit(next);
    next.ended = 1;
    visit(next);
    return false;
  }

  void visit(State s) {
    ++moves;
    int slowest = 255;
    for (int w = 0; w < m.teams; ++w)
      slowest = std::min(slowest, int(s.team[w].tile));
    const bool over = s.ended && slowest == s.cutCount();
    if (slowest && !over) {
      std::memmove(s.cuts, s.cuts + slowest, size_t(kMostCuts - slowest));
      std::memset(s.cuts + kMostCuts - slowest, 0, size_t(slowest));
      for (int w = 0; w < m.teams; ++w)
        s.team[w].tile -= slowest;
    }
    if (firstLeft(s) >= 2 * period)
      shift(s);
    if (seen.insert(s).second)
      open.push_back(s);
  }

  void shift(State &s) const {
    const auto down = [&](uint8_t &n) { n = uint8_t(n - period); };
    down(s.stage);
    down(s.decided);
    for (uint8_t &f : s.flying)
      if (f)
        down(f);
    for (int i = 0, n = s.cutCount(); i < n; ++i)
      down(s.cuts[i]);
    for (int w = 0; w < m.teams; ++w)
      down(s.team[w].next);
  }

  const RingModel m;
  int period;
  std::unordered_set<State, Hash> seen;
  std::vector<State> open;
  std::string fault;
  size_t moves = 0;
};

void Search::moveLoader(const State &s) {
  const int stage = s.stage, slot = stage % m.slots;
  if (!decide(s, stage) || isPastEnd(s, stage))
    return;
  State next = s;
  switch (Loader(s.loader)) {
  case WaitEmpty:
    if (stage >= m.slots && !passes(s, emptyCount(s, slot), stage / m.slots - 1,
                                    "the loader's slot"))
      return;
    next.loader = m.window == m.ahead ? WaitWindow : Look;
    break;
  case Look: {
    // Team 0 says when it begins a product.
    const int begun = s.team[0].tile + (s.team[0].phase >= Product);
    next.loader = tileOf(s, stage) < begun ? WaitWindow : WaitAhead;
    break;
  }
  case WaitWindow:
  case WaitAhead: {
    const int window = s.loader == WaitWindow ? m.window : m.ahead;
    // The kernel finds the slot by one subtraction.
    if (stage >= window && slot - window + m.slots < 0)
      fault = "the loader's window is wider than the ring" + where(s);
    else if (stage >= window &&
             !passes(s, fullCount(s, (stage - window) % m.slots),
                     (stage - window) / m.slots, "the loader's window"))
      return;
    next.flying[slot] = uint8_t(stage + 1);
    ++next.stage;
    next.loader = WaitEmpty;
    break;
  }
  }
  if (fault.empty())
    visit(next);
}

void Search::land(const State &s) {
  for (int slot = 0; slot < m.slots; ++slot)
    if (s.flying[slot]) {
      State next = s;
      next.flying[slot] = 0;
      visit(next);
    }
}

void Search::moveTeam(const State &s, int w) {
  if (s.ended && s.team[w].tile == s.cutCount())
    return;
  switch (Phase(s.team[w].phase)) {
  case Gather:
    if (m.holds && !s.team[w].holds)
      hold(s, w);
    [[fallthrough]];
  case Gathered:
  case Done:
    pass(s, w);
    break;
  case Product:
    take(s, w);
    break;
  }
}

/// Only looks: what has not landed is left alone.
void Search::hold(const State &s, int w) {
  const int stage = s.team[w].next;
  if (!decide(s, stage) || isPastEnd(s, stage) ||
      !passes(s, fullCount(s, stage % m.slots), stage / m.slots, "a hold"))
    return;
  State next = s;
  next.team[w].holds = 1;
  if (fault.empty())
    visit(next);
}

void Search::take(const State &s, int w) {
  const int stage = s.team[w].next;
  if (!decide(s, stage))
    return;
  State next = s;
  if (tileOf(s, stage) > s.team[w].tile) {
    next.team[w].phase = Done; // the tile has no more stages for this team
    return visit(next);
  }
  if (!s.team[w].holds &&
      !passes(s, fullCount(s, stage % m.slots), stage / m.slots, "a team"))
    return;
  next.team[w].holds = 0;
  next.team[w].next = uint8_t(stage + m.teams);
  if (fault.empty())
    visit(next);
}

/// From the gather to the product, and from a tile to the next.
void Search::pass(const State &s, int w) {
  State next = s;
  State::Team &t = next.team[w];
  if (t.phase == Gather) {
    t.phase = m.together ? Gathered : Product;
    return visit(next);
  }
  for (int v = 0; v < m.teams && m.together; ++v) {
    const State::Team &o = s.team[v];
    if (o.tile * 4 + o.phase < t.tile * 4 + t.phase)
      return;
  }
  if (t.phase == Gathered) {
    t.phase = Product;
  } else {
    // Who holds nothing has no business in a gather.
    t.phase = m.holds ? Gather : Product;
    ++t.tile;
  }
  visit(next);
}

} // namespace

RingVerdict judgeRing(const RingModel &model) { return Search(model).run(); }

std::string toString(const RingModel &m) {
  return std::to_string(m.slots) + " slots, " + std::to_string(m.teams) +
         " teams, window " + std::to_string(m.window) + ", ahead " +
         std::to_string(m.ahead) + (m.holds ? ", holds" : "");
}

std::string campaign(int slots, int teams,
                     const std::function<bool(const RingModel &)> &fits,
                     const std::function<bool(const RingModel &)> &accepts,
                     RingCounts &counts) {
  RingModel m;
  for (m.slots = 1; m.slots <= slots; ++m.slots)
    for (m.teams = 1; m.teams <= teams; ++m.teams)
      for (const bool holds : {false, true})
        for (m.window = 0; m.window <= m.slots + 2; ++m.window)
          for (m.ahead = 0; m.ahead <= m.window; ++m.ahead) {
            m.holds = holds;
            if (!fits(m))
              continue;
            const RingVerdict v = judgeRing(m);
            counts.states += v.states;
            ++(v.fault.empty() ? counts.safe : counts.unsafe);
            if (accepts(m) != v.fault.empty())
              return toString(m) + ": " +
                     (v.fault.empty() ? "refused, and safe" : v.fault);
          }
  return {};
}

} // namespace amk::core::oracle
