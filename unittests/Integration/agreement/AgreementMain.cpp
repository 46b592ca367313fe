//===- AgreementMain.cpp - The long run -----------------------------------===//
//
// AMKDeviceAgreement [schedules [runs [seed [rejected-runs [seconds]]]]]: the
// verifier against the CPU device. So many schedules that are accepted, so many
// runs of each; then every fault in each of them, with more runs. Stops early
// after so many seconds.
//
//===----------------------------------------------------------------------===//

#include "Agreement.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace amk::agreement;

int main(int argc, char **argv) {
  using Number = unsigned long long;
  Options options;
  if (argc > 1)
    options.schedules = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2)
    options.runs = std::strtoull(argv[2], nullptr, 10);
  if (argc > 3)
    options.seed = std::strtoull(argv[3], nullptr, 10);
  if (argc > 4)
    options.rejectedRuns = std::strtoull(argv[4], nullptr, 10);
  if (argc > 5)
    options.seconds = std::strtod(argv[5], nullptr);
  options.rejected = ~uint64_t(0);
  options.tick = [](const Counts &counts) {
    if ((counts.llamas + counts.hashes) % 5 == 0)
      std::fprintf(stderr, "%llu schedules, %llu runs\n",
                   Number(counts.llamas) + Number(counts.hashes),
                   Number(counts.runs));
  };
  const auto start = std::chrono::steady_clock::now();
  const Counts counts = agreement(options);
  const std::chrono::duration<double> spent =
      std::chrono::steady_clock::now() - start;
  std::printf("seed %llu, %.0f s\n", Number(options.seed), spent.count());
  std::printf("accepted: %llu Llamas and %llu programs of hashes, %llu runs to "
              "the same bits\nrejected:\n%s",
              Number(counts.llamas), Number(counts.hashes), Number(counts.runs),
              table(counts).c_str());
  if (!counts.failure.empty())
    std::printf("FAILURE\n%s", counts.failure.c_str());
  return counts.failure.empty() ? 0 : 1;
}
