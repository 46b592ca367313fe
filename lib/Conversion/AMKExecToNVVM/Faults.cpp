//===- Faults.cpp - Kernels that are wrong on purpose ---------------------===//

#include "Faults.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace amk::exec {

/// In the order of Fault.
static constexpr llvm::StringLiteral kNames[] = {
    "counter-wait",    "packet-wait",     "ring-full",      "ring-empty",
    "hold-full",       "hold-release",    "stage-release",  "acquire",
    "release",         "single-copy",     "barrier-fence",  "poll-barrier",
    "signal-barrier",  "row-barrier",     "gather-barrier", "product-barrier",
    "kv-full",         "kv-empty",        "kv-release",     "kv-fence",
    "head-wait",       "part-wait",       "part-copy",      "empty-wait",
    "empty-order",     "heads-barrier",   "states-barrier", "results-barrier",
    "partial-barrier", "cluster-start",   "cluster-free",   "cluster-arrived",
    "cluster-acquire", "cluster-release", "cluster-end",    "inbox-stamps",
    "inbox-copy",      "slice-wait",      "slice-stores"};
static_assert(std::size(kNames) == size_t(Fault::SliceStores) + 1);
static_assert(std::size(kNames) <= 64, "Faults::omitted has a bit for each");

bool Faults::add(llvm::ArrayRef<std::string> names, std::string &error) {
  for (const std::string &name : names) {
    const auto *at = llvm::find(kNames, name);
    if (at == std::end(kNames)) {
      error = "expected one of " + llvm::join(llvm::ArrayRef(kNames), ", ") +
              ", found '" + name + "'";
      return false;
    }
    omitted |= uint64_t(1) << (at - std::begin(kNames));
  }
  return true;
}

} // namespace amk::exec
