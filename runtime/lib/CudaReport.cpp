//===- CudaReport.cpp - What the kernel's watchdog recorded ---------------===//

#include "CudaReport.h"

#include <string_view>

namespace amk::runtime::cuda {

std::vector<Timeout> decodeReport(const uint32_t *words, uint32_t workers) {
  std::vector<Timeout> timeouts;
  for (uint32_t w = 0; w < workers; ++w) {
    const uint32_t *record = words + reportWords(w);
    if (record[0] != 0)
      timeouts.push_back({w, record[0] - 1, record[1], record[2], record[3]});
  }
  return timeouts;
}

static std::string_view kindName(uint32_t kind) {
  switch (kind) {
  case 1:
    return "counter";
  case 2:
    return "packet";
  case 3:
    return "stage";
  default:
    return {};
  }
}

std::string describe(const Timeout &timeout) {
  std::string line = "worker " + std::to_string(timeout.worker) +
                     ", plan row " + std::to_string(timeout.row) +
                     ": waited for ";
  const std::string_view kind = kindName(timeout.kind);
  if (kind.empty())
    line += "something of unknown kind " + std::to_string(timeout.kind);
  else
    line += kind;
  return line + " " + std::to_string(timeout.index) + ", which stayed at " +
         std::to_string(timeout.seen);
}

} // namespace amk::runtime::cuda
