//===- VerifyGangs.cpp - V1: gathers that a cluster shares ----------------===//
//
// The packets that a gang reads are polled by all of its workers, each a part
// of them, and passed on. That works if every worker of the cluster takes part,
// once, and all want the same packets, which none of them has yet to write.
//
//===----------------------------------------------------------------------===//

#include "VerifyImpl.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace amk::core::verifier {

namespace {

/// The bytes of a read of packets, in one form however the region is written.
struct Read {
  uint32_t buffer;
  uint64_t lo, hi;
  uint64_t bytes, count; ///< of runs; 0 if they are one
  uint32_t op;

  auto key() const { return std::tie(buffer, lo, hi, bytes, count); }
  bool operator<(const Read &o) const { return key() < o.key(); }
};

/// The packets that a tile has written.
class Written {
public:
  /// Writes of packets are whole, and apart: V1.
  void add(uint32_t buffer, const Region &region) {
    uint64_t lo = region.offset;
    const auto after = runs.find({buffer, region.end()});
    const uint64_t hi = after == runs.end() ? region.end() : after->second;
    if (after != runs.end())
      runs.erase(after);
    if (auto at = runs.upper_bound({buffer, lo}); at != runs.begin()) {
      --at;
      if (at->first.first == buffer && at->second == lo)
        lo = at->first.second;
    }
    runs[{buffer, lo}] = hi;
  }
  /// Whether all from the first byte of a region to the last is among them.
  bool holds(uint32_t buffer, const Region &region) const {
    auto at = runs.upper_bound({buffer, region.offset});
    if (at == runs.begin())
      return false;
    --at;
    return at->first.first == buffer && region.end() <= at->second;
  }

private:
  /// From buffer and first byte to the last; runs that touch are one.
  std::map<std::pair<uint32_t, uint64_t>, uint64_t> runs;
};

class Gangs {
public:
  Gangs(Report &r, const Tiles &tiles)
      : r(r), s(r.s), tiles(tiles), width(s.target ? s.target->cluster : 1) {}

  void checkTask(uint32_t t) {
    if (width < 2) {
      r.add("V1", atTask(t),
            s.target ? std::string("cluster_gather: expected a target with "
                                   "clusters of 2 or more workers, found 1")
                     : std::string("cluster_gather: expected a target with "
                                   "clusters, found no target"));
      return;
    }
    std::map<uint32_t, std::vector<uint32_t>> gangs; ///< by cluster
    for (uint32_t i = tiles.firstTile[t]; i < tiles.firstTile[t + 1]; ++i)
      gangs[tiles.tiles[i].worker / width].push_back(i);
    for (const auto &[cluster, gang] : gangs) {
      if (r.full())
        return;
      if (checkWorkers(cluster, gang))
        checkReads(gang);
    }
  }

private:
  /// One tile on each worker of the cluster.
  bool checkWorkers(uint32_t cluster, const std::vector<uint32_t> &gang) {
    std::vector<uint32_t> on(width, kNone);
    const std::string expected =
        say({"cluster_gather: expected one tile on each of the workers ",
             cluster * width, " to ", cluster * width + width - 1,
             " of a cluster, found "});
    for (uint32_t t : gang) {
      const Tile &tile = tiles.tiles[t];
      uint32_t &there = on[tile.worker % width];
      if (there != kNone) {
        r.add("V1", atTile(t),
              say({expected, "tile ", tiles.tiles[there].index, " and tile ",
                   tile.index, " on worker ", tile.worker}));
        return false;
      }
      there = t;
    }
    const auto none = std::find(on.begin(), on.end(), kNone);
    if (none == on.end())
      return true;
    r.add("V1", atTile(gang.front()),
          say({expected, "none on worker ",
               cluster * width + uint32_t(none - on.begin())}));
    return false;
  }

