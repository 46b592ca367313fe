//===- KernelPlan.cpp - Task classes, plan rows and the arena -------------===//

#include "AMK/Schedule/KernelPlan.h"

#include "AMK/Schedule/DirectReads.h"
#include "AMK/Schedule/Inboxes.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Schedule/WeightPacking.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>
#include <unordered_map>

namespace amk::core {

PacketLayout packetLayout(const Schedule &s, const Buffer &b) {
  PacketLayout l;
  l.elements = b.packetElements;
  l.bounds = b.packetTiles;
  std::vector<uint32_t> bounds{0, uint32_t(b.elements())};
  if (b.packetTiles != kNone)
    bounds = s.tables[b.packetTiles];
  uint32_t packets = 0;
  for (size_t g = 0; g + 1 < bounds.size(); ++g) {
    l.first.push_back(packets);
    packets += (bounds[g + 1] - bounds[g] + l.elements - 1) / l.elements;
  }
  l.first.push_back(packets);
  if (b.type == ElementType::F32)
    return l; // packet e / 3 holds value e
  l.locate.resize(size_t(b.elements()));
  for (size_t g = 0; g + 1 < bounds.size(); ++g)
    for (uint32_t e = bounds[g]; e < bounds[g + 1]; e += l.elements) {
      const uint32_t n = std::min(l.elements, bounds[g + 1] - e);
      for (uint32_t i = 0; i < n; ++i)
        l.locate[e + i] = uint32_t(l.packets.size()) | i << 16;
      l.packets.push_back(e | n << 16);
    }
  return l;
}

std::vector<uint32_t> sliceRounds(const PacketLayout &layout,
                                  uint32_t columns) {
  std::vector<uint32_t> rounds;
  for (size_t p = 0; p < layout.packets.size(); ++p) {
    const uint32_t first = layout.packets[p] & 0xffff;
    const uint32_t last = first + (layout.packets[p] >> 16) - 1;
    rounds.resize(std::max<size_t>(rounds.size(), last / columns + 1), 0);
    for (uint32_t slice = first / columns; slice <= last / columns; ++slice)
      rounds[slice] |= uint32_t(1) << (p / kConsumerThreads);
  }
  return rounds;
}

bool canShareGather(const Schedule &s, const Task &task, std::string &why) {
  if (!s.target || s.target->cluster < 2) {
    why = "expected a target with clusters to share a gather in, found none";
    return false;
  }
  uint32_t gathered = kNone;
  std::set<uint32_t> made; // in the body: no packets are read for it
  for (const Operator &op : task.ops) {
    const OperatorModel *model = lookupOperator(op.name);
    for (unsigned i = 0; i < op.operands.size(); ++i) {
      const Buffer &b = s.buffers[op.operands[i]];
      if (i >= model->inputs())
        made.insert(op.operands[i]);
      if (!b.packetElements || made.count(op.operands[i]))
        continue;
      if (!model->gathersWhole(i) || b.type != ElementType::BF16 ||
          b.space == Space::Cluster) {
        why =
            "operator '" + op.name +
            "': expected an input that every tile "
            "gathers as a whole from global memory, to share it in a cluster, "
            "found packets of '" +
            b.name + "'";
        return false;
      }
      if (gathered != kNone && gathered != op.operands[i]) {
        why = "operator '" + op.name + "': expected packets of '" +
              s.buffers[gathered].name +
              "', the input that is shared in a cluster, found packets of '" +
              b.name + "'";
        return false;
      }
      gathered = op.operands[i];
    }
  }
  if (gathered == kNone)
    why = "expected an input in packets, to share it in a cluster, found none";
  return gathered != kNone;
}

namespace {

/// Hands out places in the arena: units that fit a word of a plan row.
class Arena {
public:
  static constexpr uint64_t kMost = kArenaUnit << 32;

