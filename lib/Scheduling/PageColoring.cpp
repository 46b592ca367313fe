//===- PageColoring.cpp - Buffers onto pages ------------------------------===//
//
// Lifetimes come from happens-before, not from the order of the tasks: buffer
// A is over before buffer B begins if every access to A that conflicts with
// one to B is ordered before it, as rule V5 asks: a write before what follows
// it by visibility, a read before a write by order.
//
//===----------------------------------------------------------------------===//

#include "AMK/Scheduling/PageColoring.h"

#include "AMK/Schedule/HappensBefore.h"
#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/SharedLayout.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace amk::scheduling {

using namespace core;

namespace {

uint64_t alignPage(uint64_t n) {
  return (n + kArenaUnit - 1) / kArenaUnit * kArenaUnit;
}

/// The accesses to a buffer. Per worker: how many of its tiles are done when
/// the last reader or writer is, and how many are done whenever a reader or
/// writer starts.
struct Lifetime {
  struct Run {
    uint64_t lo, hi; ///< bytes
    uint32_t worker;
  };
  uint32_t buffer = 0;
  uint64_t bytes = 0;
  uint32_t uses = 0; ///< tiles
  std::vector<uint32_t> lastRead, lastWrite;
  std::vector<uint32_t> readSees, writeSees, writeOrdered;
  std::vector<uint32_t> firstSlot; ///< of the first access, by worker
  std::vector<Run> runs;           ///< where it may go to shared memory
};

/// What tensor-core products and packets touch stays in global memory.
bool canShare(const Buffer &b) {
  return b.type == ElementType::F32 && b.packetElements == 0;
}

class Colorer {
public:
  Colorer(Schedule &s, const PageColoringOptions &options)
      : s(s), options(options), tiles(expand(s)) {
    const HandOffs h = handOffs(s, tiles);
    order = orderClocks(tiles, h);
    visibility = visibilityClocks(tiles, h);
  }

  void run(PageColoringReport &report) {
    findLifetimes();
    std::vector<uint32_t> shared, scratch;
    chooseSpaces(shared, scratch);
    colorSpace(shared, Space::Shared, report.shared);
    colorSpace(scratch, Space::Scratch, report.scratch);
    report.generations = numberPackets(scratch);
  }

private:
  void findLifetimes();
  void chooseSpaces(std::vector<uint32_t> &shared,
                    std::vector<uint32_t> &scratch);
  bool before(const Lifetime &a, const Lifetime &b, Space space) const;
  bool disjoint(const Lifetime &a, const Lifetime &b, Space space) const;
  void colorSpace(const std::vector<uint32_t> &members, Space space,
                  PageReport &report);
  uint64_t cliqueBound(const std::vector<uint32_t> &order,
                       const std::vector<std::vector<bool>> &apart) const;
  uint32_t numberPackets(const std::vector<uint32_t> &members);

  Schedule &s;
  const PageColoringOptions &options;
  const Tiles tiles;
  Clocks order, visibility;
  std::vector<Lifetime> lifetimes;
};

void Colorer::findLifetimes() {
  std::vector<uint32_t> index(s.buffers.size(), kNone);
  const uint32_t w = tiles.workers;
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    const Buffer &buffer = s.buffers[b];
    if (buffer.kind != BufferKind::Activation || buffer.space == Space::Cluster)
      continue;
    index[b] = uint32_t(lifetimes.size());
    Lifetime l;
    l.buffer = b;
    l.bytes =
        alignPage(buffer.packetElements
                      ? packetLayout(s, buffer).first.back() * uint64_t(16)
                      : buffer.regionBytes());
    l.lastRead.assign(w, 0);
    l.lastWrite.assign(w, 0);
    l.readSees.assign(w, kNone);
    l.writeSees.assign(w, kNone);
    l.writeOrdered.assign(w, kNone);
    l.firstSlot.assign(w, kNone);
    lifetimes.push_back(std::move(l));
  }
  const auto least = [&](std::vector<uint32_t> &into, const Clocks &clocks,
                         uint32_t tile) {
    for (uint32_t i = 0; i < w; ++i)
      into[i] = std::min(into[i], clocks.entries[size_t(tile) * w + i]);
  };
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Tile &tile = tiles.tiles[t];
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const Access &a = tiles.accesses[i];
      if (index[a.buffer] == kNone)
        continue;
      Lifetime &l = lifetimes[index[a.buffer]];
      ++l.uses;
      if (canShare(s.buffers[a.buffer]))
        l.runs.push_back({a.region.offset, a.region.end(), tile.worker});
      uint32_t &last = (a.write ? l.lastWrite : l.lastRead)[tile.worker];
      last = std::max(last, tile.slot + 1);
      l.firstSlot[tile.worker] = std::min(l.firstSlot[tile.worker], tile.slot);
      if (a.write) {
        least(l.writeSees, visibility, t);
        least(l.writeOrdered, order, t);
      } else {
        // A packet waits for its own writer; what an older packet holds in
        // its place is of another generation.
        least(l.readSees,
              s.buffers[a.buffer].packetElements ? order : visibility, t);
      }
    }
  }
}

