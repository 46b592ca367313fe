//===- ConcurrentRun.cpp - A schedule by queues and hand-offs -------------===//

#include "ConcurrentRun.h"

#include "Clock.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace amk::runtime {

namespace {

/// splitmix64.
uint64_t nextRandom(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

} // namespace

ConcurrentRun::ConcurrentRun(const CpuProgram &program,
                             const CpuOptions &options, unsigned threads)
    : program(program), options(options), threads(threads) {}

Status ConcurrentRun::prepare() {
  const core::Schedule &s = program.schedule();
  tiles = core::expand(s);
  handOffs.assign(tiles.tiles.size(), {});
  for (size_t t = 0; t < tiles.tiles.size(); ++t)
    findPackets(tiles.tiles[t], handOffs[t]);
  findMeetings();
  signalsPerLaunch.assign(tiles.counterCount, 0);
  for (uint32_t c : tiles.signals)
    ++signalsPerLaunch[c];
  generations = 1;
  for (const core::Buffer &b : s.buffers)
    if (b.packetElements)
      generations = std::max(generations, b.packetGeneration + 1);
  threads = std::min(threads, std::max(1u, tiles.workers));
  temps.resize(threads);
  for (Memory &m : temps)
    if (Status st = m.allocate(program.tempBytes(), "temporaries"); !st.ok())
      return st;
  shared.resize(tiles.workers);
  for (Memory &m : shared)
    if (Status st = m.allocate(program.sharedBytes(), "shared memory");
        !st.ok())
      return st;
  deliveries.emplace(s, tiles);
  inboxes.resize(deliveries->empty() ? 0 : tiles.workers);
  for (Memory &m : inboxes)
    if (Status st = m.allocate(program.inboxBytes(), "packets"); !st.ok())
      return st;
  if (options.trace) {
    recorded.resize(tiles.tiles.size());
    recordedStages.resize(tiles.tiles.size());
  }
  counters = std::vector<std::atomic<uint32_t>>(tiles.counterCount);
  workers.resize(tiles.workers);
  for (size_t w = 0; w < workers.size(); ++w)
    workers[w].random = options.delaySeed + w * 0x2545f4914f6cdd1du;
  resetCounters();
  return {};
}

void ConcurrentRun::resetCounters() {
  epoch = options.firstEpoch - 1;
  for (size_t c = 0; c < counters.size(); ++c)
    counters[c].store(epoch * signalsPerLaunch[c], std::memory_order_relaxed);
  for (size_t m = 0; m < meetings.size(); ++m)
    meetings[m].store(epoch * gangTiles[m], std::memory_order_relaxed);
}

/// Packets are read by every tile for itself here, but the tiles that share a
/// gather on a GPU start no earlier than there.
void ConcurrentRun::findMeetings() {
  const core::Schedule &s = program.schedule();
  const uint32_t cluster = s.target ? s.target->cluster : 1;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> known; // task, cluster
  for (uint32_t t = 0; cluster > 1 && t < tiles.tiles.size(); ++t) {
    const core::Tile &tile = tiles.tiles[t];
    if (!s.tasks[tile.task].clusterGather)
      continue;
    meetingOf.resize(tiles.tiles.size(), core::kNone);
    const auto [at, isNew] = known.try_emplace(
        {tile.task, tile.worker / cluster}, uint32_t(gangTiles.size()));
    if (isNew)
      gangTiles.push_back(0);
    ++gangTiles[meetingOf[t] = at->second];
  }
  meetings = std::vector<std::atomic<uint32_t>>(gangTiles.size());
}

void ConcurrentRun::findPackets(const core::Tile &tile,
                                TileHandOffs &out) const {
  const TaskPlan &task = program.tasks()[tile.task];
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const core::Access &access = tiles.accesses[i];
    const BufferPlan &buffer = program.buffer(access.buffer);
    if (!buffer.packets)
      continue;
    uint64_t temp = 0;
    for (const StagedBuffer &staged : task.staged)
      if (staged.buffer == access.buffer)
        temp = staged.temp;
    const core::Range packets = buffer.map.packets(
        {int64_t(access.region.offset), int64_t(access.region.end())});
    const PacketRange range{access.buffer, temp, uint32_t(packets.lo),
                            uint32_t(packets.hi)};
    if (access.write) {
      out.scatters.push_back(range);
      continue;
    }
    // What an earlier operator of this tile has written is in the plain copy.
    const bool own = std::any_of(
        out.scatters.begin(), out.scatters.end(), [&](const PacketRange &r) {
          return r.buffer == range.buffer && r.first <= range.first &&
                 range.last <= r.last;
        });
    const bool known = std::any_of(
        out.gathers.begin(), out.gathers.end(), [&](const PacketRange &r) {
          return r.buffer == range.buffer && r.first <= range.first &&
                 range.last <= r.last;
        });
    if (!own && !known)
      out.gathers.push_back(range);
  }
}

