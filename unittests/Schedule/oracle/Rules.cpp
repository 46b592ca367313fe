//===- Rules.cpp - V1, V2, V6 and V7 by hand ------------------------------===//

#include "Oracle.h"
#include "Probe.h"

#include <algorithm>
#include <map>
#include <set>

namespace amk::core::oracle {

namespace {

//===----------------------------------------------------------------------===//
// V1: names, cuts, places
//===----------------------------------------------------------------------===//

class Structure {
public:
  Structure(const Schedule &s, Verdict &v) : s(s), v(v) {}

  void run() {
    std::set<std::string> names;
    for (const Task &t : s.tasks)
      check(names.insert(t.name).second, "two tasks of one name");
    for (const Buffer &b : s.buffers)
      checkPackets(b);
    for (uint32_t t = 0; t < s.tasks.size() && v.safe(); ++t) {
      checkOperators(t);
      if (v.safe())
        checkBounds(s.tasks[t]);
      if (v.safe())
        checkPlaces(s.tasks[t]);
    }
    if (v.safe())
      checkSlots();
  }

private:
  void check(bool holds, const char *what) {
    if (!holds)
      v.add(1, what);
  }

  void checkPackets(const Buffer &b) {
    const bool inbox = b.space == Space::Cluster;
    check(inbox || !b.packetRoom, "room where there is no inbox");
    check(!inbox || b.packetElements, "plain values in inboxes");
    if (!b.packetElements)
      return;
    check(!inbox || (s.concurrent && s.target->cluster > 1),
          "inboxes without clusters that run");
    check(!inbox ||
              (b.packetRoom && b.packetRoom <= packetsOf(s, b).back() + 1),
          "no room in inboxes, or more than can be used");
    check(b.packetElements * byteWidth(b.type) <= 12,
          "packets of more than 12 bytes of values");
    check(b.kind == BufferKind::Activation && b.type != ElementType::I32,
          "packets of something else than a bf16 or f32 activation");
    check(b.space != Space::Shared, "packets in shared memory");
  }

  void checkOperators(uint32_t t) {
    const Task &task = s.tasks[t];
    bool cut = false;
    for (const Operator &op : task.ops) {
      check(!cut || !op.prologue, "a prologue after the operator that is cut");
      cut |= !op.prologue;
      check(op.operands.size() == size_t(op.name[5] - '0') + (op.name[6] - '0'),
            "operands of another number");
      for (size_t i = 0; i < op.operands.size() && v.safe(); ++i) {
        const bool output = i >= size_t(op.name[5] - '0');
        check(op.operands[i] < s.buffers.size(), "no such buffer");
        if (!v.safe())
          return;
        const Buffer &b = s.buffers[op.operands[i]];
        check(!output || !b.readOnly(), "a write of what is never written");
        check(!output || !op.prologue || b.kind == BufferKind::Local,
              "a prologue that writes for others");
        if (b.kind == BufferKind::Local)
          check(localTask.try_emplace(op.operands[i], t).first->second == t,
                "a local buffer of two tasks");
      }
    }
    check(cut, "no operator that is cut");
  }

  void checkBounds(const Task &task) {
    int64_t extent = 0;
    for (const Operator &op : task.ops)
      if (!op.prologue) {
        const int64_t e = op.getInt("extent", 1);
        check(e >= 1 && (!extent || e == extent), "operators of other extents");
        extent = e;
      }
    if (task.bounds == kNone)
      return;
    check(task.bounds < s.tables.size(), "bounds: no such table");
    if (!v.safe())
      return;
    const std::vector<uint32_t> &bounds = s.tables[task.bounds];
    check(bounds.size() >= 2 && bounds.front() == 0 &&
              int64_t(bounds.back()) == extent,
          "bounds that are not from 0 to the extent");
    for (size_t i = 1; i < bounds.size(); ++i) {
      check(bounds[i] > bounds[i - 1], "bounds that do not rise");
      for (const Operator &op : task.ops)
        check(op.prologue || i + 1 == bounds.size() ||
                  bounds[i] % op.getInt("granule", 1) == 0,
              "a cut inside a granule");
    }
  }

