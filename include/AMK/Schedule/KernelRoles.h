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

/// Registers change hands between warpgroups of four warps, so the loader gets
/// three idle warps where they can. Where not, one more warp is all it needs.
constexpr KernelRoles kernelRoles(bool registerPools) {
  if (registerPools)
    return {kConsumerThreads + 128, 232, 40};
  constexpr uint32_t threads = kConsumerThreads + 32;
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

} // namespace amk::core

#endif // AMK_SCHEDULE_KERNELROLES_H
