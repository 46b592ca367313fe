//===- Generate.h - Greedy generation ---------------------------*- C++ -*-===//
//
// Drives a program with the buffers "token" (input, i32[1]), "next" (output,
// i32[1]) and, where logits are wanted, "logits" (output, f32[V]): one launch
// per position, with a KV cache that stays on the device.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_GENERATE_H
#define AMK_RUNTIME_GENERATE_H

#include "AMK/Runtime/Device.h"

#include <functional>
#include <string>
#include <vector>

namespace amk::runtime {

/// The buffers by which a program takes and gives tokens.
struct TokenBuffers {
  uint32_t token = core::kNone;
  uint32_t next = core::kNone;
  uint32_t logits = core::kNone; ///< kNone: the program has none
  int64_t vocabulary = 0;        ///< rows of the embedding table
};

/// Finds them; fails with what is missing or of another type.
Status findTokenBuffers(const core::Schedule &schedule, TokenBuffers &buffers);

/// Index of the buffer of that name, or kNone.
uint32_t findBuffer(const core::Schedule &schedule, std::string_view name);

/// Bytes of weights and constants that one step reads.
uint64_t bytesPerStep(const core::Schedule &schedule);

struct GenerateOptions {
  std::vector<int64_t> prompt;
  int64_t maxNewTokens = 1;
  bool ignoreEos = false;
};

struct GenerateResult {
  std::vector<int64_t> tokens; ///< the new ones
  bool endToken = false;       ///< stopped by an end token, not by length
  std::vector<double> stepMs;  ///< one a step, prompt steps included
};

/// What the caller sees while tokens are made. Both may be empty.
struct GenerateEvents {
  /// After every step, with the steps done and the most there can be.
  std::function<void(int64_t, int64_t)> step;
  /// A new token, with the logits that chose it if they are wanted. A failure
  /// ends the run.
  std::function<Status(int64_t, const std::vector<float> &)> token;
  bool wantLogits = false;
};

/// Checks the request against the program (before weights are loaded).
Status checkRequest(const core::Schedule &schedule,
                    const GenerateOptions &options);

/// Generates greedily from position 0. The device has loaded the program.
Status generate(const core::Schedule &schedule, Device &device,
                const GenerateOptions &options, const GenerateEvents &events,
                GenerateResult &result);

} // namespace amk::runtime

#endif // AMK_RUNTIME_GENERATE_H
