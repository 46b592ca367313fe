//===- Agreement.h - The verifier against the CPU device --------*- C++ -*-===//
//
// Random small concurrent programs on the CPU device, with 1 to 8 threads,
// random delays and several launches in a row. What the verifier accepts has
// to give the bits of the program in program order, every time. A schedule
// with a fault, rejected for a deadlock, a race or a page (V3, V5, V6), is run
// all the same: `Device::load` leaves verifying to its caller. How many of
// them show a wrong value or a hang is counted.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_INTEGRATION_AGREEMENT_AGREEMENT_H
#define AMK_UNITTESTS_INTEGRATION_AGREEMENT_AGREEMENT_H

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace amk::agreement {

struct Shown {
  uint64_t schedules = 0;
  uint64_t wrong = 0, hung = 0;
  uint64_t mostRuns = 0; ///< that one of them took to show
  uint64_t never() const { return schedules - wrong - hung; }
};

struct Counts {
  uint64_t llamas = 0, hashes = 0; ///< accepted
  uint64_t runs = 0;               ///< of accepted ones, to the same bits
  std::map<std::pair<unsigned, std::string>, Shown> rejected; ///< rule, fault
  std::string failure; ///< the first one, in full; empty if none
};

struct Options {
  uint64_t schedules = 200;     ///< accepted
  uint64_t rejected = 200;      ///< at most; 0 where a data race is an error
  uint64_t runs = 100;          ///< of each accepted one
  uint64_t rejectedRuns = 1000; ///< of each rejected one, or until it shows
  uint64_t seed = 1;
  double seconds = 1e9;                   ///< stop after this long
  void (*tick)(const Counts &) = nullptr; ///< after every accepted schedule
};

Counts agreement(const Options &options);

/// By rule, of all faults.
std::map<unsigned, Shown> byRule(const Counts &counts);
/// The table that docs/verifier.md has.
std::string table(const Counts &counts);

} // namespace amk::agreement

#endif // AMK_UNITTESTS_INTEGRATION_AGREEMENT_AGREEMENT_H