  uint32_t place(uint64_t bytes) {
    const uint64_t at = size;
    if (bytes > kMost || size > kMost) {
      size = kMost + kArenaUnit; // too large for good, and without overflow
      return 0;
    }
    size = (size + bytes + kArenaUnit - 1) / kArenaUnit * kArenaUnit;
    return uint32_t(at / kArenaUnit);
  }
  uint64_t bytes() const { return size; }
  bool fits() const { return size < kMost; }

private:
  uint64_t size = 0;
};

class Builder {
public:
  Builder(const Schedule &s, KernelPlan &plan)
      : s(s), plan(plan), tiles(expand(s)), inboxes(s, tiles) {}
  bool run(std::string &error, uint32_t &task);

private:
  void findClasses();
  std::string classKey(const Task &task, std::vector<uint32_t> &buffers) const;
  bool checkTask(const Task &task, std::string &error) const;
  bool checkHeads(const Operator &op, std::string &error) const;
  bool checkHandOffs(std::string &error, uint32_t &task) const;
  bool checkCacheStream(const Task &task, const Buffer &cache,
                        std::string &error) const;
  bool describeCacheStream(std::string &error);
  bool checkBuffers(std::string &error) const;
  bool checkRing(std::string &error) const;
  bool checkCluster(std::string &error) const;
  bool checkPublished(const Tile &tile, std::string &error) const;
  void placeZeroed();
  void placeBuffers();
  void placeWeights();
  bool placeTimes(std::string &error);
  void addBlob(std::string name, uint32_t place,
               const std::vector<uint32_t> &words);
  void fillHandOffs();
  void fillRows();
  void fillRow(const Tile &tile, uint32_t *row) const;
  void fillStages(const Tile &tile, uint32_t *row) const;
  uint32_t placeOf(uint32_t buffer) const { return places[buffer]; }
  uint32_t peersOf(const Tile &tile, uint32_t buffer) const;

