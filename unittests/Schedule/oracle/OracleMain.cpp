//===- OracleMain.cpp - The long run --------------------------------------===//
//
// AMKScheduleOracle [schedules [seed]]: the verifier against the oracle.
//
//===----------------------------------------------------------------------===//

#include "Campaign.h"

#include <cstdio>
#include <cstdlib>

using namespace amk::core::oracle;

int main(int argc, char **argv) {
  const uint64_t count =
      argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  using Number = unsigned long long;
  std::printf("seeds %llu to %llu\n", Number(seed), Number(seed + count - 1));
  const Counts c = campaign(seed, count);
  std::printf("schedules         %10llu\n", Number(c.schedules));
  std::printf("reachable states  %10llu\n", Number(c.states));
  std::printf("safe              %10llu  %.1f %%\n", Number(c.safe),
              100.0 * double(c.safe) / double(c.schedules));
  std::printf("only concurrency  %10llu  %.1f %%\n", Number(c.concurrencyOnly),
              100.0 * double(c.concurrencyOnly) / double(c.schedules));
  std::printf("by packets only   %10llu\n", Number(c.byPacketsOnly));
  std::printf("first failing rule\n");
  for (int rule = 1; rule < 8; ++rule)
    if (c.firstRule[rule])
      std::printf("  V%d              %10llu\n", rule,
                  Number(c.firstRule[rule]));
  if (c.disagreement.empty())
    std::printf("verifier and oracle agree on every one\n");
  else
    std::printf("DISAGREEMENT\n%s", c.disagreement.c_str());
  return c.disagreement.empty() ? 0 : 1;
}
