//===- CudaReport.cpp - What the kernel's watchdog recorded ---------------===//

#include "CudaReport.h"

namespace amk::runtime::cuda {

std::vector<Waiting> decodeReport(const uint32_t *words, uint32_t workers) {
  std::vector<Waiting> all(workers);
  for (uint32_t w = 0; w < workers; ++w) {
    const uint32_t *record = words + reportWords(w);
    if (record[0] == 0)
      continue;
    all[w].row = record[0] - 1;
    all[w].kind = record[1];
    all[w].index = record[2];
    all[w].seen = record[3];
  }
  return all;
}

} // namespace amk::runtime::cuda
