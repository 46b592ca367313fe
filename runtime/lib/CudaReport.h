//===- CudaReport.h - What the kernel's watchdog recorded -------*- C++ -*-===//
//
// The record's layout is said at core::Kernel.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_CUDAREPORT_H
#define AMK_RUNTIME_LIB_CUDAREPORT_H

#include "HangReport.h"

namespace amk::runtime::cuda {

/// Words of the record for a number of workers.
constexpr uint64_t reportWords(uint32_t workers) {
  return 4 + 4 * uint64_t(workers);
}

/// What each worker waits for, of a record of `reportWords(workers)` words.
std::vector<Waiting> decodeReport(const uint32_t *words, uint32_t workers);

} // namespace amk::runtime::cuda

#endif // AMK_RUNTIME_LIB_CUDAREPORT_H
