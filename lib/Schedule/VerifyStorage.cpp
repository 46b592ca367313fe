//===- VerifyStorage.cpp - V5, V6 and V9: who wrote what is read ----------===//
//
// A sweep in program order over the bytes of every storage as they lie after
// page assignment. Each byte remembers its last writer and who has read it
// since. Older accesses need no look: they are ordered before the last writer,
// or that was a violation itself.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/Operators.h"
#include "VerifyImpl.h"

#include <algorithm>
#include <map>
#include <memory>

namespace amk::core::verifier {

namespace {

/// Bytes with one history.
struct Fragment {
  uint64_t hi = ~uint64_t(0);
  uint32_t writer = kNone;       ///< tile
  uint32_t buffer = kNone;       ///< that the writer wrote
  std::vector<uint32_t> readers; ///< tiles; of every worker the latest at least
};

class ByteMap {
public:
  using Iterator = std::map<uint64_t, Fragment>::iterator;

  ByteMap() { fragments[0] = {}; }

  /// The fragments that make up [lo, hi), half-open.
  std::pair<Iterator, Iterator> cut(uint64_t lo, uint64_t hi) {
    const Iterator first = split(lo);
    return {first, split(hi)};
  }
  void replace(Iterator first, Iterator last, uint32_t writer,
               uint32_t buffer) {
    const uint64_t hi = std::prev(last)->second.hi;
    fragments.erase(std::next(first), last);
    Fragment &f = first->second;
    f.hi = hi;
    f.writer = writer;
    f.buffer = buffer;
    f.readers.clear();
  }

private:
  Iterator split(uint64_t at) {
    Iterator it = std::prev(fragments.upper_bound(at));
    if (it->first == at)
      return it;
    Fragment rest = it->second;
    it->second.hi = at;
    return fragments.emplace_hint(std::next(it), at, std::move(rest));
  }

  std::map<uint64_t, Fragment> fragments; ///< by first byte
};

class Sweep {
public:
  Sweep(Report &r, const Tiles &tiles, const Inboxes &inboxes,
        const Concurrency *c)
      : r(r), s(r.s), tiles(tiles), inboxes(inboxes), concurrency(c),
        order(c ? &c->order : nullptr),
        visibility(c ? &c->visibility : nullptr) {
    // Where every buffer lives. Placement is inert in program order: one
    // worker then.
    const uint32_t owners = order ? tiles.workers : 1;
    kScratch = owners;
    uint32_t storages = owners + 1;
    kInboxes = storages;
    if (!inboxes.empty())
      storages += owners;
    packets.resize(s.buffers.size());
    for (uint32_t b = 0; b < s.buffers.size(); ++b) {
      const Buffer &buffer = s.buffers[b];
      own.push_back(storages);
      if (buffer.kind == BufferKind::KvCache)
        storages += 2; // earlier positions, and this one
      else if (buffer.space != Space::Scratch &&
               buffer.space != Space::Cluster && !buffer.readOnly() &&
               buffer.kind != BufferKind::Local)
        ++storages; // of a shared page: who wrote each byte last, anywhere
      if (buffer.packetElements)
        packets[b] = std::make_unique<PacketIndex>(s, buffer);
    }
    maps.resize(storages);
  }

  void run() {
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
      const Tile &tile = tiles.tiles[t];
      for (uint32_t i = tile.firstAccess, end; i < tile.lastAccess; i = end) {
        end = i + 1;
        while (end < tile.lastAccess &&
               tiles.accessOp[end] == tiles.accessOp[i])
          ++end;
        if (!visitOperator(t, i, end))
          return;
      }
    }
    checkOutputs();
  }

private:
  bool visitOperator(uint32_t t, uint32_t first, uint32_t last);
  void checkWithin(uint32_t t, uint32_t i);
  void visit(uint32_t t, uint32_t i);
  void checkOutputs();
  void read(uint32_t t, uint32_t i, uint64_t lo, uint64_t hi, ByteMap &map,
            bool mustBeWritten);
  void write(uint32_t t, uint32_t i, uint64_t lo, uint64_t hi, ByteMap &map);
  void addReader(Fragment &f, uint32_t t);
  enum class Race { ReadAfterWrite, WriteAfterWrite, WriteAfterRead };
  void race(uint32_t t, uint32_t i, uint32_t other, Race race, uint64_t lo,
            uint64_t hi, const ByteMap &map);
  uint32_t accessOf(uint32_t t, bool write, uint32_t storage, uint64_t lo,
                    uint64_t hi) const;
  void atOneWorker(uint32_t t, uint32_t i, uint64_t lo, uint64_t hi);
  void wrongWriter(uint32_t t, uint32_t i, uint64_t lo, const Fragment &f);
  bool isStreamed(uint32_t t, uint32_t i) const;
  void writtenAndStreamed(uint32_t t, uint32_t i, uint64_t lo,
                          const Fragment &f);
  std::string spanName(uint32_t i, uint64_t lo, uint64_t hi) const;

