//===- Oracle.cpp - Every reachable state of a small schedule -------------===//

#include "Oracle.h"

#include <map>
#include <set>

namespace amk::core::oracle {

namespace {

/// How far every worker has come.
using State = std::vector<uint8_t>;

/// Every state that the queues and hand-offs reach. With `packets` a tile waits
/// for the packets that it reads; without, packets come at any time. With
/// `meetings` the tiles of a gang wait until all of them are reached.
class Search {
public:
  Search(const Model &m, bool packets, bool meetings = true)
      : m(m), packets(packets), meetings(meetings),
        unfinished(m.tiles.size(), 0) {
    std::vector<State> todo{State(m.queues.size(), 0)};
    std::vector<char> seen(index(todo[0], true) + 1, 0);
    seen[0] = 1;
    while (!todo.empty()) {
      const State at = todo.back();
      todo.pop_back();
      ++states;
      const uint32_t ran = finished(at);
      bool moves = false, through = true;
      for (uint32_t w = 0; w < m.queues.size(); ++w) {
        if (at[w] == m.queues[w].size())
          continue;
        through = false;
        const uint32_t t = m.queues[w][at[w]];
        if (!enabled(t, ran))
          continue;
        moves = true;
        unfinished[t] |= ~ran;
        State next = at;
        ++next[w];
        if (char &s = seen[index(next, false)]; !s) {
          s = 1;
          todo.push_back(next);
        }
      }
      if (!moves && !through && !stuck) {
        stuck = true;
        stuckAt = at;
      }
    }
  }

  uint32_t finished(const State &at) const {
    uint32_t ran = 0;
    for (uint32_t w = 0; w < m.queues.size(); ++w)
      for (uint32_t i = 0; i < at[w]; ++i)
        ran |= 1u << m.queues[w][i];
    return ran;
  }

  bool enabled(uint32_t t, uint32_t ran) const {
    const TileModel &tile = m.tiles[t];
    if (packets && (tile.producers & ~ran))
      return false;
    for (uint32_t mate = 0; meetings && mate < m.tiles.size(); ++mate)
      if ((tile.gang >> mate & 1) && !(ran >> mate & 1) &&
          !(isHead(mate, ran) && counted(mate, ran)))
        return false;
    return counted(t, ran);
  }

  /// Whether all that stands before a tile in its queue has run.
  bool isHead(uint32_t t, uint32_t ran) const {
    for (uint32_t before : m.queues[m.tiles[t].worker]) {
      if (before == t)
        return true;
      if (!(ran >> before & 1))
        return false;
    }
    return false;
  }

  /// Whether the counters have what a tile waits for.
  bool counted(uint32_t t, uint32_t ran) const {
    for (const auto &[counter, threshold] : m.tiles[t].waits) {
      uint32_t value = 0;
      for (uint32_t o = 0; o < m.tiles.size(); ++o)
        if (ran >> o & 1)
          for (uint32_t c : m.tiles[o].signals)
            value += c == counter;
      if (value < threshold)
        return false;
    }
    return true;
  }

  /// The number of a state; of the last one if `last`.
  size_t index(const State &at, bool last) const {
    size_t i = 0;
    for (uint32_t w = 0; w < m.queues.size(); ++w)
      i = i * (m.queues[w].size() + 1) + (last ? m.queues[w].size() : at[w]);
    return i;
  }

