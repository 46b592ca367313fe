//===- Generator.cpp - Small random schedules -----------------------------===//

#include "Generator.h"

#include "Oracle.h"
#include "Probe.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace amk::core::oracle {

namespace {

constexpr uint32_t kMaxTiles = 10, kMaxCounters = 6;
constexpr uint32_t kBytes = 48; ///< of most buffers: cut in 1, 2, 3 or 4 parts

class Generator {
public:
  explicit Generator(uint64_t seed) : r(seed) {}

  /// Tasks and buffers, without hand-offs.
  Schedule program() {
    s.name = "seeded";
    s.positions = 16;
    s.concurrent = !chance(1, 24);
    s.target = Target{"sm_90", 1 + below(4), 232448};
    if (chance(1, 2)) {
      s.target->workers = chance(1, 2) ? 2 : 4;
      s.target->cluster = chance(3, 4) ? 2 : s.target->workers;
    }
    careless = chance(1, 6);
    addBuffers();
    addCounters();
    const uint32_t most = 3 + below(8);
    uint32_t tiles = 0;
    for (uint32_t t = 0; t < most && tiles < kMaxTiles; ++t) {
      const uint32_t n = chance(2, 3) ? gangTiles(kMaxTiles - tiles) : 0;
      const uint32_t added = n ? addTask(t, n, true) : 0;
      tiles +=
          added ? added : addTask(t, std::min(kMaxTiles - tiles, 1 + below(3)));
    }
    addResult(std::min<uint32_t>(kMaxTiles - tiles, 2));
    shrinkInboxes();
    return std::move(s);
  }

  /// Queues and hand-offs for a program.
  Schedule schedule(const Schedule &program) {
    s = program;
    for (uint32_t b = 1; b < s.buffers.size(); ++b)
      if (s.buffers[b].kind != BufferKind::Local)
        values.push_back(b);
    if (chance(1, 4))
      addSlots();
    else if (gangs() && chance(1, 2))
      swapInQueue();
    if (chance(2, 3))
      synchronize();
    else
      addRandomHandOffs();
    if (gangs() && chance(1, 2))
      varyWaits();
    if (gangs() && chance(1, 4))
      dropNeedless();
    for (uint32_t k = below(5) / 2; k > 0; --k)
      mutate();
    if (chance(1, 16))
      leaveCluster();
    if (chance(1, 40))
      breakStructure();
    return std::move(s);
  }

private:
  uint32_t below(uint32_t n) { return uint32_t(r() % n); }
  bool chance(uint32_t n, uint32_t of) { return below(of) < n; }
  template <typename T>
  T &pick(std::vector<T> &v) {
    return v[below(uint32_t(v.size()))];
  }

  void addBuffers();
  void addInbox(Buffer &b);
  void shrinkInboxes();
  void addCounters();
  uint32_t addBuffer(std::string name, BufferKind kind, ElementType type,
                     std::vector<int64_t> shape);
  uint32_t addTask(uint32_t number, uint32_t tiles, bool gang = false);
  Task makeTask(uint32_t number, uint32_t tiles);
  uint32_t gangTiles(uint32_t room);
  bool makeGangs(Task &task);
  bool gangs() const {
    return std::any_of(s.tasks.begin(), s.tasks.end(),
                       [](const Task &t) { return t.clusterGather; });
  }
  void swapInQueue();
  void varyWaits();
  void dropNeedless();
  void leaveCluster();
  Operator makeOperator(uint32_t extent, uint32_t tiles, uint32_t local,
                        bool first);
  void addReads(Operator &op, uint32_t operand, uint32_t extent);
  void addWrites(Operator &op, uint32_t operand, uint32_t extent);
  void addResult(uint32_t room);
  void addSlots();
  void addRandomHandOffs();
  void synchronize();
  void mutate();
  void breakStructure();
  uint32_t tiles(const Task &t) const {
    return t.bounds == kNone ? 1 : uint32_t(s.tables[t.bounds].size()) - 1;
  }

