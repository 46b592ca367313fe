//===- JudgeStructure.cpp - V1, V7 and V8 by hand -------------------------===//

#include "Judge.h"

#include "AMK/Schedule/TargetInfo.h"

#include <algorithm>
#include <map>
#include <set>

namespace amk::mutants {

using namespace core;

uint32_t tilesOf(const Schedule &s, const Task &task) {
  return task.bounds == kNone ? 1 : uint32_t(s.tables[task.bounds].size()) - 1;
}

uint32_t entryOf(const Schedule &s, uint32_t table, uint32_t tile,
                 uint32_t otherwise) {
  if (table == kNone)
    return otherwise;
  return s.tables[table][s.tables[table].size() == 1 ? 0 : tile];
}

size_t cutOf(const Task &task) {
  size_t o = 0;
  while (o < task.ops.size() && task.ops[o].prologue)
    ++o;
  return o;
}

namespace {

//===----------------------------------------------------------------------===//
// V1: names, operators, cuts, places
//===----------------------------------------------------------------------===//

class Structure {
public:
  Structure(const Schedule &s, Verdict &v) : s(s), v(v) {}

  void run() {
    checkNames(s.tasks);
    checkNames(s.buffers);
    checkNames(s.counters);
    for (const Buffer &b : s.buffers)
      checkBuffer(b);
    if (s.ring)
      check(s.ring->slots && s.ring->teams && s.ring->bytes &&
                s.ring->bytes % 16 == 0,
            "a ring of nothing");
    for (uint32_t t = 0; t < s.tasks.size() && v.safe(); ++t) {
      for (const Operator &op : s.tasks[t].ops)
        if (v.safe())
          checkOperator(t, op);
      if (v.safe())
        checkBody(s.tasks[t]);
      if (v.safe())
        checkBounds(s.tasks[t]);
      if (v.safe())
        checkPlaces(s.tasks[t]);
      if (v.safe())
        checkStream(s.tasks[t]);
    }
    if (v.safe())
      checkSlots();
  }

private:
  void check(bool holds, const std::string &what) {
    if (!holds)
      v.add(1, what);
  }

  template <typename T>
  void checkNames(const std::vector<T> &things) {
    std::set<std::string> names;
    for (const T &thing : things)
      check(names.insert(thing.name).second, "two of the name " + thing.name);
  }

  void checkBuffer(const Buffer &b) {
    check(b.space == Space::Own || b.kind == BufferKind::Activation,
          "a page for '" + b.name + "'");
    check((b.kind == BufferKind::Weight) == (b.view != kNone) &&
              (b.kind == BufferKind::Constant) == (b.rope != kNone),
          "'" + b.name + "' is not filled as its kind asks");
    checkInbox(b);
    if (!b.packetElements)
      return;
    // Twelve bytes beside the stamp.
    check(b.packetElements <= (b.type == ElementType::BF16 ? 6u : 3u) &&
              b.type != ElementType::I32 && b.kind == BufferKind::Activation &&
              b.space != Space::Shared,
          "packets of '" + b.name + "'");
    if (b.packetTiles == kNone)
      return;
    const std::vector<uint32_t> &groups = s.tables[b.packetTiles];
    bool good = groups.size() >= 2 && groups[0] == 0 &&
                int64_t(groups.back()) == b.shape[0];
    for (size_t i = 1; i < groups.size(); ++i)
      good &= groups[i] > groups[i - 1];
    check(good, "groups of packets of '" + b.name + "'");
  }

  void checkInbox(const Buffer &b) {
    if (b.space != Space::Cluster)
      return check(b.packetRoom == 0, "room for '" + b.name + "' nowhere");
    check(b.packetElements && s.concurrent && s.target && s.target->cluster > 1,
          "'" + b.name + "' in clusters that there are not");
    if (v.safe())
      check(b.packetRoom && b.packetRoom <= PacketTable(s, b).count,
            "no room for '" + b.name + "', or for more than there is");
  }

