//===- VerifyTarget.cpp - V7: it fits -------------------------------------===//

#include "AMK/Schedule/BankConflicts.h"
#include "AMK/Schedule/KernelRoles.h"
#include "AMK/Schedule/Operators.h"
#include "VerifyImpl.h"

#include <algorithm>
#include <tuple>

namespace amk::core::verifier {

namespace {

/// Counters of a fan in a tile: the structure holds.
uint64_t fanSize(const Schedule &s, const Fan &fan, uint32_t tile) {
  const uint32_t first = s.entry(fan.first, tile, 0);
  return uint64_t(s.entry(fan.last, tile, first)) - first + 1;
}

void checkPage(Report &r, uint32_t b) {
  const Buffer &buffer = r.s.buffers[b];
  // Stamps count launches times generations: they must not come round before a
  // packet is written again.
  if (buffer.packetElements && buffer.packetGeneration >= kMaxGenerations)
    r.add("V7", atBuffer(b),
          say({"expected a generation of packets below ", kMaxGenerations,
               ", found ", buffer.packetGeneration}));
  if (buffer.space == Space::Own)
    return;
  const uint64_t align = buffer.packetElements ? 16 : byteWidth(buffer.type);
  if (buffer.pageOffset % align)
    r.add("V7", atBuffer(b),
          say({"expected a page offset that is a multiple "
               "of ",
               align, ", found ", buffer.pageOffset}));
  if (buffer.pageOffset > kMaxBytes)
    r.add("V7", atBuffer(b),
          say({"expected a page offset of at most ", kMaxBytes, ", found ",
               buffer.pageOffset}));
}

/// Packets share bytes only with packets of another generation: what is left
/// in them must not look like one that has come.
void checkPacketPages(Report &r, Space space) {
  const Schedule &s = r.s;
  struct Page {
    uint64_t lo, hi;
    uint32_t buffer;
  };
  std::vector<Page> pages;
  uint32_t generations = 0;
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    const Buffer &buffer = s.buffers[b];
    if (buffer.space != space)
      continue;
    pages.push_back(
        {buffer.pageOffset, buffer.pageOffset + storageBytes(s, buffer), b});
    generations += buffer.packetElements != 0;
  }
  if (generations == 0)
    return;
  const auto clash = [&](uint32_t a, uint32_t b, const char *expected) {
    r.add("V7", atBuffer(b),
          say({"shares bytes of its page with '", s.buffers[a].name,
               "': expected ", expected}))
        .notes.push_back({atBuffer(a), "the other buffer"});
  };
  std::sort(pages.begin(), pages.end(), [](const Page &a, const Page &b) {
    return std::make_pair(a.lo, a.buffer) < std::make_pair(b.lo, b.buffer);
  });
  // The page of either sort that reaches furthest so far.
  const Page *furthest[2] = {nullptr, nullptr};
  for (const Page &p : pages) {
    const bool packets = s.buffers[p.buffer].packetElements != 0;
    if (const Page *other = furthest[!packets]; other && other->hi > p.lo)
      clash(other->buffer, p.buffer, "packets to share with packets only");
    if (!furthest[packets] || furthest[packets]->hi < p.hi)
      furthest[packets] = &p;
  }
  std::sort(pages.begin(), pages.end(), [&](const Page &a, const Page &b) {
    return std::make_tuple(s.buffers[a.buffer].packetGeneration, a.lo,
                           a.buffer) <
           std::make_tuple(s.buffers[b.buffer].packetGeneration, b.lo,
                           b.buffer);
  });
  const Page *last = nullptr;
  for (const Page &p : pages) {
    const Buffer &buffer = s.buffers[p.buffer];
    if (!buffer.packetElements)
      continue;
    const bool same = last && s.buffers[last->buffer].packetGeneration ==
                                  buffer.packetGeneration;
    if (same && last->hi > p.lo)
      clash(last->buffer, p.buffer, "different generations");
    if (!same || last->hi < p.hi)
      last = &p;
  }
}

void checkSharedMemory(Report &r) {
  const Schedule &s = r.s;
  uint64_t pages = 0;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Shared)
      pages = std::max(pages, b.pageOffset + b.regionBytes());
  pages += inboxBytes(s);
  const uint64_t ring = s.ring ? uint64_t(s.ring->slots) * s.ring->bytes : 0;
  const uint64_t has = s.target ? s.target->sharedBytes : kMaxBytes;
  if (pages + ring > has)
    r.add("V7", {},
          say({"shared memory of a worker: expected at most ", has,
               " bytes, found ", pages, " of pages and ", ring, " of ring"}));
  else if (s.concurrent && s.target && s.ring) {
    // And what the kernel itself needs: its plan, the gathered input, sums.
    const SharedLayout layout = sharedLayout(s);
    if (layout.total > has)
      r.add("V7", {},
            say({"shared memory of a worker: expected at most ", has,
                 " bytes, found ", pages, " of pages, ", ring, " of ring and ",
                 layout.total - pages - ring, " of plan, input and sums"}));
  }
}

