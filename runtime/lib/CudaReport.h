//===- CudaReport.h - What the kernel's watchdog recorded -------*- C++ -*-===//
//
// The record's layout is said at core::Kernel.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_CUDAREPORT_H
#define AMK_RUNTIME_LIB_CUDAREPORT_H

#include <cstdint>
#include <string>
#include <vector>

namespace amk::runtime::cuda {

/// Words of the record for a number of workers.
constexpr uint64_t reportWords(uint32_t workers) {
  return 4 + 4 * uint64_t(workers);
}

/// A poll that spun for longer than its budget.
struct Timeout {
  uint32_t worker = 0;
  uint32_t row = 0;   ///< of the worker's plan
  uint32_t kind = 0;  ///< 1: counter, 2: packet, 3: stage
  uint32_t index = 0; ///< which counter or packet
  uint32_t seen = 0;  ///< its value
};

/// The workers that timed out, of a record of `reportWords(workers)` words.
std::vector<Timeout> decodeReport(const uint32_t *words, uint32_t workers);

/// "worker 3, plan row 7: waited for counter 12, which stayed at 5"
std::string describe(const Timeout &timeout);

} // namespace amk::runtime::cuda

#endif // AMK_RUNTIME_LIB_CUDAREPORT_H
