//===- Packets.cpp - Data that is its own flag ----------------------------===//

#include "Packets.h"

#include <algorithm>
#include <cstring>

namespace amk::runtime {

std::string PacketMap::build(const core::Schedule &schedule,
                             const core::Buffer &buffer) {
  perPacket = buffer.packetElements;
  width = core::byteWidth(buffer.type);
  if (perPacket < 1 || perPacket * width > 12)
    return "packets of " + std::to_string(perPacket) + " values of " +
           std::to_string(width) + " bytes, a packet holds 12 bytes";
  bounds.clear();
  if (buffer.packetTiles == core::kNone)
    bounds = {0, buffer.elements()};
  else
    bounds.assign(schedule.tables[buffer.packetTiles].begin(),
                  schedule.tables[buffer.packetTiles].end());
  if (bounds.size() < 2 || bounds.front() != 0 ||
      bounds.back() != buffer.elements() ||
      !std::is_sorted(bounds.begin(), bounds.end()))
    return "packet bounds that do not cut its elements";
  first = {0};
  for (size_t g = 0; g + 1 < bounds.size(); ++g) {
    const uint64_t packets =
        uint64_t(bounds[g + 1] - bounds[g] + perPacket - 1) /
        uint64_t(perPacket);
    if (first.back() + packets > (uint64_t(1) << 31))
      return "more than 2^31 packets";
    first.push_back(uint32_t(first.back() + packets));
  }
  return {};
}

uint32_t PacketMap::locate(int64_t element) const {
  const size_t g =
      size_t(std::upper_bound(bounds.begin(), bounds.end() - 1, element) -
             bounds.begin()) -
      1;
  return first[g] + uint32_t((element - bounds[g]) / perPacket);
}

core::Range PacketMap::packets(core::Range bytes) const {
  if (bytes.empty())
    return {};
  return {int64_t(locate(bytes.lo / width)),
          int64_t(locate((bytes.hi - 1) / width)) + 1};
}

core::Range PacketMap::elements(uint32_t packet) const {
  const size_t g =
      size_t(std::upper_bound(first.begin(), first.end() - 1, packet) -
             first.begin()) -
      1;
  const int64_t lo = bounds[g] + int64_t(packet - first[g]) * perPacket;
  return {lo, std::min(lo + perPacket, bounds[g + 1])};
}

void PacketMap::unpack(const PacketSlot &slot, uint32_t packet,
                       char *plain) const {
  const core::Range r = elements(packet);
  std::memcpy(plain + r.lo * width, slot.values, size_t(r.size() * width));
}

void PacketMap::pack(const char *plain, uint32_t packet,
                     PacketSlot &slot) const {
  const core::Range r = elements(packet);
  std::memcpy(slot.values, plain + r.lo * width, size_t(r.size() * width));
}

} // namespace amk::runtime
