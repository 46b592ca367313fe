//===- Options.h - The command line of amk-run ------------------*- C++ -*-===//

#ifndef AMK_TOOLS_AMKRUN_OPTIONS_H
#define AMK_TOOLS_AMKRUN_OPTIONS_H

#include "AMK/Runtime/Generate.h"

#include <string>
#include <utility>
#include <vector>

namespace amk::run {

/// NAME=FILE.
using BufferFile = std::pair<std::string, std::string>;

struct Options {
  std::string program;
  std::string weights;
  runtime::GenerateOptions generate;
  bool hasPrompt = false;
  std::string device = "cpu"; ///< as given: "cpu", "cuda", "cuda:N"
  bool cuda = false;
  int ordinal = 0;
  unsigned threads = 0;
  uint64_t watchdogMs = 0; ///< 0: the device's own
  uint64_t delaySeed = 0;
  bool json = false;
  std::string logitsOut;
  // Instead of generating:
  bool check = false, info = false, listDevices = false, help = false;
  bool describeDevice = false;
  bool buffers = false; ///< launches without tokens: any of the next four
  std::vector<BufferFile> set, get;
  unsigned launches = 1;
  int64_t position = 0;
  unsigned benchmark = 0;
  std::string trace; ///< file for the times of the last step
};

/// The text of --help.
const char *usage();

/// Parses the arguments (without the program's name).
runtime::Status parseOptions(const std::vector<std::string> &arguments,
                             Options &options);

} // namespace amk::run

#endif // AMK_TOOLS_AMKRUN_OPTIONS_H