  std::mt19937_64 r;
  Schedule s;
  bool careless = false; ///< bytes are not looked at
  std::vector<uint32_t> values;
  uint32_t locals = 0;
};

uint32_t Generator::addBuffer(std::string name, BufferKind kind,
                              ElementType type, std::vector<int64_t> shape) {
  Buffer b;
  b.name = std::move(name);
  b.kind = kind;
  b.type = type;
  b.shape = std::move(shape);
  s.buffers.push_back(std::move(b));
  return uint32_t(s.buffers.size() - 1);
}

void Generator::addBuffers() {
  addBuffer("x", BufferKind::Input, ElementType::F32, {kBytes / 4});
  const uint32_t count = 2 + below(4);
  const bool pages = chance(1, s.target->cluster > 1 ? 4 : 2);
  for (uint32_t i = 0; i < count; ++i) {
    const std::string name = "b" + std::to_string(i);
    if (chance(1, 8)) {
      values.push_back(addBuffer(name, BufferKind::KvCache, ElementType::BF16,
                                 {2, 1, s.positions, 6}));
      continue;
    }
    // Where there are clusters, something for them to gather.
    const bool packets =
        chance(1, 3) || (s.target->cluster > 1 && (i == 0 || chance(1, 3)));
    values.push_back(packets ? addBuffer(name, BufferKind::Activation,
                                         ElementType::BF16, {12})
                             : addBuffer(name, BufferKind::Activation,
                                         ElementType::F32, {kBytes / 4}));
    Buffer &b = s.buffers.back();
    if (packets) {
      b.packetElements = 2 + below(5);
      const uint32_t groups = 1 + below(4);
      std::vector<uint32_t> bounds;
      for (uint32_t g = 0; g <= groups; ++g)
        bounds.push_back(g * 12 / groups);
      if (groups > 1)
        b.packetTiles = s.addTable(bounds);
      if (s.target->cluster > 1 && s.concurrent && chance(2, 5)) {
        addInbox(b);
        continue;
      }
    }
    if (pages && chance(2, 3)) {
      b.space = packets || chance(1, 2) ? Space::Scratch : Space::Shared;
      b.pageOffset = packets ? 16 * (4 + below(3)) : 4 * below(12);
      b.packetGeneration = packets ? below(2) : 0;
    }
  }
}

/// Pages of inboxes often share bytes.
void Generator::addInbox(Buffer &b) {
  b.space = Space::Cluster;
  b.pageOffset = 16 * below(4);
  b.packetGeneration = below(3);
  b.packetRoom = packetsOf(s, b).back() + 1;
}

/// A worker needs no room for what goes to others.
void Generator::shrinkInboxes() {
  for (Buffer &b : s.buffers) {
    const uint32_t all = b.packetRoom;
    for (uint32_t room = 1; room < all; ++room) {
      b.packetRoom = room;
      Verdict v;
      judgeStructure(s, v);
      if (v.safe())
        judgeBytes(s, makeModel(s), v);
      if (v.safe() && chance(2, 3))
        break;
      b.packetRoom = all;
    }
  }
}

void Generator::addCounters() {
  uint32_t left = kMaxCounters;
  while (left && (s.counters.empty() || chance(3, 4))) {
    const uint32_t n = 1 + below(std::min(left, 3u));
    s.counters.push_back({"c" + std::to_string(s.counters.size()), n});
    left -= n;
  }
}

void Generator::addReads(Operator &op, uint32_t operand, uint32_t extent) {
  const Buffer &b = s.buffers[op.operands[operand]];
  const uint32_t size = uint32_t(b.regionBytes());
  Touch t;
  t.operand = operand;
  if (b.kind == BufferKind::KvCache)
    t.position = Position(1 + below(3));
  switch (below(4)) {
  case 0: // all of it
    t.region = {0, size, 0, 1};
    break;
  case 1: // every tile its own part
    t.step = size / extent;
    t.region = {0, size / extent, 0, 1};
    break;
  case 2: // every so many
    t.region.bytes = 2 + 2 * below(3);
    t.region.stride = t.region.bytes + 2 * below(5);
    t.region.offset = 2 * below(4);
    t.region.count = std::max<uint64_t>(
        1, (size - t.region.offset) / std::max<uint64_t>(t.region.stride, 1));
    if (chance(1, 2))
      t.region.count = 1 + below(uint32_t(t.region.count));
    break;
  default:
    t.region.bytes = 1 + below(size);
    t.region.offset = below(size - uint32_t(t.region.bytes) + 1);
    break;
  }
  if (chance(1, 60))
    t.region.offset += below(12);
  op.attributes.push_back(encode(t));
}

void Generator::addWrites(Operator &op, uint32_t operand, uint32_t extent) {
  const Buffer &b = s.buffers[op.operands[operand]];
  const uint32_t size = uint32_t(b.regionBytes()), part = size / extent;
  Touch t;
  t.operand = operand;
  t.write = true;
  if (b.kind == BufferKind::KvCache)
    t.position = chance(1, 12) ? Position(1 + below(3)) : Position::Now;
  t.step = part;
  t.region = {0, part, 0, 1};
  if (!b.packetElements && chance(1, 4)) {
    // Every extent-th word is this tile's.
    t.step = 2;
    t.region = {0, 2, 2 * extent, part / 2};
  } else if (chance(1, 8)) {
    t.region.bytes = 1 + below(part);
  } else if (chance(1, 12)) {
    t.region = {2 * below(4), 2, 4 + 2 * below(3), 1 + below(4)};
  }
  if (chance(1, 60))
    t.region.offset += 1 + below(4);
  if (chance(1, 80))
    t.step = 0;
  t.wholeOnly = chance(1, 120);
  op.attributes.push_back(encode(t));
}

/// With a local buffer: writes it if it is the first, else reads it.
Operator Generator::makeOperator(uint32_t extent, uint32_t tiles,
                                 uint32_t local, bool first) {
  Operator op;
  const uint32_t in = 1 + below(kProbeInputs);
  const bool makesLocal = local != kNone && first;
  const uint32_t out = makesLocal || chance(5, 6) ? 1 : kProbeOutputs;
  op.name = probeName(in, out);
  op.prologue = makesLocal && chance(1, 3);
  for (uint32_t i = 0; i < in; ++i)
    op.operands.push_back(local != kNone && !first && i == 0 ? local
                          : chance(1, 4)                     ? 0
                                                             : pick(values));
  for (uint32_t i = 0; i < out; ++i)
    op.operands.push_back(makesLocal       ? local
                          : chance(1, 300) ? 0
                                           : pick(values));
  if (!makesLocal && chance(1, 8))
    op.operands[in] = op.operands[0]; // in place
  op.attributes.push_back({"extent", false, int64_t(extent), 0});
  if (chance(1, 8) && extent % 2 == 0 && tiles <= 2)
    op.attributes.push_back({"granule", false, 2, 0});
  for (uint32_t i = 0; i < in; ++i)
    for (uint32_t k = 1 + chance(1, 6); k > 0; --k)
      addReads(op, i, extent);
  for (uint32_t i = 0; i < out; ++i)
    addWrites(op, in + i, extent);
  if (op.operands[in] == op.operands[0] && !makesLocal && chance(2, 3)) {
    // Reads what it writes, and nothing else.
    Touch t = decode(op.attributes.back());
    t.operand = 0;
    t.write = false;
    op.attributes.erase(
        std::remove_if(op.attributes.begin(), op.attributes.end(),
                       [](const OpAttribute &a) {
                         return isTouch(a) && !decode(a).write &&
                                decode(a).operand == 0;
                       }),
        op.attributes.end());
    op.attributes.push_back(encode(t));
  }
  if (chance(1, 2))
    std::shuffle(op.attributes.begin(), op.attributes.end(), r);
  return op;
}

Task Generator::makeTask(uint32_t number, uint32_t tiles) {
  Task task;
  task.name = "t" + std::to_string(number);
  const uint32_t extent = tiles + below(5 - tiles);
  uint32_t local = kNone;
  if (chance(1, 8))
    local = addBuffer("l" + std::to_string(locals++), BufferKind::Local,
                      ElementType::F32, {kBytes / 4});
  const uint32_t ops = local != kNone ? 2 : 1 + chance(1, 5);
  for (uint32_t o = 0; o < ops; ++o)
    task.ops.push_back(makeOperator(extent, tiles, local, o == 0));
  if (tiles > 1) {
    std::vector<uint32_t> cuts(extent - 1);
    std::iota(cuts.begin(), cuts.end(), 1);
    std::shuffle(cuts.begin(), cuts.end(), r);
    cuts.resize(tiles - 1);
    cuts.insert(cuts.end(), {0, extent});
    std::sort(cuts.begin(), cuts.end());
    task.bounds = s.addTable(cuts);
  }
  std::vector<uint32_t> workers;
  for (uint32_t i = 0; i < tiles; ++i)
    workers.push_back(below(s.target->workers));
  task.workers = s.addTable(workers);
  return task;
}

/// How many tiles a task with gangs on some clusters has; 0: not possible.
uint32_t Generator::gangTiles(uint32_t room) {
  const uint32_t cluster = s.target->cluster;
  if (cluster < 2 || room < cluster)
    return 0;
  const uint32_t clusters = s.target->workers / cluster;
  return cluster * (1 + below(std::min(clusters, room / cluster)));
}

/// Places the tiles, one on each worker of some clusters, and lets them all
/// read the same packets. Returns whether there are any.
bool Generator::makeGangs(Task &task) {
  std::vector<uint32_t> clusters(s.target->workers / s.target->cluster);
  std::iota(clusters.begin(), clusters.end(), 0);
  std::shuffle(clusters.begin(), clusters.end(), r);
  clusters.resize(tiles(task) / s.target->cluster);
  std::vector<uint32_t> workers;
  for (uint32_t c : clusters)
    for (uint32_t i = 0; i < s.target->cluster; ++i)
      workers.push_back(c * s.target->cluster + i);
  std::shuffle(workers.begin(), workers.end(), r);
  task.workers = s.addTable(workers);
  task.clusterGather = true;
  std::vector<uint32_t> packets;
  for (uint32_t b : values)
    if (s.buffers[b].packetElements)
      packets.push_back(b);
  if (packets.empty())
    return false;
  Operator &op = task.ops.back();
  op.operands[0] = pick(packets);
  for (OpAttribute &a : op.attributes) {
    if (!isTouch(a))
      continue;
    Touch t = decode(a);
    const Buffer &b = s.buffers[op.operands[t.operand]];
    if (t.write || !b.packetElements)
      continue;
    t.position = Position::None;
    t.step = 0;
    if (chance(1, 2))
      t.region = {0, b.regionBytes(), 0, 1};
    a = encode(t);
  }
  return true;
}

/// Adds a task whose bytes are in order, unless careless. Returns its tiles.
uint32_t Generator::addTask(uint32_t number, uint32_t tiles, bool gang) {
  for (int attempt = 0; attempt < (gang ? 24 : 12); ++attempt) {
    const size_t buffers = s.buffers.size();
    s.tasks.push_back(makeTask(number, tiles));
    if (gang && !makeGangs(s.tasks.back())) {
      s.tasks.pop_back();
      s.buffers.resize(buffers);
      return 0;
    }
    Verdict v;
    if (!careless) {
      judgeStructure(s, v);
      if (v.safe())
        judgeBytes(s, makeModel(s), v);
    }
    if (v.safe())
      return tiles;
    s.tasks.pop_back();
    s.buffers.resize(buffers);
  }
  return 0;
}

/// An output, and who writes it.
void Generator::addResult(uint32_t room) {
  if (room == 0 || chance(1, 3))
    return;
  const uint32_t y =
      addBuffer("y", BufferKind::Output, ElementType::F32, {kBytes / 4});
  const std::vector<uint32_t> others = std::move(values);
  values = {y};
  if (addTask(90, room) == 0 && !chance(1, 10))
    s.buffers.pop_back();
  values = others;
}

void Generator::addSlots() {
  const bool mild = chance(2, 3);
  std::vector<uint32_t> order;
  uint32_t total = 0;
  for (const Task &t : s.tasks)
    total += tiles(t);
  for (uint32_t i = 0; i < total; ++i)
    order.push_back(i * 2 + below(2));
  if (mild && total)
    std::swap(pick(order), pick(order));
  else
    std::shuffle(order.begin(), order.end(), r);
  uint32_t at = 0;
  for (Task &t : s.tasks) {
    std::vector<uint32_t> slots;
    for (uint32_t i = 0; i < tiles(t); ++i)
      slots.push_back(order[at++]);
    t.slots = s.addTable(slots);
  }
}

/// Program order, but for two tiles of one queue, mostly of gangs: that is
/// often a deadlock and no counter is in it.
void Generator::swapInQueue() {
  std::vector<std::pair<uint32_t, uint32_t>> of; ///< task, tile
  const uint32_t worker = below(s.target->workers);
  const bool all = chance(1, 4);
  uint32_t at = 0;
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    std::vector<uint32_t> slots;
    for (uint32_t i = 0; i < tiles(s.tasks[t]); ++i) {
      slots.push_back(at++);
      if (s.entry(s.tasks[t].workers, i, 0) == worker &&
          (all || s.tasks[t].clusterGather))
        of.emplace_back(t, i);
    }
    s.tasks[t].slots = s.addTable(slots);
  }
  if (of.size() < 2)
    return;
  const size_t i = below(uint32_t(of.size()) - 1);
  const auto move = [&](std::pair<uint32_t, uint32_t> tile, uint32_t slot) {
    std::vector<uint32_t> slots = s.tables[s.tasks[tile.first].slots];
    std::swap(slots[tile.second], slot);
    s.tasks[tile.first].slots = s.addTable(slots);
    return slot;
  };
  const uint32_t first = move(of[i], kNone);
  move(of[i], move(of[i + 1], first));
}

