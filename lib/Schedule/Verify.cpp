//===- Verify.cpp - The rules V1 to V9, in order --------------------------===//

#include "VerifyImpl.h"

#include <algorithm>

namespace amk::core {

namespace verifier {

PacketIndex::PacketIndex(const Schedule &s, const Buffer &b)
    : perPacket(b.packetElements), width(byteWidth(b.type)) {
  if (b.packetTiles == kNone)
    bounds = {0, uint64_t(b.elements())};
  else
    bounds.assign(s.tables[b.packetTiles].begin(),
                  s.tables[b.packetTiles].end());
  uint64_t packet = 0;
  for (size_t g = 0; g < bounds.size(); ++g) {
    first.push_back(packet);
    if (g + 1 < bounds.size())
      packet += (bounds[g + 1] - bounds[g] + perPacket - 1) / perPacket;
  }
}

bool PacketIndex::isBound(uint64_t element) const {
  return std::binary_search(bounds.begin(), bounds.end(), element);
}

uint64_t PacketIndex::locate(uint64_t element) const {
  const size_t g = std::upper_bound(bounds.begin(), bounds.end(), element) -
                   bounds.begin() - 1;
  return first[g] + (element - bounds[g]) / perPacket;
}

Range PacketIndex::packets(uint64_t lo, uint64_t hi) const {
  const uint64_t last = std::min((hi + width - 1) / width, bounds.back()) - 1;
  return {int64_t(locate(lo / width) * 16), int64_t(locate(last) * 16 + 16)};
}

uint64_t storageBytes(const Schedule &s, const Buffer &b) {
  if (b.space == Space::Cluster)
    return uint64_t(b.packetRoom) * 16;
  return b.packetElements ? PacketIndex(s, b).bytes() : b.regionBytes();
}

} // namespace verifier

std::vector<Diagnostic> verify(const Schedule &schedule, size_t limit) {
  using namespace verifier;
  Report r(schedule, limit);
  for (const auto check : {checkStructure, checkStream, checkLimits,
                           checkThresholds, checkTarget}) {
    check(r);
    if (!r.clean())
      return std::move(r.found);
  }
  const Tiles tiles = expand(schedule);
  checkTiles(r, tiles);
  if (r.clean())
    checkGangs(r, tiles);
  if (!r.clean())
    return std::move(r.found);
  const Inboxes inboxes(schedule, tiles);
  checkInboxes(r, tiles, inboxes);
  if (!r.clean())
    return std::move(r.found);
  checkPartition(r, tiles);
  if (!schedule.concurrent) {
    checkStorage(r, tiles, inboxes, nullptr);
    return std::move(r.found);
  }
  const HandOffs h = handOffs(schedule, tiles);
  if (checkDeadlock(r, tiles, h)) {
    const Clocks order = orderClocks(tiles, h);
    const Clocks visibility = visibilityClocks(tiles, h);
    const Concurrency concurrency{h, order, visibility};
    checkStorage(r, tiles, inboxes, &concurrency);
  }
  return std::move(r.found);
}

std::string toString(const Schedule &s, const Diagnostic &d) {
  using verifier::say;
  std::string out = d.rule + ": ";
  const Place &p = d.place;
  if (p.task < s.tasks.size()) {
    const Task &task = s.tasks[p.task];
    out += say({"task '", task.name, "'"});
    if (p.op < task.ops.size())
      out += say({" operator ", p.op, " '", task.ops[p.op].name, "'"});
    if (p.tile != kNone)
      out += say({" tile ", p.tile});
    out += ": ";
  } else if (p.buffer < s.buffers.size()) {
    out += say({"buffer '", s.buffers[p.buffer].name, "': "});
  } else if (p.counters < s.counters.size()) {
    out += say({"counter '", s.counters[p.counters].name, "': "});
  }
  return out + d.message;
}

} // namespace amk::core