  /// The storages that an access touches; fn(storage, mustBeWritten).
  template <typename Fn>
  void forEachStorage(uint32_t t, const Access &a, Fn fn) const {
    const Buffer &b = s.buffers[a.buffer];
    if (b.kind == BufferKind::KvCache) {
      if (a.position != Position::Now)
        fn(own[a.buffer], false);
      if (a.position != Position::Past)
        fn(own[a.buffer] + 1, true);
      return;
    }
    const uint32_t worker = order ? tiles.tiles[t].worker : 0;
    if (b.space == Space::Cluster) {
      if (!a.write)
        fn(kInboxes + worker, true);
      else
        for (const Delivery &d : inboxes.of(a.buffer, t))
          fn(kInboxes + d.worker, true);
      return;
    }
    fn(b.space == Space::Shared    ? worker
       : b.space == Space::Scratch ? kScratch
                                   : own[a.buffer],
       true);
  }

  /// Whether two accesses of a tile to one space go to a common storage: all
  /// but packets in inboxes do.
  bool atOneStorage(uint32_t t, const Access &a, const Access &o) const {
    if (s.buffers[a.buffer].space != Space::Cluster)
      return true;
    bool common = false;
    forEachStorage(t, a, [&](uint32_t one, bool) {
      forEachStorage(t, o,
                     [&](uint32_t other, bool) { common |= one == other; });
    });
    return common;
  }

  /// The bytes of an access in its storage, as regions; fn(region) returns
  /// whether to stop. Only the packets that hold what is touched: one region a
  /// run then.
  template <typename Fn>
  bool anyPlaced(const Access &a, Fn fn) const {
    const Buffer &b = s.buffers[a.buffer];
    const uint64_t page = b.space != Space::Own ? b.pageOffset : 0;
    Region region = a.region;
    if (!region.bytes || !region.count)
      return false;
    if (!packets[a.buffer]) {
      region.offset += page;
      return fn(region);
    }
    const bool one = region.contiguous();
    const uint64_t bytes = one ? region.end() - region.offset : region.bytes;
    for (uint64_t k = 0; k < (one ? 1 : region.count); ++k) {
      const uint64_t lo = region.offset + k * region.stride;
      const Range p = packets[a.buffer]->packets(lo, lo + bytes);
      if (b.space == Space::Cluster
              ? anyInInbox(b, p, fn)
              : fn(Region{uint64_t(p.lo) + page, uint64_t(p.size()), 0, 1}))
        return true;
    }
    return false;
  }

  /// The same for packets in an inbox, given as bytes from the first one of the
  /// buffer.
  template <typename Fn>
  static bool anyInInbox(const Buffer &b, Range packets, Fn fn) {
    return anyPlaces(
        b.packetRoom, uint64_t(packets.lo) / 16, uint64_t(packets.size()) / 16,
        [&](uint64_t lo, uint64_t hi) {
          return fn(Region{b.pageOffset + lo * 16, (hi - lo) * 16, 0, 1});
        });
  }

