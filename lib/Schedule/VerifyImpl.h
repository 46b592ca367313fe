//===- VerifyImpl.h - What the rules share ----------------------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULE_VERIFYIMPL_H
#define AMK_LIB_SCHEDULE_VERIFYIMPL_H

#include "AMK/Schedule/HappensBefore.h"
#include "AMK/Schedule/Inboxes.h"
#include "AMK/Schedule/Verify.h"

#include <initializer_list>

namespace amk::core::verifier {

/// More bytes than any device has; keeps sums of a few sizes in range.
constexpr uint64_t kMaxBytes = uint64_t(1) << 46;
/// Limits of a launch (V7): they keep what the verifier expands in memory.
constexpr uint32_t kMaxWorkers = 1024;
constexpr int64_t kMostSplits = 1024;
constexpr int64_t kMostChunk = int64_t(1) << 20;
constexpr uint64_t kMaxCounters = uint64_t(1) << 20;
constexpr uint64_t kMaxTileOperators = uint64_t(1) << 21;
constexpr uint64_t kMaxHandOffs = uint64_t(1) << 24;
constexpr uint64_t kMaxClockEntries = uint64_t(1) << 26;
/// Generations of packets (V7): stamps of two launches differ.
constexpr uint32_t kMaxGenerations = uint32_t(1) << 16;

/// Collects violations up to a limit.
class Report {
public:
  Report(const Schedule &schedule, size_t limit) : s(schedule), limit(limit) {}

  /// The result takes notes until the next violation.
  Diagnostic &add(const char *rule, Place place, std::string message) {
    if (full())
      return ignored;
    found.push_back({rule, place, std::move(message), {}});
    return found.back();
  }
  bool full() const { return found.size() >= limit; }
  bool clean() const { return found.empty(); }

  const Schedule &s;
  std::vector<Diagnostic> found;

private:
  size_t limit;
  Diagnostic ignored;
};

inline Place atTask(uint32_t task, uint32_t op = kNone, uint32_t tile = kNone) {
  Place p;
  p.task = task;
  p.op = op;
  p.tile = tile;
  return p;
}
inline Place atBuffer(uint32_t buffer) {
  Place p;
  p.buffer = buffer;
  return p;
}
inline Place atCounters(uint32_t counters) {
  Place p;
  p.counters = counters;
  return p;
}

/// Text from strings and numbers.
class Text {
public:
  Text(const char *s) : text(s) {}
  Text(std::string_view s) : text(s) {}
  Text(std::string s) : text(std::move(s)) {}
  Text(int64_t n) : text(std::to_string(n)) {}
  Text(uint64_t n) : text(std::to_string(n)) {}
  Text(uint32_t n) : text(std::to_string(n)) {}
  Text(int n) : text(std::to_string(n)) {}
  std::string text;
};
inline std::string say(std::initializer_list<Text> parts) {
  std::string out;
  for (const Text &p : parts)
    out += p.text;
  return out;
}

inline std::string tileName(const Schedule &s, const Tile &t) {
  return say({"task '", s.tasks[t.task].name, "' tile ", t.index});
}

/// Where the packets of a buffer start.
class PacketIndex {
public:
  PacketIndex(const Schedule &s, const Buffer &b);
  uint64_t bytes() const { return first.back() * 16; }
  bool isBound(uint64_t element) const;
  /// Bytes of the packets that hold these bytes of the values.
  Range packets(uint64_t lo, uint64_t hi) const;

private:
  uint64_t locate(uint64_t element) const;
  uint64_t perPacket;
  uint64_t width;               ///< bytes of an element
  std::vector<uint64_t> bounds; ///< elements
  std::vector<uint64_t> first;  ///< packet, of every bound
};

/// Bytes that a buffer takes where it lives.
uint64_t storageBytes(const Schedule &s, const Buffer &b);

// Each assumes that those before it found nothing, in this order.
void checkLimits(Report &r);     ///< V7: what bounds the work of the others
void checkStructure(Report &r);  ///< V1, but for regions
void checkStream(Report &r);     ///< V8, and V9 of local values
void checkThresholds(Report &r); ///< V2
void checkTarget(Report &r);     ///< V7
void checkTiles(Report &r, const Tiles &tiles); ///< V1: regions, packets
void checkGangs(Report &r, const Tiles &tiles); ///< V1: shared gathers
/// V1, V7: packets in the memory of a cluster.
void checkInboxes(Report &r, const Tiles &tiles, const Inboxes &inboxes);
void checkPartition(Report &r, const Tiles &tiles); ///< V6: results and locals
/// V3. Returns whether every tile runs.
bool checkDeadlock(Report &r, const Tiles &tiles, const HandOffs &h);
/// What is known of the order of tiles.
struct Concurrency {
  const HandOffs &handOffs;
  const Clocks &order, &visibility;
};
/// How the queues and hand-offs let tile `after` run before tile `before` has,
/// or what orders the two and makes nothing visible.
std::string witness(const Schedule &s, const Tiles &tiles, const Concurrency &c,
                    uint32_t before, uint32_t after);
/// V5, V6 and V9. Null in program order: then no V5 between tiles.
void checkStorage(Report &r, const Tiles &tiles, const Inboxes &inboxes,
                  const Concurrency *c);

} // namespace amk::core::verifier

#endif // AMK_LIB_SCHEDULE_VERIFYIMPL_H