  const Schedule &s;
  KernelPlan &plan;
  const Tiles tiles;
  const Inboxes inboxes;
  Arena arena;
  std::vector<uint32_t> places; ///< of every buffer, units of 128 bytes;
                                ///< bytes in cluster memory
  std::vector<uint32_t> firstWait, firstSignal; ///< per tile
  /// Buffers of every task as its class numbers them.
  std::vector<std::vector<uint32_t>> taskBuffers;
  /// The first task that streams a cache, and the cache's shape.
  mutable const Task *cacheStream = nullptr;
  mutable const std::vector<int64_t> *cacheShape = nullptr;
};

std::string Builder::classKey(const Task &task,
                              std::vector<uint32_t> &buffers) const {
  std::ostringstream key;
  std::unordered_map<uint32_t, size_t> numbers;
  const auto describe = [&](uint32_t id) {
    const auto [at, isNew] = numbers.try_emplace(id, numbers.size());
    key << ' ' << at->second;
    if (!isNew)
      return;
    const Buffer &b = s.buffers[id];
    if (b.kind != BufferKind::Local)
      buffers.push_back(id);
    key << ':' << int(b.kind) << ',' << int(b.type) << ',' << int(b.space)
        << ',' << b.packetElements << ',' << int64_t(b.packetTiles);
    if (b.space == Space::Shared)
      key << '@' << b.pageOffset;
    if (b.space == Space::Cluster)
      key << '%' << b.packetRoom;
    for (int64_t d : b.shape)
      key << 'x' << d;
  };
  key << task.stream.rows << 'x' << task.stream.columns;
  if (task.stream.bySlice)
    key << " by slices";
  if (sharesGather(s, task))
    key << " cluster";
  for (const Operator &op : task.ops) {
    key << '\n' << op.name << (op.prologue ? " p" : "");
    for (uint32_t id : op.operands)
      describe(id);
    for (const OpAttribute &a : op.attributes)
      key << ' ' << a.name << '=' << a.integer << '/' << a.real;
  }
  return key.str();
}

void Builder::findClasses() {
  std::map<std::string, uint32_t> known;
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    TaskClass c;
    c.task = t;
    const auto [at, isNew] = known.insert(
        {classKey(s.tasks[t], c.buffers), uint32_t(plan.classes.size())});
    plan.classOfTask.push_back(at->second);
    taskBuffers.push_back(c.buffers);
    if (!isNew)
      continue;
    std::vector<bool> written(s.buffers.size());
    for (const Operator &op : s.tasks[t].ops)
      for (size_t i = lookupOperator(op.name)->inputs(); i < op.operands.size();
           ++i)
        written[op.operands[i]] = true;
    uint32_t word = kPlanHeaderWords;
    for (uint32_t id : c.buffers) {
      ClassFields f;
      f.place = word++;
      if (s.buffers[id].packetElements) {
        f.packets = word++;
        f.written = written[id];
        if (f.written && s.buffers[id].space == Space::Cluster)
          f.peers = word++;
      }
      c.fields.push_back(f);
    }
    plan.classes.push_back(std::move(c));
  }
}

/// The loader reads the caches of all tasks alike: their shape and stages are
/// constants of the kernel.
bool Builder::checkCacheStream(const Task &task, const Buffer &cache,
                               std::string &error) const {
  if (task.stream.rows == 0 || !s.ring) {
    error = "expected a stream and a ring for '" + cache.name +
            "', found none (a row of it must be a multiple of " +
            std::to_string(kCacheColumns) + " values and a block of " +
            std::to_string(kLeastPositions) + " positions; " +
            "run the pipelining pass)";
    return false;
  }
  if (!cacheStream) {
    cacheStream = &task;
    cacheShape = &cache.shape;
  } else if (cache.shape != *cacheShape ||
             task.stream.rows != cacheStream->stream.rows) {
    error = "expected caches of one shape and stages, found '" + cache.name +
            "' to differ from that of task '" + cacheStream->name + "'";
    return false;
  }
  // A row of the plan names one split of one KV head.
  for (uint32_t t = 0, n = tileCount(s, task); t < n; ++t)
    if (tileRange(s, task, t).size() != 1) {
      error = "expected tiles of one KV head and split, found tile " +
              std::to_string(t) + " of " +
              std::to_string(tileRange(s, task, t).size());
      return false;
    }
  return true;
}

bool Builder::describeCacheStream(std::string &error) {
  if (!cacheStream)
    return true;
  const std::vector<int64_t> &shape = *cacheShape;
  const uint64_t plane =
      uint64_t(shape[1]) * uint64_t(shape[2]) * uint64_t(shape[3]) * 2;
  // The kernel counts positions in 32 bits.
  constexpr int64_t kMost = int64_t(1) << 30;
  const Numerics &n = s.numerics;
  if (s.positions > kMost || n.kvBlock > kMost) {
    error = "expected at most " + std::to_string(kMost) +
            " positions, and in a block, found " + std::to_string(s.positions) +
            " and " + std::to_string(n.kvBlock);
    return false;
  }
  plan.cacheStream = {cacheStream->stream.rows,     uint32_t(shape[3]) * 2,
                      uint32_t(plane / kArenaUnit), uint32_t(n.kvBlock),
                      uint32_t(n.kvChunk),          uint32_t(n.kvSplits)};
  return true;
}

/// A thread polls for the query, the key or the value, with one instruction.
bool Builder::checkHeads(const Operator &op, std::string &error) const {
  if (op.name != "attention_join")
    return true;
  const Buffer *first = nullptr;
  for (unsigned i = 0; i < 3; ++i) {
    const Buffer &b = s.buffers[op.operands[i]];
    if (!b.packetElements)
      continue;
    if (first &&
        (first->space == Space::Cluster) != (b.space == Space::Cluster)) {
      error = "operator '" + op.name + "': expected the packets of '" +
              first->name + "' and '" + b.name +
              "' in the same memory, found " +
              std::string(toString(first->space)) + " and " +
              std::string(toString(b.space));
      return false;
    }
    first = &b;
  }
  return true;
}

bool Builder::checkTask(const Task &task, std::string &error) const {
  if (task.clusterGather && !canShareGather(s, task, error))
    return false;
  for (const Operator &op : task.ops) {
    if (const Buffer *cache = streamedCache(s, op))
      if (!checkCacheStream(task, *cache, error))
        return false;
    if (!checkHeads(op, error))
      return false;
    if (!streamedWeight(s, op))
      continue;
    if (task.stream.rows != kPackRows || task.stream.columns == 0) {
      error = "expected a stream of 4 rows for the product, found " +
              std::to_string(task.stream.rows) +
              " rows (run the pipelining pass)";
      return false;
    }
    if (!s.ring) {
      error = "expected a ring for the stream, found none";
      return false;
    }
    for (uint32_t t = 0, n = tileCount(s, task); t < n; ++t)
      if (tileRange(s, task, t).lo % kPackRows) {
        error = "expected tiles that start at a multiple of 4 rows, found " +
                std::to_string(tileRange(s, task, t).lo);
        return false;
      }
  }
  return true;
}

/// A plan row has 24 bits for the first wait or signal and 8 for their number.
bool Builder::checkHandOffs(std::string &error, uint32_t &task) const {
  constexpr size_t kMost = 1 << 24;
  if (tiles.waits.size() >= kMost || tiles.signals.size() >= kMost) {
    error = "expected fewer than " + std::to_string(kMost) +
            " waits and signals, found " + std::to_string(tiles.waits.size()) +
            " and " + std::to_string(tiles.signals.size());
    return false;
  }
  for (const Tile &tile : tiles.tiles)
    if (tile.lastWait - tile.firstWait > 255 ||
        tile.lastSignal - tile.firstSignal > 255) {
      task = tile.task;
      error = "expected at most 255 waits and signals of a tile, found " +
              std::to_string(tile.lastWait - tile.firstWait) + " and " +
              std::to_string(tile.lastSignal - tile.firstSignal);
      return false;
    }
  return true;
}

/// What the kernel asks of buffers beyond the rules: packets hold whole pairs,
/// their tables have 16 bits for a place, and the arena counts in units.
bool Builder::checkBuffers(std::string &error) const {
  for (const Buffer &b : s.buffers) {
    const std::string name = "buffer '" + b.name + "': ";
    if (b.space == Space::Scratch && b.pageOffset % kArenaUnit) {
      error = name + "expected a page at a multiple of " +
              std::to_string(kArenaUnit) + " bytes, found " +
              std::to_string(b.pageOffset);
      return false;
    }
    if (!b.packetElements)
      continue;
    if (b.packetGeneration > 0xffff) {
      error = name + "expected at most 65536 generations of packets, found " +
              std::to_string(b.packetGeneration + 1);
      return false;
    }
    if (b.type == ElementType::F32) {
      bool whole = b.packetElements == kPartValues;
      if (b.packetTiles != kNone)
        for (uint32_t bound : s.tables[b.packetTiles])
          whole &= bound % kPartValues == 0;
      if (whole)
        continue;
      error = name + "expected packets of 3 float32 values, and groups of a "
                     "multiple of 3";
      return false;
    }
    bool even = b.packetElements % 2 == 0 && b.elements() % 2 == 0;
    if (b.packetTiles != kNone)
      for (uint32_t bound : s.tables[b.packetTiles])
        even &= bound % 2 == 0;
    if (!even) {
      error = name + "expected packets, and groups of them, of an even number "
                     "of values";
      return false;
    }
    if (b.elements() > 0xffff) {
      error = name + "expected at most 65535 values in packets, found " +
              std::to_string(b.elements());
      return false;
    }
  }
  return true;
}

bool Builder::checkRing(std::string &error) const {
  if (!s.ring)
    return true;
  if (s.ring->teams != kConsumerWarps) {
    error = "expected a ring for " + std::to_string(kConsumerWarps) +
            " teams, the kernel's consumer warps, found " +
            std::to_string(s.ring->teams);
    return false;
  }
  return true;
}

/// Worker w is CTA w of the grid, which is made of whole clusters.
bool Builder::checkCluster(std::string &error) const {
  const uint32_t cluster = s.target->cluster;
  const TargetInfo *info = lookupTarget(s.target->chip);
  if (cluster == 1)
    return true;
  if (cluster == 0 || tiles.workers % cluster) {
    error = "expected a number of workers that the cluster divides, found " +
            std::to_string(tiles.workers) + " workers in clusters of " +
            std::to_string(cluster);
    return false;
  }
  if (!info || !info->clusters) {
    error = "expected a target with clusters, found " + s.target->chip;
    return false;
  }
  return true;
}

/// The lanes of a tile number its packets from its first on, so they must be
/// one group. They publish while others still read.
bool Builder::checkPublished(const Tile &tile, std::string &error) const {
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const Access &a = tiles.accesses[i];
    const Buffer &b = s.buffers[a.buffer];
    if (!a.write || !b.packetElements)
      continue;
    if (const uint32_t read = directRead(s, tiles, tile); read != kNone) {
      error = "operator '" + s.tasks[tile.task].ops[tiles.accessOp[read]].name +
              "': expected '" + b.name +
              "' without packets, since the tile reads '" +
              s.buffers[tiles.accesses[read].buffer].name +
              "' while it publishes them, found packets of " +
              std::to_string(b.packetElements);
      return false;
    }
    if (b.packetTiles == kNone)
      continue;
    const std::vector<uint32_t> &bounds = s.tables[b.packetTiles];
    const uint64_t width = byteWidth(b.type);
    const uint64_t lo = a.region.offset / width;
    const uint64_t hi = lo + a.region.bytes / width;
    const auto at = std::lower_bound(bounds.begin(), bounds.end(), lo);
    if (at + 1 < bounds.end() && *at == lo && *(at + 1) == hi)
      continue;
    error = "tile " + std::to_string(tile.index) +
            ": expected to write one group of packets of '" + b.name +
            "', found values " + std::to_string(lo) + " to " +
            std::to_string(hi);
    return false;
  }
  return true;
}