  Report &r;
  const Schedule &s;
  const Tiles &tiles;
  const Inboxes &inboxes;
  const Concurrency *concurrency;
  const Clocks *order, *visibility;
  uint32_t kScratch;         ///< storages below are shared memory by worker
  uint32_t kInboxes;         ///< the first of those in the Cluster space
  std::vector<uint32_t> own; ///< by buffer
  std::vector<std::unique_ptr<PacketIndex>> packets; ///< by buffer
  std::vector<ByteMap> maps;
  bool reported = false; ///< one violation an access is enough
};

std::string Sweep::spanName(uint32_t i, uint64_t lo, uint64_t hi) const {
  const Buffer &b = s.buffers[tiles.accesses[i].buffer];
  const uint64_t base = b.space == Space::Own ? 0 : b.pageOffset;
  return say({b.space == Space::Cluster ? "inbox bytes ["
              : b.packetElements        ? "packet bytes ["
                                        : "bytes [",
              lo - base, ", ", hi - base, ") of '", b.name, "'"});
}

/// The accesses [first, last) of one operator, in whatever order its model
/// lists them: it reads, then it writes. Returns whether to go on.
bool Sweep::visitOperator(uint32_t t, uint32_t first, uint32_t last) {
  for (const bool write : {false, true})
    for (uint32_t i = first; i < last; ++i) {
      if (tiles.accesses[i].write != write)
        continue;
      if (r.full())
        return false;
      checkWithin(t, i);
      visit(t, i);
    }
  return true;
}

/// The operands of one operator lie apart: nothing orders what it does inside
/// a tile. (One buffer updated in place is V1's business.)
void Sweep::checkWithin(uint32_t t, uint32_t i) {
  const Tile &tile = tiles.tiles[t];
  const Access &a = tiles.accesses[i];
  const Buffer &b = s.buffers[a.buffer];
  if (b.space == Space::Own)
    return;
  for (uint32_t j = i + 1;
       j < tile.lastAccess && tiles.accessOp[j] == tiles.accessOp[i]; ++j) {
    const Access &o = tiles.accesses[j];
    if (o.buffer == a.buffer || s.buffers[o.buffer].space != b.space ||
        (!a.write && !o.write))
      continue;
    const bool meet = anyPlaced(a, [&](const Region &x) {
      return anyPlaced(o, [&](const Region &y) { return overlap(x, y); });
    });
    if (!meet || !atOneStorage(t, a, o))
      continue;
    r.add("V5", atTask(tile.task, tiles.accessOp[i], tile.index),
          say({"touches '", b.name, "' and '", s.buffers[o.buffer].name,
               "' at once, which share bytes of a page"}))
        .notes.push_back({atBuffer(o.buffer), "the other buffer"});
    return;
  }
}

void Sweep::visit(uint32_t t, uint32_t i) {
  const Access &a = tiles.accesses[i];
  const Buffer &b = s.buffers[a.buffer];
  if (b.readOnly())
    return;
  reported = false;
  forEachStorage(t, a, [&](uint32_t storage, bool mustBeWritten) {
    anyPlaced(a, [&](const Region &region) {
      const bool one = region.contiguous();
      const uint64_t bytes = one ? region.bytes * region.count : region.bytes;
      for (uint64_t k = 0; k < (one ? 1 : region.count); ++k) {
        const uint64_t lo = region.offset + k * region.stride;
        if (a.write)
          write(t, i, lo, lo + bytes, maps[storage]);
        else
          read(t, i, lo, lo + bytes, maps[storage], mustBeWritten);
        if (order && b.space == Space::Shared)
          atOneWorker(t, i, lo, lo + bytes);
      }
      return false;
    });
  });
}

/// The access of a tile to bytes of a storage.
uint32_t Sweep::accessOf(uint32_t t, bool write, uint32_t storage, uint64_t lo,
                         uint64_t hi) const {
  const Tile &tile = tiles.tiles[t];
  uint32_t found = tile.firstAccess;
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const Access &a = tiles.accesses[i];
    if (a.write != write || s.buffers[a.buffer].readOnly())
      continue;
    forEachStorage(t, a, [&](uint32_t of, bool) {
      const auto meets = [&](const Region &region) {
        return overlap(region, {lo, hi - lo, 0, 1});
      };
      if (of == storage && anyPlaced(a, meets))
        found = i;
    });
  }
  return found;
}