PacketSlot &ConcurrentRun::slot(uint32_t buffer, uint32_t w,
                                uint32_t packet) const {
  const BufferPlan &plan = program.buffer(buffer);
  char *base = plan.home == Home::Inbox    ? inboxes[w].data()
               : plan.home == Home::Shared ? shared[w].data()
                                           : program.global();
  return reinterpret_cast<PacketSlot *>(
      base + plan.offset)[plan.room ? packet % plan.room : packet];
}

/// Shared memory does not outlast a launch on a GPU, so nobody may find there
/// what the launch before has left: not a number, and the stamp before this
/// launch's first.
void ConcurrentRun::emptyInboxes() {
  for (Memory &inbox : inboxes) {
    auto *slots = reinterpret_cast<PacketSlot *>(inbox.data());
    for (uint64_t i = 0; i < program.inboxBytes() / sizeof(PacketSlot); ++i) {
      std::memset(slots[i].values, 0xff, sizeof(slots[i].values));
      slots[i].stamp.store(epoch * generations - 1, std::memory_order_relaxed);
    }
  }
}

uint32_t ConcurrentRun::stamp(uint32_t buffer) const {
  return epoch * generations +
         program.schedule().buffers[buffer].packetGeneration;
}

/// The value that a counter must reach in this launch. Wraps around.
uint32_t ConcurrentRun::target(const core::TileWait &wait) const {
  return (epoch - 1) * signalsPerLaunch[wait.counter] + wait.threshold;
}

bool ConcurrentRun::ready(uint32_t w, Worker &worker) {
  const uint32_t t = tiles.queues[w][worker.next];
  const core::Tile &tile = tiles.tiles[t];
  for (; tile.firstWait + worker.wait < tile.lastWait; ++worker.wait) {
    const core::TileWait &wait = tiles.waits[tile.firstWait + worker.wait];
    const uint32_t value =
        counters[wait.counter].load(std::memory_order_acquire);
    if (int32_t(value - target(wait)) < 0)
      return false;
  }
  if (!meetingOf.empty() && meetingOf[t] != core::kNone) {
    const uint32_t m = meetingOf[t];
    if (!worker.reached)
      meetings[m].fetch_add(1, std::memory_order_acq_rel);
    worker.reached = true;
    if (int32_t(meetings[m].load(std::memory_order_acquire) -
                epoch * gangTiles[m]) < 0)
      return false;
  }
  const std::vector<PacketRange> &gathers = handOffs[t].gathers;
  for (; worker.gather < gathers.size(); ++worker.gather, worker.packet = 0) {
    const PacketRange &range = gathers[worker.gather];
    const uint32_t expected = stamp(range.buffer);
    for (; range.first + worker.packet < range.last; ++worker.packet)
      if (slot(range.buffer, w, range.first + worker.packet)
              .stamp.load(std::memory_order_acquire) != expected)
        return false;
  }
  return true;
}

