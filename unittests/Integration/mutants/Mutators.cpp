//===- Mutators.cpp - The classes of mutants ------------------------------===//

#include "Mutators.h"

#include "Judge.h"

namespace amk::mutants {

using namespace core;

namespace {

constexpr uint32_t labels(std::initializer_list<unsigned> rules) {
  uint32_t bits = 0;
  for (unsigned rule : rules)
    bits |= 1u << rule;
  return bits;
}

} // namespace

const std::vector<MutantClass> &mutantClasses() {
  using namespace mutate;
  const Stage imported = Stage::Imported, tiled = Stage::Tiled,
              fused = Stage::Fused, concurrent = Stage::Synchronized,
              last = Stage::Pipelined;
  static const std::vector<MutantClass> classes = {
      {"dropped wait", dropWait, concurrent, labels({5})},
      {"lowered threshold", lowerThreshold, concurrent, labels({2, 5})},
      {"raised threshold", raiseThreshold, concurrent, labels({2, 3, 5})},
      {"dropped signal", dropSignal, concurrent, labels({2, 3, 5})},
      {"added signal", addSignal, concurrent, labels({5})},
      {"signal to another counter", redirectSignal, concurrent,
       labels({2, 3, 5})},
      {"merged counters", mergeCounters, concurrent, labels({5})},
      {"cross-queue block", blockAcross, concurrent, labels({3})},
      {"reset epoch", resetEpoch, concurrent, labels({2, 7})},
      {"swapped queue neighbours", swapNeighbours, tiled, labels({3, 5})},
      // V1 where gathers are shared.
      {"tile moved to another worker", moveTile, tiled,
       labels({1, 3, 5, 6, 7})},
      {"no such place", noSuchPlace, tiled, labels({1})},
      {"shrunk tile", shrinkTile, tiled, labels({1})},
      {"shifted tile", shiftTile, tiled, labels({1, 3, 5, 6, 7})},
      {"page given to two live buffers", sharePage, imported,
       labels({1, 5, 6, 7})},
      {"page too small", shrinkPage, imported, labels({1, 5, 6, 7})},
      {"write into a weight", writeWeight, imported, labels({1})},
      {"KV read before append", readCacheEarly, imported, labels({3, 5, 6, 7})},
      {"packet turned into plain storage", packetsToPlain, concurrent,
       labels({1, 5, 6, 7})},
      {"plain storage turned into packets", plainToPackets, concurrent,
       labels({1, 3, 5, 6, 7})},
      {"ring too short or window too large", changeRing, last,
       labels({1, 7, 8})},
      {"stage order changed", swapStages, last, labels({3, 5})},
      {"stage order changed in the plan", nullptr, last, 0, swapPlanRows},
      {"reset epoch in the plan", nullptr, last, 0, resetPlanEpoch},
      // V8, as below, where the input is no longer one that comes by slices.
      {"missing proxy fence", streamWritten, last, labels({5, 7, 8, 9})},
      {"split of the positions shifted", shiftSplit, tiled,
       labels({1, 2, 3, 5, 6, 7})},
      {"split left out", leaveOutSplit, fused, labels({1, 2, 6})},
      // V1 where a split's packets stay in its cluster.
      {"splits swapped", swapSplits, tiled, labels({1, 3, 5, 6})},
      {"join before its splits", joinEarly, fused, labels({3, 5, 6})},
      {"join that waits for too little", dropJoinWait, concurrent, labels({5})},
      {"split's packets turned into plain storage", partsToPlain, concurrent,
       labels({5, 6, 7})},
      // V9 where a join takes this position from the cache, and had no stages.
      {"KV stages cut elsewhere", cutCacheStages, last, labels({1, 7, 8, 9})},
      {"KV stages fetched before the append", fetchBeforeAppend, last,
       labels({5, 9})},
      {"gang tiles swapped in one queue", swapGangTiles, concurrent,
       labels({3, 5})},
      {"shared gather dropped or added", toggleGather, concurrent,
       labels({1, 3, 5, 8})},
      {"clusters of another size", changeCluster, concurrent,
       labels({1, 3, 5, 7, 8})},
      {"inbox with other room", changeRoom, concurrent, labels({1, 5, 6, 7})},
      {"inbox moved over another", moveInbox, concurrent, labels({5, 6, 7})},
      {"packets into or out of inboxes", changeSpace, concurrent,
       labels({1, 5, 6, 7})},
      {"reader or writer moved from its cluster", leaveCluster, concurrent,
       labels({1, 3, 5, 6, 7})},
  };
  return classes;
}

void putOn(Schedule &s, uint32_t buffer, Space space, uint64_t offset) {
  Buffer &b = s.buffers[buffer];
  b.space = space;
  b.pageOffset = offset;
  b.packetRoom =
      space == Space::Cluster && b.packetElements ? PacketTable(s, b).count : 0;
}

std::vector<uint32_t> entriesOf(const core::Schedule &s, uint32_t table,
                                uint32_t tiles, uint32_t otherwise) {
  std::vector<uint32_t> entries;
  for (uint32_t i = 0; i < tiles; ++i)
    entries.push_back(entryOf(s, table, i, otherwise));
  return entries;
}

} // namespace amk::mutants
