//===- Judge.h - What a schedule can do, without the verifier ---*- C++ -*-===//
//
// Decides real lowerings from the definition of safety by simple means that
// scale: what operators touch is said by hand (Footprint.h); bytes are cut at
// every place where an access begins or ends; a tile is before another if that
// other does not run in the maximal run in which it is withheld, and every tile
// is withheld in turn; the ring is simulated with every stage's landing
// withheld in turn. Nothing of the checking core is used but the data
// structures of a schedule.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_JUDGE_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_JUDGE_H

#include "Footprint.h"

#include <string>
#include <utility>

namespace amk::mutants {

struct Verdict {
  uint32_t rules = 0; ///< bit n: Vn is violated
  std::vector<std::string> reasons;

  bool safe() const { return rules == 0; }
  bool violates(unsigned rule) const { return rules >> rule & 1; }
  void add(unsigned rule, const std::string &reason) {
    rules |= 1u << rule;
    if (reasons.size() < 8)
      reasons.push_back("V" + std::to_string(rule) + ": " + reason);
  }
};

/// Where an access lies once pages are assigned: bytes [lo, hi) of a storage.
struct Piece {
  uint32_t storage;
  uint64_t lo, hi;
  uint32_t buffer;
  uint32_t op; ///< in the task
  bool write;
  bool packet;
  bool past; ///< earlier positions of a KV cache, which count as written
};

struct JudgedTile {
  uint32_t task, index, worker, slot;
  core::Range range;
  std::vector<std::vector<Use>> uses; ///< by operator, local buffers included
  std::vector<Piece> pieces;
  /// Counter and threshold. Packets are counters of their own, from
  /// `Model::packetCounters` on.
  std::vector<std::pair<uint32_t, uint32_t>> waits;
  std::vector<uint32_t> signals;
  /// The tiles that share its gather, itself among them; empty: it is its own.
  std::vector<uint32_t> gang;
};

/// What a tile writes to the inbox of a worker: packets first to last - 1.
struct InboxWrite {
  uint32_t buffer, tile, worker;
  uint64_t first, last;
};

struct Model {
  std::vector<JudgedTile> tiles; ///< in program order
  std::vector<InboxWrite> inboxes;
  std::vector<std::vector<uint32_t>> queues;
  uint32_t counters = 0;
  uint32_t packetCounters = 0; ///< first of them
  uint32_t storages = 0;
};

/// The packets of a buffer: which of them holds an element, and their number.
struct PacketTable {
  std::vector<uint32_t> packetOf;
  uint32_t count = 0;
  PacketTable(const core::Schedule &s, const core::Buffer &b);
};
/// Bytes of a buffer where it lives.
uint64_t storedBytes(const core::Schedule &s, const core::Buffer &b);

/// Number of tiles of a task, and an entry of a table of one or many.
uint32_t tilesOf(const core::Schedule &s, const core::Task &task);
uint32_t entryOf(const core::Schedule &s, uint32_t table, uint32_t tile,
                 uint32_t otherwise);
/// The operator that is cut.
size_t cutOf(const core::Task &task);

/// V1: whether the tiles can be worked out at all. Then V7 and V8.
void judgeStructure(const core::Schedule &s, Verdict &v);
void judgeFit(const core::Schedule &s, Verdict &v);
/// Whether a ring is safe for every number of stages and every cut of them.
bool ringHolds(const core::Ring &ring);

/// Call only when the structure holds.
Model makeModel(const core::Schedule &s);
/// V1, V2, V6 and V9, and V5 within operators.
void judgeBytes(const core::Schedule &s, const Model &m, Verdict &v);
/// V3 and V5.
void judgeRuns(const core::Schedule &s, const Model &m, Verdict &v);

/// All of it.
Verdict judge(const core::Schedule &s);

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_JUDGE_H