/// Whether a random delay holds up the worker's next tile.
bool ConcurrentRun::delayed(Worker &worker) {
  if (!options.delaySeed)
    return false;
  if (!worker.delayChosen) {
    worker.delayChosen = true;
    const uint64_t r = nextRandom(worker.random);
    // A quarter of the tiles, by up to 64 microseconds.
    worker.notBefore = r % 4 ? 0 : nanoseconds() + int64_t((r >> 8) & 0xffff);
  }
  return worker.notBefore > nanoseconds();
}

/// Writes packets where they are read: once, or to the inbox of every worker of
/// the cluster that reads some of the tile's.
void ConcurrentRun::scatter(uint32_t t, uint32_t w, const PacketRange &range,
                            const char *plain) {
  const BufferPlan &plan = program.buffer(range.buffer);
  const auto to = [&](uint32_t reader) {
    for (uint32_t p = range.first; p < range.last; ++p) {
      PacketSlot &at = slot(range.buffer, reader, p);
      plan.map.pack(plain, p, at);
      at.stamp.store(stamp(range.buffer), std::memory_order_release);
    }
  };
  if (plan.home != Home::Inbox)
    return to(w);
  // Other clusters' memory is out of reach, whatever the schedule says.
  const core::Schedule &s = program.schedule();
  const uint32_t width = s.target ? std::max(s.target->cluster, 1u) : 1;
  for (const core::Delivery &d : deliveries->of(range.buffer, t))
    if (d.worker / width == w / width)
      to(d.worker);
}

void ConcurrentRun::runTile(uint32_t t, uint32_t w, char *temp) {
  const core::Tile &tile = tiles.tiles[t];
  const TaskPlan &task = program.tasks()[tile.task];
  TileTimes *times = recorded.empty() ? nullptr : &recorded[t];
  if (times)
    *times = {
        w, tile.task, tile.index, workers[w].free, uint64_t(nanoseconds()),
        0, 0,         {}};
  std::vector<UsedStages> *stages = times ? &recordedStages[t] : nullptr;
  for (const PacketRange &r : handOffs[t].gathers) {
    const PacketMap &map = program.buffer(r.buffer).map;
    for (uint32_t p = r.first; p < r.last; ++p)
      map.unpack(slot(r.buffer, w, p), p, temp + r.temp);
  }
  const TileMemory at{temp, shared[w].data()};
  program.runPrologues(task, position, at);
  program.runBody(task, tile.range, position, at, stages);
  if (times)
    times->done = uint64_t(nanoseconds());
  for (const PacketRange &r : handOffs[t].scatters)
    scatter(t, w, r, temp + r.temp);
  for (uint32_t i = tile.firstSignal; i < tile.lastSignal; ++i)
    counters[tiles.signals[i]].fetch_add(1, std::memory_order_acq_rel);
  if (times)
    times->published = workers[w].free = uint64_t(nanoseconds());
}

void ConcurrentRun::times(StepTimes &times) const {
  if (recorded.empty())
    return;
  for (const std::vector<uint32_t> &queue : tiles.queues)
    for (uint32_t t : queue) {
      const TileTimes &tile = recorded[t];
      times.tiles.push_back(tile);
      for (const UsedStages &u : recordedStages[t])
        times.stages.push_back({tile.worker, tile.task, tile.tile, u.first,
                                u.count, 0, 0, u.from, u.to});
    }
}

void ConcurrentRun::runThread(unsigned thread, unsigned count) {
  std::vector<uint32_t> active;
  for (uint32_t w = thread; w < workers.size(); w += count)
    if (!tiles.queues[w].empty())
      active.push_back(w);
  Backoff backoff;
  while (!active.empty() && !aborted.load(std::memory_order_relaxed)) {
    bool progress = false, waiting = false;
    for (size_t i = 0; i < active.size();) {
      const uint32_t w = active[i];
      Worker &worker = workers[w];
      if (delayed(worker)) {
        waiting = true;
        ++i;
        continue;
      }
      if (!ready(w, worker)) {
        ++i;
        continue;
      }
      runTile(tiles.queues[w][worker.next], w, temps[thread].data());
      worker.wait = worker.gather = worker.packet = 0;
      worker.reached = worker.delayChosen = false;
      progress = true;
      if (++worker.next == tiles.queues[w].size())
        active.erase(active.begin() + ptrdiff_t(i));
      else
        ++i;
      if (aborted.load(std::memory_order_relaxed))
        break;
    }
    if (progress) {
      lastProgress.store(nanoseconds(), std::memory_order_relaxed);
      backoff.reset();
      continue;
    }
    backoff.wait();
    if (!waiting && backoff.patient() &&
        nanoseconds() - lastProgress.load(std::memory_order_relaxed) >
            int64_t(options.watchdogMs) * 1000000)
      aborted.store(true, std::memory_order_relaxed);
  }
}

