//===- Runner.h - Mutants on the CPU device ---------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_RUNNER_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_RUNNER_H

#include "AMK/Runtime/Device.h"

namespace amk::mutants {

/// Random weights of `values` values in all: tensors are parts of one block, so
/// that models of any size share the memory of one matrix.
std::shared_ptr<runtime::WeightSource> blockWeights(uint64_t values);

/// Runs schedules of one model on the CPU device, with random weights and
/// earlier keys and values that are the same for all.
class Runner {
public:
  /// Learns the bits from the model as imported, on one thread, at these
  /// positions: one launch for each.
  Runner(const core::Schedule &imported,
         std::shared_ptr<runtime::WeightSource> weights,
         std::vector<int64_t> positions);

  /// Runs it with some number of threads and random delays, a quarter of the
  /// time from just before counters wrap. What went wrong; empty if the bits
  /// are the same.
  std::string run(const core::Schedule &s, uint64_t seed);

private:
  /// Logits and next token after every launch.
  std::string launch(const core::Schedule &s,
                     const runtime::CpuOptions &options, std::string &bits);

  std::shared_ptr<runtime::WeightSource> weights;
  const std::vector<int64_t> positions;
  std::string earlier; ///< keys and values of a cache
  std::string expected;
};

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_RUNNER_H
