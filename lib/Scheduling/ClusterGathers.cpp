//===- ClusterGathers.cpp - Gathers that a cluster shares -----------------===//

#include "ClusterGathers.h"

#include "AMK/Schedule/KernelPlan.h"

#include <algorithm>
#include <map>

namespace amk::scheduling {

using namespace core;

namespace {

/// The packets of a tile's inputs: what it reads of packet buffers, other than
/// of those that it writes itself.
std::vector<Access> gathered(const Schedule &s, const Tiles &tiles,
                             const Tile &tile) {
  std::vector<Access> reads;
  std::vector<uint32_t> written;
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const Access &a = tiles.accesses[i];
    if (!s.buffers[a.buffer].packetElements)
      continue;
    if (a.write)
      written.push_back(a.buffer);
    else
      reads.push_back(a);
  }
  const auto own = [&](const Access &a) {
    return std::find(written.begin(), written.end(), a.buffer) != written.end();
  };
  reads.erase(std::remove_if(reads.begin(), reads.end(), own), reads.end());
  return reads;
}

bool sameReads(const std::vector<Access> &a, const std::vector<Access> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Access &x, const Access &y) {
                      return x.buffer == y.buffer &&
                             sameBytes(x.region, y.region);
                    });
}

/// Whether every cluster has no tile of the task or one on each of its workers,
/// and these gather the same.
bool isGang(const Schedule &s, const Tiles &tiles, uint32_t task) {
  const uint32_t cluster = s.target->cluster;
  std::map<uint32_t, std::vector<uint32_t>> gangs;
  for (uint32_t t = tiles.firstTile[task]; t < tiles.firstTile[task + 1]; ++t)
    gangs[tiles.tiles[t].worker / cluster].push_back(t);
  for (auto &[first, gang] : gangs) {
    if (gang.size() != cluster)
      return false;
    std::vector<bool> there(cluster, false);
    const std::vector<Access> reads =
        gathered(s, tiles, tiles.tiles[gang.front()]);
    for (uint32_t t : gang) {
      const Tile &tile = tiles.tiles[t];
      if (reads.empty() || there[tile.worker % cluster] ||
          !sameReads(reads, gathered(s, tiles, tile)))
        return false;
      there[tile.worker % cluster] = true;
    }
  }
  return !gangs.empty();
}

/// Packets that hold the values of a region.
uint64_t packetsIn(const Schedule &s, const Access &a) {
  const Buffer &b = s.buffers[a.buffer];
  const uint64_t width = byteWidth(b.type);
  const std::vector<uint32_t> whole{0, uint32_t(b.elements())};
  const std::vector<uint32_t> &bounds =
      b.packetTiles == kNone ? whole : s.tables[b.packetTiles];
  uint64_t packets = 0;
  for (uint64_t run = 0; run < a.region.count; ++run) {
    const uint64_t offset = a.region.offset + run * a.region.stride;
    const uint64_t lo = offset / width, hi = (offset + a.region.bytes) / width;
    auto at = std::upper_bound(bounds.begin(), bounds.end(), lo) - 1;
    for (; at + 1 != bounds.end() && *at < hi; ++at) {
      const uint64_t first = std::max<uint64_t>(*at, lo) - *at;
      const uint64_t last = std::min<uint64_t>(at[1], hi) - 1 - *at;
      packets += last / b.packetElements - first / b.packetElements + 1;
    }
  }
  return packets;
}

} // namespace

void shareGathers(Schedule &s, const Tiles &tiles) {
  if (!s.target || s.target->cluster < 2)
    return;
  std::string why; // not: no matter
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    s.tasks[t].clusterGather =
        canShareGather(s, s.tasks[t], why) && isGang(s, tiles, t);
}

PolledPackets countPolled(const Schedule &s, const Tiles &tiles) {
  PolledPackets r;
  for (const Task &task : s.tasks)
    r.tasks += task.clusterGather;
  // Of all the tiles of a gang first, since each polls a part.
  uint64_t shared = 0;
  for (const Tile &tile : tiles.tiles) {
    uint64_t packets = 0;
    for (const Access &a : gathered(s, tiles, tile))
      packets += packetsIn(s, a);
    r.notShared += packets;
    (s.tasks[tile.task].clusterGather ? shared : r.packets) += packets;
  }
  if (shared)
    r.packets += shared / s.target->cluster;
  return r;
}

} // namespace amk::scheduling
