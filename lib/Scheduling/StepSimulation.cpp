//===- StepSimulation.cpp - A step, event by event ------------------------===//
//
// The parts and their rules:
//
// - A copy reaches the memory after half of a latency. The memory serves copies
//   one after the other, faster the more bytes are in flight, up to its
//   bandwidth; half a latency later a copy lands. So there is a queue, and
//   whatever passes the memory waits behind it: that is what a large window
//   costs.
// - A worker's loader issues the stages of its queue in order: into a slot that
//   was released, within the window, or `ahead` for tiles not yet begun.
// - Its teams take stages in turn. A stage is taken when the tile's input is
//   there; while packets are awaited a team may take one early ("held").
// - A hand-off is a message that passes the memory a few times. Each time it
//   takes its part of the idle latency and waits behind what is queued then.
// - What other splits of attention make is awaited at the end of a tile's work.
// - A gang, the tiles on one cluster that share what they gather, starts
//   together: when the last of them has polled its part, and that is passed on.
//
// Times are in nanoseconds, rates in bytes a nanosecond, which is GB/s.
//
//===----------------------------------------------------------------------===//

#include "StepSimulation.h"

#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TargetInfo.h"

#include <algorithm>
#include <cmath>
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
/// How sharply the memory's rate follows the bytes in flight.
constexpr double kKnee = 3.5;
/// Releasing a slot, besides reading it.
constexpr double kHold = 100;
/// Plain values that a block's threads read in a round trip: eight words each.
constexpr uint64_t kPlainBytesAtOnce = uint64_t(kConsumerThreads) * 8 * 4;
/// Shared memory of an SM: 32 banks of four bytes.
constexpr double kSharedBytesPerCycle = 128;

struct Event {
  enum Kind : uint8_t {
    Reach,
    Land,
    Issue,
    Release,
    TeamDone,
    Ready,
    Done,
    End,
    Message
  };
  double time;
  uint64_t order; ///< of two at one time the one pushed first goes first
  uint32_t worker;
  Kind kind;
  uint32_t arg;     ///< slot, team or message
  double bytes = 0; ///< that reach the memory, or land
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
  bool waited = false;  ///< for hand-offs, at its begin
  bool waiting = false; ///< for packets: stages may be held
  bool working = false;
  int64_t begun = -1; ///< the last tile whose product has begun
  double ready = 0;   ///< no earlier: a read of what came long ago
  uint32_t missing = 0;
  uint32_t partsMissing = 0; ///< hand-offs that its work ends with
  double partsReady = 0;     ///< when the last of them came
  double workDone = -1;      ///< its own; negative: not yet
  uint32_t stagesLeft = 0;
  std::vector<Team> teams;
  // Loader.
  uint32_t issued = 0, landed = 0;
  uint32_t row = 0; ///< tile that stage `issued` belongs to
  double issueFree = 0;
  bool issuePending = false;
  std::vector<bool> slotFree;
  std::vector<uint32_t> firstStage; ///< of every tile, and the end
  std::vector<uint32_t> holdLimit; ///< of every tile: stages before may be held
  double portFree = 0;
  double sharedFree = 0;
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
  void setUpQueue(uint32_t id);
  void handle(const Event &e);
  void push(double time, uint32_t worker, Event::Kind kind, uint32_t arg = 0,
            double bytes = 0) {
    events.push({time, order++, worker, kind, arg, bytes});
  }

  /// What is queued at the memory, in ns.
  double queued(double now) const { return std::max(0., memoryFree - now); }
  /// Serves `bytes` of a worker. Returns when they land.
  double serve(Worker &w, double bytes, double now);

  void tryIssue(uint32_t id, double now);
  void kick(uint32_t id, uint32_t team, double now);
  void tryHold(uint32_t id, uint32_t team, double from);

  void enter(uint32_t id, double now);
  void arrived(uint32_t id, double now);
  void begin(uint32_t id, double now);
  void worked(uint32_t id, double now);
  void joinParts(uint32_t id);
  void finish(uint32_t id, double now);
  void signal(uint32_t tile, double now);
  void pass(uint32_t message, double now);
  void satisfy(uint32_t counter, double now);

