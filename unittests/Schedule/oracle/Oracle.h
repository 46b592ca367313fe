//===- Oracle.h - What a small schedule can do, by search -------*- C++ -*-===//
//
// Decides small schedules of probes (Probe.h) from the definition of safety
// alone: byte sets are enumerated byte by byte, and every reachable state of
// the queues and hand-offs is visited. Nothing of the checking core is used but
// the data structures that describe a schedule.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_SCHEDULE_ORACLE_ORACLE_H
#define AMK_UNITTESTS_SCHEDULE_ORACLE_ORACLE_H

#include "AMK/Schedule/Schedule.h"

#include <bitset>
#include <set>

namespace amk::core::oracle {

/// All storages of a schedule side by side.
using ByteSet = std::bitset<3072>;
/// Bytes of one buffer.
using BufferBytes = std::bitset<128>;

/// One access of one operator in one tile.
struct Use {
  uint32_t buffer;
  bool write;
  Position position;
  Region region;
  bool inside;         ///< within the buffer
  BufferBytes touched; ///< as regions address them
  /// Where they lie; empty for local and read-only ones. Of a write of packets
  /// to inboxes: in all inboxes that it goes to.
  ByteSet bytes;
};

/// What the tiles of a schedule touch, and what they wait for and signal.
struct TileModel {
  uint32_t task, index, worker, slot;
  Range range;
  std::vector<std::vector<Use>> ops;
  ByteSet reads, writes; ///< reads of packets left out
  ByteSet allReads;
  std::vector<std::pair<uint32_t, uint32_t>> waits; ///< counter, threshold
  std::vector<uint32_t> signals;                    ///< counters
  uint32_t producers = 0; ///< tiles whose packets it waits for, one bit each
  /// Tiles of its gang, itself among them, one bit each; none: no gang.
  uint32_t gang = 0;
};

struct Model {
  std::vector<TileModel> tiles; ///< in program order
  std::vector<std::vector<uint32_t>> queues;
  uint32_t counters = 0;
  uint32_t bytes = 0; ///< of all storages
};

struct Verdict {
  uint32_t rules = 0; ///< bit n: Vn is violated
  std::vector<std::string> reasons;
  size_t states = 0; ///< visited
  /// Of a safe schedule: every interleaving reads what program order reads.
  bool valuesHold = true;
  /// The two accounts of what a tile sees fit together.
  bool consistent = true;
  /// Refused only because packets order nothing but their own bytes: with
  /// tiles as indivisible steps they would fix which signals of a counter come
  /// first.
  bool byPacketsOnly = false;
  /// Of a concurrent schedule with gangs: whether it is stuck only because
  /// gangs meet, or safe only because they do.
  bool stuckByMeeting = false, safeByMeeting = false;

  bool safe() const { return rules == 0; }
  bool violates(unsigned rule) const { return rules >> rule & 1; }
  /// Nothing is wrong but what can happen at once.
  bool concurrencyOnly() const {
    return rules && !(rules & ~(1u << 3 | 1u << 5));
  }
  void add(unsigned rule, std::string reason) {
    rules |= 1u << rule;
    reasons.push_back("V" + std::to_string(rule) + ": " + std::move(reason));
  }
};

/// V1: names, cuts, places, fans: whether the tiles can be worked out at all.
void judgeStructure(const Schedule &s, Verdict &v);
/// Call only when the structure holds.
Model makeModel(const Schedule &s);
/// The workers with a tile that reads packets of a buffer that `tile` writes.
std::set<uint32_t> readers(const Model &m, const TileModel &tile,
                           uint32_t buffer);
/// V1, V6 and V7 on byte sets, V2 on counts.
void judgeBytes(const Schedule &s, const Model &m, Verdict &v);
/// V3 and V5 by a search of every reachable state; then the values.
void judgeExecutions(const Schedule &s, const Model &m, Verdict &v);

/// All of it.
Verdict judge(const Schedule &s);
/// Whether gathers are shared in it.
bool hasGangs(const Schedule &s);
/// Whether packets are in inboxes in it.
bool hasInboxes(const Schedule &s);

/// Which packet of a packet buffer holds each of its elements.
std::vector<uint32_t> packetsOf(const Schedule &s, const Buffer &b);
/// The bytes of a buffer where it lives.
uint64_t storageSize(const Schedule &s, const Buffer &b);
/// The schedule in full, for a report.
std::string print(const Schedule &s);

} // namespace amk::core::oracle

#endif // AMK_UNITTESTS_SCHEDULE_ORACLE_ORACLE_H
