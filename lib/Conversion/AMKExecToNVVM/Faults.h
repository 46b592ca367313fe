//===- Faults.h - Kernels that are wrong on purpose -------------*- C++ -*-===//
//
// For tests only. A fault leaves out one wait, one barrier or one ordering of
// the kernel, so that a test can show that it is needed: without it a value is
// wrong. docs/verifier.md has the list of what was shown.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_CONVERSION_AMKEXECTONVVM_FAULTS_H
#define AMK_LIB_CONVERSION_AMKEXECTONVVM_FAULTS_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <string>

namespace amk::exec {

enum class Fault : uint32_t {
  CounterWait,    ///< a poll goes on whatever the counter is
  PacketWait,     ///< a packet is taken whatever its stamp is
  RingFull,       ///< a stage is multiplied before it has landed
  RingEmpty,      ///< a slot is filled again before it was released
  HoldFull,       ///< a stage is taken into registers before it has landed
  HoldRelease,    ///< the slot of such a stage is released before it is read
  StageRelease,   ///< a slot is released before its stage is multiplied
  Acquire,        ///< a poll's load is relaxed
  Release,        ///< a signal's addition is relaxed
  SingleCopy,     ///< a packet is two accesses of 8 bytes
  BarrierFence,   ///< no fence after the initialization of the ring's barriers
  PollBarrier,    ///< no barrier of the consumers after a poll
  SignalBarrier,  ///< no barrier of the consumers before a signal
  RowBarrier,     ///< no barrier of the consumers between two tiles
  GatherBarrier,  ///< no barrier of the consumers after the input was gathered
  ProductBarrier, ///< no barrier of the consumers after a product
  // Of attention split by positions.
  KvFull,        ///< a stage of keys and values is taken before it has landed
  KvEmpty,       ///< such a stage is fetched before its slot was released
  KvRelease,     ///< its slot is released before it is read
  KvFence,       ///< no fence between zeros in a slot and the copy that follows
  HeadWait,      ///< a query's, key's or value's packet is taken as it is
  PartWait,      ///< a packet of another split is taken whatever its stamp is
  PartCopy,      ///< such a packet is two accesses of 8 bytes
  EmptyWait,     ///< a split without positions is not waited for
  EmptyOrder,    ///< it publishes before it has waited for its query
  HeadsBarrier,  ///< no barrier of the consumers after the heads were gathered
  StatesBarrier, ///< none between the warps' states and who combines them
  ResultsBarrier, ///< none between the results and who reads them
  PartialBarrier, ///< none between a tile of a split and the next tile
  // Of gathers that a cluster shares.
  ClusterStart,   ///< peers are not waited for before the first gather
  ClusterFree,    ///< values are sent while a peer still uses its vector
  ClusterArrived, ///< the vector is used before the peers' values are there
  ClusterAcquire, ///< both of these waits are relaxed
  ClusterRelease, ///< a peer says so before it has used its vector
  ClusterEnd,     ///< a worker ends while its peers may still send
  // Of packets in cluster memory.
  InboxStamps, ///< an inbox begins with whatever stamps are there
  InboxCopy,   ///< a packet for an inbox is two accesses of 8 bytes
  // Of inputs that are taken by slices.
  SliceWait,  ///< a stage is multiplied before its slice is there
  SliceStores ///< a warp arrives at a round before it has stored the values
};

/// What is wrong with a kernel; nothing by default.
struct Faults {
  uint64_t omitted = 0; ///< a bit per fault
  uint32_t delays = 0;  ///< not 0: the seed of random delays
  /// At this position no counter is signaled, so that a launch there hangs.
  int64_t silentPosition = -1;

  bool omits(Fault fault) const { return omitted >> uint32_t(fault) & 1; }
  /// Waits may then be for what never comes, and must end by themselves.
  bool anyOmitted() const { return omitted != 0; }
  /// Adds faults by name ("counter-wait"). False, and a message with the names
  /// that there are, if one is unknown.
  bool add(llvm::ArrayRef<std::string> names, std::string &error);
};

} // namespace amk::exec

#endif // AMK_LIB_CONVERSION_AMKEXECTONVVM_FAULTS_H
