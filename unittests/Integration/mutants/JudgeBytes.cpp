//===- JudgeBytes.cpp - V1, V2, V5, V6 and V9 on bytes --------------------===//

#include "Judge.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace amk::mutants {

using namespace core;

namespace {

/// A set of bytes, kept as runs that do not touch.
class Bytes {
public:
  void add(uint64_t lo, uint64_t hi) {
    if (lo >= hi)
      return;
    auto it = runs.upper_bound(lo);
    if (it != runs.begin() && std::prev(it)->second >= lo)
      --it;
    while (it != runs.end() && it->first <= hi) {
      lo = std::min(lo, it->first);
      hi = std::max(hi, it->second);
      it = runs.erase(it);
    }
    runs[lo] = hi;
  }
  bool meets(uint64_t lo, uint64_t hi) const {
    auto it = runs.lower_bound(hi);
    return it != runs.begin() && std::prev(it)->second > lo;
  }
  bool covers(uint64_t lo, uint64_t hi) const {
    auto it = runs.upper_bound(lo);
    return it != runs.begin() && std::prev(it)->second >= hi;
  }
  bool operator==(const Bytes &o) const { return runs == o.runs; }

private:
  std::map<uint64_t, uint64_t> runs;
};

class ByteRules {
public:
  ByteRules(const Schedule &s, const Model &m, Verdict &v) : s(s), m(m), v(v) {}

  void run() {
    if (s.concurrent) {
      checkThresholds();
      checkGangs();
      checkInboxes();
    }
    checkWithin();
    checkPacketWriters();
    checkPartition();
    checkLocals();
    checkWriters();
  }

private:
  void checkThresholds() {
    std::vector<uint32_t> total(m.counters, 0);
    for (const JudgedTile &t : m.tiles)
      for (uint32_t c : t.signals)
        ++total[c];
    for (const JudgedTile &t : m.tiles)
      for (const auto &[counter, threshold] : t.waits)
        if (threshold < 1 || threshold > total[counter])
          v.add(2, "'" + s.tasks[t.task].name +
                       "' waits for what is never reached or nothing");
  }

  /// A shared gather: one tile on each worker of a cluster, and all want the
  /// same packets, some, of buffers that the task does not write.
  void checkGangs() {
    for (const Task &task : s.tasks)
      if (task.clusterGather && (!s.target || s.target->cluster < 2))
        v.add(1, "'" + task.name + "' shares gathers without clusters");
    std::vector<Runs> reads;
    for (const JudgedTile &t : m.tiles)
      reads.push_back(t.gang.empty() ? Runs() : gathered(t));
    for (const JudgedTile &t : m.tiles) {
      if (t.gang.empty())
        continue;
      const Runs &mine = reads[size_t(&t - m.tiles.data())];
      const auto wrong = [&](const char *what) {
        v.add(1, "'" + s.tasks[t.task].name + "' " + what);
      };
      std::set<uint32_t> workers;
      for (uint32_t mate : t.gang) {
        workers.insert(m.tiles[mate].worker);
        if (reads[mate] != mine)
          wrong("shares what its tiles do not all read");
      }
      if (workers.size() != t.gang.size() ||
          workers.size() != s.target->cluster)
        wrong("has no tile, or more than one, on a worker of a cluster");
      if (mine.empty())
        wrong("shares no packets");
      for (const std::vector<Use> &op : t.uses)
        for (const Use &use : op)
          if (use.write && mine.count(use.buffer))
            wrong("gathers what it writes");
    }
  }

  /// Who writes packets to an inbox is in its cluster; and no two of a buffer
  /// have one place there.
  void checkInboxes() {
    std::map<std::tuple<uint32_t, uint32_t, uint64_t>, uint64_t> packetAt;
    for (const InboxWrite &w : m.inboxes) {
      const Buffer &b = s.buffers[w.buffer];
      const uint32_t from = m.tiles[w.tile].worker;
      if (from / s.target->cluster != w.worker / s.target->cluster)
        v.add(1, "packets of '" + b.name + "' for another cluster");
      for (uint64_t p = w.first; p < w.last; ++p) {
        const auto at = std::make_tuple(w.buffer, w.worker, p % b.packetRoom);
        if (packetAt.try_emplace(at, p).first->second != p)
          v.add(7, "two packets of '" + b.name + "' in one place");
      }
    }
  }

