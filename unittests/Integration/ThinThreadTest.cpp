//===- ThinThreadTest.cpp - Three hashes by hand --------------------------===//
//
// test/Integration/thin-thread.mlir through the program file to the CPU device.
// What must come out is computed here, from the definition of the test operator
// in docs/operators.md and nothing else.
//
//===----------------------------------------------------------------------===//

#include "Frontends/TempFolder.h"
#include "Integration/Tools.h"

#include <gtest/gtest.h>

using namespace amk::test;

namespace {

const std::string kSource = AMK_TEST_INPUTS "/../Integration/thin-thread.mlir";

std::string bytesOf(uint32_t value, unsigned width) {
  std::string bytes;
  for (unsigned i = 0; i < width; ++i)
    bytes += char(value >> (8 * i) & 0xff);
  return bytes;
}

/// `count` values of `width` bytes each, as little-endian bytes.
std::string hash(const std::string &input, unsigned count, unsigned width) {
  uint32_t h = 2166136261u;
  for (char byte : input)
    h = (h ^ static_cast<unsigned char>(byte)) * 16777619u;
  std::string result;
  for (uint32_t i = 0; i < count; ++i)
    result += bytesOf(h ^ ((i + 1) * 2654435761u), width);
  return result;
}

std::string expected(const std::string &input) {
  const std::string packets = hash(input, 64, 2); // bf16
  const std::string plain = hash(packets, 64, 4); // f32
  return hash(plain, 64, 4);                      // i32
}

class ThinThread : public testing::Test {
protected:
  ThinThread() {
    for (uint32_t i = 0; i < 48; ++i)
      input += bytesOf(i * 40503u + 7, 4);
    folder.write("in", input);
  }

  /// Compiles for a chip and gives what the CPU device puts out.
  std::string launch(const std::vector<std::string> &options,
                     const std::string &chip = "sm_90") {
    std::string source = readBytes(kSource);
    const size_t at = source.find("\"sm_90\"");
    EXPECT_NE(at, std::string::npos);
    if (at == std::string::npos)
      return "";
    source.replace(at + 1, 5, chip);
    folder.write("thin.mlir", source);
    const std::string program = folder / "thin.amkp";
    runWell({"amk-translate", "--amk-to-program", folder / "thin.mlir", "-o",
             program});
    std::vector<std::string> arguments = {"amk-run", program,
                                          "--set",   "in=" + folder / "in",
                                          "--get",   "out=" + folder / "out"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    runWell(arguments);
    return readBytes(folder / "out");
  }

  TempFolder folder;
  std::string input;
};

TEST_F(ThinThread, EveryTarget) {
  for (const char *chip : {"sm_80", "sm_90", "sm_100"})
    EXPECT_EQ(launch({}, chip), expected(input)) << chip;
}

TEST_F(ThinThread, ThreadsAndLaunches) {
  for (const char *threads : {"1", "2", "4"})
    for (const char *launches : {"1", "2", "9"})
      EXPECT_EQ(launch({"--threads", threads, "--launches", launches}),
                expected(input))
          << threads << " threads, " << launches << " launches";
}

TEST_F(ThinThread, Delays) {
  for (unsigned seed = 1; seed <= 10; ++seed)
    EXPECT_EQ(launch({"--threads", "2", "--launches", "20", "--delay-seed",
                      std::to_string(seed)}),
              expected(input))
        << seed;
}

TEST_F(ThinThread, EveryByteCounts) {
  const std::string before = launch({});
  input[100] = char(input[100] ^ 1);
  folder.write("in", input);
  const std::string after = launch({});
  EXPECT_NE(after, before);
  EXPECT_EQ(after, expected(input));
}

} // namespace
