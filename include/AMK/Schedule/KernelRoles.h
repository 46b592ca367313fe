//===- KernelRoles.h - Threads and registers of a worker's roles *- C++ -*-===//
//
// What the kernel asks of a streaming multiprocessor, and what that leaves for
// stages held in registers. The verifier (V7) asks for the one, the kernel is
// made with the other.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_KERNELROLES_H
#define AMK_SCHEDULE_KERNELROLES_H

#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TargetInfo.h"

namespace amk::core {

/// Registers of one of the four partitions of a multiprocessor, 32 bits each,
/// on every target; warps are dealt to the partitions in turns.
constexpr uint32_t kPartitionRegisters = 16 * 1024;
constexpr uint32_t kPartitions = 4;

/// Registers of a thread if all warps of a CTA have as many: a multiple of 8.
constexpr uint32_t launchRegisters(uint32_t threads) {
  const uint32_t warps = (threads / 32 + kPartitions - 1) / kPartitions;
  return kPartitionRegisters / (warps * 32) / 8 * 8;
}

struct KernelRoles {
  uint32_t threads;           ///< of a CTA
  uint32_t consumerRegisters; ///< of a thread
  uint32_t loaderRegisters;
};

/// The loader has a warpgroup of four warps. Registers change hands between
/// warpgroups; one warp then issues bulk copies and three are idle. Without
/// bulk copies all four copy, and take no registers from the others: twelve
/// warps are three to a partition, and so are nine.
constexpr KernelRoles kernelRoles(bool registerPools) {
  constexpr uint32_t threads = kConsumerThreads + kLoaderThreads;
  // 216 and 72 would do too: no more than 213 are alive anywhere. But of the
  // 228 programs of scripts/assemble-matrix.py for sm_90 and sm_100, ptxas was
  // seen to spill a few bytes of one with 216, of 8 with 224, of 34 with 232,
  // and of none with 240.
  if (registerPools)
    return {threads, 240, 24};
  return {threads, launchRegisters(threads), launchRegisters(threads)};
}

/// Registers that stay in use while a held stage is multiplied: 16 sums and 4
/// words of the input. The rest of what the code needs is ptxas's to find.
constexpr uint32_t kProductRegisters = 20;

/// The largest slot that a warp can hold in registers: 4 bytes a register, 32
/// lanes.
constexpr uint32_t mostHeldBytes(const TargetInfo &target) {
  return (kernelRoles(target.registerPools).consumerRegisters -
          kProductRegisters) *
         128;
}

/// What kernels were seen to need at most beside the stage that they hold, over
/// the shapes and options of scripts/assemble-matrix.py (docs/measurements.md).
/// Passes leave so many; a schedule that leaves fewer is legal, and may spill.
constexpr uint32_t kOtherRegisters = 104;

/// The largest slot to hold that leaves them.
constexpr uint32_t goodHeldBytes(const TargetInfo &target) {
  return (kernelRoles(target.registerPools).consumerRegisters -
          kOtherRegisters) *
         128;
}

} // namespace amk::core

#endif // AMK_SCHEDULE_KERNELROLES_H