  /// Packets of float32 are what other splits made. A tile takes them when its
  /// own positions are done.
  bool isParts(uint32_t counter) const {
    return counter >= links.firstPacketCounter &&
           packetsOf(counter).type == ElementType::F32;
  }
  const Buffer &packetsOf(uint32_t counter) const {
    return s.buffers[links.packetBuffer[counter - links.firstPacketCounter]];
  }
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
  double rate = 1, memoryFree = 0, inFlight = 0;
  std::vector<Worker> workers;
  /// Signals of every counter that whoever waits for it can see.
  std::vector<uint32_t> seen;
  struct Message {
    uint32_t counter;
    double passes;  ///< that it has still to make
    double latency; ///< of one, idle
  };
  std::vector<Message> messages;
  struct Waiter {
    uint32_t worker, threshold;
    bool parts; ///< what the tile's work ends with
  };
  std::vector<std::vector<Waiter>> waiters;
  struct Gang {
    size_t arrived = 0; ///< tiles that have polled their part
    double ready = 0;   ///< the last of them, so far
  };
  std::vector<Gang> gangs; ///< by meeting
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
  gangs.resize(links.firstPacketCounter - links.firstMeeting);
  uint32_t streaming = 0;
  for (uint32_t id = 0; id < tiles.workers; ++id) {
    setUpQueue(id);
    streaming += workers[id].firstStage.back() > 0;
  }
  rate = streamRate(d, std::max(streaming, 1u));
}

void Simulation::setUpQueue(uint32_t id) {
  Worker &w = workers[id];
  const std::vector<uint32_t> &queue = tiles.queues[id];
  w.slotFree.assign(ring.slots, true);
  w.teams.resize(ring.teams);
  for (uint32_t t = 0; t < ring.teams; ++t)
    w.teams[t].next = t;
  w.firstStage.push_back(0);
  for (uint32_t tile : queue)
    w.firstStage.push_back(w.firstStage.back() + work[tile].stages);
  // Keys and values are not held: only what lies before the next tile that
  // streams a cache, or behind it, if that is a later split without positions.
  w.holdLimit.resize(queue.size());
  uint32_t limit = w.firstStage.back(), behind = limit;
  for (size_t i = queue.size(); i-- > 0;) {
    const TileWork &k = work[queue[i]];
    if (k.caches) {
      behind = k.empty ? limit : w.firstStage[i];
      w.holdLimit[i] = k.empty ? limit : w.firstStage[i];
      limit = w.firstStage[i];
    } else {
      w.holdLimit[i] = std::max(limit, behind);
    }
  }
}

/// Queues `bytes` of a worker that have reached the memory. Returns when they
/// land.
double Simulation::serve(Worker &w, double bytes, double now) {
  // Little's law with a soft knee: see docs/cost-model.md.
  const double alone = d.memoryLatency.value + bytes / d.workerBandwidth.value;
  const double needed = alone * rate / inFlight;
  const double share =
      std::max(0.5, std::pow(1 + std::pow(needed, kKnee), -1 / kKnee));
  memoryFree = std::max(now, memoryFree) + bytes / (rate * share);
  out.memoryBusy += bytes / rate;
  w.portFree = std::max(now, w.portFree) + bytes / d.workerBandwidth.value;
  return std::max(memoryFree, w.portFree) + d.memoryLatency.value / 2;
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
    const TileWork &k = work[tiles.queues[id][w.row]];
    const bool isLast = w.issued + 1 == w.firstStage[w.row + 1];
    const double bytes = isLast ? k.lastBytes : k.stageBytes;
    const double issue =
        bulk ? d.copyIssue.value : bytes / d.asyncCopyRate.value;
    w.slotFree[slot] = false;
    w.issueFree = now + issue;
    if (w.issued == w.landed)
      w.idle += now - w.idleSince;
    ++w.issued;
    inFlight += bytes;
    // One thread starts a bulk copy at once; a warp issues cp.async as it goes.
    const double last = bulk ? now : w.issueFree;
    push(last + d.memoryLatency.value / 2, id, Event::Reach, 0, bytes);
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
  const TileWork &k = work[tileOf(id)];
  const double pace = k.caches ? d.attend.value : d.consume.value;
  push(now + pace * k.stageBytes / 1024, id, Event::TeamDone, team);
}

