//===- Model.cpp - The tiles of a schedule, byte by byte ------------------===//

#include "Oracle.h"
#include "Probe.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace amk::core::oracle {

namespace {

/// Where every buffer lies in the one set of bytes.
class Layout {
public:
  Layout(const Schedule &s, uint32_t workers) : s(s) {
    uint64_t scratch = 0, shared = 0, inbox = 0;
    for (const Buffer &b : s.buffers) {
      uint64_t &arena = b.space == Space::Shared    ? shared
                        : b.space == Space::Cluster ? inbox
                                                    : scratch;
      if (b.space != Space::Own)
        arena = std::max(arena, b.pageOffset + storageSize(s, b));
    }
    sharedBytes = shared;
    inboxBytes = inbox;
    inboxBase = shared * workers;
    scratchBase = inboxBase + inbox * workers;
    uint64_t at = scratchBase + scratch;
    for (const Buffer &b : s.buffers) {
      base.push_back(at);
      if (b.space == Space::Own && b.kind != BufferKind::Local && !b.readOnly())
        at += storageSize(s, b) * (b.kind == BufferKind::KvCache ? 2 : 1);
    }
    bytes = at;
    for (const Buffer &b : s.buffers)
      packetOf.push_back(b.packetElements ? packetsOf(s, b)
                                          : std::vector<uint32_t>());
    if (at > ByteSet().size()) {
      std::fprintf(stderr, "oracle: a schedule of %llu bytes is too large\n",
                   (unsigned long long)at);
      std::abort();
    }
  }

  /// Where a use is at a worker.
  ByteSet place(const Use &use, uint32_t worker) const {
    ByteSet out;
    const Buffer &b = s.buffers[use.buffer];
    if (b.kind == BufferKind::Local || b.readOnly())
      return out;
    uint64_t start = base[use.buffer];
    if (b.space == Space::Shared)
      start = worker * sharedBytes + b.pageOffset;
    else if (b.space == Space::Cluster)
      start = inboxBase + worker * inboxBytes + b.pageOffset;
    else if (b.space == Space::Scratch)
      start = scratchBase + b.pageOffset;
    const uint64_t size = storageSize(s, b);
    const std::vector<uint32_t> &packet = packetOf[use.buffer];
    for (uint64_t i = 0; i < use.touched.size(); ++i) {
      if (!use.touched[i])
        continue;
      if (b.packetElements) {
        uint32_t slot = packet[i / byteWidth(b.type)];
        if (b.space == Space::Cluster)
          slot %= std::max(b.packetRoom, 1u);
        for (unsigned k = 0; k < 16; ++k)
          out.set(start + slot * 16 + k);
      } else if (b.kind == BufferKind::KvCache) {
        // Earlier positions, then this one.
        if (use.position != Position::Now)
          out.set(start + i);
        if (use.position != Position::Past)
          out.set(start + size + i);
      } else {
        out.set(start + i);
      }
    }
    return out;
  }

  uint64_t bytes; ///< of all

private:
  const Schedule &s;
  std::vector<uint64_t> base;
  std::vector<std::vector<uint32_t>> packetOf; ///< by buffer, by element
  uint64_t sharedBytes, inboxBytes, inboxBase, scratchBase;
};

uint32_t entry(const Schedule &s, uint32_t table, uint32_t tile,
               uint32_t otherwise) {
  if (table == kNone)
    return otherwise;
  const std::vector<uint32_t> &t = s.tables[table];
  return t[t.size() == 1 ? 0 : tile];
}

void addUses(const Schedule &s, const Operator &op, Range tile, int64_t extent,
             std::vector<Use> &uses) {
  for (const OpAttribute &a : op.attributes) {
    if (!isTouch(a))
      continue;
    const Touch t = decode(a);
    if (t.wholeOnly && tile.size() != extent)
      continue;
    for (int64_t u = tile.lo; u < tile.hi; ++u) {
      Use use{
          op.operands[t.operand], t.write, t.position, t.region, true, {}, {}};
      use.region.offset += uint64_t(u) * t.step;
      const uint64_t size = s.buffers[use.buffer].regionBytes();
      for (uint64_t k = 0; k < use.region.count; ++k)
        for (uint64_t i = 0; i < use.region.bytes; ++i) {
          const uint64_t at = use.region.offset + k * use.region.stride + i;
          if (at < size)
            use.touched.set(at);
          else
            use.inside = false;
        }
      uses.push_back(use);
      if (t.step == 0)
        break;
    }
  }
}

void addHandOffs(const Schedule &s, const Task &task,
                 const std::vector<uint32_t> &base, TileModel &tile) {
  for (const Wait &w : task.waits) {
    const uint32_t first = entry(s, w.fan.first, tile.index, 0);
    const uint32_t last = entry(s, w.fan.last, tile.index, first);
    for (uint32_t c = first; c <= last; ++c)
      tile.waits.push_back(
          {base[w.counters] + c, entry(s, w.threshold, tile.index, 1)});
  }
  for (const Signal &signal : task.signals) {
    const uint32_t first = entry(s, signal.fan.first, tile.index, 0);
    const uint32_t last = entry(s, signal.fan.last, tile.index, first);
    for (uint32_t c = first; c <= last; ++c)
      tile.signals.push_back(base[signal.counters] + c);
  }
}

/// A read of packets waits for the tiles that write them, but not for itself.
/// (A read of packets that nobody writes violates V6.)
void addProducers(const Schedule &s, Model &m) {
  for (TileModel &reader : m.tiles)
    for (const std::vector<Use> &op : reader.ops)
      for (const Use &use : op) {
        if (use.write || !s.buffers[use.buffer].packetElements)
          continue;
        for (uint32_t t = 0; t < m.tiles.size(); ++t)
          for (const std::vector<Use> &o : m.tiles[t].ops)
            for (const Use &w : o)
              if (w.write && w.buffer == use.buffer && &m.tiles[t] != &reader &&
                  (s.buffers[w.buffer].space == Space::Cluster
                       ? (w.touched & use.touched).any()
                       : (w.bytes & use.bytes).any()))
                reader.producers |= 1u << t;
      }
}

/// Places what every tile touches. Packets in inboxes are read in the reader's
/// own; what a tile writes there goes to every worker with a tile that reads
/// some of what it writes.
void placeUses(const Schedule &s, const Layout &layout, Model &m) {
  for (TileModel &tile : m.tiles) {
    for (std::vector<Use> &op : tile.ops)
      for (Use &use : op) {
        if (!use.write || s.buffers[use.buffer].space != Space::Cluster)
          use.bytes = layout.place(use, tile.worker);
        else
          for (uint32_t reader : readers(m, tile, use.buffer))
            use.bytes |= layout.place(use, reader);
        if (use.write)
          tile.writes |= use.bytes;
        else
          tile.allReads |= use.bytes;
        if (!use.write && !s.buffers[use.buffer].packetElements)
          tile.reads |= use.bytes;
      }
  }
}

/// The tiles of a task with a cluster gather on workers of one cluster.
void addGangs(const Schedule &s, Model &m) {
  if (!s.concurrent || !s.target || s.target->cluster < 2)
    return;
  for (TileModel &tile : m.tiles)
    for (uint32_t t = 0; t < m.tiles.size(); ++t)
      if (s.tasks[tile.task].clusterGather && m.tiles[t].task == tile.task &&
          m.tiles[t].worker / s.target->cluster ==
              tile.worker / s.target->cluster)
        tile.gang |= 1u << t;
}

} // namespace