  /// Bytes from and to, of buffers, that do not touch.
  using Runs = std::map<uint32_t, std::map<uint64_t, uint64_t>>;
  static void add(Runs &runs, const Use &use) {
    std::map<uint64_t, uint64_t> &of = runs[use.buffer];
    uint64_t lo = use.lo, hi = use.hi;
    for (auto at = of.begin(); at != of.end();) {
      if (at->second < lo || at->first > hi) {
        ++at;
        continue;
      }
      lo = std::min(lo, at->first);
      hi = std::max(hi, at->second);
      at = of.erase(at);
    }
    of[lo] = hi;
  }

  /// Packets that a tile reads and has not written in an operator before.
  Runs gathered(const JudgedTile &t) const {
    Runs read, written;
    for (const std::vector<Use> &op : t.uses) {
      for (const Use &use : op) {
        const auto &own = written[use.buffer];
        if (!use.write && s.buffers[use.buffer].packetElements &&
            std::none_of(own.begin(), own.end(), [&](const auto &w) {
              return w.first <= use.lo && use.hi <= w.second;
            }))
          add(read, use);
      }
      for (const Use &use : op)
        if (use.write)
          add(written, use);
    }
    return read;
  }

  /// Different operands of one operator lie apart if one is written.
  void checkWithin() {
    for (const JudgedTile &t : m.tiles)
      for (const Piece &a : t.pieces)
        for (const Piece &b : t.pieces)
          if (a.op == b.op && a.write && a.buffer != b.buffer &&
              a.storage == b.storage && a.lo < b.hi && b.lo < a.hi)
            v.add(5, "an operator touches the same bytes by two names");
  }

  /// Packets are written whole, in groups, and once.
  void checkPacketWriters() {
    std::map<uint32_t, Bytes> written;
    for (const JudgedTile &t : m.tiles)
      for (const std::vector<Use> &op : t.uses)
        for (const Use &use : op) {
          const Buffer &b = s.buffers[use.buffer];
          if (!use.write || !b.packetElements)
            continue;
          std::vector<uint32_t> groups{0, uint32_t(b.elements())};
          if (b.packetTiles != kNone)
            groups = s.tables[b.packetTiles];
          const unsigned width = b.type == ElementType::BF16 ? 2 : 4;
          const auto isBound = [&](uint64_t byte) {
            return std::find(groups.begin(), groups.end(), byte / width) !=
                   groups.end();
          };
          if (!isBound(use.lo) || !isBound(use.hi))
            v.add(1, "half a group of packets of '" + b.name + "'");
          if (written[use.buffer].meets(use.lo, use.hi))
            v.add(1, "packets of '" + b.name + "' written twice");
          written[use.buffer].add(use.lo, use.hi);
        }
  }

  /// The tiles of a task write each its own part of what the task writes.
  void checkPartition() {
    for (uint32_t t = 0, tile = 0; t < s.tasks.size(); ++t) {
      const Task &task = s.tasks[t];
      const uint32_t first = tile;
      tile += tilesOf(s, task);
      for (uint32_t o = uint32_t(cutOf(task)); o < task.ops.size(); ++o) {
        std::vector<Use> whole;
        addUses(s, task.ops[o], {0, extentOf(s, task.ops[o])}, whole);
        std::map<uint32_t, Bytes> wanted, found;
        for (const Use &use : whole)
          if (use.write)
            wanted[use.buffer].add(use.lo, use.hi);
        for (uint32_t i = first; i < tile; ++i) {
          for (const Use &use : m.tiles[i].uses[o])
            if (use.write && found[use.buffer].meets(use.lo, use.hi))
              v.add(6, "two tiles of '" + task.name + "' write the same");
          for (const Use &use : m.tiles[i].uses[o])
            if (use.write)
              found[use.buffer].add(use.lo, use.hi);
        }
        for (const auto &[buffer, bytes] : wanted)
          if (s.buffers[buffer].kind != BufferKind::Local &&
              !(found[buffer] == bytes))
            v.add(6, "the tiles of '" + task.name + "' do not make its whole");
      }
    }
  }

