//===- ClusterPackets.cpp - Packets in the memory of a cluster ------------===//

#include "ClusterPackets.h"

#include "AMK/Schedule/HappensBefore.h"
#include "AMK/Schedule/Inboxes.h"
#include "AMK/Schedule/KernelPlan.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace amk::scheduling {

using namespace core;

namespace {

class Chooser {
public:
  Chooser(Schedule &s, const Tiles &tiles, uint64_t limit)
      : s(s), tiles(tiles), limit(limit) {}

  InboxReport run() {
    std::vector<uint32_t> candidates;
    for (uint32_t b = 0; b < s.buffers.size(); ++b)
      if (s.buffers[b].packetElements && s.buffers[b].space == Space::Own) {
        candidates.push_back(b);
        s.buffers[b].space = Space::Cluster;
      }
    inboxes.emplace(s, tiles);
    for (uint32_t b : candidates)
      s.buffers[b].space = Space::Own;
    for (uint32_t b : candidates)
      if (staysInCluster(b))
        place(b);
    return report;
  }

private:
  /// What a tile writes to a worker: places of an inbox, in packets.
  struct Run {
    uint64_t lo, hi;
    uint32_t tile;
  };
  struct Member {
    uint32_t buffer;
    /// By worker: what is written there, and who reads it.
    std::vector<std::vector<Run>> runs;
    std::vector<std::vector<uint32_t>> readers;
  };
  struct Page {
    uint64_t offset, bytes;
    std::vector<Member> members;
  };

  bool staysInCluster(uint32_t b) const {
    const uint32_t width = s.target->cluster;
    const Inboxes::Deliveries all = inboxes->of(b);
    return all.first != all.last &&
           std::all_of(all.begin(), all.end(), [&](const Delivery &d) {
             return tiles.tiles[d.tile].worker / width == d.worker / width;
           });
  }

  void place(uint32_t b) {
    Buffer &buffer = s.buffers[b];
    const std::unordered_map<uint32_t, Range> written = packetsOf(b);
    // Packet p goes to p mod room: all that a worker gets lies apart if it
    // spans no more.
    std::vector<Range> spans(tiles.workers, {0, 0});
    for (const Delivery &d : inboxes->of(b)) {
      const Range p = written.at(d.tile);
      Range &span = spans[d.worker];
      span = span.size() == 0
                 ? p
                 : Range{std::min(span.lo, p.lo), std::max(span.hi, p.hi)};
    }
    int64_t room = 0;
    for (const Range &span : spans)
      room = std::max(room, span.size());
    const uint64_t bytes = uint64_t(room) * 16;
    Member member = memberOf(b, uint64_t(room), written);
    const auto fits = [&](const Page &page) {
      return bytes <= page.bytes &&
             std::all_of(page.members.begin(), page.members.end(),
                         [&](const Member &m) { return isBefore(m, member); });
    };
    if (!pages.empty())
      findClocks();
    auto page = std::find_if(pages.begin(), pages.end(), fits);
    if (page == pages.end()) {
      if (report.bytes + bytes > limit)
        return;
      pages.push_back({report.bytes, bytes, {}});
      report.bytes += bytes;
      page = std::prev(pages.end());
    }
    buffer.space = Space::Cluster;
    buffer.packetRoom = uint32_t(room);
    buffer.pageOffset = page->offset;
    buffer.packetGeneration = uint32_t(page->members.size());
    page->members.push_back(std::move(member));
    ++report.buffers;
  }

  /// By tile, the packets of the buffer that it writes.
  std::unordered_map<uint32_t, Range> packetsOf(uint32_t b) const {
    const Buffer &buffer = s.buffers[b];
    const PacketLayout layout = packetLayout(s, buffer);
    std::vector<uint32_t> bounds{0, uint32_t(buffer.elements())};
    if (buffer.packetTiles != kNone)
      bounds = s.tables[buffer.packetTiles];
    const uint64_t width = byteWidth(buffer.type);
    const auto packetAt = [&](uint64_t element) {
      const auto at = std::lower_bound(bounds.begin(), bounds.end(), element);
      return int64_t(layout.first[size_t(at - bounds.begin())]);
    };
    std::unordered_map<uint32_t, Range> out;
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
      for (uint32_t i = tiles.tiles[t].firstAccess;
           i < tiles.tiles[t].lastAccess; ++i)
        if (const Access &a = tiles.accesses[i]; a.write && a.buffer == b)
          out[t] = {packetAt(a.region.offset / width),
                    packetAt(a.region.end() / width)};
    return out;
  }

  Member memberOf(uint32_t b, uint64_t room,
                  const std::unordered_map<uint32_t, Range> &written) const {
    Member m{b, {}, {}};
    m.runs.resize(tiles.workers);
    m.readers.resize(tiles.workers);
    for (const Delivery &d : inboxes->of(b)) {
      const Range p = written.at(d.tile);
      anyPlaces(room, uint64_t(p.lo), uint64_t(p.size()),
                [&](uint64_t lo, uint64_t hi) {
                  m.runs[d.worker].push_back({lo, hi, d.tile});
                  return false;
                });
    }
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
      for (uint32_t i = tiles.tiles[t].firstAccess;
           i < tiles.tiles[t].lastAccess; ++i)
        if (const Access &a = tiles.accesses[i]; !a.write && a.buffer == b)
          m.readers[tiles.tiles[t].worker].push_back(t);
    return m;
  }

  /// Whether nothing of `a` is left to be written or read where `b` is written.
  bool isBefore(const Member &a, const Member &b) {
    for (uint32_t w = 0; w < tiles.workers; ++w)
      for (const Run &later : b.runs[w]) {
        for (const Run &earlier : a.runs[w])
          if (earlier.lo < later.hi && later.lo < earlier.hi &&
              earlier.tile != later.tile &&
              !visibility->ordered(tiles, earlier.tile, later.tile))
            return false;
        // Of the readers the last will do: the others are before it.
        if (!a.runs[w].empty() && !a.readers[w].empty()) {
          const uint32_t last = *std::max_element(
              a.readers[w].begin(), a.readers[w].end(),
              [&](uint32_t x, uint32_t y) {
                return tiles.tiles[x].slot < tiles.tiles[y].slot;
              });
          if (last != later.tile && !order->ordered(tiles, last, later.tile))
            return false;
        }
      }
    return true;
  }

  /// Of the schedule's hand-offs, where the memory that they use is no matter.
  void findClocks() {
    if (order)
      return;
    const HandOffs h = handOffs(s, tiles);
    order = orderClocks(tiles, h);
    visibility = visibilityClocks(tiles, h);
  }

  Schedule &s;
  const Tiles &tiles;
  const uint64_t limit;
  std::optional<Inboxes> inboxes; ///< of all packet buffers
  std::optional<Clocks> order, visibility;
  std::vector<Page> pages;
  InboxReport report;
};

} // namespace

InboxReport chooseInboxes(Schedule &s, const Tiles &tiles, uint64_t limit) {
  if (!limit || !s.target || s.target->cluster < 2)
    return {};
  return Chooser(s, tiles, limit).run();
}

} // namespace amk::scheduling
