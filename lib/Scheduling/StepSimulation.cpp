//===- StepSimulation.cpp - A step, event by event ------------------------===//
//
// The parts and their rules:
//
// - The memory serves copies one after the other at its bandwidth; a copy lands
//   a latency after its service. So it has a queue, and whatever passes the
//   memory waits behind it: that is what a large window costs.
// - A worker's loader issues the stages of its queue in order: into a slot that
//   was released, within the window, or `ahead` for tiles not yet begun.
// - Its teams take stages in turn. A stage is taken when the tile's input is
//   there; while packets are awaited a team may take one early ("held").
// - A hand-off takes its idle latency, and its share of the memory's queue.
//
// Times are in nanoseconds, rates in bytes a nanosecond, which is GB/s.
//
//===----------------------------------------------------------------------===//

#include "StepSimulation.h"

#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TargetInfo.h"

#include <algorithm>
#include <queue>

namespace amk::scheduling {

using namespace core;

double streamRate(const DeviceRecord &device, uint32_t workers) {
  // Measured on an H200: the share of its bandwidth that a share of the SMs
  // reaches. Fewer than a quarter are bounded by what an SM takes in.
  static constexpr struct {
    double workers, rate;
  } kCurve[] = {
      {32. / 132, 0.785},
      {64. / 132, 0.873},
      {96. / 132, 0.905},
      {120. / 132, 0.99},
      {1, 1},
  };
  const double share = std::min(1., double(workers) / device.workers.value);
  const double most = double(workers) * device.workerBandwidth.value;
  double rate = kCurve[0].rate;
  for (size_t i = 1; i < std::size(kCurve); ++i) {
    const auto &a = kCurve[i - 1], &b = kCurve[i];
    if (share > a.workers)
      rate = a.rate + (std::min(share, b.workers) - a.workers) /
                          (b.workers - a.workers) * (b.rate - a.rate);
  }
  return std::min(most, rate * device.streamBandwidth.value);
}

namespace {

/// The kernel's barrier after a product.
constexpr double kBarrier = 50;
/// Taking a landed stage into registers.
constexpr double kHold = 150;

struct Event {
  enum Kind : uint8_t { Land, Issue, Release, TeamDone, Ready, Done, End };
  double time;
  uint64_t order; ///< of two at one time the one pushed first goes first
  uint32_t worker;
  Kind kind;
  uint32_t arg; ///< slot or team
  bool operator>(const Event &o) const {
    return time != o.time ? time > o.time : order > o.order;
  }
};

struct Team {
  uint32_t next = 0; ///< stage that it takes next
  bool busy = false;
  bool holding = false; ///< `next` is in its registers
};

struct Worker {
  // Consumers.
  uint32_t at = 0;      ///< tile of the queue
  bool waiting = false; ///< for packets: stages may be held
  bool working = false;
  int64_t begun = -1; ///< the last tile whose product has begun
  double ready = 0;   ///< of the hand-offs that have come
  uint32_t missing = 0;
  uint32_t stagesLeft = 0;
  std::vector<Team> teams;
  // Loader.
  uint32_t issued = 0, landed = 0;
  uint32_t row = 0; ///< tile that stage `issued` belongs to
  double issueFree = 0;
  bool issuePending = false;
  std::vector<bool> slotFree;
  std::vector<uint32_t> firstStage; ///< of every tile, and the end
  double portFree = 0;
  double idleSince = 0, idle = 0; ///< nothing in flight
};

class Simulation {
public:
  Simulation(const Schedule &schedule, const Tiles &tiles,
             const std::vector<TileWork> &work, const DeviceRecord &device)
      : s(schedule), tiles(tiles), work(work), d(device),
        links(handOffs(schedule, tiles)) {}

  SimulationResult run();

private:
  void setUp();
  void handle(const Event &e);
  void push(double time, uint32_t worker, Event::Kind kind, uint32_t arg = 0) {
    events.push({time, order++, worker, kind, arg});
  }

  /// What is queued at the memory, in ns.
  double queued(double now) const { return std::max(0., memoryFree - now); }
  /// Serves `bytes` of a worker. Returns when they land.
  double serve(Worker &w, double bytes, double now);

  void tryIssue(uint32_t id, double now);
  void kick(uint32_t id, uint32_t team, double now);
  void tryHold(uint32_t id, uint32_t team, double now);

  void enter(uint32_t id, double now);
  void arrived(uint32_t id, double now);
  void begin(uint32_t id, double now);
  void finish(uint32_t id, double now);
  void signal(uint32_t tile, double now);

  uint32_t tileOf(uint32_t id) const {
    return tiles.queues[id][workers[id].at];
  }
  double idleUpTo(const Worker &w, double now) const {
    return w.idle + (w.issued == w.landed ? now - w.idleSince : 0);
  }

  const Schedule &s;
  const Tiles &tiles;
  const std::vector<TileWork> &work;
  const DeviceRecord &d;
  HandOffs links;
  SimulationResult out;