  /// The same packets for all, and none of them written by one of the gang.
  void checkReads(const std::vector<uint32_t> &gang) {
    const std::vector<Read> wanted = reads(gang.front());
    if (wanted.empty()) {
      r.add("V1", atTile(gang.front()),
            "cluster_gather: expected to read packets, found no read of any");
      return;
    }
    for (uint32_t t : gang) {
      const std::vector<Read> found = reads(t);
      if (const Read *other = missing(found, wanted))
        return differ(t, *other, gang.front());
      if (const Read *other = missing(wanted, found))
        return differ(gang.front(), *other, t);
      if (!checkWrites(t, wanted))
        return;
    }
  }

  /// The packets that a tile polls for: not those that an operator before has
  /// written in this tile.
  std::vector<Read> reads(uint32_t t) const {
    std::vector<Read> out;
    Written before;
    const Tile &tile = tiles.tiles[t];
    uint32_t next = tile.firstAccess; // first whose write is not in `before`
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      for (; tiles.accessOp[next] != tiles.accessOp[i]; ++next)
        if (const Access &w = tiles.accesses[next];
            w.write && s.buffers[w.buffer].packetElements)
          before.add(w.buffer, w.region);
      const Access &a = tiles.accesses[i];
      const Region &region = a.region;
      if (a.write || !s.buffers[a.buffer].packetElements || !region.bytes ||
          !region.count || before.holds(a.buffer, region))
        continue;
      const bool one = region.count == 1 || region.stride <= region.bytes;
      out.push_back({a.buffer, region.offset, region.end(),
                     one ? 0 : region.bytes, one ? 0 : region.count,
                     tiles.accessOp[i]});
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  /// One of `some` that is not in `all`, or null.
  static const Read *missing(const std::vector<Read> &some,
                             const std::vector<Read> &all) {
    const auto it = std::find_if(some.begin(), some.end(), [&](const Read &x) {
      return !std::binary_search(all.begin(), all.end(), x);
    });
    return it == some.end() ? nullptr : &*it;
  }

  void differ(uint32_t t, const Read &read, uint32_t mate) {
    constexpr const char *kExpected =
        "cluster_gather: expected all tiles of a cluster to read the same "
        "packets, found a read of bytes [";
    const Tile &tile = tiles.tiles[t];
    r.add("V1", atTask(tile.task, read.op, tile.index),
          say({kExpected, read.lo, ", ", read.hi, ") of '",
               s.buffers[read.buffer].name, "' that tile ",
               tiles.tiles[mate].index, " does not have"}))
        .notes.push_back({atTile(mate), "the other tile"});
  }

  /// Whoever polls for a tile must not wait for what that tile has yet to
  /// write. Whole buffers are told apart here, not packets.
  bool checkWrites(uint32_t t, const std::vector<Read> &wanted) {
    const Tile &tile = tiles.tiles[t];
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const Access &w = tiles.accesses[i];
      const auto first = std::lower_bound(
          wanted.begin(), wanted.end(), w.buffer,
          [](const Read &x, uint32_t buffer) { return x.buffer < buffer; });
      if (!w.write || first == wanted.end() || first->buffer != w.buffer)
        continue;
      r.add("V1", atTask(tile.task, tiles.accessOp[i], tile.index),
            say({"cluster_gather: expected to write other buffers than those "
                 "whose packets it reads, found a write of '",
                 s.buffers[w.buffer].name, "'"}));
      return false;
    }
    return true;
  }

  Place atTile(uint32_t t) const {
    return atTask(tiles.tiles[t].task, kNone, tiles.tiles[t].index);
  }

  Report &r;
  const Schedule &s;
  const Tiles &tiles;
  const uint32_t width;
};

} // namespace

void checkGangs(Report &r, const Tiles &tiles) {
  if (!r.s.concurrent)
    return; // placement is inert
  Gangs gangs(r, tiles);
  for (uint32_t t = 0; t < r.s.tasks.size() && !r.full(); ++t)
    if (r.s.tasks[t].clusterGather)
      gangs.checkTask(t);
}

} // namespace amk::core::verifier