  void checkOperator(uint32_t t, const Operator &op) {
    const Arity n = arity(op);
    check(n.outputs > 0 && op.operands.size() == n.inputs + n.outputs,
          "operator " + op.name);
    for (uint32_t i = 0; i < op.operands.size() && v.safe(); ++i) {
      const Buffer &b = s.buffers[op.operands[i]];
      const bool written = i >= n.inputs;
      check(!written || !b.readOnly(), "a write into '" + b.name + "'");
      check(!written || !op.prologue || b.kind == BufferKind::Local,
            "a prologue that writes for others");
      if (b.kind == BufferKind::Local)
        check(localTask.try_emplace(op.operands[i], t).first->second == t,
              "'" + b.name + "' is of two tasks");
    }
  }

  /// Every operator is as large as what the one before feeds it.
  void checkBody(const Task &task) {
    const size_t cut = cutOf(task);
    check(cut < task.ops.size(), "no operator that is cut");
    if (!v.safe())
      return;
    Range fed{0, extentOf(s, task.ops[cut])};
    for (size_t o = cut; o < task.ops.size(); ++o) {
      check(!task.ops[o].prologue && fed.hi == extentOf(s, task.ops[o]),
            "a body whose operators do not fit together");
      fed = feeds(task.ops[o], fed);
    }
  }

  void checkBounds(const Task &task) {
    if (task.bounds == kNone)
      return;
    const std::vector<uint32_t> &bounds = s.tables[task.bounds];
    const size_t cut = cutOf(task);
    const int64_t extent = extentOf(s, task.ops[cut]);
    check(bounds.size() >= 2 && bounds[0] == 0 &&
              int64_t(bounds.back()) == extent,
          "bounds that are not from 0 to the extent");
    for (size_t i = 1; i < bounds.size(); ++i) {
      check(bounds[i] > bounds[i - 1], "bounds that do not rise");
      Range range{0, bounds[i]};
      for (size_t o = cut; o < task.ops.size() && i + 1 < bounds.size(); ++o) {
        const Operator &op = task.ops[o];
        const bool streamed = task.stream.rows && isProduct(op);
        check(range.hi % granuleOf(op) == 0 && (!streamed || range.hi % 4 == 0),
              "a cut inside a granule of " + op.name);
        range = feeds(op, range);
      }
    }
  }

  bool fits(uint32_t table, const Task &task) const {
    return table == kNone || (table < s.tables.size() &&
                              (s.tables[table].size() == 1 ||
                               s.tables[table].size() == tilesOf(s, task)));
  }

  void checkPlaces(const Task &task) {
    check(fits(task.workers, task) && fits(task.slots, task),
          "places of another number than tiles");
    if (!v.safe())
      return;
    for (uint32_t i = 0; i < tilesOf(s, task) && s.target; ++i)
      check(entryOf(s, task.workers, i, 0) < s.target->workers,
            "no such worker");
    for (const Wait &w : task.waits) {
      check(fits(w.threshold, task), "thresholds of another number");
      checkFan(task, w.counters, w.fan);
    }
    for (const Signal &signal : task.signals)
      checkFan(task, signal.counters, signal.fan);
  }

  void checkFan(const Task &task, uint32_t counters, const Fan &fan) {
    check(counters < s.counters.size() && fits(fan.first, task) &&
              fits(fan.last, task),
          "a fan of another number than tiles");
    for (uint32_t i = 0; v.safe() && i < tilesOf(s, task); ++i) {
      const uint32_t first = entryOf(s, fan.first, i, 0);
      const uint32_t last = entryOf(s, fan.last, i, first);
      check(first <= last && last < s.counters[counters].count,
            "a fan beyond its counters");
    }
  }

