//===- SharedLayout.cpp - A worker's shared memory ------------------------===//

#include "AMK/Schedule/SharedLayout.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>
#include <map>
#include <set>

namespace amk::core {

namespace {

uint64_t align16(uint64_t n) { return (n + 15) / 16 * 16; }

/// What does not fit 32 bits is more than any device has: it stays so.
uint32_t limited(uint64_t n) {
  return uint32_t(std::min<uint64_t>(n, ~uint32_t(0)));
}

/// The longest range of every operator of a task in any tile.
std::vector<int64_t> longestRanges(const Schedule &s, const Task &task) {
  std::vector<int64_t> longest(task.ops.size(), 0);
  for (uint32_t t = 0, n = tileCount(s, task); t < n; ++t) {
    Range range = tileRange(s, task, t);
    for (size_t i = 0; i < task.ops.size(); ++i) {
      const Operator &op = task.ops[i];
      const OperatorModel *model = lookupOperator(op.name);
      const Range here = op.prologue ? Range{0, model->extent(s, op)} : range;
      longest[i] = std::max(longest[i], here.size());
      if (!op.prologue)
        range = model->mapTile(s, op, range);
    }
  }
  return longest;
}

/// The most tiles that one worker runs.
uint32_t longestQueue(const Schedule &s) {
  std::map<uint32_t, uint32_t> tiles;
  uint32_t longest = 0;
  for (const Task &task : s.tasks)
    for (uint32_t i = 0, n = tileCount(s, task); i < n; ++i)
      longest = std::max(longest, ++tiles[s.entry(task.workers, i, 0)]);
  return longest;
}

/// Sums of squares that the warps of a cluster leave when they gather together.
uint32_t summedShares(const Schedule &s, const Task &task) {
  uint32_t shares = 0;
  for (const Operator &op : task.ops) {
    const OperatorModel *model = lookupOperator(op.name);
    for (unsigned i = 0; model && i < model->inputs(); ++i)
      if (const Buffer &b = s.buffers[op.operands[i]];
          model->sumsSquares() && model->gathersWhole(i) && b.packetElements)
        shares = std::max(shares,
                          clusterShares(s.target->cluster, packetCount(s, b)));
  }
  return shares;
}

} // namespace

uint32_t packetCount(const Schedule &s, const Buffer &b) {
  if (b.packetTiles == kNone)
    return limited((uint64_t(b.elements()) + b.packetElements - 1) /
                   b.packetElements);
  const std::vector<uint32_t> &bounds = s.tables[b.packetTiles];
  uint64_t packets = 0;
  for (size_t g = 0; g + 1 < bounds.size(); ++g)
    packets +=
        (bounds[g + 1] - bounds[g] + b.packetElements - 1) / b.packetElements;
  return limited(packets);
}

SplitArea::SplitArea(int64_t group, int64_t headDim) {
  // Attributes of an unchecked schedule: whatever fits nowhere stays so.
  const uint64_t g = uint64_t(std::clamp<int64_t>(group, 1, 1 << 12));
  const uint64_t d = uint64_t(std::clamp<int64_t>(headDim, 2, 1 << 12));
  const uint64_t column = std::min<uint64_t>(g, kHeadColumn);
  const uint64_t padded = (g + kHeadColumn - 1) / kHeadColumn * kHeadColumn;
  uint64_t at = 0;
  const auto place = [&](uint64_t bytes) {
    const uint64_t offset = at;
    at = align16(at + bytes);
    return uint32_t(offset);
  };
  queryStride = uint32_t(d * 2 + 16);
  place(padded * queryStride);
  key = place(d * 2);
  value = place(d * 2);
  scores = place(g * 4);
  states = place(kConsumerWarps * column * 8);
  outputs = place(kConsumerWarps * column * d * 4);
  results = place(g * d * 4);
  total = uint32_t(at);
}

uint32_t columnSlices(int64_t columns, const Stream &stream) {
  // Without a stream yet: as many as the widest stage will need.
  constexpr int64_t widest = 2048;
  return limited(uint64_t(stream.columns == 0 ? (columns + widest - 1) / widest
                                              : columns / stream.columns));
}

const Buffer *gatheredPackets(const Schedule &s, const Task &task) {
  std::set<uint32_t> made; // in the body: no packets are read for it
  for (const Operator &op : task.ops) {
    const OperatorModel *model = lookupOperator(op.name);
    for (unsigned i = 0; model && i < op.operands.size(); ++i) {
      const Buffer &b = s.buffers[op.operands[i]];
      if (i >= model->inputs())
        made.insert(op.operands[i]);
      else if (model->gathersWhole(i) && b.packetElements &&
               b.type == ElementType::BF16 && !made.count(op.operands[i]))
        return &b;
    }
  }
  return nullptr;
}

bool canTakeSlices(const Schedule &s, const Task &task, std::string &why) {
  const Buffer *weight = nullptr;
  for (const Operator &op : task.ops)
    if (!weight)
      weight = streamedWeight(s, op);
  why = "expected more than one slice of a row to take one by one, found ";
  if (!weight) {
    why += "no weight";
    return false;
  }
  if (columnSlices(weight->shape[1], task.stream) < 2) {
    why += "one of " + std::to_string(task.stream.columns) + " columns";
    return false;
  }
  why = "expected an input in packets to take by slices, found ";
  const Buffer *input = gatheredPackets(s, task);
  if (!input) {
    why += "none";
    return false;
  }
  if (sharesGather(s, task)) {
    why += "'" + input->name + "', which is gathered in the cluster";
    return false;
  }
  const uint32_t rounds = gatherRounds(packetCount(s, *input));
  if (rounds <= kMostSliceRounds) {
    why.clear();
    return true;
  }
  why = "expected packets for at most " + std::to_string(kMostSliceRounds) +
        " rounds of the consumers to take them by slices, found " +
        std::to_string(rounds) + " rounds of '" + input->name + "'";
  return false;
}

uint32_t planFieldWords(const Schedule &s, const Task &task) {
  std::set<uint32_t> buffers;
  for (const Operator &op : task.ops)
    buffers.insert(op.operands.begin(), op.operands.end());
  uint32_t words = 0;
  for (uint32_t buffer : buffers) {
    const Buffer &b = s.buffers[buffer];
    if (b.kind != BufferKind::Local)
      words += b.space == Space::Cluster ? 3 : b.packetElements ? 2 : 1;
  }
  return words;
}

uint64_t inboxBytes(const Schedule &s) {
  uint64_t bytes = 0;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Cluster)
      bytes = std::max(bytes, b.pageOffset + uint64_t(b.packetRoom) * 16);
  return bytes;
}