void Builder::placeZeroed() {
  // Counters, the watchdog's record and everything that packets live in.
  plan.countersPlace = arena.place(uint64_t(tiles.counterCount) * 4);
  plan.reportPlace = arena.place(16 + uint64_t(tiles.workers) * 16);
  places.assign(s.buffers.size(), 0);
  uint64_t scratch = 0;
  const auto bytesOf = [&](const Buffer &b) {
    if (!b.packetElements)
      return b.regionBytes();
    return uint64_t(plan.packetTables[packetKey(b)].layout.first.back()) * 16;
  };
  for (const Buffer &b : s.buffers) {
    if (b.packetElements) {
      auto &t = plan.packetTables[packetKey(b)];
      if (t.layout.first.empty())
        t.layout = packetLayout(s, b);
      plan.generations = std::max(plan.generations, b.packetGeneration + 1);
    }
    if (b.space == Space::Scratch)
      scratch = std::max(scratch, b.pageOffset + bytesOf(b));
  }
  const uint32_t scratchPlace = arena.place(scratch);
  for (uint32_t i = 0; i < s.buffers.size(); ++i) {
    const Buffer &b = s.buffers[i];
    if (b.space == Space::Scratch)
      places[i] = scratchPlace + uint32_t(b.pageOffset / kArenaUnit);
    else if (b.space == Space::Cluster)
      places[i] = uint32_t(b.pageOffset);
    else if (b.packetElements)
      places[i] = arena.place(bytesOf(b));
  }
  plan.kernel.zeroOffset = 0;
  plan.kernel.zeroBytes = arena.bytes();
  plan.kernel.reportOffset = uint64_t(plan.reportPlace) * kArenaUnit;
}