  uint32_t tiles(const Task &task) const {
    return task.bounds == kNone ? 1
                                : uint32_t(s.tables[task.bounds].size()) - 1;
  }
  bool fitsTiles(uint32_t table, const Task &task) const {
    return table == kNone ||
           (table < s.tables.size() && (s.tables[table].size() == 1 ||
                                        s.tables[table].size() == tiles(task)));
  }
  uint32_t at(uint32_t table, uint32_t tile, uint32_t otherwise) const {
    if (table == kNone)
      return otherwise;
    return s.tables[table][s.tables[table].size() == 1 ? 0 : tile];
  }

  void checkPlaces(const Task &task) {
    check(fitsTiles(task.workers, task) && fitsTiles(task.slots, task),
          "places of another number than tiles");
    if (!v.safe())
      return;
    for (uint32_t i = 0; i < tiles(task); ++i)
      check(at(task.workers, i, 0) < s.target->workers, "no such worker");
    for (const Wait &w : task.waits) {
      check(fitsTiles(w.threshold, task), "thresholds of another number");
      checkFan(task, w.counters, w.fan);
    }
    for (const Signal &signal : task.signals)
      checkFan(task, signal.counters, signal.fan);
  }

  void checkFan(const Task &task, uint32_t counters, const Fan &fan) {
    check(counters < s.counters.size(), "no such counters");
    check(fitsTiles(fan.first, task) && fitsTiles(fan.last, task),
          "a fan of another number than tiles");
    if (!v.safe())
      return;
    for (uint32_t i = 0; i < tiles(task); ++i) {
      const uint32_t first = at(fan.first, i, 0);
      const uint32_t last = at(fan.last, i, first);
      check(first <= last && last < s.counters[counters].count,
            "a fan beyond its counters");
    }
  }

  void checkSlots() {
    std::set<std::pair<uint32_t, uint32_t>> seen;
    size_t with = 0;
    for (const Task &task : s.tasks) {
      with += task.slots != kNone;
      for (uint32_t i = 0; task.slots != kNone && i < tiles(task); ++i)
        check(seen.emplace(at(task.workers, i, 0), at(task.slots, i, 0)).second,
              "a slot taken twice");
    }
    check(with == 0 || with == s.tasks.size(), "tasks without slots");
  }

  const Schedule &s;
  Verdict &v;
  std::map<uint32_t, uint32_t> localTask;
};

//===----------------------------------------------------------------------===//
// V1, V6 and V7: bytes
//===----------------------------------------------------------------------===//

class Bytes {
public:
  Bytes(const Schedule &s, const Model &m, Verdict &v) : s(s), m(m), v(v) {}

  void run() {
    checkThresholds();
    checkPages();
    checkCluster();
    checkGangs();
    checkInboxes();
    for (const TileModel &tile : m.tiles)
      for (const std::vector<Use> &op : tile.ops)
        checkOperator(op);
    checkPacketWriters();
    checkPartition();
    checkWriters();
  }

private:
  void checkThresholds();
  void checkPages();
  void checkCluster();
  void checkGangs();
  void checkInboxes();
  std::vector<const Use *> gathered(const TileModel &tile) const;
  void checkOperator(const std::vector<Use> &uses);
  void checkPacketWriters();
  void checkPartition();
  void checkWriters();

  bool isLocal(const Use &use) const {
    return s.buffers[use.buffer].kind == BufferKind::Local;
  }

