//===- MutateInboxes.cpp - Packets in cluster memory ----------------------===//

#include "Judge.h"
#include "Mutators.h"

#include <algorithm>

namespace amk::mutants {

using namespace core;

namespace {

std::vector<uint32_t> packetBuffers(const Schedule &s, bool inInboxes) {
  std::vector<uint32_t> found;
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].packetElements &&
        (s.buffers[b].space == Space::Cluster) == inInboxes)
      found.push_back(b);
  return found;
}

} // namespace

namespace mutate {

bool changeRoom(Schedule &s, Random &r) {
  const std::vector<uint32_t> inboxes = packetBuffers(s, true);
  if (inboxes.empty())
    return false;
  Buffer &b = s.buffers[r.pick(inboxes)];
  const uint32_t all = PacketTable(s, b).count;
  switch (r.below(4)) {
  case 0: // one less, or one more
    b.packetRoom = r.once(2) ? b.packetRoom - 1 : b.packetRoom + 1;
    break;
  case 1: // fewer: what one worker reads may still lie apart
    b.packetRoom = 1 + r.below(b.packetRoom);
    break;
  case 2:
    b.packetRoom = all;
    break;
  default:
    b.packetRoom = r.below(all + 2);
  }
  return true;
}

/// It begins within another one, or where that does, or anywhere before.
bool moveInbox(Schedule &s, Random &r) {
  const std::vector<uint32_t> inboxes = packetBuffers(s, true);
  if (inboxes.size() < 2)
    return false;
  Buffer &b = s.buffers[r.pick(inboxes)];
  const Buffer &other = s.buffers[r.pick(inboxes)];
  b.pageOffset = other.pageOffset +
                 (r.once(2) ? 0 : uint64_t(16) * r.below(other.packetRoom));
  if (r.once(16))
    b.pageOffset += 8;
  // Of another generation, else it is V7 whatever the order.
  if (r.once(2))
    b.packetGeneration = r.below(uint32_t(inboxes.size()) + 1);
  return true;
}

bool changeSpace(Schedule &s, Random &r) {
  if (!s.target || s.target->cluster < 2)
    return false;
  const std::vector<uint32_t> inboxes = packetBuffers(s, true);
  const std::vector<uint32_t> others = packetBuffers(s, false);
  if (!inboxes.empty() && (others.empty() || r.once(2))) {
    const uint32_t b = r.pick(inboxes);
    putOn(s, b, r.once(4) ? Space::Scratch : Space::Own,
          s.buffers[b].pageOffset);
    return true;
  }
  if (others.empty())
    return false;
  // Behind all others, or where one of them is.
  uint64_t at = 0;
  for (uint32_t b : inboxes)
    at = std::max(at, s.buffers[b].pageOffset + storedBytes(s, s.buffers[b]));
  if (!inboxes.empty() && r.once(3))
    at = s.buffers[r.pick(inboxes)].pageOffset;
  putOn(s, r.pick(others), Space::Cluster, at);
  return true;
}

/// A tile of a task that writes or reads packets in inboxes.
bool leaveCluster(Schedule &s, Random &r) {
  if (!s.target || s.target->cluster < 2)
    return false;
  std::vector<uint32_t> tasks;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    if (std::any_of(s.tasks[t].ops.begin(), s.tasks[t].ops.end(),
                    [&](const Operator &op) {
                      return std::any_of(op.operands.begin(), op.operands.end(),
                                         [&](uint32_t b) {
                                           return s.buffers[b].space ==
                                                  Space::Cluster;
                                         });
                    }))
      tasks.push_back(t);
  const uint32_t cluster = s.target->cluster;
  if (tasks.empty() || s.target->workers <= cluster)
    return false;
  Task &task = s.tasks[r.pick(tasks)];
  std::vector<uint32_t> workers =
      entriesOf(s, task.workers, tilesOf(s, task), 0);
  uint32_t &worker = workers[r.below(workers.size())];
  // To a neighbour in the same one now and then: that may be right.
  const uint32_t first = worker / cluster * cluster;
  if (r.once(4))
    worker = first + (worker - first + 1) % cluster;
  else
    worker = (first + cluster + r.below(s.target->workers - cluster)) %
             s.target->workers;
  task.workers = s.addTable(std::move(workers));
  return true;
}

} // namespace mutate

} // namespace amk::mutants