  const Model &m;
  const bool packets, meetings;
  std::vector<uint32_t>
      unfinished; ///< by tile: which may not be done when it starts
  bool stuck = false;
  State stuckAt;
  size_t states = 0;
};

/// What a tile sees when it starts, followed through every execution: what its
/// worker ran, and whatever those had seen whose signals it acquired with the
/// counters that it waited for. Tiles that meet see what each of them saw when
/// it was reached; that they were all reached is known from the first of them
/// on that starts. A tile is one step here.
class Acquired {
public:
  Acquired(const Search &order) : unseen(order.m.tiles.size(), 0) {
    const Model &m = order.m;
    const size_t workers = m.queues.size();
    // Positions, what every worker sees, what every counter carries, what is
    // seen by every tile that one of its gang has met.
    const size_t met = 2 * workers + m.counters;
    std::vector<uint32_t> start(met + m.tiles.size(), 0);
    std::set<std::vector<uint32_t>> known{start};
    std::vector<std::vector<uint32_t>> todo{start};
    while (!todo.empty()) {
      const std::vector<uint32_t> at = todo.back();
      todo.pop_back();
      const State state(at.begin(), at.begin() + long(workers));
      const uint32_t ran = order.finished(state);
      for (uint32_t w = 0; w < workers; ++w) {
        if (at[w] == m.queues[w].size())
          continue;
        const uint32_t t = m.queues[w][at[w]];
        if (!order.enabled(t, ran))
          continue;
        std::vector<uint32_t> next = at;
        uint32_t &sees = next[workers + w];
        acquire(m, at, t, sees);
        if (const uint32_t gang = m.tiles[t].gang; gang && !(gang & ran)) {
          // The first of its gang.
          uint32_t all = 0;
          for (uint32_t mate = 0; mate < m.tiles.size(); ++mate)
            if (gang >> mate & 1) {
              all |= at[workers + m.tiles[mate].worker];
              acquire(m, at, mate, all);
            }
          for (uint32_t mate = 0; mate < m.tiles.size(); ++mate)
            if (gang >> mate & 1)
              next[met + mate] = all;
        }
        sees |= next[met + t];
        next[met + t] = 0;
        unseen[t] |= ~sees;
        sees |= 1u << t;
        for (uint32_t c : m.tiles[t].signals)
          next[2 * workers + c] |= sees;
        ++next[w];
        if (known.insert(next).second)
          todo.push_back(std::move(next));
      }
    }
  }

  std::vector<uint32_t> unseen; ///< by tile: what it may start without seeing

private:
  static void acquire(const Model &m, const std::vector<uint32_t> &at,
                      uint32_t t, uint32_t &sees) {
    for (const auto &[counter, threshold] : m.tiles[t].waits)
      sees |= at[2 * m.queues.size() + counter];
  }
};

std::string name(const Schedule &s, const TileModel &t) {
  return "'" + s.tasks[t.task].name + "' tile " + std::to_string(t.index);
}

/// Every pair of conflicting accesses against the definition.
///
/// What a tile of one worker sees of another's plain writes is decided in the
/// machine without packets: they are relaxed, and order nothing but their own
/// bytes, so what a counter has counted when they come is anyone's guess.
void judgeRaces(const Schedule &s, const Model &m, const Search &order,
                const std::vector<uint32_t> &unseenBy, Verdict &v) {
  for (uint32_t b = 0; b < m.tiles.size(); ++b)
    for (uint32_t a = 0; a < b; ++a) {
      const TileModel &first = m.tiles[a], &then = m.tiles[b];
      const bool unseen = unseenBy[b] >> a & 1;
      const bool undone = order.unfinished[b] >> a & 1;
      const char *what = nullptr;
      if (unseen && (first.writes & then.reads).any())
        what = "reads before it sees what is written by ";
      else if (unseen && (first.writes & then.writes).any())
        what = "overwrites before it sees what is written by ";
      else if (undone && (first.allReads & then.writes).any())
        what = "overwrites what may yet be read by ";
      if (what)
        v.add(5, name(s, then) + " " + what + name(s, first));
    }
}

/// The machine without packets against what is acquired in its single
/// executions: the same. In those that wait for packets nothing less is seen.
void checkVisibility(const Schedule &s, const Model &m, const Search &order,
                     const Search &visible, uint32_t before, Verdict &v) {
  const Acquired acquired(order), free(visible);
  for (uint32_t t = 0; t < m.tiles.size(); ++t) {
    const uint32_t others = ((1u << m.tiles.size()) - 1) & ~(1u << t);
    const uint32_t with = acquired.unseen[t] & others;
    const uint32_t without = visible.unfinished[t] & others;
    v.consistent &= (with & ~without) == 0;
    v.consistent &= (free.unseen[t] & others) == without;
  }
  if (before || !v.violates(5))
    return;
  Verdict strict;
  judgeRaces(s, m, order, acquired.unseen, strict);
  v.byPacketsOnly = strict.safe();
}

/// Memory as the writer of every byte: since every operator computes the same
/// from the same, equal writers are equal values.
class Values {
public:
  explicit Values(const Model &m) : m(m) {
    for (const TileModel &tile : m.tiles) {
      steps.emplace_back();
      for (const std::vector<Use> &op : tile.ops) {
        Step step;
        for (const Use &use : op)
          for (uint16_t i = 0; i < m.bytes; ++i)
            if (use.bytes[i])
              (use.write ? step.writes : step.reads).push_back(i);
        steps.back().push_back(std::move(step));
      }
    }
  }

