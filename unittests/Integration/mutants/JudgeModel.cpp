//===- JudgeModel.cpp - The tiles of a schedule and their bytes -----------===//

#include "Judge.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace amk::mutants {

using namespace core;

PacketTable::PacketTable(const Schedule &s, const Buffer &b) {
  std::vector<uint32_t> groups{0, uint32_t(b.elements())};
  if (b.packetTiles != kNone)
    groups = s.tables[b.packetTiles];
  for (size_t g = 0; g + 1 < groups.size(); ++g)
    for (uint32_t e = groups[g]; e < groups[g + 1]; ++e) {
      if ((e - groups[g]) % b.packetElements == 0)
        ++count;
      packetOf.push_back(count - 1);
    }
}

uint64_t storedBytes(const Schedule &s, const Buffer &b) {
  if (b.space == Space::Cluster)
    return uint64_t(b.packetRoom) * 16;
  return b.packetElements ? uint64_t(PacketTable(s, b).count) * 16
                          : b.regionBytes();
}

namespace {

class Maker {
public:
  explicit Maker(const Schedule &s) : s(s) {}

  Model run() {
    // Placement is inert in program order.
    const uint32_t workers = s.concurrent && s.target ? s.target->workers : 1;
    m.queues.resize(workers);
    placeBuffers(workers);
    std::vector<uint32_t> base;
    for (const CounterArray &c : s.counters) {
      base.push_back(m.counters);
      m.counters += c.count;
    }
    for (uint32_t t = 0; t < s.tasks.size(); ++t)
      addTask(t, base);
    for (std::vector<uint32_t> &queue : m.queues)
      std::sort(queue.begin(), queue.end(), [&](uint32_t a, uint32_t b) {
        return m.tiles[a].slot < m.tiles[b].slot;
      });
    m.packetCounters = m.counters;
    if (s.concurrent) {
      addPackets();
      addGangs();
      fillInboxes();
    }
    return std::move(m);
  }

private:
  void placeBuffers(uint32_t workers) {
    // Shared memory of every worker, scratch, the inbox of every worker.
    m.storages = 2 * workers + 1;
    for (const Buffer &b : s.buffers) {
      storage.push_back(m.storages);
      m.storages += b.kind == BufferKind::KvCache ? 2 : 1;
      packets.push_back(b.packetElements ? std::make_unique<PacketTable>(s, b)
                                         : nullptr);
    }
  }

  void addTask(uint32_t t, const std::vector<uint32_t> &base) {
    const Task &task = s.tasks[t];
    const size_t cut = cutOf(task);
    for (uint32_t i = 0; i < tilesOf(s, task); ++i) {
      JudgedTile tile;
      tile.task = t;
      tile.index = i;
      tile.worker = s.concurrent ? entryOf(s, task.workers, i, 0) : 0;
      tile.slot = uint32_t(m.tiles.size());
      if (s.concurrent)
        tile.slot = entryOf(s, task.slots, i, tile.slot);
      tile.range = {0, extentOf(s, task.ops[cut])};
      if (task.bounds != kNone)
        tile.range = {s.tables[task.bounds][i], s.tables[task.bounds][i + 1]};
      Range range = tile.range;
      for (uint32_t o = 0; o < task.ops.size(); ++o) {
        const Operator &op = task.ops[o];
        tile.uses.emplace_back();
        addUses(s, op, op.prologue ? Range{0, extentOf(s, op)} : range,
                tile.uses.back());
        if (!op.prologue)
          range = feeds(op, range);
        for (const Use &use : tile.uses.back())
          addPieces(use, o, tile);
      }
      addHandOffs(task, base, tile);
      m.queues[tile.worker].push_back(uint32_t(m.tiles.size()));
      m.tiles.push_back(std::move(tile));
    }
  }

  void addPieces(const Use &use, uint32_t o, JudgedTile &tile) const {
    const Buffer &b = s.buffers[use.buffer];
    if (b.kind == BufferKind::Local || b.readOnly())
      return;
    Piece piece{storage[use.buffer],   use.lo, use.hi, use.buffer, o, use.write,
                b.packetElements != 0, false};
    if (b.kind == BufferKind::KvCache) {
      // Earlier positions, and this one.
      if (use.position != Position::Now) {
        piece.past = true;
        tile.pieces.push_back(piece);
      }
      piece.past = false;
      ++piece.storage;
      if (use.position != Position::Past)
        tile.pieces.push_back(piece);
      return;
    }
    if (b.packetElements) {
      const std::vector<uint32_t> &of = packets[use.buffer]->packetOf;
      const unsigned width = b.type == ElementType::BF16 ? 2 : 4;
      piece.lo = uint64_t(of[use.lo / width]) * 16;
      piece.hi = uint64_t(of[use.hi / width - 1]) * 16 + 16;
    }
    // Inboxes are filled when all tiles are known.
    if (b.space != Space::Own && b.space != Space::Cluster) {
      piece.storage =
          b.space == Space::Shared ? tile.worker : uint32_t(m.queues.size());
      piece.lo += b.pageOffset;
      piece.hi += b.pageOffset;
    }
    tile.pieces.push_back(piece);
  }

  void addHandOffs(const Task &task, const std::vector<uint32_t> &base,
                   JudgedTile &tile) const {
    for (const Wait &w : task.waits) {
      const uint32_t first = entryOf(s, w.fan.first, tile.index, 0);
      const uint32_t last = entryOf(s, w.fan.last, tile.index, first);
      for (uint32_t c = first; c <= last; ++c)
        tile.waits.emplace_back(base[w.counters] + c,
                                entryOf(s, w.threshold, tile.index, 1));
    }
    for (const Signal &signal : task.signals) {
      const uint32_t first = entryOf(s, signal.fan.first, tile.index, 0);
      const uint32_t last = entryOf(s, signal.fan.last, tile.index, first);
      for (uint32_t c = first; c <= last; ++c)
        tile.signals.push_back(base[signal.counters] + c);
    }
  }