void Generator::addRandomHandOffs() {
  const auto fan = [&](uint32_t counters) {
    Fan f;
    const uint32_t n = s.counters[counters].count;
    f.first = s.addTable({below(n)});
    if (chance(1, 3))
      f.last = s.addTable({n - 1});
    return f;
  };
  const uint32_t density = 1 + below(3);
  for (Task &t : s.tasks)
    while (chance(density, 5)) {
      const uint32_t c = below(uint32_t(s.counters.size()));
      t.signals.push_back({c, fan(c)});
    }
  std::vector<uint32_t> base, total(kMaxCounters, 0);
  uint32_t flat = 0;
  for (const CounterArray &c : s.counters) {
    base.push_back(flat);
    flat += c.count;
  }
  const Model m = makeModel(s);
  for (const TileModel &t : m.tiles)
    for (uint32_t c : t.signals)
      ++total[c];
  for (Task &t : s.tasks)
    while (chance(density, 5)) {
      const uint32_t c = below(uint32_t(s.counters.size()));
      const uint32_t k = below(s.counters[c].count);
      const uint32_t signals = total[base[c] + k];
      if (!signals)
        break;
      Fan f;
      f.first = s.addTable({k});
      t.waits.push_back({c, f, s.addTable({1 + below(signals)})});
    }
}

