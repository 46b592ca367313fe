//===- VerifyTiles.cpp - V1 and V6: the bytes of single tiles -------------===//

#include "AMK/Schedule/Operators.h"
#include "VerifyImpl.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace amk::core::verifier {

namespace {

/// A run of bytes that a tile writes.
struct Run {
  uint64_t lo, hi;
  uint32_t tile;
};

bool operator<(const Run &a, const Run &b) {
  return std::tie(a.lo, a.hi, a.tile) < std::tie(b.lo, b.hi, b.tile);
}

void addRuns(Region region, uint32_t tile, std::vector<Run> &out,
             uint64_t base = 0) {
  region.offset += base;
  if (region.bytes == 0 || region.count == 0)
    return;
  if (region.contiguous()) {
    out.push_back(
        {region.offset, region.offset + region.bytes * region.count, tile});
    return;
  }
  for (uint64_t i = 0; i < region.count; ++i) {
    const uint64_t at = region.offset + i * region.stride;
    out.push_back({at, at + region.bytes, tile});
  }
}

/// Sorted, overlapping and touching runs made one.
void normalize(std::vector<Run> &runs) {
  std::sort(runs.begin(), runs.end());
  size_t n = 0;
  for (const Run &run : runs)
    if (n && run.lo <= runs[n - 1].hi)
      runs[n - 1].hi = std::max(runs[n - 1].hi, run.hi);
    else
      runs[n++] = run;
  runs.resize(n);
}

//===----------------------------------------------------------------------===//
// V1
//===----------------------------------------------------------------------===//

/// What is updated in place is read and written element by element: `i` is a
/// write, one of the accesses [first, last) of one operator in one tile.
void checkInPlace(Report &r, Place place, const std::vector<Access> &accesses,
                  uint32_t first, uint32_t last, uint32_t i) {
  const Access &a = accesses[i];
  for (uint32_t j = first; j < last; ++j) {
    const Access &o = accesses[j];
    if (j == i || o.buffer != a.buffer || (o.write && j > i) ||
        !mayMeet(a.position, o.position) || !overlap(a.region, o.region))
      continue;
    if (o.write || !sameBytes(a.region, o.region))
      r.add("V1", place,
            say({"writes bytes from ", a.region.offset, " of '",
                 r.s.buffers[a.buffer].name, "' and touches others from ",
                 o.region.offset, " that overlap them"}));
  }
}

void checkInPlace(Report &r, const Tiles &tiles, const Tile &tile, uint32_t i) {
  uint32_t first = i, last = i + 1;
  while (first > tile.firstAccess &&
         tiles.accessOp[first - 1] == tiles.accessOp[i])
    --first;
  while (last < tile.lastAccess && tiles.accessOp[last] == tiles.accessOp[i])
    ++last;
  checkInPlace(r, atTask(tile.task, tiles.accessOp[i], tile.index),
               tiles.accesses, first, last, i);
}

void checkRegions(Report &r, const Tiles &tiles) {
  const Schedule &s = r.s;
  for (const Tile &tile : tiles.tiles)
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess && !r.full(); ++i) {
      const Access &a = tiles.accesses[i];
      const Buffer &b = s.buffers[a.buffer];
      if (!fits(a.region, b.regionBytes()))
        r.add("V1", atTask(tile.task, tiles.accessOp[i], tile.index),
              say({"expected to touch bytes of '", b.name, "' below ",
                   b.regionBytes(), ", found ", a.region.count, " times ",
                   a.region.bytes, " bytes from ", a.region.offset, " by ",
                   a.region.stride}));
      else if (a.write)
        checkInPlace(r, tiles, tile, i);
    }
}

/// V7: every distinct set of tiles that a read of packets waits for is kept
/// as a counter.
void checkPacketSets(Report &r, const Tiles &tiles,
                     const std::vector<std::vector<Run>> &writes) {
  const Schedule &s = r.s;
  std::set<std::tuple<uint32_t, uint64_t, uint64_t, uint32_t>> seen;
  uint64_t waits = 0;
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Tile &tile = tiles.tiles[t];
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const Access &a = tiles.accesses[i];
      if (a.write || !s.buffers[a.buffer].packetElements)
        continue;
      const std::vector<Run> &w = writes[a.buffer];
      const auto first =
          std::partition_point(w.begin(), w.end(), [&](const Run &run) {
            return run.hi <= a.region.offset;
          });
      const auto last =
          std::partition_point(first, w.end(), [&](const Run &run) {
            return run.lo < a.region.end();
          });
      // A tile does not wait for itself, so one that writes has its own set.
      const bool writer = std::any_of(
          tiles.accesses.begin() + tile.firstAccess, tiles.accesses.begin() + i,
          [&](const Access &o) { return o.write && o.buffer == a.buffer; });
      if (seen.emplace(a.buffer, first - w.begin(), last - w.begin(),
                       writer ? t : kNone)
              .second)
        waits += uint64_t(last - first);
      if (waits > kMaxHandOffs) {
        r.add("V7", atTask(tile.task, tiles.accessOp[i], tile.index),
              say({"sets of packets that tiles wait for: expected at most ",
                   kMaxHandOffs, " producers, found ", waits, " up to here"}));
        return;
      }
    }
  }
}