  /// Whether every interleaving reads what program order reads.
  bool hold(const Search &search) {
    Memory memory(m.bytes, 0);
    expected.resize(m.tiles.size());
    for (uint32_t t = 0; t < m.tiles.size(); ++t)
      run(t, memory, expected[t]);
    std::map<State, Memory> seen;
    seen[State(m.queues.size(), 0)] = Memory(m.bytes, 0);
    // By sum of positions, so that a state comes after all that lead to it.
    std::vector<State> layer{seen.begin()->first};
    while (!layer.empty()) {
      std::map<State, Memory> next;
      for (const State &at : layer)
        if (!step(search, at, seen[at], next))
          return false;
      layer.clear();
      for (const auto &[at, bytes] : next)
        layer.push_back(at);
      seen = std::move(next);
    }
    return true;
  }

private:
  using Memory = std::vector<uint8_t>;

  bool step(const Search &search, const State &at, const Memory &memory,
            std::map<State, Memory> &next) {
    const uint32_t ran = search.finished(at);
    for (uint32_t w = 0; w < m.queues.size(); ++w) {
      if (at[w] == m.queues[w].size())
        continue;
      const uint32_t t = m.queues[w][at[w]];
      if (!search.enabled(t, ran))
        continue;
      Memory after = memory;
      Memory found;
      run(t, after, found);
      if (found != expected[t])
        return false;
      State then = at;
      ++then[w];
      const auto [it, isNew] = next.try_emplace(std::move(then), after);
      if (!isNew && it->second != after)
        return false;
    }
    return true;
  }

  /// Runs a tile; appends the writers of what it reads.
  void run(uint32_t t, Memory &memory, Memory &reads) const {
    for (uint32_t o = 0; o < steps[t].size(); ++o) {
      for (uint16_t i : steps[t][o].reads)
        reads.push_back(memory[i]);
      for (uint16_t i : steps[t][o].writes)
        memory[i] = uint8_t(1 + t * 4 + o);
    }
  }

  /// What one operator of a tile touches.
  struct Step {
    std::vector<uint16_t> reads, writes;
  };

  const Model &m;
  std::vector<std::vector<Step>> steps; ///< by tile
  std::vector<Memory> expected;         ///< what every tile reads
};

} // namespace

void judgeExecutions(const Schedule &s, const Model &m, Verdict &v) {
  if (!s.concurrent)
    return;
  const Search order(m, true);
  v.states = order.states;
  if (order.stuck) {
    std::string where = "stuck at";
    for (uint32_t w = 0; w < m.queues.size(); ++w)
      if (order.stuckAt[w] < m.queues[w].size())
        where += " worker " + std::to_string(w) + " " +
                 name(s, m.tiles[m.queues[w][order.stuckAt[w]]]);
    v.add(3, where);
    v.stuckByMeeting = hasGangs(s) && !Search(m, true, false).stuck;
    return; // what comes after is never reached
  }
  const Search visible(m, false);
  v.states += visible.states;
  const uint32_t before = v.rules;
  judgeRaces(s, m, order, visible.unfinished, v);
  checkVisibility(s, m, order, visible, before, v);
  if (!v.safe())
    return;
  v.valuesHold = Values(m).hold(order);
  if (!hasGangs(s))
    return;
  Verdict apart;
  judgeRaces(s, m, Search(m, true, false), Search(m, false, false).unfinished,
             apart);
  v.safeByMeeting = !apart.safe();
}

bool hasGangs(const Schedule &s) {
  bool gathers = false;
  for (const Task &t : s.tasks)
    gathers |= t.clusterGather;
  return gathers && s.concurrent && s.target && s.target->cluster > 1;
}

bool hasInboxes(const Schedule &s) {
  bool inboxes = false;
  for (const Buffer &b : s.buffers)
    inboxes |= b.space == Space::Cluster;
  return inboxes;
}

Verdict judge(const Schedule &s) {
  Verdict v;
  judgeStructure(s, v);
  if (!v.safe())
    return v;
  const Model m = makeModel(s);
  judgeBytes(s, m, v);
  judgeExecutions(s, m, v);
  return v;
}

} // namespace amk::core::oracle