/// Every task signals a counter, and waits for what those before it signal
/// there: for all of it, or for those that it conflicts with.
void Generator::synchronize() {
  const bool lean = chance(1, 2);
  std::vector<std::pair<uint32_t, uint32_t>> flat; ///< array, index
  for (uint32_t c = 0; c < s.counters.size(); ++c)
    for (uint32_t k = 0; k < s.counters[c].count; ++k)
      flat.push_back({c, k});
  const Model m = makeModel(s);
  std::vector<ByteSet> reads(s.tasks.size()), writes(s.tasks.size());
  for (const TileModel &t : m.tiles) {
    reads[t.task] |= t.allReads;
    writes[t.task] |= t.writes;
  }
  std::vector<uint32_t> of(s.tasks.size()), total(flat.size(), 0);
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    // With few tasks everyone may have a counter of its own.
    of[t] = s.tasks.size() <= flat.size() && lean
                ? t
                : below(uint32_t(flat.size()));
    std::vector<char> needs(flat.size(), 0);
    for (uint32_t o = 0; o < t; ++o)
      needs[of[o]] |= !lean || ((reads[o] | writes[o]) & writes[t]).any() ||
                      (writes[o] & reads[t]).any();
    for (uint32_t c = 0; c < flat.size(); ++c)
      if (needs[c] && total[c]) {
        Fan f;
        f.first = s.addTable({flat[c].second});
        s.tasks[t].waits.push_back({flat[c].first, f, s.addTable({total[c]})});
      }
    Fan f;
    f.first = s.addTable({flat[of[t]].second});
    s.tasks[t].signals.push_back({flat[of[t]].first, f});
    total[of[t]] += tiles(s.tasks[t]);
  }
}

