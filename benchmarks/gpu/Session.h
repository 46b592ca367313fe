//===- Session.h - A program on a device, to be measured --------*- C++ -*-===//

#ifndef AMK_BENCHMARKS_GPU_SESSION_H
#define AMK_BENCHMARKS_GPU_SESSION_H

#include "AMK/Runtime/Generate.h"

#include <string>
#include <vector>

namespace amk::benchmarks {

/// Reads a program and checks it.
runtime::Status readProgram(const std::string &path, core::Program &program);

/// The relative L2 difference of logits; NaN if one of them is.
double relativeError(const std::vector<float> &expected,
                     const std::vector<float> &found);

/// A program on a device, with its weights. Every program starts with the same
/// tokens.
class Session {
public:
  Session(bool cuda, unsigned steps, runtime::WeightSource &weights)
      : cuda(cuda), steps(steps), weights(weights) {}

  /// `positions` are those from which steps are timed.
  runtime::Status load(const std::string &path,
                       const std::vector<int64_t> &positions, bool trace);

  /// The logits of one token at a position.
  runtime::Status logits(int64_t position, std::vector<float> &out);

  /// Gives the cache tokens at positions [first, last).
  runtime::Status fill(int64_t first, int64_t last);

  /// The median time of the steps from a position on.
  runtime::Status time(int64_t position, double &median);

  /// How long a worker waits for inputs in the last step, mean; -1 if times are
  /// not recorded.
  runtime::Status waits(double &microseconds);

  core::Program program;

private:
  runtime::Status start(int32_t token = 1);

  bool cuda;
  unsigned steps;
  runtime::WeightSource &weights;
  runtime::TokenBuffers buffers;
  std::unique_ptr<runtime::Device> device;
};

} // namespace amk::benchmarks

#endif // AMK_BENCHMARKS_GPU_SESSION_H
