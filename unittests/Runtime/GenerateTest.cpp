//===- GenerateTest.cpp - Greedy generation -------------------------------===//

#include "ToyProgram.h"

#include <cstring>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::test;

namespace {

/// Gives token + 1 at every step, or what the test wants.
class CountingDevice : public Device {
public:
  Status load(const core::Program &, WeightSource &,
              const Progress &) override {
    return {};
  }
  Status write(uint32_t, const void *data, size_t) override {
    std::memcpy(&token, data, 4);
    return {};
  }
  Status read(uint32_t, void *data, size_t bytes) override {
    int32_t next = token + 1;
    if (nan && positions.back() == nanAt)
      next = -1;
    std::memset(data, 0, bytes);
    std::memcpy(data, &next, 4);
    return {};
  }
  Status launch(int64_t position, double &ms) override {
    positions.push_back(position);
    tokens.push_back(token);
    ms = 1;
    return {};
  }
  int32_t token = 0;
  bool nan = false;
  int64_t nanAt = 0;
  std::vector<int64_t> positions, tokens;
};

class Generation : public ::testing::Test {
protected:
  Generation() : program(toyProgram(oddLlama(), Stage::Imported)) {}

  Status run(std::vector<int64_t> prompt, int64_t count, bool ignore = false) {
    options.prompt = std::move(prompt);
    options.maxNewTokens = count;
    options.ignoreEos = ignore;
    return generate(program.schedule, device, options, {}, result);
  }

  core::Program program; // 12 positions, 101 tokens
  CountingDevice device;
  GenerateOptions options;
  GenerateResult result;
};

TEST_F(Generation, PromptThenTokens) {
  ASSERT_OK(run({4, 9, 20}, 3));
  EXPECT_EQ(result.tokens, (std::vector<int64_t>{21, 22, 23}));
  EXPECT_EQ(device.tokens, (std::vector<int64_t>{4, 9, 20, 21, 22}));
  EXPECT_EQ(device.positions, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(result.stepMs.size(), 5u);
  EXPECT_FALSE(result.endToken);
}

TEST_F(Generation, FillsTheCacheExactly) {
  EXPECT_OK(run({1, 2, 3}, 9));
  EXPECT_EQ(result.tokens.size(), 9u);
  const Status s = run({1, 2, 3}, 10);
  EXPECT_EQ(s.kind(), ErrorKind::Usage);
  EXPECT_EQ(s.message(), "--max-new-tokens: the cache holds 12 tokens, found "
                         "a prompt of 3 and 10 new ones");
}

TEST_F(Generation, EndTokensEndTheRun) {
  program.schedule.endTokens = {50, 23};
  ASSERT_OK(run({20}, 8));
  EXPECT_EQ(result.tokens, (std::vector<int64_t>{21, 22, 23}));
  EXPECT_TRUE(result.endToken);
  // An end token that is the last one allowed still is what ended it.
  ASSERT_OK(run({20}, 3));
  EXPECT_TRUE(result.endToken);
  ASSERT_OK(run({20}, 5, true));
  EXPECT_EQ(result.tokens.size(), 5u);
  EXPECT_FALSE(result.endToken);
  // One in the prompt does not count.
  ASSERT_OK(run({23}, 2));
  EXPECT_EQ(result.tokens.size(), 2u);
}

TEST_F(Generation, RefusesBadRequests) {
  EXPECT_EQ(run({}, 1).kind(), ErrorKind::Usage);
  EXPECT_EQ(run({1}, 0).kind(), ErrorKind::Usage);
  EXPECT_EQ(run({101}, 1).message(),
            "--prompt-ids: expected ids from 0 to 100, found 101");
  EXPECT_EQ(run({-1}, 1).kind(), ErrorKind::Usage);
  EXPECT_TRUE(device.positions.empty());
}

TEST_F(Generation, ANanIsAnError) {
  device.nan = true;
  device.nanAt = 4;
  const Status s = run({1, 2}, 6);
  EXPECT_EQ(s.kind(), ErrorKind::Numeric);
  EXPECT_EQ(s.message(), "a NaN among the logits at position 4");
}

TEST_F(Generation, AProgramWithoutTokensIsRefused) {
  program.schedule.buffers[0].name = "something";
  const Status s = run({1}, 1);
  EXPECT_EQ(s.kind(), ErrorKind::Usage);
  EXPECT_NE(s.message().find("input buffer 'token'"), std::string::npos);
}

TEST_F(Generation, BytesPerStepAreThoseOfTheWeights) {
  uint64_t expected = 0;
  for (const core::Buffer &b : program.schedule.buffers)
    if (b.kind == core::BufferKind::Weight && b.name != "embed")
      expected += uint64_t(b.elements()) * 2;
  // And a row of the embedding, and of the RoPE table per layer.
  EXPECT_NEAR(double(bytesPerStep(program.schedule)), double(expected), 2000);
}

} // namespace
