//===- ProgramFuzzer.cpp - Any bytes as a program file --------------------===//
//
// What the reader takes must write back to the same bytes, and print; what the
// verifier then accepts must have a plan or a reason why not.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Verify.h"
#include "Mutation.h"

#include <cstring>
#include <sstream>

using namespace amk;
using namespace amk::core;

// The names are libFuzzer's. NOLINTBEGIN(readability-identifier-naming)

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/// Changes the fields of programs that can be read, and else the bytes.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t most, unsigned seed) {
  fuzz::Random random(seed + 1);
  Program program;
  std::string error;
  const std::string bytes =
      sealProgram(std::string(reinterpret_cast<const char *>(data), size));
  if (random() % 4 == 0 || !readProgram(bytes, program, error))
    return LLVMFuzzerMutate(data, size, most);
  fuzz::mutate(program, random);
  const std::string changed = writeProgram(program);
  if (changed.size() > most)
    return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, changed.data(), changed.size());
  return changed.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  Program program;
  std::string error;
  bool good = readProgram(bytes, program, error);
  if (!good) {
    // The hash would stop every change of a byte: give it a right one.
    error.clear();
    bytes = sealProgram(std::move(bytes));
    good = readProgram(bytes, program, error);
  }
  if (!good) {
    fuzz::check(!error.empty() && error.find('\n') == std::string::npos,
                "an error is one line");
    return 0;
  }
  fuzz::check(writeProgram(program) == bytes, "written as read");
  std::ostringstream os;
  printProgram(program, os, true);
  const std::vector<Diagnostic> found = verify(program.schedule);
  for (const Diagnostic &d : found)
    fuzz::check(!toString(program.schedule, d).empty(), "a message has text");
  if (!found.empty() || !program.schedule.concurrent ||
      !program.schedule.target)
    return 0;
  KernelPlan plan;
  uint32_t task = kNone;
  fuzz::check(buildKernelPlan(program.schedule, plan, error, task) ||
                  !error.empty(),
              "no plan without a reason");
  return 0;
}
// NOLINTEND(readability-identifier-naming)