void Builder::placeBuffers() {
  for (uint32_t i = 0; i < s.buffers.size(); ++i) {
    const Buffer &b = s.buffers[i];
    if (b.kind == BufferKind::Weight || b.kind == BufferKind::Local ||
        b.space != Space::Own || b.packetElements)
      continue;
    const uint64_t bytes = uint64_t(b.elements()) * byteWidth(b.type);
    places[i] = arena.place(bytes);
    plan.kernel.placements.push_back(
        {i, uint64_t(places[i]) * kArenaUnit, bytes, 0, 0});
  }
}

void Builder::placeWeights() {
  std::vector<uint32_t> columns(s.buffers.size(), 0);
  std::vector<bool> used(s.buffers.size(), false);
  for (const Task &task : s.tasks)
    for (const Operator &op : task.ops)
      for (uint32_t i = 0; i < op.operands.size(); ++i) {
        used[op.operands[i]] = true;
        if (i == lookupOperator(op.name)->streamedOperand())
          columns[op.operands[i]] = task.stream.columns;
      }
  for (uint32_t i = 0; i < s.buffers.size(); ++i) {
    const Buffer &b = s.buffers[i];
    if (b.kind != BufferKind::Weight || !used[i])
      continue;
    uint64_t bytes = b.regionBytes();
    if (columns[i])
      bytes = packedBytes(uint64_t(b.shape[0]), uint64_t(b.shape[1]));
    places[i] = arena.place(bytes);
    plan.kernel.placements.push_back({i, uint64_t(places[i]) * kArenaUnit,
                                      bytes, columns[i] ? kPackRows : 0,
                                      columns[i]});
  }
}