/// Some tiles of a gang wait for less than their mates, or for another counter:
/// what the one waits for the others have by the meeting.
void Generator::varyWaits() {
  for (Task &t : s.tasks) {
    if (!t.clusterGather)
      continue;
    for (Wait &w : t.waits) {
      if (s.tables[w.threshold].size() > 1 || chance(1, 3))
        continue;
      std::vector<uint32_t> least(tiles(t), s.tables[w.threshold][0]);
      std::vector<uint32_t> first(tiles(t), s.entry(w.fan.first, 0, 0));
      for (uint32_t i = 0; i < tiles(t); ++i) {
        if (least[i] > 1 && chance(1, 2))
          least[i] = 1 + below(least[i]);
        if (w.fan.last == kNone && chance(1, 6))
          first[i] = below(s.counters[w.counters].count);
      }
      w.threshold = s.addTable(least);
      w.fan.first = s.addTable(first);
    }
  }
}

/// Drops the waits without which a safe schedule stays safe: queues, packets
/// and meetings do what is left of the order.
void Generator::dropNeedless() {
  if (!judge(s).safe())
    return;
  for (Task &t : s.tasks)
    for (size_t i = t.waits.size(); i-- > 0;) {
      const std::vector<Wait> waits = t.waits;
      t.waits.erase(t.waits.begin() + long(i));
      if (!judge(s).safe())
        t.waits = waits;
    }
}