void Sweep::race(uint32_t t, uint32_t i, uint32_t other, Race race, uint64_t lo,
                 uint64_t hi, const ByteMap &map) {
  if (reported)
    return;
  reported = true;
  const bool read = race == Race::WriteAfterRead; // by the other tile
  const Tile &tile = tiles.tiles[t], &from = tiles.tiles[other];
  const uint32_t j =
      accessOf(other, !read, uint32_t(&map - maps.data()), lo, hi);
  const std::string first = tileName(s, from);
  const Place place = atTask(tile.task, tiles.accessOp[i], tile.index);
  Diagnostic &d =
      r.add("V5", place,
            say({"race: ", race == Race::ReadAfterWrite ? "reads " : "writes ",
                 spanName(i, lo, hi), " on worker ", tile.worker,
                 ", but no hand-off ",
                 read ? "puts the read by " : "makes visible the write by ",
                 first, " on worker ", from.worker, read ? " before it" : ""}));
  d.notes.push_back(
      {atTask(from.task, tiles.accessOp[j], from.index),
       say({first, read ? " reads " : " writes ", spanName(j, lo, hi)})});
  if (std::string how = witness(s, tiles, *concurrency, other, t); !how.empty())
    d.notes.push_back({place, std::move(how)});
}

void Sweep::read(uint32_t t, uint32_t i, uint64_t lo, uint64_t hi, ByteMap &map,
                 bool mustBeWritten) {
  const Access &a = tiles.accesses[i];
  const Buffer &b = s.buffers[a.buffer];
  const bool streamed = isStreamed(t, i);
  const auto [first, last] = map.cut(lo, hi);
  for (auto it = first; it != last; ++it) {
    Fragment &f = it->second;
    if (streamed && f.writer != kNone)
      writtenAndStreamed(t, i, it->first, f);
    else if (f.writer == kNone ? mustBeWritten : f.buffer != a.buffer)
      wrongWriter(t, i, it->first, f);
    else if (f.writer != kNone && f.writer != t && visibility &&
             !b.packetElements && !visibility->ordered(tiles, f.writer, t))
      race(t, i, f.writer, Race::ReadAfterWrite, it->first, f.hi, map);
    addReader(f, t);
  }
}

void Sweep::wrongWriter(uint32_t t, uint32_t i, uint64_t lo,
                        const Fragment &f) {
  if (reported)
    return;
  reported = true;
  const Access &a = tiles.accesses[i];
  const Tile &tile = tiles.tiles[t];
  const Place place = atTask(tile.task, tiles.accessOp[i], tile.index);
  const std::string reads = "reads " + spanName(i, lo, f.hi);
  if (f.writer == kNone) {
    const Space space = s.buffers[a.buffer].space;
    const bool local =
        order && (space == Space::Shared || space == Space::Cluster);
    r.add("V6", place,
          say({reads, ", which nothing has written",
               local ? say({" at worker ", tile.worker}) : std::string()}))
        .notes.push_back({atBuffer(a.buffer), "the buffer"});
    return;
  }
  const Tile &from = tiles.tiles[f.writer];
  r.add("V6", place,
        say({reads, ", but the last write there was to '",
             s.buffers[f.buffer].name, "'"}))
      .notes.push_back({atTask(from.task, kNone, from.index),
                        say({"by ", tileName(s, from)})});
}

/// Every worker has its own bytes of a shared page. Those that a tile reads
/// must be the ones that the last write in program order went to, wherever that
/// was.
void Sweep::atOneWorker(uint32_t t, uint32_t i, uint64_t lo, uint64_t hi) {
  const Access &a = tiles.accesses[i];
  ByteMap &latest = maps[own[a.buffer]];
  const auto [first, last] = latest.cut(lo, hi);
  if (a.write) {
    latest.replace(first, last, t, a.buffer);
    return;
  }
  const Tile &tile = tiles.tiles[t];
  for (auto it = first; it != last && !reported; ++it) {
    if (it->second.writer == kNone)
      continue; // nothing has written it: said already
    const Tile &from = tiles.tiles[it->second.writer];
    if (from.worker == tile.worker)
      continue;
    reported = true;
    r.add("V6", atTask(tile.task, tiles.accessOp[i], tile.index),
          say({"reads ", spanName(i, it->first, it->second.hi), " at worker ",
               tile.worker, ", but the last write of them was at worker ",
               from.worker}))
        .notes.push_back({atTask(from.task, kNone, from.index),
                          say({"by ", tileName(s, from)})});
  }
}