/// Whether no byte is touched by two workers: it can live in shared memory.
bool oneWorkerPerByte(std::vector<Lifetime::Run> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Lifetime::Run &a, const Lifetime::Run &b) {
              return std::tie(a.lo, a.worker) < std::tie(b.lo, b.worker);
            });
  uint64_t end = 0;
  uint32_t worker = kNone;
  for (const Lifetime::Run &r : runs) {
    if (r.lo < end && r.worker != worker)
      return false;
    if (r.hi >= end) {
      end = r.hi;
      worker = r.worker;
    }
  }
  return true;
}

/// Shared memory goes to the buffers that are used most.
void Colorer::chooseSpaces(std::vector<uint32_t> &shared,
                           std::vector<uint32_t> &scratch) {
  std::vector<uint32_t> candidates;
  for (uint32_t i = 0; i < lifetimes.size(); ++i) {
    const Buffer &b = s.buffers[lifetimes[i].buffer];
    if (canShare(b) && lifetimes[i].bytes <= options.sharedLimit &&
        oneWorkerPerByte(lifetimes[i].runs))
      candidates.push_back(i);
    else
      scratch.push_back(i);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](uint32_t a, uint32_t b) {
                     return lifetimes[a].uses > lifetimes[b].uses;
                   });
  // Without sharing, each takes its own bytes. With it, a buffer that does
  // not add to the peak is welcome: count the buffers alive beside it.
  std::vector<uint32_t> chosen;
  for (uint32_t c : candidates) {
    uint64_t beside = lifetimes[c].bytes;
    for (uint32_t other : chosen)
      if (options.policy == PagePolicy::Linear ||
          !disjoint(lifetimes[c], lifetimes[other], Space::Shared))
        beside += lifetimes[other].bytes;
    if (beside <= options.sharedLimit)
      chosen.push_back(c);
    else
      scratch.push_back(c);
  }
  std::sort(scratch.begin(), scratch.end());
  std::sort(chosen.begin(), chosen.end());
  shared = std::move(chosen);
}

bool Colorer::before(const Lifetime &a, const Lifetime &b, Space space) const {
  for (uint32_t w = 0; w < tiles.workers; ++w) {
    if (space == Space::Shared) {
      // Storage of its own on every worker: only its queue matters.
      if (std::max(a.lastRead[w], a.lastWrite[w]) > b.firstSlot[w])
        return false;
      continue;
    }
    if (a.lastWrite[w] > b.writeSees[w] || a.lastWrite[w] > b.readSees[w] ||
        a.lastRead[w] > b.writeOrdered[w])
      return false;
  }
  return true;
}

bool Colorer::disjoint(const Lifetime &a, const Lifetime &b,
                       Space space) const {
  // Plain values over stale packets could look like a packet that has come.
  if ((s.buffers[a.buffer].packetElements == 0) !=
      (s.buffers[b.buffer].packetElements == 0))
    return false;
  return before(a, b, space) || before(b, a, space);
}

/// The heaviest clique that greedy search finds: buffers that are alive at
/// once, pair by pair.
uint64_t
Colorer::cliqueBound(const std::vector<uint32_t> &bySize,
                     const std::vector<std::vector<bool>> &apart) const {
  constexpr size_t kStarts = 32; // each is quadratic
  uint64_t best = 0;
  for (size_t start = 0; start < std::min(bySize.size(), kStarts); ++start) {
    std::vector<size_t> clique{start};
    uint64_t bytes = lifetimes[bySize[start]].bytes;
    for (size_t i = 0; i < bySize.size(); ++i) {
      if (i == start || std::any_of(clique.begin(), clique.end(),
                                    [&](size_t c) { return apart[i][c]; }))
        continue;
      clique.push_back(i);
      bytes += lifetimes[bySize[i]].bytes;
    }
    best = std::max(best, bytes);
  }
  return best;
}