/// The registers of all roles are what the CTA was launched with.
constexpr bool rolesFit() {
  for (const TargetInfo &t : kTargets) {
    const KernelRoles roles = kernelRoles(t.registerPools);
    if (kConsumerThreads * roles.consumerRegisters +
            (roles.threads - kConsumerThreads) * roles.loaderRegisters >
        roles.threads * launchRegisters(roles.threads))
      return false;
  }
  return true;
}
static_assert(rolesFit());

/// Wherever a slot or a slice of the input begins, a product's loads have no
/// bank conflicts, so a schedule cannot choose a layout that has some.
constexpr bool loadsAreFreeOfConflicts() {
  for (uint32_t base = 0; base < 128; base += 16) {
    uint32_t fragment[32] = {}, input[32] = {};
    for (uint32_t lane = 0; lane < 32; ++lane) {
      fragment[lane] = fragmentAddress(base, lane);
      input[lane] = inputAddress(base, lane);
    }
    if (bankConflicts(fragment, 16) != 1 || bankConflicts(input, 16) != 1)
      return false;
  }
  return true;
}
static_assert(loadsAreFreeOfConflicts());

/// What a ring asks of the kernel's threads.
void checkRoles(Report &r, const TargetInfo &info) {
  const Schedule &s = r.s;
  if (!s.ring)
    return;
  const KernelRoles roles = kernelRoles(info.registerPools);
  if (s.ring->slots > roles.threads)
    r.add("V7", {},
          say({"ring: expected at most ", roles.threads, " slots on ",
               info.chip, ", a thread each to set up their barriers, found ",
               s.ring->slots}));
  const uint32_t most = mostHeldBytes(info);
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (s.tasks[t].stream.held && s.ring->bytes > most) {
      r.add("V7", atTask(t),
            say({"stream: expected slots of at most ", most,
                 " bytes to hold one in the ", roles.consumerRegisters,
                 " registers of a thread on ", info.chip, ", found ",
                 s.ring->bytes}));
      return;
    }
}

/// All clusters of a grid have the same number of CTAs, on neighbouring SMs.
void checkCluster(Report &r, const TargetInfo &info) {
  const uint32_t cluster = r.s.target->cluster, workers = r.s.target->workers;
  if (cluster != 1 && cluster != 2 && cluster != 4 && cluster != 8)
    r.add("V7", {},
          say({"target: expected clusters of 1, 2, 4 or 8 workers, found ",
               cluster}));
  else if (workers % cluster)
    r.add("V7", {},
          say({"target: expected a number of workers that is a multiple of ",
               cluster, ", the workers of a cluster, found ", workers}));
  else if (cluster > 1 && !info.clusters)
    r.add("V7", {},
          say({"target: expected clusters of 1 worker on ", info.chip,
               ", which has none, found ", cluster}));
}

} // namespace

void checkLimits(Report &r) {
  const Schedule &s = r.s;
  const auto limit = [&](const char *what, uint64_t found, uint64_t most) {
    if (found > most)
      r.add("V7", {},
            say({what, ": expected at most ", most, ", found ", found}));
  };
  if (s.target && (s.target->workers < 1 || s.target->workers > kMaxWorkers)) {
    r.add("V7", {},
          say({"target: expected 1 to ", kMaxWorkers, " workers, found ",
               s.target->workers}));
    return;
  }
  uint64_t counters = 0;
  for (const CounterArray &c : s.counters)
    counters += c.count;
  limit("counters", counters, kMaxCounters);
  uint64_t tiles = 0;
  uint32_t workers = s.target ? s.target->workers : 1;
  for (const Task &task : s.tasks) {
    tiles += tileCount(s, task);
    if (task.workers != kNone)
      for (uint32_t w : s.tables[task.workers])
        workers = std::max(workers, w + 1);
  }
  if (s.concurrent)
    limit("tiles times workers", tiles * workers, kMaxClockEntries);
  if (!r.clean())
    return;
  uint64_t handOffs = 0;
  for (const Task &task : s.tasks)
    for (uint32_t i = 0; i < tileCount(s, task); ++i) {
      for (const Wait &w : task.waits)
        handOffs += fanSize(s, w.fan, i);
      for (const Signal &signal : task.signals)
        handOffs += fanSize(s, signal.fan, i);
      if (handOffs > kMaxHandOffs)
        return limit("waits and signals of all tiles", handOffs, kMaxHandOffs);
    }
}

void checkTarget(Report &r) {
  const Schedule &s = r.s;
  for (uint32_t b = 0; b < s.buffers.size() && !r.full(); ++b)
    checkPage(r, b);
  if (!r.clean())
    return;
  checkSharedMemory(r);
  checkPacketPages(r, Space::Scratch);
  checkPacketPages(r, Space::Cluster);
  if (!s.target)
    return;
  const TargetInfo *info = lookupTarget(s.target->chip);
  if (!info) {
    r.add("V7", {},
          say({"target: expected one of ", knownTargets(), ", found '",
               s.target->chip, "'"}));
    return;
  }
  checkCluster(r, *info);
  checkRoles(r, *info);
  if (s.target->sharedBytes > info->sharedBytes)
    r.add("V7", {},
          say({"target: expected at most ", info->sharedBytes,
               " bytes of shared memory on ", info->chip, ", found ",
               s.target->sharedBytes}));
}

} // namespace amk::core::verifier