void Builder::addBlob(std::string name, uint32_t place,
                      const std::vector<uint32_t> &words) {
  Blob blob;
  blob.name = std::move(name);
  blob.offset = uint64_t(place) * kArenaUnit;
  // The file and the device are little-endian, as every host that runs this.
  blob.data.resize(words.size() * 4);
  for (size_t i = 0; i < words.size(); ++i)
    for (int b = 0; b < 4; ++b)
      blob.data[i * 4 + size_t(b)] = char(words[i] >> (8 * b));
  plan.kernel.blobs.push_back(std::move(blob));
}

void Builder::fillHandOffs() {
  std::vector<uint32_t> perLaunch(tiles.counterCount, 0);
  for (uint32_t counter : tiles.signals)
    ++perLaunch[counter];
  std::vector<uint32_t> waits, signals;
  for (const Tile &tile : tiles.tiles) {
    firstWait.push_back(uint32_t(waits.size() / 3));
    firstSignal.push_back(uint32_t(signals.size()));
    for (uint32_t i = tile.firstWait; i < tile.lastWait; ++i) {
      waits.push_back(tiles.waits[i].counter);
      waits.push_back(tiles.waits[i].threshold);
      waits.push_back(perLaunch[tiles.waits[i].counter]);
    }
    for (uint32_t i = tile.firstSignal; i < tile.lastSignal; ++i)
      signals.push_back(tiles.signals[i]);
  }
  plan.waitPlace = arena.place(waits.size() * 4);
  addBlob("waits", plan.waitPlace, waits);
  plan.signalPlace = arena.place(signals.size() * 4);
  addBlob("signals", plan.signalPlace, signals);
  for (auto &[key, t] : plan.packetTables) {
    if (t.layout.packets.empty())
      continue;
    t.packets = arena.place(t.layout.packets.size() * 4);
    addBlob("packets", t.packets, t.layout.packets);
    t.locate = arena.place(t.layout.locate.size() * 4);
    addBlob("locate", t.locate, t.layout.locate);
  }
}