  /// Keys and values of as many positions as the kernel takes, of one block.
  void checkCacheStream(const Stream &stream, const Buffer &cache) {
    bool power = false;
    for (uint32_t rows = 16; rows <= 128; rows *= 2)
      power |= stream.rows == rows;
    check(s.ring && power && s.numerics.kvBlock % stream.rows == 0 &&
              int64_t(stream.columns) == cache.shape[3],
          "a stream of odd stages of '" + cache.name + "'");
  }

  void checkStream(const Task &task) {
    const Stream &stream = task.stream;
    if (!stream.rows)
      return;
    for (const Operator &op : task.ops)
      if (const uint32_t i = streamedCache(op); i != kNone)
        return checkCacheStream(stream, s.buffers[op.operands[i]]);
    check(s.ring && stream.rows == 4 && stream.columns &&
              stream.columns % 128 == 0,
          "a stream of odd stages");
    bool any = false;
    for (const Operator &op : task.ops)
      if (isProduct(op)) {
        any = true;
        check(stream.columns &&
                  s.buffers[op.operands[1]].shape[1] % stream.columns == 0,
              "stages that do not divide a row");
      }
    check(any, "a stream of no weight");
  }

  void checkSlots() {
    std::set<std::pair<uint32_t, uint32_t>> seen;
    size_t with = 0;
    for (const Task &task : s.tasks) {
      with += task.slots != kNone;
      for (uint32_t i = 0; task.slots != kNone && i < tilesOf(s, task); ++i)
        check(seen.emplace(entryOf(s, task.workers, i, 0),
                           entryOf(s, task.slots, i, 0))
                  .second,
              "a slot taken twice");
    }
    check(with == 0 || with == s.tasks.size(), "tasks without slots");
  }

