//===- Mutators.h - Ways to change a schedule -------------------*- C++ -*-===//
//
// Each changes one thing that a pass decides. None changes what program order
// computes, but by making the schedule unsafe: so what is still safe has to
// give the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_MUTATORS_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_MUTATORS_H

#include "AMK/Schedule/KernelPlan.h"
#include "Lowering.h"

namespace amk::mutants {

/// splitmix64.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint32_t below(size_t n) { return uint32_t(next() % n); }
  bool once(uint32_t in) { return below(in) == 0; }
  template <typename T>
  const T &pick(const std::vector<T> &things) {
    return things[below(things.size())];
  }

private:
  uint64_t state;
};

/// No packet of the buffer is waited for any more.
inline void makePlain(core::Buffer &buffer) {
  if (buffer.space == core::Space::Cluster)
    buffer.space = core::Space::Own;
  buffer.packetRoom = 0;
  buffer.packetElements = 0;
  buffer.packetTiles = core::kNone;
  buffer.packetGeneration = 0;
}

/// Changes the schedule. False if there is nothing of its kind to change.
using Mutate = bool (*)(core::Schedule &s, Random &r);

/// Changes the kernel of a program, whose plan it was.
using MutatePlan = bool (*)(const core::KernelPlan &plan, core::Kernel &kernel,
                            Random &r);

struct MutantClass {
  const char *name;
  Mutate mutate;
  Stage first;    ///< stage from which it applies
  uint32_t rules; ///< bit n: Vn is a label that such a mutant may get
  /// Of a program file instead: any change is refused, since the plan is then
  /// not the schedule's.
  MutatePlan plan = nullptr;
};

const std::vector<MutantClass> &mutantClasses();

// By what they change.
namespace mutate {
// Hand-offs (MutateHandOffs.cpp).
bool dropWait(core::Schedule &s, Random &r);
bool lowerThreshold(core::Schedule &s, Random &r);
bool raiseThreshold(core::Schedule &s, Random &r);
bool dropSignal(core::Schedule &s, Random &r);
bool addSignal(core::Schedule &s, Random &r);
bool redirectSignal(core::Schedule &s, Random &r);
bool mergeCounters(core::Schedule &s, Random &r);
bool blockAcross(core::Schedule &s, Random &r);
bool resetEpoch(core::Schedule &s, Random &r);
// Cuts and places (MutatePlaces.cpp).
bool swapNeighbours(core::Schedule &s, Random &r);
bool moveTile(core::Schedule &s, Random &r);
bool noSuchPlace(core::Schedule &s, Random &r);
bool shrinkTile(core::Schedule &s, Random &r);
bool shiftTile(core::Schedule &s, Random &r);
bool swapStages(core::Schedule &s, Random &r);
bool swapGangTiles(core::Schedule &s, Random &r);
bool toggleGather(core::Schedule &s, Random &r);
bool changeCluster(core::Schedule &s, Random &r);
// Buffers (MutateStorage.cpp).
bool sharePage(core::Schedule &s, Random &r);
bool shrinkPage(core::Schedule &s, Random &r);
bool writeWeight(core::Schedule &s, Random &r);
bool readCacheEarly(core::Schedule &s, Random &r);
bool packetsToPlain(core::Schedule &s, Random &r);
bool plainToPackets(core::Schedule &s, Random &r);
bool changeRing(core::Schedule &s, Random &r);
bool streamWritten(core::Schedule &s, Random &r);
// Packets in cluster memory (MutateInboxes.cpp).
bool changeRoom(core::Schedule &s, Random &r);
bool moveInbox(core::Schedule &s, Random &r);
bool changeSpace(core::Schedule &s, Random &r);
bool leaveCluster(core::Schedule &s, Random &r);
// Attention split by positions (MutateSplits.cpp).
bool shiftSplit(core::Schedule &s, Random &r);
bool leaveOutSplit(core::Schedule &s, Random &r);
bool swapSplits(core::Schedule &s, Random &r);
bool joinEarly(core::Schedule &s, Random &r);
bool dropJoinWait(core::Schedule &s, Random &r);
bool partsToPlain(core::Schedule &s, Random &r);
bool cutCacheStages(core::Schedule &s, Random &r);
bool fetchBeforeAppend(core::Schedule &s, Random &r);
// The plan of a program file (MutatePlan.cpp).
bool swapPlanRows(const core::KernelPlan &plan, core::Kernel &kernel,
                  Random &r);
bool resetPlanEpoch(const core::KernelPlan &plan, core::Kernel &kernel,
                    Random &r);
} // namespace mutate

/// Puts a buffer on a page of a space; packets have all the room that they may
/// need, where they need some.
void putOn(core::Schedule &s, uint32_t buffer, core::Space space,
           uint64_t offset);

/// The entries of a table by tile, one each.
std::vector<uint32_t> entriesOf(const core::Schedule &s, uint32_t table,
                                uint32_t tiles, uint32_t otherwise);

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_MUTATORS_H