/// Lets a waiting team take a stage that has landed into registers: from
/// `from` on, when it looks, through the shared memory of the worker.
void Simulation::tryHold(uint32_t id, uint32_t team, double from) {
  Worker &w = workers[id];
  Team &t = w.teams[team];
  if (!holds || !w.waiting || t.busy || t.holding || t.next >= w.landed ||
      t.next >= w.holdLimit[w.at])
    return;
  t.holding = true;
  w.sharedFree = std::max(w.sharedFree, from) +
                 ring.bytes / (kSharedBytesPerCycle * d.clock.value);
  push(w.sharedFree + kHold, id, Event::Release, t.next % ring.slots);
}

void Simulation::enter(uint32_t id, double now) {
  Worker &w = workers[id];
  if (w.at == tiles.queues[id].size())
    return;
  const uint32_t tile = tileOf(id);
  out.tiles[tile].begin = now;
  out.tiles[tile].exposed = -idleUpTo(w, now);
  w.waiting = work[tile].packets > 0;
  w.missing = w.partsMissing = 0;
  w.ready = w.partsReady = now;
  w.workDone = -1;
  const uint32_t first = links.firstWait[tile],
                 last = links.firstWait[tile + 1];
  // What came long ago costs a read all the same.
  if (first != last)
    w.ready += d.pollLatency.value + queued(now);
  for (uint32_t i = first; i < last; ++i) {
    const TileWait &wait = links.waits[i];
    const bool parts = isParts(wait.counter);
    if (links.isMeeting(wait.counter)) { // reached
      ++seen[wait.counter];
      satisfy(wait.counter, now);
    }
    if (seen[wait.counter] >= wait.threshold)
      continue;
    ++(parts ? w.partsMissing : w.missing);
    waiters[wait.counter].push_back({id, wait.threshold, parts});
  }
  for (uint32_t t = 0; t < ring.teams; ++t)
    tryHold(id, t, now);
  w.waited = w.missing > 0;
  if (!w.waited)
    arrived(id, now);
}

/// All hand-offs are on their way; the last comes at `ready`. What is polled by
/// several goes on once all of them have their part.
void Simulation::arrived(uint32_t id, double now) {
  Worker &w = workers[id];
  const TileWork &k = work[tileOf(id)];
  double ready = std::max(now, w.ready);
  if (k.packets)
    ready += d.gather.value + d.gatherPacket.value * k.packets +
             d.gatherPair.value * k.pairs + d.pollLatency.value * k.batches;
  // What the worker itself has written is in its L1, and a hand-off that was
  // waited for ends with the first read.
  const uint32_t tile = tileOf(id);
  if (k.plainBytes && links.firstWait[tile] != links.firstWait[tile + 1]) {
    const uint64_t rounds =
        (k.plainBytes + kPlainBytesAtOnce - 1) / kPlainBytesAtOnce;
    ready += d.pollLatency.value * double(rounds - (w.waited ? 1 : 0));
  }
  const uint32_t meeting = links.meetingOf(tile);
  if (meeting == kNone)
    return push(ready, id, Event::Ready);
  Gang &gang = gangs[meeting - links.firstMeeting];
  const std::vector<uint32_t> mates = links.gang(meeting);
  gang.ready = std::max(gang.ready, ready);
  if (++gang.arrived == mates.size())
    for (uint32_t mate : mates)
      push(gang.ready + d.clusterExchange.value, tiles.tiles[mate].worker,
           Event::Ready);
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
    done = serve(w, double(k.directBytes), now) + d.memoryLatency.value / 2;
  else if (k.coldRead)
    done = now + d.memoryLatency.value + queued(now);
  if (k.rounds)
    done = std::max(done, now + double(k.rounds) * d.attentionRound.value);
  worked(id, done);
}

