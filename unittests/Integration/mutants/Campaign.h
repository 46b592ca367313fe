//===- Campaign.h - Mutants of real lowerings -------------------*- C++ -*-===//
//
// A mutant is a real lowering with one thing changed. The verifier and the
// judge (Judge.h) decide it independently. They must agree: both accept, or the
// label that the verifier reports first is one of the rules that the judge
// finds violated, and one that the mutant's class may get. What is accepted
// runs on the CPU device, with threads and random delays, to the bits of the
// model as imported. Of a program file any change to the kernel's plan has to
// be refused: it is then not that of the schedule.
//
// The lowerings are every sort of model that the importer takes, with attention
// split by positions and not, in three tile sizes, as imported and after each
// pass (Lowering.h). Mutants are dealt to the lowerings in turn, and to the
// classes so that all get equally many. Models of the widths that people use
// get one mutant in `kLargeEvery`.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_CAMPAIGN_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_CAMPAIGN_H

#include "Lowering.h"

#include <map>

namespace amk::mutants {

constexpr unsigned kRules = 10;

struct ClassCounts {
  uint64_t mutants = 0;
  uint64_t rejected[kRules] = {}; ///< by the verifier's first label
  uint64_t refused = 0;           ///< plans of program files
  uint64_t accepted = 0;
  uint64_t ran = 0; ///< of these on the CPU device, to the same bits
};

struct Counts {
  std::map<std::string, ClassCounts> classes; ///< by name
  std::map<std::string, uint64_t> shapes, stages;
  size_t lowerings = 0;
  uint64_t twins = 0;  ///< mutants that had been seen before, not counted
  std::string failure; ///< the first one, in full; empty if none
};

struct Options {
  uint64_t count = 20000;
  uint64_t seed = 1;
  unsigned shapes = 0;  ///< how many kinds of models, chosen by the seed; 0:
                        ///< all
  bool runLarge = true; ///< large models on the CPU device too: they take 2 GB
                        ///< of memory, and seconds each
  double seconds = 1e9; ///< stop after this long
  bool (*tick)(uint64_t) = nullptr; ///< after every mutant; false: stop
};

Counts campaign(const Options &options);

/// The table that docs/verifier.md has.
std::string table(const Counts &counts);

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_CAMPAIGN_H
