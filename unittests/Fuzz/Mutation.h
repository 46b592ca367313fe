//===- Mutation.h - Schedules as bytes, and changed -------------*- C++ -*-===//
//
// What the fuzzers of the verifier and of the program reader share.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_FUZZ_MUTATION_H
#define AMK_UNITTESTS_FUZZ_MUTATION_H

#include "AMK/Schedule/ProgramFile.h"

#include <random>

namespace amk::fuzz {

using Random = std::minstd_rand;

/// A schedule with any values in it as bytes, in a form that takes any bytes:
/// what is missing is zero, and a list is at most as long as what is left.
std::string encode(core::Schedule schedule);
core::Schedule decode(std::string_view bytes);

/// The schedule of an input: of a program file (whose hash may be wrong), else
/// of encoded bytes.
core::Schedule inputSchedule(std::string_view bytes);

/// Changes a few fields or lists. Most changes are small, or take a value from
/// elsewhere in the schedule, so that much of what was legal stays so.
void mutate(core::Schedule &schedule, Random &random);
void mutate(core::Program &program, Random &random);

/// Stops the fuzzer, with a line that says what did not hold.
void check(bool holds, const char *what);

} // namespace amk::fuzz

#endif // AMK_UNITTESTS_FUZZ_MUTATION_H