/// Largest first, each at the lowest offset that no buffer alive beside it
/// has.
void Colorer::colorSpace(const std::vector<uint32_t> &members, Space space,
                         PageReport &report) {
  std::vector<uint32_t> bySize = members;
  if (options.policy == PagePolicy::GraphColor)
    std::stable_sort(bySize.begin(), bySize.end(), [&](uint32_t a, uint32_t b) {
      return lifetimes[a].bytes > lifetimes[b].bytes;
    });
  const size_t n = bySize.size();
  std::vector<std::vector<bool>> apart(n, std::vector<bool>(n, false));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j)
      apart[i][j] = apart[j][i] =
          disjoint(lifetimes[bySize[i]], lifetimes[bySize[j]], space);
  for (size_t i = 0; i < n; ++i) {
    const Lifetime &l = lifetimes[bySize[i]];
    std::vector<Range> taken;
    for (size_t j = 0; j < i; ++j)
      if (options.policy == PagePolicy::Linear || !apart[i][j]) {
        const int64_t at =
            int64_t(s.buffers[lifetimes[bySize[j]].buffer].pageOffset);
        taken.push_back({at, at + int64_t(lifetimes[bySize[j]].bytes)});
      }
    std::sort(taken.begin(), taken.end(),
              [](const Range &a, const Range &b) { return a.lo < b.lo; });
    int64_t offset = 0;
    for (const Range &r : taken) {
      if (r.lo >= offset + int64_t(l.bytes))
        break;
      offset = std::max(offset, r.hi);
    }
    Buffer &b = s.buffers[l.buffer];
    b.space = space;
    b.pageOffset = uint64_t(offset);
    ++report.buffers;
    report.unshared += l.bytes;
    report.peak = std::max(report.peak, uint64_t(offset) + l.bytes);
  }
  report.bound = cliqueBound(bySize, apart);
}

/// Packets that share bytes carry different generations in their stamps.
uint32_t Colorer::numberPackets(const std::vector<uint32_t> &members) {
  uint32_t generations = 1;
  std::vector<uint32_t> numbered;
  for (uint32_t m : members) {
    Buffer &b = s.buffers[lifetimes[m].buffer];
    if (!b.packetElements)
      continue;
    std::vector<bool> used(numbered.size() + 1, false);
    for (uint32_t other : numbered) {
      const Buffer &o = s.buffers[lifetimes[other].buffer];
      if (o.pageOffset < b.pageOffset + lifetimes[m].bytes &&
          b.pageOffset < o.pageOffset + lifetimes[other].bytes)
        used[o.packetGeneration] = true;
    }
    b.packetGeneration =
        uint32_t(std::find(used.begin(), used.end(), false) - used.begin());
    generations = std::max(generations, b.packetGeneration + 1);
    numbered.push_back(m);
  }
  return generations;
}

} // namespace

std::string colorPages(Schedule &s, const PageColoringOptions &options,
                       PageColoringReport *report) {
  if (!s.concurrent)
    return "expected a concurrent schedule: lifetimes come from hand-offs";
  for (Buffer &b : s.buffers) {
    // Where packets in cluster memory lie belongs to their hand-off.
    if (b.kind != BufferKind::Activation || b.space == Space::Cluster)
      continue;
    b.space = Space::Own;
    b.pageOffset = 0;
    b.packetGeneration = 0;
  }
  PageColoringOptions fitting = options;
  if (s.target) {
    // Beside a ring that is there already.
    const uint64_t taken = sharedLayout(s).total, has = s.target->sharedBytes;
    fitting.sharedLimit =
        std::min(options.sharedLimit, has > taken ? has - taken : 0);
  }
  PageColoringReport r;
  if (options.policy != PagePolicy::None)
    Colorer(s, fitting).run(r);
  if (report)
    *report = r;
  return {};
}

} // namespace amk::scheduling