  Ring ring;
  bool holds = false, bulk = true;
  double rate = 1, memoryFree = 0;
  std::vector<Worker> workers;
  /// When the k-th signal of a counter is seen by whoever waits for it.
  std::vector<std::vector<double>> seen;
  struct Waiter {
    uint32_t worker, threshold;
  };
  std::vector<std::vector<Waiter>> waiters;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  uint64_t order = 0;
};

void Simulation::setUp() {
  ring = s.ring.value_or(Ring{});
  ring.teams = std::max(ring.teams, 1u);
  for (const Task &task : s.tasks)
    holds |= task.stream.held > 0;
  const TargetInfo *info = s.target ? lookupTarget(s.target->chip) : nullptr;
  bulk = !info || info->bulkCopies;
  workers.resize(tiles.workers);
  out.tiles.resize(tiles.tiles.size());
  seen.resize(links.counterCount);
  waiters.resize(links.counterCount);
  uint32_t streaming = 0;
  for (uint32_t id = 0; id < tiles.workers; ++id) {
    Worker &w = workers[id];
    w.slotFree.assign(ring.slots, true);
    w.teams.resize(ring.teams);
    for (uint32_t t = 0; t < ring.teams; ++t)
      w.teams[t].next = t;
    w.firstStage.push_back(0);
    for (uint32_t tile : tiles.queues[id])
      w.firstStage.push_back(w.firstStage.back() + work[tile].stages);
    streaming += w.firstStage.back() > 0;
  }
  rate = streamRate(d, std::max(streaming, 1u));
}

double Simulation::serve(Worker &w, double bytes, double now) {
  const double start = std::max(now, memoryFree);
  memoryFree = start + bytes / rate;
  out.memoryBusy += bytes / rate;
  w.portFree = std::max(now, w.portFree) + bytes / d.workerBandwidth.value;
  return std::max(memoryFree, w.portFree) + d.memoryLatency.value;
}

void Simulation::tryIssue(uint32_t id, double now) {
  Worker &w = workers[id];
  while (w.issued < w.firstStage.back()) {
    while (w.issued >= w.firstStage[w.row + 1])
      ++w.row;
    const uint32_t slot = w.issued % ring.slots;
    const uint32_t window = w.begun < int64_t(w.row) ? ring.ahead : ring.window;
    if (!w.slotFree[slot] || w.issued - w.landed >= window)
      return;
    if (w.issueFree > now) {
      if (!w.issuePending)
        push(w.issueFree, id, Event::Issue);
      w.issuePending = true;
      return;
    }
    const double bytes = work[tiles.queues[id][w.row]].stageBytes;
    const double issue =
        bulk ? d.copyIssue.value : bytes / d.asyncCopyRate.value;
    w.slotFree[slot] = false;
    w.issueFree = now + issue;
    if (w.issued == w.landed)
      w.idle += now - w.idleSince;
    ++w.issued;
    push(std::max(serve(w, bytes, now), w.issueFree + d.memoryLatency.value),
         id, Event::Land);
  }
}

/// Lets a team take its next stage, if it may.
void Simulation::kick(uint32_t id, uint32_t team, double now) {
  Worker &w = workers[id];
  Team &t = w.teams[team];
  if (!w.working || t.busy || t.next >= w.firstStage[w.at + 1] ||
      (!t.holding && t.next >= w.landed))
    return;
  t.busy = true;
  push(now + d.consume.value * work[tileOf(id)].stageBytes / 1024, id,
       Event::TeamDone, team);
}

void Simulation::tryHold(uint32_t id, uint32_t team, double now) {
  Worker &w = workers[id];
  Team &t = w.teams[team];
  if (!holds || !w.waiting || t.busy || t.holding || t.next >= w.landed)
    return;
  t.holding = true;
  push(now + kHold, id, Event::Release, t.next % ring.slots);
}

void Simulation::enter(uint32_t id, double now) {
  Worker &w = workers[id];
  if (w.at == tiles.queues[id].size())
    return;
  const uint32_t tile = tileOf(id);
  out.tiles[tile].begin = now;
  out.tiles[tile].exposed = -idleUpTo(w, now);
  w.waiting = work[tile].packets > 0;
  w.missing = 0;
  w.ready = now;
  const uint32_t first = links.firstWait[tile],
                 last = links.firstWait[tile + 1];
  // What came long ago costs a read all the same.
  if (first != last)
    w.ready += d.pollLatency.value + queued(now);
  for (uint32_t i = first; i < last; ++i) {
    const TileWait &wait = links.waits[i];
    const std::vector<double> &times = seen[wait.counter];
    if (times.size() >= wait.threshold) {
      w.ready = std::max(w.ready, times[wait.threshold - 1]);
      continue;
    }
    ++w.missing;
    waiters[wait.counter].push_back({id, wait.threshold});
  }
  for (uint32_t t = 0; t < ring.teams; ++t)
    tryHold(id, t, now);
  if (w.missing == 0)
    arrived(id, now);
}

/// All hand-offs are on their way; the last comes at `ready`.
void Simulation::arrived(uint32_t id, double now) {
  Worker &w = workers[id];
  const TileWork &k = work[tileOf(id)];
  double ready = std::max(now, w.ready);
  if (k.packets)
    ready += d.gather.value + d.gatherPacket.value * k.packets;
  if (k.plainBytes)
    ready +=
        d.pollLatency.value + double(k.plainBytes) / d.workerBandwidth.value;
  push(ready, id, Event::Ready);
}

void Simulation::begin(uint32_t id, double now) {
  Worker &w = workers[id];
  const TileWork &k = work[tileOf(id)];
  TileTimes &times = out.tiles[tileOf(id)];
  times.ready = now;
  times.exposed += idleUpTo(w, now);
  w.waiting = false;
  w.begun = w.at;
  w.working = true;
  w.stagesLeft = k.stages;
  tryIssue(id, now);
  if (k.stages) {
    for (uint32_t t = 0; t < ring.teams; ++t)
      kick(id, t, now);
    return;
  }
  double done = now;
  if (k.directBytes)
    done = serve(w, double(k.directBytes), now);
  else if (k.coldRead)
    done = now + d.memoryLatency.value + queued(now);
  if (k.rounds)
    done = std::max(done, now + double(k.rounds) * d.attentionRound.value);
  push(done, id, Event::Done);
}

void Simulation::finish(uint32_t id, double now) {
  Worker &w = workers[id];
  const TileWork &k = work[tileOf(id)];
  w.working = false;
  out.tiles[tileOf(id)].done = now;
  double publish =
      d.publish.value + d.publishElement.value * double(k.elements);
  if (k.constantRead)
    publish += d.pollLatency.value / 2;
  push(now + publish, id, Event::End);
}

void Simulation::signal(uint32_t tile, double now) {
  for (uint32_t i = links.firstSignal[tile]; i < links.firstSignal[tile + 1];
       ++i) {
    const uint32_t counter = links.signals[i];
    const bool packets = counter >= links.firstPacketCounter;
    const double latency =
        packets ? d.packetLatency.value + d.packetPasses.value * queued(now)
                : d.counterLatency.value + d.counterPasses.value * queued(now);
    std::vector<double> &times = seen[counter];
    times.push_back(std::max(now + latency, times.empty() ? 0 : times.back()));
    std::vector<Waiter> &list = waiters[counter];
    for (size_t j = 0; j < list.size();) {
      if (times.size() < list[j].threshold) {
        ++j;
        continue;
      }
      const uint32_t id = list[j].worker;
      list[j] = list.back();
      list.pop_back();
      Worker &w = workers[id];
      w.ready = std::max(w.ready, times.back());
      if (--w.missing == 0)
        arrived(id, now);
    }
  }
}

void Simulation::handle(const Event &e) {
  Worker &w = workers[e.worker];
  switch (e.kind) {
  case Event::Land: {
    const uint32_t stage = w.landed++;
    if (w.issued == w.landed)
      w.idleSince = e.time;
    kick(e.worker, stage % ring.teams, e.time);
    tryHold(e.worker, stage % ring.teams, e.time);
    return tryIssue(e.worker, e.time);
  }
  case Event::Issue:
    w.issuePending = false;
    return tryIssue(e.worker, e.time);
  case Event::Release:
    w.slotFree[e.arg] = true;
    return tryIssue(e.worker, e.time);
  case Event::TeamDone: {
    Team &t = w.teams[e.arg];
    if (!t.holding)
      w.slotFree[t.next % ring.slots] = true;
    t.busy = t.holding = false;
    t.next += ring.teams;
    tryIssue(e.worker, e.time);
    kick(e.worker, e.arg, e.time);
    if (--w.stagesLeft == 0)
      push(e.time + kBarrier, e.worker, Event::Done);
    return;
  }
  case Event::Ready:
    return begin(e.worker, e.time);
  case Event::Done:
    return finish(e.worker, e.time);
  case Event::End: {
    const uint32_t tile = tileOf(e.worker);
    out.tiles[tile].end = e.time;
    out.end = std::max(out.end, e.time);
    signal(tile, e.time);
    ++w.at;
    return enter(e.worker, e.time);
  }
  }
}

SimulationResult Simulation::run() {
  setUp();
  for (uint32_t id = 0; id < tiles.workers; ++id) {
    tryIssue(id, 0);
    enter(id, 0);
  }
  while (!events.empty()) {
    const Event e = events.top();
    events.pop();
    handle(e);
  }
  for (uint32_t id = 0; id < tiles.workers; ++id)
    if (workers[id].at < tiles.queues[id].size())
      out.stuck = tileOf(id);
  out.end += d.launch.value;
  return std::move(out);
}

} // namespace

SimulationResult simulateStep(const Schedule &s, const Tiles &tiles,
                              const std::vector<TileWork> &work,
                              const DeviceRecord &device) {
  return Simulation(s, tiles, work, device).run();
}

} // namespace amk::scheduling
