//===- ProgramFuzzer.cpp - Any bytes as a program file --------------------===//
//
// What the reader takes must print, verify and write back to the same bytes.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/Verify.h"

#include <cstdlib>
#include <sstream>

using namespace amk::core;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // The hash would stop every change, so the fuzzer's inputs get a right one.
  const std::string bytes =
      sealProgram(std::string(reinterpret_cast<const char *>(data), size));
  Program program;
  std::string error;
  if (!readProgram(bytes, program, error)) {
    if (error.empty() || error.find('\n') != std::string::npos)
      std::abort();
    return 0;
  }
  if (writeProgram(program) != bytes)
    std::abort();
  std::ostringstream os;
  printProgram(program, os, true);
  for (const Diagnostic &d : verify(program.schedule))
    toString(program.schedule, d);
  return 0;
}
