//===- Dependences.cpp - Dependences from byte regions --------------------===//

#include "AMK/Scheduling/Synchronization.h"

#include <algorithm>
#include <array>
#include <map>

namespace amk::scheduling {

using namespace core;

namespace {

/// Who last wrote each byte of a buffer, and who has read it since.
class ByteMap {
public:
  explicit ByteMap(uint64_t size) { fragments[0] = {size, kNone, {}}; }

  /// Calls fn(writer, readers) for the fragments that make up [lo, hi), which
  /// may then be changed.
  template <typename Fn>
  void visit(uint64_t lo, uint64_t hi, Fn fn) {
    split(lo);
    split(hi);
    for (auto it = fragments.lower_bound(lo);
         it != fragments.end() && it->first < hi; ++it)
      fn(it->second.writer, it->second.readers);
  }

  /// After a write of [lo, hi): one fragment again.
  void merge(uint64_t lo, uint64_t hi, uint32_t writer) {
    auto first = fragments.find(lo);
    fragments.erase(std::next(first), fragments.lower_bound(hi));
    first->second = {hi, writer, {}};
  }

private:
  struct Fragment {
    uint64_t hi = 0;
    uint32_t writer = kNone;
    std::vector<uint32_t> readers;
  };

  void split(uint64_t at) {
    auto it = fragments.upper_bound(at);
    if (it == fragments.begin())
      return;
    --it;
    if (it->first == at || it->second.hi <= at)
      return;
    Fragment rest = it->second;
    it->second.hi = at;
    fragments.emplace(at, std::move(rest));
  }

  std::map<uint64_t, Fragment> fragments; ///< by first byte
};

void sortUnique(std::vector<uint32_t> &v) {
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
}

class Finder {
public:
  Finder(const Schedule &s, const Tiles &tiles) : s(s), tiles(tiles) {
    lastWriter.assign(s.buffers.size(), kNone);
    for (const Tile &tile : tiles.tiles)
      for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i)
        if (tiles.accesses[i].write)
          lastWriter[tiles.accesses[i].buffer] = tile.task;
    maps.resize(s.buffers.size());
    for (size_t b = 0; b < maps.size(); ++b)
      if (lastWriter[b] != kNone)
        for (size_t layer = 0; layer < kLayers; ++layer)
          maps[b].emplace_back(s.buffers[b].regionBytes());
  }

  Dependences run() {
    out.tiles.resize(tiles.tiles.size());
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
      const Tile &tile = tiles.tiles[t];
      for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i)
        add(t, tiles.accesses[i]);
      Dependences::OfTile &d = out.tiles[t];
      sortUnique(d.visible);
      sortUnique(d.packets);
      sortUnique(d.ordered);
      // Visibility is an order too.
      std::vector<uint32_t> only;
      std::set_difference(d.ordered.begin(), d.ordered.end(), d.visible.begin(),
                          d.visible.end(), std::back_inserter(only));
      d.ordered = std::move(only);
    }
    return std::move(out);
  }

private:
  /// The bytes of earlier positions of a KV cache and those of this one are
  /// apart (mayMeet); every other buffer uses the first layer only.
  enum Layer { Past, Now };
  static constexpr size_t kLayers = 2;

  void add(uint32_t t, const Access &a) {
    if (lastWriter[a.buffer] == kNone)
      return;
    const bool past = a.position != Position::Now;
    const bool now = a.position == Position::Now ||
                     a.position == Position::Upto ||
                     (a.position == Position::None &&
                      s.buffers[a.buffer].kind == BufferKind::KvCache);
    // A region of many runs counts as the bytes between its ends: that asks
    // for too much at worst.
    const uint64_t lo = a.region.offset, hi = a.region.end();
    if (lo >= hi)
      return;
    for (const auto &[on, layer] :
         {std::pair(past, Past), std::pair(now, Now)}) {
      if (!on)
        continue;
      ByteMap &map = maps[a.buffer][layer];
      a.write ? write(t, a, map, lo, hi) : read(t, a, map, lo, hi);
    }
  }

  void read(uint32_t t, const Access &a, ByteMap &map, uint64_t lo,
            uint64_t hi) {
    Dependences::OfTile &d = out.tiles[t];
    std::vector<uint32_t> &sources =
        s.buffers[a.buffer].packetElements ? d.packets : d.visible;
    // Readers matter only where the bytes are written again.
    const bool track = lastWriter[a.buffer] >= tiles.tiles[t].task;
    map.visit(lo, hi, [&](uint32_t writer, std::vector<uint32_t> &readers) {
      if (writer != kNone && writer != t)
        sources.push_back(writer);
      if (track && (readers.empty() || readers.back() != t))
        readers.push_back(t);
    });
  }

  void write(uint32_t t, const Access &, ByteMap &map, uint64_t lo,
             uint64_t hi) {
    Dependences::OfTile &d = out.tiles[t];
    map.visit(lo, hi, [&](uint32_t writer, std::vector<uint32_t> &readers) {
      if (writer != kNone && writer != t)
        d.visible.push_back(writer);
      for (uint32_t r : readers)
        if (r != t)
          d.ordered.push_back(r);
    });
    map.merge(lo, hi, t);
  }

  const Schedule &s;
  const Tiles &tiles;
  std::vector<uint32_t> lastWriter; ///< task, by buffer
  std::vector<std::vector<ByteMap>> maps;
  Dependences out;
};

} // namespace

Dependences findDependences(const Schedule &schedule, const Tiles &tiles) {
  return Finder(schedule, tiles).run();
}

} // namespace amk::scheduling