/// A tile that writes or reads packets in inboxes goes to another cluster.
void Generator::leaveCluster() {
  std::vector<uint32_t> tasks;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (const Operator &op : s.tasks[t].ops)
      for (uint32_t b : op.operands)
        if (s.buffers[b].space == Space::Cluster)
          tasks.push_back(t);
  if (tasks.empty() || s.target->workers <= s.target->cluster)
    return;
  Task &t = s.tasks[pick(tasks)];
  std::vector<uint32_t> workers = s.tables[t.workers];
  uint32_t &worker = pick(workers);
  worker = (worker + s.target->cluster) % s.target->workers;
  t.workers = s.addTable(workers);
}

void Generator::mutate() {
  if (s.tasks.empty())
    return;
  Task &t = pick(s.tasks);
  switch (below(8)) {
  case 0:
  case 1:
  case 2:
    if (!t.waits.empty())
      t.waits.erase(t.waits.begin() + below(uint32_t(t.waits.size())));
    break;
  case 3:
    if (!t.waits.empty()) {
      Wait &w = pick(t.waits);
      const uint32_t k = s.tables[w.threshold][0];
      w.threshold = s.addTable({chance(1, 2) ? k - 1 : k + 1});
    }
    break;
  case 4:
    if (!t.signals.empty())
      t.signals.pop_back();
    else if (Task &other = pick(s.tasks); !other.signals.empty())
      t.signals.push_back(other.signals[0]);
    break;
  case 5: // two tasks' waits swapped
    std::swap(t.waits, pick(s.tasks).waits);
    break;
  case 6: {
    if (hasInboxes(s) && chance(1, 3)) {
      Buffer &b = s.buffers[pick(values)];
      if (b.space == Space::Cluster)
        b.packetRoom += chance(3, 4) ? -1 : 1;
      break;
    }
    std::vector<uint32_t> workers = s.tables[t.workers];
    if (t.clusterGather && chance(3, 4))
      std::swap(pick(workers), pick(workers));
    else
      pick(workers) = below(s.target->workers);
    t.workers = s.addTable(workers);
    break;
  }
  default:
    if (Task &other = pick(s.tasks); !other.waits.empty())
      t.waits.push_back(other.waits[0]);
    break;
  }
}

/// Something that no schedule may have.
void Generator::breakStructure() {
  if (s.tasks.empty())
    return;
  Task &t = pick(s.tasks);
  switch (below(12)) {
  case 10:
    t.clusterGather = !t.clusterGather;
    break;
  case 11:
    if (chance(1, 2))
      s.target->cluster = below(9);
    else
      s.target = Target{"sm_80", s.target->workers, 1024, s.target->cluster};
    break;
  case 0:
    s.tasks.back().name = s.tasks.front().name;
    break;
  case 1:
    t.workers = s.addTable({s.target->workers});
    break;
  case 2:
    t.bounds = s.addTable({0, 2, 1, 4});
    break;
  case 3:
    t.bounds = s.addTable({0, 1 + below(5)});
    break;
  case 4:
    t.slots = t.slots == kNone ? s.addTable({3}) : kNone;
    break;
  case 5: {
    Fan f;
    f.first = s.addTable({below(2)});
    f.last = s.addTable({below(4)});
    t.signals.push_back({below(uint32_t(s.counters.size()) + 1), f});
    break;
  }
  case 6:
    t.ops[0].operands[below(2)] = below(uint32_t(s.buffers.size()) + 1);
    break;
  case 7:
    t.ops.back().prologue = true;
    break;
  case 8:
    s.target->sharedBytes = 32 + 4 * below(16);
    break;
  default: {
    Buffer &b = s.buffers[pick(values)];
    if (b.space == Space::Cluster && chance(1, 3))
      b.space = pick(s.buffers).space;
    else if (below(2) && b.space != Space::Own)
      b.pageOffset += 1 + below(8);
    else if (b.packetElements)
      b.packetElements = 5 + below(3);
    else if (b.type == ElementType::F32)
      b.packetElements = 2;
    break;
  }
  }
}

} // namespace

Schedule Source::schedule(uint64_t seed) {
  if (program != seed / kVariants) {
    program = seed / kVariants;
    tasks = Generator(program).program();
  }
  return Generator(~seed).schedule(tasks);
}

} // namespace amk::core::oracle