/// What the tile streams: a product's stages, or a split of a KV head.
void Builder::fillStages(const Tile &tile, uint32_t *row) const {
  const Task &task = s.tasks[tile.task];
  Range next = tile.range;
  for (const Operator &op : task.ops) {
    const OperatorModel *model = lookupOperator(op.name);
    const Range range = op.prologue ? Range{0, model->extent(s, op)} : next;
    if (!op.prologue)
      next = model->mapTile(s, op, next);
    if (const Buffer *cache = streamedCache(s, op)) {
      const CachePiece piece = model->cachePiece(s, op, range.lo);
      const uint64_t headBytes =
          uint64_t(cache->shape[2]) * uint64_t(cache->shape[3]) * 2;
      row[3] = placeOf(op.operands[model->streamedCache()]) +
               uint32_t(uint64_t(piece.head) * headBytes / kArenaUnit);
      row[4] = kCacheStages | uint32_t(piece.split);
    }
    const Buffer *weight = streamedWeight(s, op);
    if (!weight)
      continue;
    const int64_t k = weight->shape[1];
    const uint64_t groupBytes = uint64_t(k) * kPackRows * 2;
    row[0] |= task.stream.columns * kPackRows * 2 / uint32_t(kArenaUnit) << 16;
    row[3] = placeOf(op.operands[model->streamedOperand()]) +
             uint32_t(uint64_t(range.lo) / kPackRows * groupBytes / kArenaUnit);
    row[4] = uint32_t((range.size() + kPackRows - 1) / kPackRows) *
             columnSlices(k, task.stream);
  }
}

/// Ranks in the cluster of the workers that a tile's packets are written to.
uint32_t Builder::peersOf(const Tile &tile, uint32_t buffer) const {
  uint32_t peers = 0;
  for (const Delivery &d :
       inboxes.of(buffer, uint32_t(&tile - tiles.tiles.data())))
    peers |= 1u << d.worker % s.target->cluster;
  return peers;
}

void Builder::fillRow(const Tile &tile, uint32_t *row) const {
  const TaskClass &c = plan.classes[plan.classOfTask[tile.task]];
  row[0] = plan.classOfTask[tile.task];
  row[1] = uint32_t(tile.range.lo);
  row[2] = uint32_t(tile.range.size());
  fillStages(tile, row);
  const size_t id = size_t(&tile - tiles.tiles.data());
  row[6] = firstWait[id] | (tile.lastWait - tile.firstWait) << 24;
  row[7] = firstSignal[id] | (tile.lastSignal - tile.firstSignal) << 24;
  // Where in its packet buffers the tile begins to write.
  std::unordered_map<uint32_t, uint64_t> firstWritten;
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const Access &a = tiles.accesses[i];
    if (a.write && s.buffers[a.buffer].packetElements)
      firstWritten.try_emplace(a.buffer, a.region.offset);
  }
  // The representative's buffers and this task's correspond in order.
  const std::vector<uint32_t> &buffers = taskBuffers[tile.task];
  for (size_t i = 0; i < c.buffers.size(); ++i) {
    const Buffer &b = s.buffers[buffers[i]];
    row[c.fields[i].place] = placeOf(buffers[i]);
    if (c.fields[i].packets == kNone)
      continue;
    row[c.fields[i].packets] = b.packetGeneration;
    if (c.fields[i].peers != kNone)
      row[c.fields[i].peers] = peersOf(tile, buffers[i]);
    // Packets of float32 are found by division.
    if (!c.fields[i].written || b.type == ElementType::F32)
      continue;
    const auto written = firstWritten.find(buffers[i]);
    if (written == firstWritten.end())
      continue;
    const auto &layout = plan.packetTables.at(packetKey(b)).layout;
    row[c.fields[i].packets] |= layout.locate[written->second / 2] << 16;
  }
}

