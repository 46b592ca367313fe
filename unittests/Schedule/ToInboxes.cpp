//===- ToInboxes.cpp - Packets moved to cluster memory --------------------===//

#include "ToInboxes.h"

#include "AMK/Schedule/Inboxes.h"
#include "AMK/Schedule/SharedLayout.h"

#include <algorithm>
#include <map>
#include <utility>

namespace amk::core::test {

namespace {

/// Which packet holds each element of a buffer.
std::vector<uint32_t> packetsOf(const Schedule &s, const Buffer &b) {
  std::vector<uint32_t> bounds{0, uint32_t(b.elements())}, packets;
  if (b.packetTiles != kNone)
    bounds = s.tables[b.packetTiles];
  uint32_t count = 0;
  for (size_t g = 0; g + 1 < bounds.size(); ++g)
    for (uint32_t e = bounds[g]; e < bounds[g + 1]; ++e) {
      count += (e - bounds[g]) % b.packetElements == 0;
      packets.push_back(count - 1);
    }
  return packets;
}

/// The packets that every worker gets; empty if one gets some from another
/// cluster, or nobody gets any.
std::map<uint32_t, std::vector<uint32_t>> delivered(const Schedule &s,
                                                    const Tiles &tiles,
                                                    const Inboxes &inboxes,
                                                    uint32_t buffer) {
  const Buffer &b = s.buffers[buffer];
  const std::vector<uint32_t> packets = packetsOf(s, b);
  const uint32_t width = byteWidth(b.type);
  std::map<uint32_t, std::vector<uint32_t>> found;
  for (const Delivery &d : inboxes.of(buffer)) {
    const Tile &from = tiles.tiles[d.tile];
    if (from.worker / s.target->cluster != d.worker / s.target->cluster)
      return {};
    std::vector<uint32_t> &at = found[d.worker];
    for (uint32_t i = from.firstAccess; i < from.lastAccess; ++i) {
      const Access &a = tiles.accesses[i];
      if (a.buffer != buffer || !a.write)
        continue;
      const uint32_t last = packets[(a.region.end() - 1) / width];
      for (uint32_t p = packets[a.region.offset / width]; p <= last; ++p)
        at.push_back(p);
    }
  }
  return found;
}

bool fits(const std::vector<uint32_t> &packets, uint32_t room) {
  std::vector<char> taken(room, 0);
  return std::none_of(packets.begin(), packets.end(), [&](uint32_t p) {
    return std::exchange(taken[p % room], 1);
  });
}

} // namespace

uint32_t toInboxes(Schedule &s, uint64_t limit) {
  if (!s.concurrent || !s.target || s.target->cluster < 2)
    return 0;
  Schedule moved = s;
  uint64_t end = 0;
  for (Buffer &b : moved.buffers) {
    if (b.space == Space::Scratch)
      end = std::max(end,
                     b.pageOffset + (b.packetElements
                                         ? uint64_t(packetCount(moved, b)) * 16
                                         : b.regionBytes()));
    if (b.packetElements) {
      b.space = Space::Cluster;
      b.packetRoom = packetCount(moved, b);
    }
  }
  end = (end + 15) / 16 * 16;
  const Tiles tiles = expand(moved);
  const Inboxes inboxes(moved, tiles);
  uint32_t count = 0;
  for (uint32_t i = 0; i < s.buffers.size(); ++i) {
    Buffer &b = s.buffers[i];
    if (!b.packetElements)
      continue;
    const auto packets = delivered(moved, tiles, inboxes, i);
    if (packets.empty())
      continue;
    uint32_t room = 1;
    for (const auto &[worker, of] : packets)
      room = std::max(room, uint32_t(of.size()));
    while (!std::all_of(packets.begin(), packets.end(),
                        [&](const auto &at) { return fits(at.second, room); }))
      ++room;
    const uint64_t at = b.space == Space::Scratch ? b.pageOffset : end;
    if (at + uint64_t(room) * 16 > limit)
      continue;
    if (b.space == Space::Own)
      end = at + uint64_t(room) * 16;
    b.space = Space::Cluster;
    b.pageOffset = at;
    b.packetRoom = room;
    ++count;
  }
  return count;
}

} // namespace amk::core::test