  const Schedule &s;
  Verdict &v;
  std::map<uint32_t, uint32_t> localTask;
};

//===----------------------------------------------------------------------===//
// V7: shared memory
//===----------------------------------------------------------------------===//

constexpr uint64_t kWarps = 8;

uint64_t up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

/// Words of the plan rows of a task: eight, and for every buffer its place, of
/// packets one more, of packets in inboxes two.
uint64_t rowWords(const Schedule &s, const Task &task) {
  std::set<uint32_t> buffers;
  for (const Operator &op : task.ops)
    buffers.insert(op.operands.begin(), op.operands.end());
  uint64_t words = 8;
  for (uint32_t b : buffers)
    if (s.buffers[b].kind != BufferKind::Local)
      words += s.buffers[b].space == Space::Cluster ? 3
               : s.buffers[b].packetElements        ? 2
                                                    : 1;
  return up(words, 4);
}

/// What a KV head of split attention works in. Query heads come in columns of
/// eight, a query with 16 bytes behind it; the warps' results are combined one
/// column at a time.
uint64_t splitBytes(uint64_t group, uint64_t d) {
  const uint64_t column = std::min<uint64_t>(group, 8);
  return up(up(group, 8) * (d * 2 + 16), 16) + // queries
         2 * up(d * 2, 16) +                   // this key and value
         up(group * 4, 16) +                   // scores of this position
         up(kWarps * column * 8, 16) +         // maximum and sum by warp
         up(kWarps * column * d * 4, 16) +     // output by warp
         up(group * d * 4, 16);                // results
}

/// What the blocks of a cluster share gathers with: two barriers, two words,
/// and a sum of squares for each warp of theirs that gets packets of a norm's
/// input.
uint64_t clusterBytes(const Schedule &s) {
  uint64_t bytes = 0;
  for (const Task &task : s.tasks) {
    if (!task.clusterGather || !s.target || s.target->cluster < 2)
      continue;
    bytes = std::max<uint64_t>(bytes, 24);
    for (const Operator &op : task.ops)
      if (const Buffer &x = s.buffers[op.operands[0]];
          op.name == "rms_norm" && x.packetElements)
        bytes = std::max(
            bytes,
            24 + 4 * std::min<uint64_t>(up(PacketTable(s, x).count, 32) / 32,
                                        uint64_t(s.target->cluster) * kWarps));
  }
  return up(bytes, 16);
}

/// Rounds in which 256 threads take the packets that every tile of a task
/// gathers as a whole, 0 if there are none: of what a norm or a product reads
/// that the body has not made before.
uint64_t roundsOf(const Schedule &s, const Task &task) {
  std::set<uint32_t> made;
  for (const Operator &op : task.ops) {
    const uint32_t x = op.operands[0];
    const Buffer &b = s.buffers[x];
    if ((op.name == "rms_norm" || op.name == "linear" || op.name == "hash") &&
        b.packetElements && b.type == ElementType::BF16 && !made.count(x))
      return (PacketTable(s, b).count + 255) / 256;
    for (uint32_t i = arity(op).inputs; i < op.operands.size(); ++i)
      made.insert(op.operands[i]);
  }
  return 0;
}

/// Whether there are slices that come one by one: of a row that stages cut, in
/// packets that a tile polls itself, at most one a lane and round.
bool comesInSlices(const Schedule &s, const Task &task) {
  const bool together = task.clusterGather && s.target && s.target->cluster > 1;
  const uint64_t rounds = roundsOf(s, task);
  for (const Operator &op : task.ops)
    if (isProduct(op))
      return s.buffers[op.operands[1]].shape[1] >=
                 2 * int64_t(task.stream.columns) &&
             rounds > 0 && rounds <= 32 && !together;
  return false;
}

/// A barrier for each round.
uint64_t roundBytes(const Schedule &s) {
  uint64_t rounds = 0;
  for (const Task &task : s.tasks)
    if (task.stream.bySlice)
      rounds = std::max(rounds, roundsOf(s, task));
  return up(rounds * 8, 16);
}

/// What a kernel's block needs beside ring and pages.
uint64_t kernelBytes(const Schedule &s) {
  uint64_t words = 0, vector = 0, partial = 0;
  std::map<uint32_t, uint64_t> queue;
  for (const Task &task : s.tasks) {
    words = std::max(words, rowWords(s, task));
    std::vector<int64_t> longest(task.ops.size(), 0);
    for (uint32_t i = 0; i < tilesOf(s, task); ++i) {
      ++queue[entryOf(s, task.workers, i, 0)];
      Range range{0, extentOf(s, task.ops[cutOf(task)])};
      if (task.bounds != kNone)
        range = {s.tables[task.bounds][i], s.tables[task.bounds][i + 1]};
      for (size_t o = cutOf(task); o < task.ops.size(); ++o) {
        longest[o] = std::max(longest[o], range.size());
        range = feeds(task.ops[o], range);
      }
    }
    for (size_t o = 0; o < task.ops.size(); ++o) {
      const Operator &op = task.ops[o];
      uint64_t works = 0;
      for (uint32_t i = 0; i < arity(op).inputs; ++i)
        if (gathers(op, i))
          works += s.buffers[op.operands[i]].regionBytes();
      if (op.name == "attention")
        works =
            uint64_t(op.getInt("head_dim")) * 4 * (3 + kWarps + longest[o]) +
            kWarps * 8;
      if (isPartial(op) || isJoin(op))
        works = splitBytes(uint64_t(op.getInt("group")),
                           uint64_t(op.getInt("head_dim")));
      vector = std::max(vector, works);
      if (!isProduct(op))
        continue;
      const uint64_t columns = s.buffers[op.operands[1]].shape[1];
      const uint64_t slices = task.stream.columns
                                  ? columns / task.stream.columns
                                  : up(columns, 2048) / 2048;
      partial = std::max(partial, up(longest[o], 4) * slices * 4);
    }
  }
  uint64_t rows = 0;
  for (const auto &[worker, n] : queue)
    rows = std::max(rows, n);
  const uint64_t barriers = s.ring ? uint64_t(s.ring->slots) * 16 : 0;
  return barriers + up(rows * words * 4, 16) + up(vector, 16) +
         up(partial, 16) + 256 + clusterBytes(s) + roundBytes(s);
}

void checkShared(const Schedule &s, Verdict &v) {
  uint64_t pages = 0;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Shared)
      pages = std::max(pages, b.pageOffset + b.regionBytes());
  uint64_t inbox = 0;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Cluster)
      inbox = std::max(inbox, b.pageOffset + storedBytes(s, b));
  uint64_t bytes = pages + inbox;
  if (s.ring) {
    bytes += uint64_t(s.ring->slots) * s.ring->bytes;
    if (s.concurrent && s.target)
      bytes = up(bytes, 16) + kernelBytes(s);
  }
  if (s.target && bytes > s.target->sharedBytes)
    v.add(7, "more shared memory than a worker has");
}