  const Schedule &s;
  const Model &m;
  Verdict &v;
};

void Bytes::checkThresholds() {
  if (!s.concurrent)
    return;
  std::vector<uint32_t> total(m.counters, 0);
  for (const TileModel &t : m.tiles)
    for (uint32_t c : t.signals)
      ++total[c];
  for (const TileModel &t : m.tiles)
    for (const auto &[counter, threshold] : t.waits)
      if (threshold < 1 || threshold > total[counter])
        v.add(2, "a threshold that is none or never reached");
}

void Bytes::checkPages() {
  uint64_t shared = 0, inbox = 0;
  /// Buffers by byte: in scratch, in inboxes.
  std::map<std::pair<bool, uint64_t>, std::vector<uint32_t>> pages;
  for (uint32_t i = 0; i < s.buffers.size(); ++i) {
    const Buffer &b = s.buffers[i];
    if (b.space == Space::Own)
      continue;
    if (b.pageOffset % (b.packetElements ? 16 : byteWidth(b.type)))
      v.add(7, "a page that is not aligned");
    if (b.space == Space::Shared)
      shared = std::max(shared, b.pageOffset + storageSize(s, b));
    else
      for (uint64_t k = 0; k < storageSize(s, b); ++k)
        pages[{b.space == Space::Cluster, b.pageOffset + k}].push_back(i);
    if (b.space == Space::Cluster)
      inbox = std::max(inbox, b.pageOffset + storageSize(s, b));
  }
  if (shared + inbox > s.target->sharedBytes)
    v.add(7, "more shared memory than there is");
  for (const auto &[byte, buffers] : pages)
    for (uint32_t a : buffers)
      for (uint32_t b : buffers) {
        const Buffer &x = s.buffers[a], &y = s.buffers[b];
        if (a < b && (x.packetElements || y.packetElements) &&
            (!x.packetElements || !y.packetElements ||
             x.packetGeneration == y.packetGeneration)) {
          v.add(7, "packets that share bytes");
          return;
        }
      }
}

void Bytes::checkCluster() {
  const uint32_t c = s.target->cluster;
  if ((c != 1 && c != 2 && c != 4 && c != 8) || s.target->workers % c)
    v.add(7, "clusters that do not fit the workers");
  if (c > 1 && s.target->chip == "sm_80")
    v.add(7, "clusters on a chip without");
}

/// The reads of packets of a tile, but where it has written everything from the
/// first byte to the last itself, in operators before.
std::vector<const Use *> Bytes::gathered(const TileModel &tile) const {
  std::vector<const Use *> out;
  std::map<uint32_t, BufferBytes> written;
  for (const std::vector<Use> &op : tile.ops) {
    for (const Use &use : op) {
      if (use.write || !s.buffers[use.buffer].packetElements)
        continue;
      size_t first = 0, last = use.touched.size();
      while (first < last && !use.touched[first])
        ++first;
      while (last > first && !use.touched[last - 1])
        --last;
      bool own = true;
      for (size_t i = first; i < last; ++i)
        own &= written[use.buffer][i];
      if (!own)
        out.push_back(&use);
    }
    for (const Use &use : op)
      if (use.write)
        written[use.buffer] |= use.touched;
  }
  return out;
}

/// A gang is one tile on each worker of a cluster, and all gather the same.
void Bytes::checkGangs() {
  if (!s.concurrent)
    return;
  for (const Task &task : s.tasks)
    if (task.clusterGather && s.target->cluster < 2)
      v.add(1, "a shared gather without clusters");
  for (const TileModel &tile : m.tiles) {
    if (!tile.gang)
      continue;
    std::multiset<uint32_t> workers;
    std::set<std::pair<uint32_t, std::string>> wanted, others;
    for (uint32_t t = 0; t < m.tiles.size(); ++t) {
      if (!(tile.gang >> t & 1))
        continue;
      workers.insert(m.tiles[t].worker);
      for (const Use *use : gathered(m.tiles[t]))
        (&m.tiles[t] == &tile ? wanted : others)
            .insert({use->buffer, use->touched.to_string()});
    }
    const uint32_t first = tile.worker / s.target->cluster * s.target->cluster;
    for (uint32_t w = first; w < first + s.target->cluster; ++w)
      if (workers.count(w) != 1)
        v.add(1, "a gang without one tile on each worker of its cluster");
    if (wanted.empty())
      v.add(1, "a shared gather of nothing");
    for (const auto &read : others)
      if (!wanted.count(read))
        v.add(1, "a gang of tiles that gather other packets");
    for (const std::vector<Use> &op : tile.ops)
      for (const Use &use : op)
        for (const auto &[buffer, bytes] : wanted)
          if (use.write && use.buffer == buffer)
            v.add(1, "a shared gather of what its own task writes");
  }
}

/// Who writes a packet reaches the inboxes of its cluster only; and no two
/// packets of a buffer lie in one place of an inbox, ever.
void Bytes::checkInboxes() {
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    const Buffer &buffer = s.buffers[b];
    if (buffer.space != Space::Cluster)
      continue;
    const std::vector<uint32_t> packets = packetsOf(s, buffer);
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> at; ///< worker, place
    for (const TileModel &tile : m.tiles)
      for (const uint32_t reader : readers(m, tile, b)) {
        if (reader / s.target->cluster != tile.worker / s.target->cluster)
          v.add(1, "packets to the inbox of another cluster");
        for (const std::vector<Use> &op : tile.ops)
          for (const Use &use : op)
            for (uint32_t i = 0; i < buffer.regionBytes(); ++i) {
              if (!use.write || use.buffer != b || !use.touched[i])
                continue;
              const uint32_t packet = packets[i / byteWidth(buffer.type)];
              const uint32_t place = packet % buffer.packetRoom;
              if (at.try_emplace({reader, place}, packet).first->second !=
                  packet)
                v.add(7, "two packets in one place of an inbox");
            }
      }
  }
}

/// What one operator touches in one tile: nothing orders that.
void Bytes::checkOperator(const std::vector<Use> &uses) {
  for (const Use &a : uses) {
    if (!a.inside)
      v.add(1, "bytes outside '" + s.buffers[a.buffer].name + "'");
    for (const Use &b : uses) {
      if (&a == &b || !a.write)
        continue;
      if (a.buffer != b.buffer) {
        if ((a.bytes & b.bytes).any())
          v.add(5, "one operator touches the same bytes by two names");
        continue;
      }
      const bool apart =
          (a.position == Position::Past && b.position == Position::Now) ||
          (a.position == Position::Now && b.position == Position::Past);
      if (!apart && (a.touched & b.touched).any() &&
          (b.write || a.touched != b.touched))
        v.add(1, "one operator updates other bytes than it reads");
    }
  }
}

/// Every write of packets is of whole groups, and the only one.
void Bytes::checkPacketWriters() {
  for (uint32_t i = 0; i < s.buffers.size(); ++i) {
    const Buffer &b = s.buffers[i];
    if (!b.packetElements)
      continue;
    std::vector<uint32_t> bounds{0, uint32_t(b.elements())};
    if (b.packetTiles != kNone)
      bounds = s.tables[b.packetTiles];
    const uint32_t width = byteWidth(b.type);
    BufferBytes written;
    for (const TileModel &tile : m.tiles)
      for (const std::vector<Use> &op : tile.ops)
        for (const Use &use : op) {
          if (!use.write || use.buffer != i)
            continue;
          bool whole =
              use.region.count == 1 || use.region.stride == use.region.bytes;
          for (size_t g = 0; g + 1 < bounds.size(); ++g)
            for (uint32_t k = bounds[g] * width; k < bounds[g + 1] * width; ++k)
              whole &= use.touched[k] == use.touched[bounds[g] * width];
          if (!whole)
            v.add(1, "a write of half a group of packets");
          if ((written & use.touched).any())
            v.add(1, "packets written twice");
          written |= use.touched;
        }
  }
}

/// The tiles of a task write each its own part of what the task writes.
void Bytes::checkPartition() {
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (uint32_t o = 0; o < s.tasks[t].ops.size(); ++o) {
      const Operator &op = s.tasks[t].ops[o];
      if (op.prologue || s.tasks[t].bounds == kNone)
        continue;
      // The operator in one tile: the same schedule, not cut.
      Schedule whole = s;
      whole.tasks = {s.tasks[t]};
      whole.tasks[0].ops = {op};
      whole.tasks[0].bounds = kNone;
      whole.tasks[0].waits.clear();
      whole.tasks[0].signals.clear();
      whole.tasks[0].workers = whole.tasks[0].slots = kNone;
      const Model one = makeModel(whole);
      for (uint32_t b = 0; b < s.buffers.size(); ++b) {
        if (s.buffers[b].kind == BufferKind::Local)
          continue;
        // At earlier positions, and at this one.
        BufferBytes wanted[2], found[2];
        const auto add = [&](const Use &use, BufferBytes *to) {
          if (!use.write || use.buffer != b)
            return;
          if (use.position != Position::Now)
            to[0] |= use.touched;
          if (use.position != Position::Past)
            to[1] |= use.touched;
        };
        for (const Use &use : one.tiles[0].ops[0]) {
          add(use, wanted);
          if (use.write && use.buffer == b && !use.inside)
            v.add(6, "tiles that write less than their task, which is outside");
        }
        for (const TileModel &tile : m.tiles) {
          if (tile.task != t)
            continue;
          BufferBytes mine[2];
          for (const Use &use : tile.ops[o])
            add(use, mine);
          for (int p = 0; p < 2; ++p) {
            if ((mine[p] & found[p]).any())
              v.add(6, "two tiles write the same bytes");
            found[p] |= mine[p];
          }
        }
        if (found[0] != wanted[0] || found[1] != wanted[1])
          v.add(6, "tiles that write more or less than their task");
      }
    }
}

/// The last write to every byte read went through the same buffer.
void Bytes::checkWriters() {
  std::vector<uint32_t> last(m.bytes, kNone);
  std::vector<BufferBytes> outputs(s.buffers.size()), kvNow = outputs;
  // Of bytes in shared memory: the worker whose they were written last.
  std::map<std::pair<uint32_t, size_t>, uint32_t> home;
  for (const TileModel &tile : m.tiles) {
    std::map<uint32_t, BufferBytes> locals;
    for (const std::vector<Use> &op : tile.ops) {
      for (const Use &use : op) {
        if (use.write)
          continue;
        if (isLocal(use) && (use.touched & ~locals[use.buffer]).any())
          v.add(6, "a read of what this tile has not written");
        const Buffer &b = s.buffers[use.buffer];
        if (use.bytes.none())
          continue;
        // Earlier positions count as written.
        bool wrong = false;
        for (size_t i = 0; i < m.bytes; ++i)
          if (use.bytes[i])
            wrong |= last[i] != use.buffer &&
                     !(b.kind == BufferKind::KvCache && last[i] == kNone);
        if (b.kind == BufferKind::KvCache && use.position != Position::Past)
          wrong |= (use.touched & ~kvNow[use.buffer]).any();
        if (s.concurrent && b.space == Space::Shared)
          for (size_t i = 0; i < use.touched.size(); ++i)
            wrong |= use.touched[i] && home.count({use.buffer, i}) &&
                     home[{use.buffer, i}] != tile.worker;
        if (wrong)
          v.add(6, "a read of what another wrote, or nobody: '" + b.name + "'");
      }
      for (const Use &use : op) {
        if (!use.write)
          continue;
        if (isLocal(use))
          locals[use.buffer] |= use.touched;
        outputs[use.buffer] |= use.touched;
        for (size_t i = 0; i < use.touched.size(); ++i)
          if (use.touched[i])
            home[{use.buffer, i}] = tile.worker;
        if (use.position != Position::Past)
          kvNow[use.buffer] |= use.touched;
        for (size_t i = 0; i < m.bytes; ++i)
          if (use.bytes[i])
            last[i] = use.buffer;
      }
    }
  }
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    for (uint64_t i = 0; s.buffers[b].kind == BufferKind::Output &&
                         i < s.buffers[b].regionBytes();
         ++i)
      if (!outputs[b][i]) {
        v.add(6, "an output that is not written in full");
        break;
      }
}

} // namespace

void judgeStructure(const Schedule &s, Verdict &v) { Structure(s, v).run(); }

void judgeBytes(const Schedule &s, const Model &m, Verdict &v) {
  Bytes(s, m, v).run();
}

} // namespace amk::core::oracle
