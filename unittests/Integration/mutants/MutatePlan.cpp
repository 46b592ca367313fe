//===- MutatePlan.cpp - The kernel's plan in a program file ---------------===//
//
// The order in which a worker consumes and its loader fetches, and what scales
// thresholds by the epoch, stand in the plan too. A program file is untrusted,
// so a plan that is not its schedule's has to be refused.
//
//===----------------------------------------------------------------------===//

#include "Mutators.h"

#include <cstring>

namespace amk::mutants {

using namespace core;

namespace {

Blob *findBlob(Kernel &kernel, const char *name) {
  for (Blob &blob : kernel.blobs)
    if (blob.name == name && !blob.data.empty())
      return &blob;
  return nullptr;
}

uint32_t wordOf(const Blob &blob, size_t i) {
  uint32_t word = 0;
  std::memcpy(&word, blob.data.data() + 4 * i, 4);
  return word;
}

void setWord(Blob &blob, size_t i, uint32_t word) {
  std::memcpy(blob.data.data() + 4 * i, &word, 4);
}

} // namespace

namespace mutate {

/// Two rows of a worker trade places.
bool swapPlanRows(const KernelPlan &plan, Kernel &kernel, Random &r) {
  Blob *blob = findBlob(kernel, "plan");
  if (!blob)
    return false;
  const uint32_t worker = r.below(kernel.workers);
  const uint32_t first = wordOf(*blob, size_t(worker) * 2);
  const uint32_t rows = wordOf(*blob, size_t(worker) * 2 + 1);
  if (rows < 2)
    return false;
  const uint32_t a = r.below(rows), b = r.below(rows);
  const size_t width = plan.shared.planRowWords;
  const auto at = [&](uint32_t row) {
    return plan.planRowsOffset + (first + row) * width;
  };
  for (size_t i = 0; i < width; ++i) {
    const uint32_t word = wordOf(*blob, at(a) + i);
    setWord(*blob, at(a) + i, wordOf(*blob, at(b) + i));
    setWord(*blob, at(b) + i, word);
  }
  return true;
}

/// Signals per launch, by which a threshold grows with the epoch; or what is
/// cleared before the first launch, so that counters begin at what was there.
bool resetPlanEpoch(const KernelPlan &, Kernel &kernel, Random &r) {
  Blob *waits = findBlob(kernel, "waits");
  if (!waits || r.once(4)) {
    kernel.zeroBytes -= kernel.zeroBytes ? 1 + r.below(kernel.zeroBytes) : 0;
    return true;
  }
  const size_t entry = r.below(waits->data.size() / 12);
  const uint32_t n = wordOf(*waits, entry * 3 + 2);
  setWord(*waits, entry * 3 + 2, r.once(2) ? 0 : n + 1 + r.below(3));
  return true;
}

} // namespace mutate

} // namespace amk::mutants
