//===- PropertiesMain.cpp - The long run ----------------------------------===//
//
// AMKPassProperties [configurations [seed]]: see Campaign.h.
//
//===----------------------------------------------------------------------===//

#include "Campaign.h"

#include <cstdio>
#include <cstdlib>

using namespace amk::scheduling::properties;

namespace {

using Number = unsigned long long;

void print(const std::string &what, const Tally &t) {
  std::printf("%-44s%10llu%10llu\n", what.c_str(), Number(t.accepted),
              Number(t.refused));
}

void print(const Counts &c) {
  std::printf("configurations                  %10llu\n",
              Number(c.configurations));
  std::printf("  one pass with what it needs   %10llu\n", Number(c.alone));
  std::printf("  in order, with omissions      %10llu\n", Number(c.inOrder));
  std::printf("  in any order, with repeats    %10llu\n", Number(c.anyOrder));
  std::printf("  ready for the kernel          %10llu\n", Number(c.complete));
  for (const auto &[kind, n] : c.models)
    std::printf("  %-32s%8llu\n", kind.c_str(), Number(n));
  std::printf("schedules that a pass has left  %10llu\n", Number(c.schedules));
  std::printf("  concurrent                    %10llu\n", Number(c.concurrent));
  std::printf("    gathers shared in clusters  %10llu\n", Number(c.gangs));
  std::printf("    packets in cluster memory   %10llu\n", Number(c.inboxes));
  std::printf("    inputs taken by slices      %10llu\n\n", Number(c.bySlice));
  std::printf("%-44s%10s%10s\n", "pass and option", "taken", "refused");
  for (size_t p = 0; p < kPasses; ++p) {
    print(nameOf(Pass(p)), c.passes[p]);
    for (const auto &[option, tally] : c.options[p])
      print("  " + option, tally);
  }
  std::printf("\nreasons of refusals\n");
  for (size_t p = 0; p < kPasses; ++p)
    for (const auto &[reason, n] : c.reasons[p])
      std::printf("%8llu  %s: %s\n", Number(n), nameOf(Pass(p)),
                  reason.c_str());
}

} // namespace

int main(int argc, char **argv) {
  const uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::printf("seeds %llu to %llu\n", Number(seed), Number(seed + count - 1));
  const Counts c = campaign(seed, count);
  print(c);
  if (c.failure.empty())
    std::printf("\nno property was violated\n");
  else
    std::printf("\nVIOLATION\n%s", c.failure.c_str());
  return c.failure.empty() ? 0 : 1;
}
