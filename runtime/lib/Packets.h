//===- Packets.h - Data that is its own flag --------------------*- C++ -*-===//
//
// A packet is 16 bytes: three words of values and a stamp. The producer writes
// the values and then the stamp (release); a consumer that sees the stamp of
// this launch (acquire) has the values. On the GPU the 16 bytes are stored and
// loaded in one piece instead.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_PACKETS_H
#define AMK_RUNTIME_LIB_PACKETS_H

#include "AMK/Schedule/Schedule.h"

#include <atomic>
#include <string>
#include <vector>

namespace amk::runtime {

struct alignas(16) PacketSlot {
  char values[12];
  std::atomic<uint32_t> stamp;
};
static_assert(sizeof(PacketSlot) == 16, "packets are 16 bytes");

/// Which packet holds which elements of a buffer.
class PacketMap {
public:
  /// Returns what is wrong with the buffer's packets, or an empty string.
  std::string build(const core::Schedule &schedule, const core::Buffer &buffer);

  uint32_t count() const { return first.empty() ? 0 : first.back(); }
  /// The packets that hold these bytes of the buffer, half-open.
  core::Range packets(core::Range bytes) const;

  /// Copies a packet's values to, or from, their place in the plain bytes.
  void unpack(const PacketSlot &slot, uint32_t packet, char *plain) const;
  void pack(const char *plain, uint32_t packet, PacketSlot &slot) const;

private:
  /// Elements of a packet.
  core::Range elements(uint32_t packet) const;
  uint32_t locate(int64_t element) const;

  int64_t perPacket = 0, width = 0;
  std::vector<int64_t> bounds; ///< elements at which packets start anew
  std::vector<uint32_t> first; ///< packet, of every bound
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_PACKETS_H