void checkPacketPages(const Schedule &s, Verdict &v) {
  for (const Buffer &a : s.buffers)
    for (const Buffer &b : s.buffers) {
      if (&a >= &b || a.space != b.space ||
          (a.space != Space::Scratch && a.space != Space::Cluster) ||
          (!a.packetElements && !b.packetElements))
        continue;
      const bool apart = a.pageOffset + storedBytes(s, a) <= b.pageOffset ||
                         b.pageOffset + storedBytes(s, b) <= a.pageOffset;
      if (apart || (a.packetElements && b.packetElements &&
                    a.packetGeneration != b.packetGeneration))
        continue;
      v.add(7,
            "packets of '" + a.name + "' and '" + b.name + "' that look alike");
      return;
    }
}

} // namespace

void judgeStructure(const Schedule &s, Verdict &v) { Structure(s, v).run(); }

void judgeFit(const Schedule &s, Verdict &v) {
  for (const Buffer &b : s.buffers)
    if (b.space != Space::Own &&
        b.pageOffset % (b.packetElements              ? 16
                        : b.type == ElementType::BF16 ? 2
                                                      : 4))
      v.add(7, "a page of '" + b.name + "' that is not aligned");
  checkShared(s, v);
  checkPacketPages(s, v);
  if (s.target) {
    const TargetInfo *chip = lookupTarget(s.target->chip);
    if (!chip || s.target->sharedBytes > chip->sharedBytes)
      v.add(7, "no such chip");
    const uint32_t cluster = s.target->cluster;
    if (cluster < 1 || cluster > 8 || cluster == 3 || cluster == 5 ||
        cluster == 6 || cluster == 7 || s.target->workers % cluster ||
        (cluster > 1 && s.target->chip == "sm_80"))
      v.add(7, "clusters that the target cannot have");
  }
  if (!s.ring)
    return;
  // A thread of the block for each.
  if (s.target && s.ring->slots > (s.target->chip == "sm_80" ? 288u : 384u))
    v.add(7, "more slots than threads");
  if (!ringHolds(*s.ring))
    v.add(8, "a ring in which stages are lost");
  for (const Task &task : s.tasks) {
    if (!task.stream.rows)
      continue;
    uint64_t stage = uint64_t(task.stream.rows) * task.stream.columns * 2;
    for (const Operator &op : task.ops)
      if (streamedCache(op) != kNone)
        stage *= 2; // keys and values
    if (stage > s.ring->bytes)
      v.add(8, "stages larger than a slot");
    // The kernel keeps one stage a warp in registers: what is left of 168 on
    // sm_80 and of 240 elsewhere, 128 bytes a register.
    if (task.stream.held > 1)
      v.add(8, "more stages held than a warp can");
    if (task.stream.bySlice && !comesInSlices(s, task))
      v.add(8, "slices that do not come one by one");
    const uint64_t most = s.target && s.target->chip == "sm_80" ? 18944 : 28160;
    if (s.target && task.stream.held && s.ring->bytes > most)
      v.add(7, "a slot too large to be held");
  }
}

} // namespace amk::mutants
