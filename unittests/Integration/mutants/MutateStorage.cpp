//===- MutateStorage.cpp - Pages, packets, weights, caches, the ring ------===//

#include "ExtraOperators.h"
#include "Judge.h"
#include "Mutators.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

std::vector<uint32_t> activationsOf(const Schedule &s) {
  std::vector<uint32_t> found;
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].kind == BufferKind::Activation)
      found.push_back(b);
  return found;
}

/// Two activations, on pages: those that have none get them behind all others.
bool pickPages(Schedule &s, Random &r, uint32_t &a, uint32_t &b) {
  const std::vector<uint32_t> all = activationsOf(s);
  if (all.size() < 2)
    return false;
  // Near to each other: buffers are in the order in which they come to live.
  const uint32_t i = r.below(all.size());
  const uint32_t j = r.once(2) ? r.below(all.size())
                               : uint32_t((i + 1 + r.below(4)) % all.size());
  a = all[i];
  b = all[j];
  if (a == b)
    return false;
  uint64_t end = 0;
  for (const Buffer &x : s.buffers)
    if (x.space == Space::Scratch)
      end = std::max(end, x.pageOffset + storedBytes(s, x));
  for (uint32_t x : {a, b})
    if (s.buffers[x].space == Space::Own) {
      s.buffers[x].space = Space::Scratch;
      s.buffers[x].pageOffset = (end + 127) / 128 * 128;
      end = s.buffers[x].pageOffset + storedBytes(s, s.buffers[x]);
    }
  return true;
}

bool writes(const Task &task, uint32_t buffer) {
  for (const Operator &op : task.ops)
    for (uint32_t i = arity(op).inputs; i < op.operands.size(); ++i)
      if (op.operands[i] == buffer)
        return true;
  return false;
}

/// What attention_partial hands over: the only float32 values in packets.
bool isParts(const Schedule &s, uint32_t buffer) {
  for (const Task &task : s.tasks)
    for (const Operator &op : task.ops)
      if (isPartial(op) && op.operands[2] == buffer)
        return true;
  return false;
}

bool isAttention(const Operator &op) { return cacheOf(op) != kNone; }

} // namespace

namespace mutate {

bool sharePage(Schedule &s, Random &r) {
  uint32_t a = 0, b = 0;
  if (!pickPages(s, r, a, b))
    return false;
  putOn(s, b, s.buffers[a].space, s.buffers[a].pageOffset);
  return true;
}

/// The page after it, or the end of shared memory, comes too early.
bool shrinkPage(Schedule &s, Random &r) {
  uint64_t shared = 0;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Shared)
      shared = std::max(shared, b.pageOffset + b.regionBytes());
  if (shared && s.target && r.once(4)) {
    s.target->sharedBytes = shared - shared / 2 + r.below(size_t(shared));
    return true;
  }
  uint32_t a = 0, b = 0;
  if (!pickPages(s, r, a, b))
    return false;
  const uint64_t size = storedBytes(s, s.buffers[a]);
  const uint64_t step = r.once(8) ? 2 : r.once(2) ? 4 : 16;
  const uint64_t lost = std::min(size, step * (1 + r.below(8)));
  putOn(s, b, s.buffers[a].space, s.buffers[a].pageOffset + size - lost);
  return true;
}

bool writeWeight(Schedule &s, Random &r) {
  struct Site {
    uint32_t task, op, operand;
  };
  std::vector<Site> sites;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    for (uint32_t o = 0; o < s.tasks[t].ops.size(); ++o)
      for (uint32_t i = arity(s.tasks[t].ops[o]).inputs;
           i < s.tasks[t].ops[o].operands.size(); ++i)
        sites.push_back({t, o, i});
  const Site at = r.pick(sites);
  uint32_t &operand = s.tasks[at.task].ops[at.op].operands[at.operand];
  if (r.once(3) && s.buffers[operand].kind == BufferKind::Activation) {
    s.buffers[operand].kind = BufferKind::Input;
    makePlain(s.buffers[operand]);
    s.buffers[operand].space = Space::Own;
    return true;
  }
  // Of the same shape if there is one, so that nothing else is wrong.
  std::vector<uint32_t> same, any;
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    const Buffer &x = s.buffers[b], &old = s.buffers[operand];
    if (!x.readOnly())
      continue;
    any.push_back(b);
    if (x.type == old.type && x.shape == old.shape)
      same.push_back(b);
  }
  operand = r.pick(same.empty() ? any : same);
  return true;
}

/// Nothing that uses the buffer takes it by slices, which packets come in.
static void takeWhole(Schedule &s, uint32_t buffer) {
  for (Task &task : s.tasks)
    for (const Operator &op : task.ops)
      if (std::count(op.operands.begin(), op.operands.end(), buffer))
        task.stream.bySlice = false;
}

/// Attention comes earlier in program order, or its hand-offs are weakened.
bool readCacheEarly(Schedule &s, Random &r) {
  std::vector<uint32_t> tasks;
  for (uint32_t t = 1; t < s.tasks.size(); ++t)
    if (std::any_of(s.tasks[t].ops.begin(), s.tasks[t].ops.end(), isAttention))
      tasks.push_back(t);
  if (tasks.empty())
    return false;
  const uint32_t t = r.pick(tasks);
  Task &task = s.tasks[t];
  if (s.concurrent && r.once(2)) {
    if (!task.waits.empty()) {
      task.waits.erase(task.waits.begin() + r.below(task.waits.size()));
      return true;
    }
    for (uint32_t b : task.ops[0].operands)
      if (s.buffers[b].packetElements && !writes(task, b)) {
        takeWhole(s, b);
        makePlain(s.buffers[b]);
        return true;
      }
  }
  const uint32_t by = 1 + r.below(std::min<uint32_t>(t, 8));
  std::rotate(s.tasks.begin() + (t - by), s.tasks.begin() + t,
              s.tasks.begin() + t + 1);
  return true;
}

