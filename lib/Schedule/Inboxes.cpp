//===- Inboxes.cpp - Packets in the memory of a cluster -------------------===//

#include "AMK/Schedule/Inboxes.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace amk::core {

Inboxes::Inboxes(const Schedule &s, const Tiles &tiles) {
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    if (s.buffers[b].space != Space::Cluster)
      continue;
    byBuffer.resize(s.buffers.size());
    add(s, tiles, b);
  }
}

namespace {

struct TileAccess {
  Region region;
  uint32_t tile;
};

/// What is written, by whom, for each read; up to the first delivery to another
/// cluster, which is enough to refuse it.
void deliver(const Tiles &tiles, uint32_t width,
             const std::vector<TileAccess> &reads,
             const std::vector<TileAccess> &writes,
             std::vector<Delivery> &out) {
  // Of a worker the same packets only once.
  std::set<std::tuple<uint32_t, size_t, size_t>> seen;
  for (const TileAccess &read : reads) {
    const auto first =
        std::partition_point(writes.begin(), writes.end(), [&](const auto &w) {
          return w.region.end() <= read.region.offset;
        });
    const auto last =
        std::partition_point(first, writes.end(), [&](const auto &w) {
          return w.region.offset < read.region.end();
        });
    const uint32_t worker = tiles.tiles[read.tile].worker;
    if (read.region.contiguous() &&
        !seen.emplace(worker, first - writes.begin(), last - writes.begin())
             .second)
      continue;
    for (auto w = first; w != last; ++w) {
      if (!overlap(read.region, w->region))
        continue;
      out.push_back({w->tile, worker, read.tile});
      if (tiles.tiles[w->tile].worker / width != worker / width)
        return;
    }
  }
}

} // namespace

void Inboxes::add(const Schedule &s, const Tiles &tiles, uint32_t buffer) {
  std::vector<TileAccess> writes, reads;
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
    for (uint32_t i = tiles.tiles[t].firstAccess; i < tiles.tiles[t].lastAccess;
         ++i)
      if (tiles.accesses[i].buffer == buffer)
        (tiles.accesses[i].write ? writes : reads)
            .push_back({tiles.accesses[i].region, t});
  // Writes are whole groups of packets, and apart.
  std::sort(writes.begin(), writes.end(),
            [](const TileAccess &a, const TileAccess &b) {
              return a.region.offset < b.region.offset;
            });
  std::vector<Delivery> &out = byBuffer[buffer];
  deliver(tiles, s.target ? std::max(s.target->cluster, 1u) : 1, reads, writes,
          out);
  const auto key = [](const Delivery &d) {
    return std::tie(d.tile, d.worker, d.reader);
  };
  std::sort(out.begin(), out.end(), [&](const Delivery &a, const Delivery &b) {
    return key(a) < key(b);
  });
  out.erase(std::unique(out.begin(), out.end(),
                        [](const Delivery &a, const Delivery &b) {
                          return a.tile == b.tile && a.worker == b.worker;
                        }),
            out.end());
}

Inboxes::Deliveries Inboxes::of(uint32_t buffer) const {
  if (byBuffer.empty())
    return {nullptr, nullptr};
  const std::vector<Delivery> &all = byBuffer[buffer];
  return {all.data(), all.data() + all.size()};
}

Inboxes::Deliveries Inboxes::of(uint32_t buffer, uint32_t tile) const {
  const Deliveries all = of(buffer);
  const auto lower = [](const Delivery &d, uint32_t t) { return d.tile < t; };
  const auto upper = [](uint32_t t, const Delivery &d) { return t < d.tile; };
  return {std::lower_bound(all.first, all.last, tile, lower),
          std::upper_bound(all.first, all.last, tile, upper)};
}

} // namespace amk::core