/// The tile's own positions or rows are done at `time`.
void Simulation::worked(uint32_t id, double time) {
  Worker &w = workers[id];
  w.workDone = time + d.combine.value * work[tileOf(id)].columns;
  joinParts(id);
}

/// Takes what other splits made, once both are there.
void Simulation::joinParts(uint32_t id) {
  Worker &w = workers[id];
  if (w.workDone < 0 || w.partsMissing)
    return;
  const uint32_t parts = work[tileOf(id)].parts;
  double done = w.workDone;
  if (parts)
    done = std::max(done + d.pollLatency.value, w.partsReady) +
           d.gatherPacket.value * parts;
  push(std::max(done, w.partsReady), id, Event::Done);
}

void Simulation::finish(uint32_t id, double now) {
  Worker &w = workers[id];
  const TileWork &k = work[tileOf(id)];
  w.working = false;
  out.tiles[tileOf(id)].done = now;
  double publish =
      k.stored ? kBarrier
               : d.publish.value + d.publishElement.value * double(k.elements);
  if (k.constantRead)
    publish += d.pollLatency.value / 2;
  push(now + publish, id, Event::End);
}

void Simulation::signal(uint32_t tile, double now) {
  for (uint32_t i = links.firstSignal[tile]; i < links.firstSignal[tile + 1];
       ++i) {
    const uint32_t counter = links.signals[i];
    const bool packets = counter >= links.firstPacketCounter;
    if (packets && packetsOf(counter).space == Space::Cluster) {
      // Past the memory.
      messages.push_back({counter, 0, 0});
      push(now + d.clusterPacket.value, 0, Event::Message,
           uint32_t(messages.size() - 1));
      continue;
    }
    messages.push_back(
        {counter, packets ? d.packetPasses.value : d.counterPasses.value,
         packets ? d.packetLatency.value / d.packetPasses.value
                 : d.counterLatency.value / d.counterPasses.value});
    pass(uint32_t(messages.size() - 1), now);
  }
}

/// A message's next way past the memory: behind what is queued there now.
void Simulation::pass(uint32_t message, double now) {
  Message &m = messages[message];
  if (m.passes <= 0) {
    ++seen[m.counter];
    return satisfy(m.counter, now);
  }
  const double share = std::min(m.passes, 1.);
  m.passes -= 1;
  push(now + share * (m.latency + queued(now)), 0, Event::Message, message);
}

/// Lets those go on who have waited for the signals that a counter has now.
void Simulation::satisfy(uint32_t counter, double now) {
  std::vector<Waiter> &list = waiters[counter];
  for (size_t j = 0; j < list.size();) {
    const Waiter waiter = list[j];
    if (seen[counter] < waiter.threshold) {
      ++j;
      continue;
    }
    list[j] = list.back();
    list.pop_back();
    Worker &w = workers[waiter.worker];
    if (waiter.parts) {
      w.partsReady = now;
      if (--w.partsMissing == 0)
        joinParts(waiter.worker);
      continue;
    }
    if (--w.missing == 0)
      arrived(waiter.worker, now);
  }
}

void Simulation::handle(const Event &e) {
  Worker &w = workers[e.worker];
  switch (e.kind) {
  case Event::Message:
    return pass(e.arg, e.time);
  case Event::Reach:
    return push(serve(w, e.bytes, e.time), e.worker, Event::Land, 0, e.bytes);
  case Event::Land: {
    const uint32_t stage = w.landed++;
    inFlight -= e.bytes;
    if (w.issued == w.landed)
      w.idleSince = e.time;
    kick(e.worker, stage % ring.teams, e.time);
    // It looks once in each round of polling.
    tryHold(e.worker, stage % ring.teams, e.time + d.pollLatency.value / 2);
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
      worked(e.worker, e.time + kBarrier);
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
