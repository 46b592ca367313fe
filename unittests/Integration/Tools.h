//===- Tools.h - Running the tools from a test ------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_INTEGRATION_TOOLS_H
#define AMK_UNITTESTS_INTEGRATION_TOOLS_H

#include <string>
#include <vector>

namespace amk::test {

/// The checkpoint in the repository.
inline const std::string kTinyLlama = AMK_TEST_INPUTS "/tiny-llama";

/// What a tool did.
struct Ran {
  int exitCode = -1; ///< -1: it did not exit by itself
  std::string out, err;
};

/// Runs `arguments`, the first of which is the name of a tool.
Ran run(const std::vector<std::string> &arguments);

/// The same for what has to succeed: a test failure with stderr otherwise.
std::string runWell(const std::vector<std::string> &arguments);

/// The bytes of a file; empty where there is none.
std::string readBytes(const std::string &path);

/// Compiles a checkpoint directory to a program file: import, passes, program.
void compile(const std::string &model, const std::string &options,
             const std::string &program);

} // namespace amk::test

#endif // AMK_UNITTESTS_INTEGRATION_TOOLS_H
