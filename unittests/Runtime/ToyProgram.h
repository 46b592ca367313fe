//===- ToyProgram.h - Programs to run in tests ------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_RUNTIME_TOYPROGRAM_H
#define AMK_UNITTESTS_RUNTIME_TOYPROGRAM_H

#include "AMK/Runtime/Device.h"
#include "AMK/Runtime/Generate.h"
#include "Scheduling/ToyLlama.h"

#include <gtest/gtest.h>

namespace amk::runtime::test {

/// How far a toy Llama goes through the passes.
enum class Stage {
  Imported,
  Fused,
  Cut,
  Placed,
  Synchronized, ///< concurrent from here on
  Colored,
  Streamed,
};
constexpr Stage kStages[] = {
    Stage::Imported,     Stage::Fused,   Stage::Cut,     Stage::Placed,
    Stage::Synchronized, Stage::Colored, Stage::Streamed};

struct ToyOptions {
  scheduling::test::ToyShape shape;
  uint32_t workers = 5;
  uint32_t packetElements = 6;
};

/// Two layers of sizes that fit nothing: remainders everywhere.
ToyOptions oddLlama();

/// The program at a stage; every stage is checked by the verifier.
core::Program toyProgram(const ToyOptions &options, Stage stage);

/// The logits of every step for these tokens.
std::vector<std::vector<float>> runTokens(const core::Program &program,
                                          Device &device,
                                          const std::vector<int32_t> &tokens);

/// Loads the program on a new CPU device with random weights and runs it.
std::vector<std::vector<float>> runOnCpu(const core::Program &program,
                                         const CpuOptions &options,
                                         const std::vector<int32_t> &tokens);

#define ASSERT_OK(expression)                                                  \
  do {                                                                         \
    const ::amk::runtime::Status status_ = (expression);                       \
    ASSERT_TRUE(status_.ok()) << status_.message();                            \
  } while (false)
#define EXPECT_OK(expression)                                                  \
  do {                                                                         \
    const ::amk::runtime::Status status_ = (expression);                       \
    EXPECT_TRUE(status_.ok()) << status_.message();                            \
  } while (false)

} // namespace amk::runtime::test

#endif // AMK_UNITTESTS_RUNTIME_TOYPROGRAM_H