void Builder::fillRows() {
  plan.planRowsOffset = (tiles.workers * 2 + 3) / 4 * 4;
  const uint32_t width = plan.shared.planRowWords;
  std::vector<uint32_t> words(plan.planRowsOffset, 0);
  uint32_t firstRow = 0;
  for (uint32_t w = 0; w < tiles.workers; ++w) {
    words[w * 2] = firstRow;
    words[w * 2 + 1] = uint32_t(tiles.queues[w].size());
    uint32_t shared = 0;  // gathers in the cluster
    uint32_t bySlice = 0; // of inputs that are taken by slices
    for (uint32_t id : tiles.queues[w]) {
      words.resize(words.size() + width, 0);
      uint32_t *row = &words[words.size() - width];
      fillRow(tiles.tiles[id], row);
      row[0] |= (shared & 1) << kPhaseShift;
      shared += sharesGather(s, s.tasks[tiles.tiles[id].task]);
      row[0] |= (bySlice & 1) << kRoundsPhaseShift;
      bySlice += s.tasks[tiles.tiles[id].task].stream.bySlice;
      ++firstRow;
    }
    // Stages of weights up to the next tile that streams a cache, and where
    // that is.
    uint32_t stages = 0, rows = 0;
    for (size_t i = tiles.queues[w].size(); i-- > 0;) {
      uint32_t *row =
          &words[words.size() - (tiles.queues[w].size() - i) * width];
      const bool isCache = row[4] & kCacheStages;
      if (!isCache)
        stages += row[4];
      row[5] = std::min(stages, 0xffffu) | rows << 16;
      if (isCache)
        stages = rows = 0;
      if (rows || isCache)
        ++rows;
    }
  }
  plan.planPlace = arena.place(words.size() * 4);
  addBlob("plan", plan.planPlace, words);
}

bool Builder::placeTimes(std::string &error) {
  const TraceLayout &layout = plan.traceLayout = traceLayout(s, tiles);
  // The kernel numbers the stages of all workers in 32 bits.
  constexpr uint64_t kMost = uint64_t(1) << 32;
  if (layout.stages * tiles.workers >= kMost) {
    error = "expected fewer than " + std::to_string(kMost) +
            " stages to record times of, found " +
            std::to_string(layout.stages * tiles.workers);
    return false;
  }
  plan.kernel.traceRows = layout.rows;
  plan.tracePlace = arena.place(layout.bytes);
  plan.kernel.traceOffset = uint64_t(plan.tracePlace) * kArenaUnit;
  plan.traceStagesPlace =
      plan.tracePlace + uint32_t(layout.stagesAt / kArenaUnit);
  return true;
}

bool Builder::run(std::string &error, uint32_t &task) {
  for (task = 0; task < s.tasks.size(); ++task)
    if (!checkTask(s.tasks[task], error))
      return false;
  task = kNone;
  if (!checkHandOffs(error, task))
    return false;
  if (!checkBuffers(error) || !checkRing(error) || !checkCluster(error))
    return false;
  if (!describeCacheStream(error))
    return false;
  for (const Tile &tile : tiles.tiles)
    if (!checkPublished(tile, error)) {
      task = tile.task;
      return false;
    }
  plan.shared = sharedLayout(s);
  if (plan.shared.total > s.target->sharedBytes) {
    error = "expected at most " + std::to_string(s.target->sharedBytes) +
            " bytes of shared memory, found " +
            std::to_string(plan.shared.total);
    return false;
  }
  findClasses();
  const size_t most = (size_t(1) << classBits(plan.shared)) - 1;
  if (plan.classes.size() > most) {
    error = "expected at most " + std::to_string(most) +
            " task classes, found " + std::to_string(plan.classes.size());
    return false;
  }
  placeZeroed();
  fillHandOffs();
  placeBuffers();
  placeWeights();
  fillRows();
  if (plan.trace && !placeTimes(error))
    return false;
  if (!arena.fits()) {
    error = "expected an arena of less than " + std::to_string(Arena::kMost) +
            " bytes";
    return false;
  }
  plan.kernel.chip = s.target->chip;
  plan.kernel.entry = s.name;
  plan.kernel.workers = tiles.workers;
  plan.kernel.sharedBytes = plan.shared.total;
  // A packet's worth of gain may be read past the end of a vector.
  plan.kernel.arenaBytes = arena.bytes() + kArenaUnit;
  return true;
}

} // namespace

bool buildKernelPlan(const Schedule &s, KernelPlan &plan, std::string &error,
                     uint32_t &task) {
  task = kNone;
  if (!s.concurrent || !s.target) {
    error = "expected a concurrent schedule with a target";
    return false;
  }
  return Builder(s, plan).run(error, task);
}

} // namespace amk::core
