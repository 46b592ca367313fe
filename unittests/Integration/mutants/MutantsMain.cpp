//===- MutantsMain.cpp - The long run -------------------------------------===//
//
// AMKScheduleMutants [mutants [seed [models]]]: the verifier against the judge
// on mutants of real lowerings.
//
//===----------------------------------------------------------------------===//

#include "Campaign.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace amk::mutants;

int main(int argc, char **argv) {
  using Number = unsigned long long;
  Options options;
  if (argc > 1)
    options.count = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2)
    options.seed = std::strtoull(argv[2], nullptr, 10);
  if (argc > 3)
    options.shapes = unsigned(std::strtoul(argv[3], nullptr, 10));
  options.tick = [](uint64_t i) {
    if (i && i % 1000 == 0)
      std::fprintf(stderr, "%llu mutants\n", Number(i));
    return true;
  };
  const auto start = std::chrono::steady_clock::now();
  const Counts counts = campaign(options);
  const std::chrono::duration<double> spent =
      std::chrono::steady_clock::now() - start;
  std::printf("seed %llu: mutants of %zu lowerings, %.0f s\n",
              Number(options.seed), counts.lowerings, spent.count());
  for (const auto &[name, n] : counts.shapes)
    std::printf("  %-20s %8llu\n", name.c_str(), Number(n));
  for (const auto &[name, n] : counts.stages)
    std::printf("  %-20s %8llu\n", name.c_str(), Number(n));
  std::printf("the same twice, not counted: %llu\n%s", Number(counts.twins),
              table(counts).c_str());
  if (counts.failure.empty())
    std::printf("verifier and judge agree on every one\n");
  else
    std::printf("FAILURE\n%s", counts.failure.c_str());
  return counts.failure.empty() ? 0 : 1;
}
