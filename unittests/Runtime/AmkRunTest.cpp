//===- AmkRunTest.cpp - The command line and the files of amk-run ---------===//

#include "amk-run/Options.h"
#include "amk-run/Output.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace amk;
using namespace amk::run;
using runtime::ErrorKind;
using runtime::Status;

namespace {

/// The error of a command line, or an empty string.
std::string parse(std::vector<std::string> arguments, Options &options) {
  options = {};
  const Status s = parseOptions(arguments, options);
  EXPECT_TRUE(s.ok() || s.kind() == ErrorKind::Usage);
  EXPECT_EQ(s.message().find('\n'), std::string::npos);
  return s.message();
}

TEST(AmkRunOptions, AGeneration) {
  Options o;
  EXPECT_EQ(parse({"p.amk", "--weights", "dir", "--prompt-ids=0,461,2",
                   "--max-new-tokens", "9", "--device", "cuda:3", "--json"},
                  o),
            "");
  EXPECT_EQ(o.program, "p.amk");
  EXPECT_EQ(o.weights, "dir");
  EXPECT_EQ(o.generate.prompt, (std::vector<int64_t>{0, 461, 2}));
  EXPECT_EQ(o.generate.maxNewTokens, 9);
  EXPECT_TRUE(o.cuda && o.json);
  EXPECT_EQ(o.ordinal, 3);
}

TEST(AmkRunOptions, LaunchesOfBuffers) {
  Options o;
  EXPECT_EQ(parse({"p", "--set", "a=f=g", "--get=b=h", "--launches", "4"}, o),
            "");
  EXPECT_TRUE(o.buffers);
  EXPECT_EQ(o.set[0], BufferFile("a", "f=g"));
  EXPECT_EQ(o.get[0], BufferFile("b", "h"));
  EXPECT_EQ(o.launches, 4u);
}

TEST(AmkRunOptions, DescribeDevice) {
  Options o;
  EXPECT_EQ(parse({"--describe-device", "--device", "cuda:2"}, o), "");
  EXPECT_TRUE(o.describeDevice);
  EXPECT_EQ(o.ordinal, 2);
}

TEST(AmkRunOptions, Mistakes) {
  Options o;
  const std::vector<std::vector<std::string>> lines = {
      {},
      {"p"},
      {"p", "q"},
      {"p", "--weights"},
      {"p", "--weights", "w"},
      {"p", "--weights", "", "--prompt-ids", "1"},
      {"p", "--weights", "w", "--prompt-ids", "1,"},
      {"p", "--weights", "w", "--prompt-ids", "1 2"},
      {"p", "--weights", "w", "--prompt-ids", "99999999999999999999"},
      {"p", "--weights", "w", "--prompt-ids", "1", "--device", "cuda:x"},
      {"p", "--weights", "w", "--prompt-ids", "1", "--threads", "-1"},
      {"p", "--weights", "w", "--prompt-ids", "1", "--json=yes"},
      {"p", "--weights", "w", "--prompt-ids", "1", "--set", "a=b"},
      {"p", "--get", "a"},
      {"p", "--what"},
      {"p", "--describe-device"},
  };
  for (const auto &line : lines)
    EXPECT_NE(parse(line, o), "") << (line.empty() ? "" : line.back());
}

class AmkRunOutput : public ::testing::Test {
protected:
  AmkRunOutput() {
    char name[] = "/tmp/amk-run-test-XXXXXX";
    directory = mkdtemp(name);
  }
  ~AmkRunOutput() override { std::filesystem::remove_all(directory); }
  size_t files() const {
    size_t n = 0;
    for (const auto &entry : std::filesystem::directory_iterator(directory))
      n += !entry.path().empty();
    return n;
  }
  std::string directory;
};

TEST_F(AmkRunOutput, NumpyArrayOfTheRowsWritten) {
  const std::string path = directory + "/l.npy";
  {
    NumpyFile file;
    ASSERT_TRUE(file.open(path, 3).ok());
    ASSERT_TRUE(file.row({1, 2, 3}).ok());
    ASSERT_TRUE(file.row({4, 5, 6}).ok());
    EXPECT_FALSE(std::filesystem::exists(path)) << "not before it is whole";
    ASSERT_TRUE(file.commit().ok());
  }
  EXPECT_EQ(files(), 1u);
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  const std::string text = bytes.str();
  ASSERT_EQ(text.size(), 128u + 24u);
  EXPECT_EQ(text.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(uint8_t(text[8]), 118);
  EXPECT_NE(text.find("'shape': (2, 3)"), std::string::npos);
  EXPECT_EQ(text[127], '\n');
  float last;
  std::memcpy(&last, text.data() + 128 + 20, 4);
  EXPECT_EQ(last, 6.0f);
}

/// Ctrl-C in the middle: the run ends by the signal and leaves no file.
TEST_F(AmkRunOutput, AnInterruptLeavesNothing) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string whole = directory + "/whole", open = directory + "/open";
    const pid_t child = fork();
    if (child == 0) {
      OutputFile first, second;
      if (!first.open(whole).ok() || !first.commit().ok() ||
          !second.open(open).ok() || !second.write("abc", 3).ok())
        _exit(1);
      raise(signal);
      _exit(2);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_EQ(files(), 1u);
    EXPECT_TRUE(std::filesystem::exists(whole));
  }
}

TEST_F(AmkRunOutput, WhatIsNotCommittedIsNotThere) {
  {
    OutputFile file;
    ASSERT_TRUE(file.open(directory + "/x").ok());
    ASSERT_TRUE(file.write("abc", 3).ok());
  }
  EXPECT_EQ(files(), 0u);
  OutputFile file;
  const Status s = file.open(directory + "/missing/x");
  EXPECT_EQ(s.kind(), ErrorKind::Output);
  OutputFile device;
  ASSERT_TRUE(device.open("/dev/null").ok());
  EXPECT_TRUE(device.commit().ok());
}

} // namespace