bool packetsToPlain(Schedule &s, Random &r) {
  std::vector<uint32_t> found;
  for (uint32_t b : activationsOf(s))
    if (s.buffers[b].packetElements)
      found.push_back(b);
  if (found.empty())
    return false;
  const uint32_t b = r.pick(found);
  takeWhole(s, b);
  makePlain(s.buffers[b]);
  return true;
}

/// With the groups that its writers make, or others, or none.
bool plainToPackets(Schedule &s, Random &r) {
  std::vector<uint32_t> found;
  uint32_t generation = 0;
  for (uint32_t b : activationsOf(s)) {
    generation = std::max(generation, s.buffers[b].packetGeneration);
    if (!s.buffers[b].packetElements &&
        (s.buffers[b].type == ElementType::BF16 || isParts(s, b)) &&
        s.buffers[b].space != Space::Shared)
      found.push_back(b);
  }
  if (found.empty())
    return false;
  const uint32_t at = r.pick(found);
  Buffer &b = s.buffers[at];
  const uint32_t most = mostPacketElements(b.type);
  b.packetElements = r.once(16) ? most + 1 : 1 + r.below(most);
  b.packetGeneration = generation + 1;
  if (r.once(4))
    return true;
  for (const Task &task : s.tasks) {
    if (!writes(task, at) || task.bounds == kNone)
      continue;
    // Where its tiles end in the last operator's dimension.
    // Element by element, but for what attention_partial makes of its range.
    const size_t maps = task.ops.size() - (isParts(s, at) ? 0 : 1);
    std::vector<uint32_t> ends;
    for (uint32_t bound : s.tables[task.bounds]) {
      Range range{0, bound};
      for (size_t o = cutOf(task); o < maps; ++o)
        range = feeds(task.ops[o], range);
      ends.push_back(uint32_t(range.hi));
    }
    b.packetTiles = s.addTable(std::move(ends));
    break;
  }
  return true;
}

bool changeRing(Schedule &s, Random &r) {
  if (!s.ring)
    return false;
  Ring &ring = *s.ring;
  switch (r.below(8)) {
  case 0:
    ring.slots = 1 + r.below(40);
    return true;
  case 1:
    ring.window = r.below(ring.slots + 4);
    return true;
  case 2:
    ring.slots = ring.teams + r.below(20);
    ring.window = 1 + r.below(ring.slots);
    ring.ahead = 1 + r.below(ring.window);
    return true;
  case 3:
    ring.ahead = r.below(ring.window + 1);
    return true;
  case 4:
    ring.teams = 1 + r.below(12);
    return true;
  case 5:
    ring.bytes = r.once(4)   ? ring.bytes + 8
                 : r.once(3) ? ring.bytes * (2u + r.below(6))
                             : ring.bytes / (2u << r.below(3));
    return true;
  default:
    break;
  }
  std::vector<uint32_t> tasks;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (s.tasks[t].stream.rows)
      tasks.push_back(t);
  if (tasks.empty())
    return false;
  Stream &stream = s.tasks[r.pick(tasks)].stream;
  if (r.once(2)) {
    const uint32_t held = r.below(4);
    if (held == 3)
      stream.bySlice = !stream.bySlice;
    else
      stream.held = held;
  } else {
    stream.columns = 128 * (1 + r.below(16));
  }
  return true;
}

/// A first task copies a weight to an activation, and the product takes it from
/// there: through the ring, or directly; with a hand-off, or without.
bool streamWritten(Schedule &s, Random &r) {
  std::vector<uint32_t> tasks;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (s.tasks[t].stream.rows &&
        std::any_of(s.tasks[t].ops.begin(), s.tasks[t].ops.end(), isProduct))
      tasks.push_back(t);
  if (tasks.empty())
    return false;
  registerExtraOperators();
  Task &task = s.tasks[r.pick(tasks)];
  Operator &op = *std::find_if(task.ops.begin(), task.ops.end(), isProduct);
  Buffer copy;
  copy.name = "mutant";
  copy.type = ElementType::BF16;
  copy.shape = s.buffers[op.operands[1]].shape;
  const uint32_t to = uint32_t(s.buffers.size());
  Task writer;
  writer.name = "mutant";
  writer.ops.emplace_back();
  writer.ops[0].name = "copy_weight";
  writer.ops[0].operands = {op.operands[1], to};
  writer.workers = s.addTable({r.below(s.target->workers)});
  s.buffers.push_back(copy);
  op.name = "linear_plain";
  op.operands[1] = to;
  if (r.once(2))
    task.stream = {};
  if (!r.once(3)) {
    CounterArray c;
    c.name = "mutant";
    Wait wait;
    wait.counters = uint32_t(s.counters.size());
    Signal signal;
    signal.counters = wait.counters;
    s.counters.push_back(c);
    task.waits.push_back(wait);
    writer.signals.push_back(signal);
  }
  // Slots of the others start at 1.
  if (task.slots != kNone) {
    for (Task &other : s.tasks) {
      std::vector<uint32_t> slots =
          entriesOf(s, other.slots, tilesOf(s, other), 0);
      for (uint32_t &slot : slots)
        ++slot;
      other.slots = s.addTable(std::move(slots));
    }
    writer.slots = s.addTable({0});
  }
  s.tasks.insert(s.tasks.begin(), std::move(writer));
  return true;
}

} // namespace mutate

} // namespace amk::mutants
