//===- Tools.cpp - Running the tools from a test --------------------------===//

#include "Integration/Tools.h"
#include "Frontends/TempFolder.h"

#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace amk::test {

std::string readBytes(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

Ran run(const std::vector<std::string> &arguments) {
  TempFolder folder;
  const std::string out = folder / "out", err = folder / "err";
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const int create = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&files, 2, err.c_str(), create, 0600);
  std::vector<std::string> copies = arguments;
  std::vector<char *> pointers;
  pointers.reserve(copies.size() + 1);
  for (std::string &argument : copies)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const std::string tool = AMK_TOOLS "/" + arguments[0];
  Ran ran;
  pid_t child = -1;
  const int failed = posix_spawn(&child, tool.c_str(), &files, nullptr,
                                 pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed) {
    ran.err = "cannot run " + tool;
    return ran;
  }
  int status = 0;
  if (waitpid(child, &status, 0) == child && WIFEXITED(status))
    ran.exitCode = WEXITSTATUS(status);
  ran.out = readBytes(out);
  ran.err = readBytes(err);
  return ran;
}

std::string runWell(const std::vector<std::string> &arguments) {
  const Ran ran = run(arguments);
  EXPECT_EQ(ran.exitCode, 0) << arguments[0] << ": " << ran.err;
  return ran.out;
}

void compile(const std::string &model, const std::string &options,
             const std::string &program) {
  TempFolder folder;
  const std::string imported = folder / "imported.mlir";
  const std::string compiled = folder / "compiled.mlir";
  runWell({"amk-translate", "--import-hf", model, "-o", imported});
  runWell({"amk-opt", "--amk-compile=" + options, imported, "-o", compiled});
  runWell({"amk-translate", "--amk-to-program", compiled, "-o", program});
}

} // namespace amk::test
