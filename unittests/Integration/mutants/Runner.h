//===- Runner.h - Mutants on the CPU device ---------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_RUNNER_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_RUNNER_H

#include "AMK/Runtime/Device.h"

namespace amk::mutants {

/// Runs schedules of one model on the CPU device, with random weights that are
/// the same for all.
class Runner {
public:
  /// Learns the bits from the model as imported, on one thread.
  explicit Runner(const core::Schedule &imported);

  /// Runs it with some number of threads and random delays, a quarter of the
  /// time from just before counters wrap. What went wrong; empty if the bits
  /// are the same.
  std::string run(const core::Schedule &s, uint64_t seed);

  /// Launches per run: tokens.
  static constexpr unsigned kTokens = 3;

private:
  /// Logits and next token after every launch.
  std::string launch(const core::Schedule &s,
                     const runtime::CpuOptions &options, std::string &bits);

  std::unique_ptr<runtime::WeightSource> weights;
  std::string expected;
};

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_RUNNER_H
