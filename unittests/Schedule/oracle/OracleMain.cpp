//===- OracleMain.cpp - The long run --------------------------------------===//
//
// AMKScheduleOracle [schedules [seed]]: the verifier against the oracle.
// AMKScheduleOracle rings [slots [teams]]: the condition on rings likewise.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/StreamRing.h"
#include "Campaign.h"
#include "RingOracle.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace amk::core::oracle;

namespace {

int judgeRings(int slots, int teams) {
  RingCounts c;
  const std::string wrong = campaign(
      slots, teams, [](const RingModel &) { return true; },
      [](const RingModel &m) {
        const uint32_t most =
            amk::core::mostInFlight(uint32_t(m.slots), uint32_t(m.teams));
        return m.ahead >= 1 && m.window >= m.ahead &&
               uint32_t(m.window) <= most;
      },
      c);
  std::printf("rings             %10zu\n", c.safe + c.unsafe);
  std::printf("reachable states  %10zu\n", c.states);
  std::printf("safe              %10zu\n", c.safe);
  std::printf("%s%s\n",
              wrong.empty() ? "rule and search agree on every one"
                            : "DISAGREEMENT\n",
              wrong.c_str());
  return wrong.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  if (argc > 1 && std::strcmp(argv[1], "rings") == 0)
    return judgeRings(argc > 2 ? std::atoi(argv[2]) : 4,
                      argc > 3 ? std::atoi(argv[3]) : 3);
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
  std::printf("with gangs        %10llu  %.1f %%\n", Number(c.gangs),
              100.0 * double(c.gangs) / double(c.schedules));
  std::printf("  safe            %10llu\n", Number(c.gangsSafe));
  std::printf("  by meeting only %10llu\n", Number(c.safeByMeeting));
  std::printf("  stuck by it only%10llu\n", Number(c.stuckByMeeting));
  std::printf("with inboxes      %10llu  %.1f %%\n", Number(c.inboxes),
              100.0 * double(c.inboxes) / double(c.schedules));
  std::printf("  safe            %10llu\n", Number(c.inboxesSafe));
  std::printf("    in less room  %10llu\n", Number(c.inboxesSmall));
  for (int rule = 1; rule < 10; ++rule)
    if (c.inboxRule[rule])
      std::printf("  V%d              %10llu\n", rule,
                  Number(c.inboxRule[rule]));
  std::printf("first failing rule\n");
  for (int rule = 1; rule < 10; ++rule)
    if (c.firstRule[rule])
      std::printf("  V%d              %10llu\n", rule,
                  Number(c.firstRule[rule]));
  if (c.disagreement.empty())
    std::printf("verifier and oracle agree on every one\n");
  else
    std::printf("DISAGREEMENT\n%s", c.disagreement.c_str());
  return c.disagreement.empty() ? 0 : 1;
}
