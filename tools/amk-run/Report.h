//===- Report.h - What amk-run prints ---------------------------*- C++ -*-===//

#ifndef AMK_TOOLS_AMKRUN_REPORT_H
#define AMK_TOOLS_AMKRUN_REPORT_H

#include "Options.h"

namespace amk::run {

/// The line of an error on stderr, its notes below, and its exit code.
int reportError(const runtime::Status &status);

/// --info.
void printInfo(const core::Program &program);

/// --list-devices.
void printDevices();

/// The object of --json.
std::string jsonReport(const Options &options, const core::Program &program,
                       const runtime::GenerateResult &result);

/// "weights 43 %" on a terminal, where it is overwritten; nothing elsewhere.
class ProgressLine {
public:
  explicit ProgressLine(std::string what);
  ~ProgressLine(); ///< clears the line
  void show(double share);

private:
  std::string what;
  bool terminal;
  int last = -1;
};

} // namespace amk::run

#endif // AMK_TOOLS_AMKRUN_REPORT_H