/// Whether the loader fetches what an access reads.
bool Sweep::isStreamed(uint32_t t, uint32_t i) const {
  const Task &task = s.tasks[tiles.tiles[t].task];
  if (task.stream.rows == 0)
    return false;
  const Operator &op = task.ops[tiles.accessOp[i]];
  const OperatorModel *model = lookupOperator(op.name);
  const auto is = [&](unsigned operand) {
    return operand != kNone && op.operands[operand] == tiles.accesses[i].buffer;
  };
  return is(model->streamedOperand()) || is(model->streamedCache());
}

/// V9: the loader waits for nobody, so it may fetch before any write of the
/// launch; and even if it came later there is no fence between the proxies. (A
/// write that comes after the read in program order is V5's business: the copy
/// has landed when the tile signals.)
void Sweep::writtenAndStreamed(uint32_t t, uint32_t i, uint64_t lo,
                               const Fragment &f) {
  if (reported)
    return;
  reported = true;
  const Tile &tile = tiles.tiles[t], &from = tiles.tiles[f.writer];
  r.add("V9", atTask(tile.task, tiles.accessOp[i], tile.index),
        say({"streams ", spanName(i, lo, f.hi), ", which ", tileName(s, from),
             " writes in the same launch: the loader waits for nobody, so no ",
             "fence can stand between"}))
      .notes.push_back({atTask(from.task, kNone, from.index),
                        say({tileName(s, from), " writes '",
                             s.buffers[f.buffer].name, "' there"})});
}

void Sweep::write(uint32_t t, uint32_t i, uint64_t lo, uint64_t hi,
                  ByteMap &map) {
  const auto [first, last] = map.cut(lo, hi);
  for (auto it = first; order && it != last; ++it) {
    const Fragment &f = it->second;
    if (f.writer != kNone && f.writer != t &&
        !visibility->ordered(tiles, f.writer, t))
      race(t, i, f.writer, Race::WriteAfterWrite, it->first, f.hi, map);
    for (uint32_t reader : f.readers)
      if (reader != t && !order->ordered(tiles, reader, t))
        race(t, i, reader, Race::WriteAfterRead, it->first, f.hi, map);
  }
  map.replace(first, last, t, tiles.accesses[i].buffer);
}

void Sweep::addReader(Fragment &f, uint32_t t) {
  if (!order || (!f.readers.empty() && f.readers.back() == t))
    return;
  f.readers.push_back(t);
  if (f.readers.size() <= 2 * size_t(tiles.workers))
    return;
  // Keep the latest of every worker: its queue orders the others before it.
  std::sort(f.readers.begin(), f.readers.end(), [&](uint32_t a, uint32_t b) {
    return std::make_pair(tiles.tiles[a].worker, tiles.tiles[b].slot) <
           std::make_pair(tiles.tiles[b].worker, tiles.tiles[a].slot);
  });
  f.readers.erase(std::unique(f.readers.begin(), f.readers.end(),
                              [&](uint32_t a, uint32_t b) {
                                return tiles.tiles[a].worker ==
                                       tiles.tiles[b].worker;
                              }),
                  f.readers.end());
}

void Sweep::checkOutputs() {
  for (uint32_t b = 0; b < s.buffers.size() && !r.full(); ++b) {
    const Buffer &buffer = s.buffers[b];
    if (buffer.kind != BufferKind::Output)
      continue;
    const auto [first, last] = maps[own[b]].cut(0, buffer.regionBytes());
    for (auto it = first; it != last; ++it)
      if (it->second.writer == kNone) {
        r.add("V6", atBuffer(b),
              say({"expected an output to be fully written, ",
                   "found nothing to write bytes [", it->first, ", ",
                   it->second.hi, ")"}));
        break;
      }
  }
}

} // namespace

void checkStorage(Report &r, const Tiles &tiles, const Inboxes &inboxes,
                  const Concurrency *c) {
  Sweep(r, tiles, inboxes, c).run();
}

} // namespace amk::core::verifier