std::set<uint32_t> readers(const Model &m, const TileModel &tile,
                           uint32_t buffer) {
  BufferBytes written;
  for (const std::vector<Use> &op : tile.ops)
    for (const Use &use : op)
      if (use.write && use.buffer == buffer)
        written |= use.touched;
  std::set<uint32_t> workers;
  for (const TileModel &other : m.tiles)
    for (const std::vector<Use> &op : other.ops)
      for (const Use &use : op)
        if (!use.write && use.buffer == buffer && (use.touched & written).any())
          workers.insert(other.worker);
  return workers;
}

std::vector<uint32_t> packetsOf(const Schedule &s, const Buffer &b) {
  std::vector<uint32_t> bounds{0, uint32_t(b.elements())}, packets;
  if (b.packetTiles != kNone)
    bounds = s.tables[b.packetTiles];
  uint32_t count = 0;
  for (size_t g = 0; g + 1 < bounds.size(); ++g)
    for (uint32_t e = bounds[g]; e < bounds[g + 1]; ++e) {
      if ((e - bounds[g]) % b.packetElements == 0)
        ++count;
      packets.push_back(count - 1);
    }
  return packets;
}

uint64_t storageSize(const Schedule &s, const Buffer &b) {
  if (b.space == Space::Cluster)
    return uint64_t(b.packetRoom) * 16;
  return b.packetElements ? (packetsOf(s, b).back() + 1) * uint64_t(16)
                          : b.regionBytes();
}

Model makeModel(const Schedule &s) {
  Model m;
  // Placement is inert in program order.
  const uint32_t workers = s.concurrent && s.target ? s.target->workers : 1;
  const Layout layout(s, workers);
  m.bytes = uint32_t(layout.bytes);
  std::vector<uint32_t> base;
  for (const CounterArray &c : s.counters) {
    base.push_back(m.counters);
    m.counters += c.count;
  }
  m.queues.resize(workers);
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    const Task &task = s.tasks[t];
    const int64_t extent = task.ops.back().getInt("extent", 1);
    std::vector<uint32_t> bounds{0, uint32_t(extent)};
    if (task.bounds != kNone)
      bounds = s.tables[task.bounds];
    for (uint32_t i = 0; i + 1 < bounds.size(); ++i) {
      TileModel tile;
      tile.task = t;
      tile.index = i;
      tile.range = {bounds[i], bounds[i + 1]};
      tile.worker = s.concurrent ? entry(s, task.workers, i, 0) : 0;
      tile.slot = s.concurrent
                      ? entry(s, task.slots, i, uint32_t(m.tiles.size()))
                      : uint32_t(m.tiles.size());
      for (const Operator &op : task.ops) {
        const int64_t whole = op.getInt("extent", 1);
        tile.ops.emplace_back();
        addUses(s, op, op.prologue ? Range{0, whole} : tile.range, whole,
                tile.ops.back());
      }
      addHandOffs(s, task, base, tile);
      m.queues[tile.worker].push_back(uint32_t(m.tiles.size()));
      m.tiles.push_back(std::move(tile));
    }
  }
  for (std::vector<uint32_t> &queue : m.queues)
    std::sort(queue.begin(), queue.end(), [&](uint32_t a, uint32_t b) {
      return m.tiles[a].slot < m.tiles[b].slot;
    });
  placeUses(s, layout, m);
  addProducers(s, m);
  addGangs(s, m);
  return m;
}

} // namespace amk::core::oracle