SharedLayout sharedLayout(const Schedule &s) {
  SharedLayout l;
  uint64_t vector = 0, partial = 0, pages = 0;
  uint32_t fields = 0;
  bool isShared = false;
  uint32_t shares = 0;
  for (const Task &task : s.tasks) {
    if (sharesGather(s, task)) {
      isShared = true;
      shares = std::max(shares, summedShares(s, task));
    }
    fields = std::max(fields, planFieldWords(s, task));
    const Buffer *input =
        task.stream.bySlice ? gatheredPackets(s, task) : nullptr;
    if (input)
      l.rounds = std::max(l.rounds, gatherRounds(packetCount(s, *input)));
    const std::vector<int64_t> ranges = longestRanges(s, task);
    for (size_t i = 0; i < task.ops.size(); ++i) {
      const Operator &op = task.ops[i];
      const int64_t longest = ranges[i];
      if (const OperatorModel *model = lookupOperator(op.name))
        vector = std::max(vector, model->workingBytes(s, op, longest));
      const Buffer *weight = streamedWeight(s, op);
      if (!weight)
        continue;
      const uint32_t slices = columnSlices(weight->shape[1], task.stream);
      partial = std::max(partial, (uint64_t(longest) + 3) / 4 * 4 * slices * 4);
    }
  }
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Shared)
      pages = std::max(pages, b.pageOffset + b.regionBytes());
  l.planRowWords = (kPlanHeaderWords + fields + 3) / 4 * 4;
  const uint32_t slots = s.ring ? s.ring->slots : 0;
  uint64_t at = s.ring ? uint64_t(slots) * s.ring->bytes : 0;
  const auto place = [&](uint64_t bytes) {
    const uint64_t offset = align16(at);
    at = offset + bytes;
    return limited(offset);
  };
  l.barriers = place(uint64_t(slots) * 16);
  l.plan = place(uint64_t(longestQueue(s)) * l.planRowWords * 4);
  l.vector = place(vector);
  l.partial = place(partial);
  l.misc = place(kMiscBytes);
  if (isShared)
    l.cluster = place(ClusterArea::sums + uint64_t(shares) * 4);
  l.inbox = place(inboxBytes(s));
  if (l.rounds)
    l.arrived = place(uint64_t(l.rounds) * 8);
  l.pages = place(pages);
  l.total = limited(align16(at));
  return l;
}

uint32_t kernelSharedBytes(const Schedule &s) {
  const SharedLayout l = sharedLayout(s);
  return l.total - l.plan;
}

} // namespace amk::core