  void checkLocals() {
    for (const JudgedTile &t : m.tiles) {
      std::map<uint32_t, Bytes> written;
      for (const std::vector<Use> &op : t.uses) {
        for (const Use &use : op)
          if (!use.write && s.buffers[use.buffer].kind == BufferKind::Local &&
              !written[use.buffer].covers(use.lo, use.hi))
            v.add(6, "'" + s.tasks[t.task].name +
                         "' reads what its tile has not written");
        for (const Use &use : op)
          if (use.write)
            written[use.buffer].add(use.lo, use.hi);
      }
    }
  }

  /// The last write to every byte read went through the same buffer, and there
  /// is none where the loader fetches.
  void checkWriters() {
    /// The buffer that was written last, by first byte of a run that goes on to
    /// the next; kNone: nothing was.
    std::vector<std::map<uint64_t, uint32_t>> last(m.storages, {{0, kNone}});
    /// Likewise, of a buffer in shared memory, the worker that wrote it last.
    std::map<uint32_t, std::map<uint64_t, uint32_t>> home;
    const auto split = [](std::map<uint64_t, uint32_t> &map, uint64_t at) {
      auto it = std::prev(map.upper_bound(at));
      return it->first == at ? it : map.emplace(at, it->second).first;
    };
    for (const JudgedTile &t : m.tiles)
      for (uint32_t o = 0; o < s.tasks[t.task].ops.size(); ++o)
        for (const bool write : {false, true})
          for (const Piece &p : t.pieces) {
            if (p.op != o || p.write != write)
              continue;
            if (s.concurrent && s.buffers[p.buffer].space == Space::Shared) {
              auto &of = home.try_emplace(p.buffer).first->second;
              of.try_emplace(0, kNone);
              const auto first = split(of, p.lo), end = split(of, p.hi);
              for (auto it = first; !write && it != end; ++it)
                if (it->second != kNone && it->second != t.worker)
                  v.add(6, "'" + s.tasks[t.task].name + "' reads of '" +
                               s.buffers[p.buffer].name +
                               "' what another worker wrote last");
              if (write) {
                of.erase(first, end);
                of[p.lo] = t.worker;
              }
            }
            std::map<uint64_t, uint32_t> &map = last[p.storage];
            const auto lo = split(map, p.lo), hi = split(map, p.hi);
            if (write) {
              map.erase(lo, hi);
              map[p.lo] = p.buffer;
              continue;
            }
            const bool streamed = isStreamed(t, p);
            for (auto it = lo; it != hi; ++it)
              if (streamed && it->second != kNone)
                v.add(9, "'" + s.tasks[t.task].name +
                             "' streams what is written in the launch");
              else if (it->second != p.buffer &&
                       !(it->second == kNone && p.past))
                v.add(6, "'" + s.tasks[t.task].name + "' reads of '" +
                             s.buffers[p.buffer].name +
                             "' what another wrote, or nobody");
          }
    for (uint32_t b = 0; b < s.buffers.size(); ++b) {
      Bytes written;
      if (s.buffers[b].kind != BufferKind::Output)
        continue;
      for (const JudgedTile &t : m.tiles)
        for (const Piece &p : t.pieces)
          if (p.buffer == b && p.write)
            written.add(p.lo, p.hi);
      if (!written.covers(0, s.buffers[b].regionBytes()))
        v.add(6, "output '" + s.buffers[b].name + "' is not written in full");
    }
  }

  /// Whether the loader fetches it, which waits for no tile.
  bool isStreamed(const JudgedTile &t, const Piece &p) const {
    const Task &task = s.tasks[t.task];
    const Operator &op = task.ops[p.op];
    const uint32_t i = isProduct(op) ? 1 : streamedCache(op);
    return task.stream.rows && i != kNone && op.operands[i] == p.buffer;
  }

  const Schedule &s;
  const Model &m;
  Verdict &v;
};

} // namespace

void judgeBytes(const Schedule &s, const Model &m, Verdict &v) {
  ByteRules(s, m, v).run();
}

} // namespace amk::mutants