Status ConcurrentRun::run(ThreadTeam &team, int64_t at) {
  position = at;
  ++epoch;
  aborted.store(false, std::memory_order_relaxed);
  emptyInboxes();
  lastProgress.store(nanoseconds(), std::memory_order_relaxed);
  for (Worker &w : workers) {
    w.next = w.wait = w.gather = w.packet = 0;
    w.reached = w.delayChosen = false;
    w.free = uint64_t(lastProgress.load(std::memory_order_relaxed));
  }
  std::fill(recorded.begin(), recorded.end(), TileTimes());
  for (std::vector<UsedStages> &stages : recordedStages)
    stages.clear();
  team.run([&](unsigned thread) {
    if (thread < threads)
      runThread(thread, threads);
  });
  if (!aborted.load(std::memory_order_relaxed))
    return {};
  Status status = report();
  reset();
  return status;
}

/// Forgets every hand-off, as if nothing had been launched.
void ConcurrentRun::reset() {
  resetCounters();
  for (uint32_t b = 0; b < program.schedule().buffers.size(); ++b) {
    const BufferPlan &plan = program.buffer(b);
    if (!plan.packets || plan.home == Home::Inbox)
      continue; // inboxes are empty at the begin of every launch
    const uint32_t copies = plan.home == Home::Shared ? tiles.workers : 1;
    for (uint32_t w = 0; w < copies; ++w)
      for (uint32_t p = 0; p < plan.map.count(); ++p)
        slot(b, w, p).stamp.store(0, std::memory_order_relaxed);
  }
}

Waiting ConcurrentRun::waitingOf(uint32_t w) const {
  const Worker &worker = workers[w];
  Waiting waiting;
  if (worker.next >= tiles.queues[w].size())
    return waiting;
  waiting.row = worker.next;
  const uint32_t t = tiles.queues[w][worker.next];
  const core::Tile &tile = tiles.tiles[t];
  if (tile.firstWait + worker.wait < tile.lastWait) {
    waiting.kind = Waiting::Counter;
    waiting.index = tiles.waits[tile.firstWait + worker.wait].counter;
    waiting.seen = counters[waiting.index].load(std::memory_order_relaxed);
  } else if (const uint32_t m = meetingOf.empty() ? core::kNone : meetingOf[t];
             m != core::kNone && meetings[m].load(std::memory_order_relaxed) !=
                                     epoch * gangTiles[m]) {
    waiting.kind = Waiting::Meeting;
    waiting.index = gangTiles[m];
    waiting.seen = meetings[m].load(std::memory_order_relaxed) -
                   (epoch - 1) * gangTiles[m];
  } else if (worker.gather < handOffs[t].gathers.size()) {
    const PacketRange &range = handOffs[t].gathers[worker.gather];
    waiting.kind = Waiting::Packet;
    waiting.buffer = range.buffer;
    waiting.index = range.first + worker.packet;
    waiting.seen = slot(range.buffer, w, waiting.index)
                       .stamp.load(std::memory_order_relaxed);
  }
  return waiting;
}

Status ConcurrentRun::report() {
  std::vector<Waiting> all;
  all.reserve(workers.size());
  for (uint32_t w = 0; w < workers.size(); ++w)
    all.push_back(waitingOf(w));
  return HangReport(program.schedule(), tiles)
      .status(position, options.watchdogMs, epoch, all);
}

} // namespace amk::runtime