/// Every packet is written once, by one tile, whole.
void checkPacketWriters(Report &r, const Tiles &tiles) {
  const Schedule &s = r.s;
  std::vector<std::vector<Run>> writes(s.buffers.size());
  std::vector<PacketIndex> indices;
  std::vector<uint32_t> indexOf(s.buffers.size(), kNone);
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].packetElements) {
      indexOf[b] = uint32_t(indices.size());
      indices.emplace_back(s, s.buffers[b]);
    }
  if (indices.empty())
    return;
  for (uint32_t t = 0; t < tiles.tiles.size() && !r.full(); ++t) {
    const Tile &tile = tiles.tiles[t];
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const Access &a = tiles.accesses[i];
      if (!a.write || indexOf[a.buffer] == kNone)
        continue;
      const PacketIndex &index = indices[indexOf[a.buffer]];
      const uint64_t width = byteWidth(s.buffers[a.buffer].type);
      const uint64_t lo = a.region.offset / width, hi = a.region.end() / width;
      const bool parts = a.region.offset % width || a.region.end() % width;
      if (parts || !a.region.contiguous() || !index.isBound(lo) ||
          !index.isBound(hi)) {
        r.add("V1", atTask(tile.task, tiles.accessOp[i], tile.index),
              say({"expected to write whole groups of packets of '",
                   s.buffers[a.buffer].name, "', found elements ", lo, " to ",
                   hi}))
            .notes.push_back({atBuffer(a.buffer), "the buffer"});
        break;
      }
      addRuns(a.region, t, writes[a.buffer]);
    }
  }
  for (uint32_t b = 0; b < s.buffers.size() && !r.full(); ++b) {
    std::sort(writes[b].begin(), writes[b].end());
    for (size_t i = 1; i < writes[b].size(); ++i) {
      const Run &last = writes[b][i - 1], &run = writes[b][i];
      if (run.lo >= last.hi)
        continue;
      const Tile &first = tiles.tiles[std::min(last.tile, run.tile)];
      const Tile &second = tiles.tiles[std::max(last.tile, run.tile)];
      r.add("V1", atTask(second.task, kNone, second.index),
            say({"writes packets of '", s.buffers[b].name,
                 "' that are written already: expected one write a launch"}))
          .notes.push_back(
              {atTask(first.task, kNone, first.index),
               say({"the other write is of ", tileName(s, first)})});
      break;
    }
  }
  if (r.clean())
    checkPacketSets(r, tiles, writes);
}

//===----------------------------------------------------------------------===//
// V6: results
//===----------------------------------------------------------------------===//

class Partition {
public:
  Partition(Report &r, const Tiles &tiles) : r(r), s(r.s), tiles(tiles) {}

  void checkTask(uint32_t t) {
    const Task &task = s.tasks[t];
    for (uint32_t o = uint32_t(cutOperator(task)); o < task.ops.size(); ++o) {
      const Operator &op = task.ops[o];
      const OperatorModel *model = lookupOperator(op.name);
      for (size_t i = model->inputs(); i < op.operands.size(); ++i)
        if (s.buffers[op.operands[i]].kind != BufferKind::Local)
          checkResult(t, o, op.operands[i]);
    }
  }

private:
  /// Earlier positions of a KV cache are other bytes than this one's: they
  /// stand behind them.
  static constexpr uint64_t kPast = 2 * kMaxBytes;
  void addByPosition(const Access &a, uint32_t tile,
                     std::vector<Run> &out) const {
    const bool cache = s.buffers[a.buffer].kind == BufferKind::KvCache;
    if (!cache || a.position != Position::Past)
      addRuns(a.region, tile, out);
    if (cache && a.position != Position::Now)
      addRuns(a.region, tile, out, kPast);
  }