  /// A read of packets waits for the tiles that write them, but not for itself:
  /// a counter for every set of writers that is read.
  void addPackets() {
    std::vector<std::vector<std::pair<uint32_t, Piece>>> writers(
        s.buffers.size());
    for (uint32_t t = 0; t < m.tiles.size(); ++t)
      for (const Piece &p : m.tiles[t].pieces)
        if (p.packet && p.write)
          writers[p.buffer].emplace_back(t, p);
    std::map<std::vector<uint32_t>, uint32_t> known; ///< buffer, then tiles
    for (uint32_t t = 0; t < m.tiles.size(); ++t)
      for (size_t i = 0; i < m.tiles[t].pieces.size(); ++i) {
        const Piece p = m.tiles[t].pieces[i];
        if (!p.packet || p.write)
          continue;
        std::vector<uint32_t> from{p.buffer};
        for (const auto &[tile, w] : writers[p.buffer])
          if (tile != t && w.lo < p.hi && p.lo < w.hi &&
              (from.size() == 1 || from.back() != tile))
            from.push_back(tile);
        if (from.size() == 1)
          continue;
        const auto [it, isNew] = known.try_emplace(from, m.counters);
        if (isNew) {
          for (size_t k = 1; k < from.size(); ++k)
            m.tiles[from[k]].signals.push_back(m.counters);
          ++m.counters;
        }
        m.tiles[t].waits.emplace_back(it->second, uint32_t(from.size() - 1));
      }
  }

  /// Reads of packets in cluster memory are in the inbox of the tile's worker.
  /// What a tile writes goes to all workers with a tile that reads some of it.
  void fillInboxes() {
    using Spans = std::map<std::pair<uint32_t, uint32_t>,
                           std::set<std::pair<uint64_t, uint64_t>>>;
    Spans readAt; ///< bytes of packets, by buffer and worker
    for (const JudgedTile &t : m.tiles)
      for (const Piece &p : t.pieces)
        if (!p.write && s.buffers[p.buffer].space == Space::Cluster)
          readAt[{p.buffer, t.worker}].insert({p.lo, p.hi});
    for (uint32_t i = 0; i < m.tiles.size(); ++i) {
      JudgedTile &t = m.tiles[i];
      std::vector<Piece> placed;
      for (const Piece &p : t.pieces) {
        if (s.buffers[p.buffer].space != Space::Cluster)
          placed.push_back(p);
        else if (!p.write)
          inInbox(p, t.worker, placed);
        else
          for (auto at = readAt.lower_bound({p.buffer, 0});
               at != readAt.end() && at->first.first == p.buffer; ++at)
            if (readsOf(t, p.buffer, at->second)) {
              const uint32_t worker = at->first.second;
              inInbox(p, worker, placed);
              m.inboxes.push_back({p.buffer, i, worker, p.lo / 16, p.hi / 16});
            }
      }
      t.pieces = std::move(placed);
    }
  }

  /// Whether anything that a tile writes of a buffer is read.
  static bool readsOf(const JudgedTile &t, uint32_t buffer,
                      const std::set<std::pair<uint64_t, uint64_t>> &spans) {
    for (const Piece &p : t.pieces)
      for (const auto &[lo, hi] : spans)
        if (p.write && p.buffer == buffer && p.lo < hi && lo < p.hi)
          return true;
    return false;
  }

  /// Packets come round to the first place behind the last one.
  void inInbox(Piece piece, uint32_t worker, std::vector<Piece> &out) const {
    const Buffer &b = s.buffers[piece.buffer];
    const uint64_t size = uint64_t(b.packetRoom) * 16;
    piece.storage = uint32_t(m.queues.size()) + 1 + worker;
    for (uint64_t at = piece.lo, end = piece.hi; at < end;) {
      const uint64_t next = std::min(end, (at / size + 1) * size);
      piece.lo = b.pageOffset + at % size;
      piece.hi = piece.lo + next - at;
      out.push_back(piece);
      at = next;
    }
  }

  /// The tiles of a task on one cluster, where its gathers are shared.
  void addGangs() {
    const uint32_t cluster = s.target ? s.target->cluster : 1;
    if (cluster < 2)
      return;
    std::map<std::pair<uint32_t, uint32_t>, std::vector<uint32_t>> gangs;
    for (uint32_t t = 0; t < m.tiles.size(); ++t)
      if (s.tasks[m.tiles[t].task].clusterGather)
        gangs[{m.tiles[t].task, m.tiles[t].worker / cluster}].push_back(t);
    for (const auto &[key, gang] : gangs)
      for (uint32_t t : gang)
        m.tiles[t].gang = gang;
  }

  const Schedule &s;
  Model m;
  std::vector<uint32_t> storage; ///< by buffer
  std::vector<std::unique_ptr<PacketTable>> packets;
};

} // namespace

Model makeModel(const Schedule &s) { return Maker(s).run(); }

Verdict judge(const Schedule &s) {
  Verdict v;
  judgeStructure(s, v);
  if (!v.safe())
    return v;
  judgeFit(s, v);
  const Model m = makeModel(s);
  judgeBytes(s, m, v);
  if (s.concurrent)
    judgeRuns(s, m, v);
  return v;
}

} // namespace amk::mutants