  void checkResult(uint32_t t, uint32_t o, uint32_t buffer) {
    const Operator &op = s.tasks[t].ops[o];
    const OperatorModel *model = lookupOperator(op.name);
    std::vector<Run> runs, whole;
    for (uint32_t i = tiles.firstTile[t]; i < tiles.firstTile[t + 1]; ++i) {
      // A tile's accesses are in the order of its operators.
      const auto begin = tiles.accessOp.begin();
      const auto [first, last] =
          std::equal_range(begin + tiles.tiles[i].firstAccess,
                           begin + tiles.tiles[i].lastAccess, o);
      for (auto it = first; it != last; ++it) {
        const Access &a = tiles.accesses[size_t(it - begin)];
        if (a.write && a.buffer == buffer)
          addByPosition(a, tiles.tiles[i].index, runs);
      }
    }
    std::vector<Access> accesses;
    model->accesses(s, op, {0, model->extent(s, op)}, accesses);
    for (const Access &a : accesses)
      if (a.write && a.buffer == buffer && fits(a.region, kMaxBytes))
        addByPosition(a, 0, whole);
    std::sort(runs.begin(), runs.end());
    for (size_t i = 1; i < runs.size(); ++i)
      if (runs[i].lo < runs[i - 1].hi && runs[i].tile != runs[i - 1].tile) {
        r.add("V6", atTask(t, o, runs[i].tile),
              say({"writes bytes from ", runs[i].lo % kPast, " of '",
                   s.buffers[buffer].name, "': expected tiles to be apart, ",
                   "found tile ", runs[i - 1].tile, " to write up to ",
                   runs[i - 1].hi % kPast}));
        return;
      }
    normalize(runs);
    normalize(whole);
    for (size_t i = 0; i < std::max(runs.size(), whole.size()); ++i) {
      const Run none{0, 0, 0};
      const Run &has = i < runs.size() ? runs[i] : none;
      const Run &wants = i < whole.size() ? whole[i] : none;
      if (has.lo == wants.lo && has.hi == wants.hi)
        continue;
      r.add("V6", atTask(t, o),
            say({"expected the tiles to write bytes [", wants.lo % kPast, ", ",
                 wants.hi % kPast, ") of '", s.buffers[buffer].name,
                 "', found [", has.lo % kPast, ", ", has.hi % kPast, ")"}));
      return;
    }
  }

  Report &r;
  const Schedule &s;
  const Tiles &tiles;
};

//===----------------------------------------------------------------------===//
// V6: values inside a tile
//===----------------------------------------------------------------------===//

class Locals {
public:
  Locals(Report &r, const Tiles &tiles)
      : r(r), s(r.s), tiles(tiles), written(s.buffers.size()) {}

  void checkTask(uint32_t t) {
    const Task &task = s.tasks[t];
    std::vector<uint32_t> locals;
    for (const Operator &op : task.ops)
      for (uint32_t b : op.operands)
        if (s.buffers[b].kind == BufferKind::Local)
          locals.push_back(b);
    if (locals.empty())
      return;
    for (uint32_t i = tiles.firstTile[t]; i < tiles.firstTile[t + 1]; ++i) {
      for (uint32_t b : locals)
        written[b].clear();
      Range range = tiles.tiles[i].range;
      for (uint32_t o = 0; o < task.ops.size(); ++o)
        if (!checkOperator(t, o, tiles.tiles[i].index, range))
          return;
    }
  }

private:
  /// `range` moves on to the next operator's.
  bool checkOperator(uint32_t t, uint32_t o, uint32_t tile, Range &range) {
    const Operator &op = s.tasks[t].ops[o];
    const OperatorModel *model = lookupOperator(op.name);
    accesses.clear();
    if (op.prologue) {
      model->accesses(s, op, {0, model->extent(s, op)}, accesses);
    } else {
      model->accesses(s, op, range, accesses);
      range = model->mapTile(s, op, range);
    }
    for (const Access &a : accesses) {
      const Buffer &b = s.buffers[a.buffer];
      if (b.kind != BufferKind::Local)
        continue;
      if (!fits(a.region, b.regionBytes())) {
        r.add("V1", atTask(t, o, tile),
              say({"expected to touch bytes of '", b.name, "' below ",
                   b.regionBytes(), ", found up to ", a.region.end()}));
        return false;
      }
      if (a.write)
        continue;
      if (!covered(a)) {
        r.add("V6", atTask(t, o, tile),
              say({"reads bytes of '", b.name,
                   "' that this tile has not written"}))
            .notes.push_back({atBuffer(a.buffer), "the buffer"});
        return false;
      }
    }
    const uint32_t count = uint32_t(accesses.size());
    for (uint32_t i = 0; i < count; ++i)
      if (accesses[i].write &&
          s.buffers[accesses[i].buffer].kind == BufferKind::Local)
        checkInPlace(r, atTask(t, o, tile), accesses, 0, count, i);
    for (const Access &a : accesses)
      if (a.write && s.buffers[a.buffer].kind == BufferKind::Local) {
        addRuns(a.region, 0, written[a.buffer]);
        normalize(written[a.buffer]);
      }
    return true;
  }

  bool covered(const Access &a) {
    reads.clear();
    addRuns(a.region, 0, reads);
    for (const Run &read : reads)
      if (std::none_of(
              written[a.buffer].begin(), written[a.buffer].end(),
              [&](const Run &w) { return w.lo <= read.lo && read.hi <= w.hi; }))
        return false;
    return true;
  }

  Report &r;
  const Schedule &s;
  const Tiles &tiles;
  std::vector<std::vector<Run>> written; ///< by this tile, by buffer
  std::vector<Access> accesses;
  std::vector<Run> reads;
};

} // namespace

void checkTiles(Report &r, const Tiles &tiles) {
  checkRegions(r, tiles);
  if (r.clean())
    checkPacketWriters(r, tiles);
}

void checkPartition(Report &r, const Tiles &tiles) {
  Partition partition(r, tiles);
  Locals locals(r, tiles);
  for (uint32_t t = 0; t < r.s.tasks.size() && !r.full(); ++t) {
    partition.checkTask(t);
    locals.checkTask(t);
  }
}

} // namespace amk::core::verifier
