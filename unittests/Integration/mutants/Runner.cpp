//===- Runner.cpp - Mutants on the CPU device -----------------------------===//

#include "Runner.h"

#include "AMK/Runtime/Generate.h"
#include "Mutators.h"

namespace amk::mutants {

using namespace runtime;

Runner::Runner(const core::Schedule &imported) : weights(randomWeights(7)) {
  CpuOptions one;
  one.threads = 1;
  if (!launch(imported, one, expected).empty())
    expected.clear();
}

std::string Runner::run(const core::Schedule &s, uint64_t seed) {
  Random r(seed);
  CpuOptions options;
  options.threads = 1 + r.below(6);
  options.delaySeed = 1 + r.below(1u << 30);
  if (r.once(4))
    options.firstEpoch = ~uint32_t(0) - r.below(kTokens);
  std::string bits;
  const std::string error = launch(s, options, bits);
  if (!error.empty())
    return error;
  return !expected.empty() && bits == expected ? "" : "other bits";
}

std::string Runner::launch(const core::Schedule &s, const CpuOptions &options,
                           std::string &bits) {
  core::Program program;
  program.schedule = s;
  TokenBuffers buffers;
  if (const Status status = findTokenBuffers(s, buffers); !status.ok())
    return status.message();
  const auto device = createCpuDevice(options);
  if (const Status status = device->load(program, *weights, {}); !status.ok())
    return status.message();
  const size_t logits = size_t(s.buffers[buffers.logits].elements()) * 4;
  for (unsigned p = 0; p < kTokens; ++p) {
    double ms = 0;
    const int32_t token = int32_t(17 * p + 3);
    Status status = device->write(buffers.token, &token, sizeof(token));
    if (status.ok())
      status = device->launch(p, ms);
    bits.resize(bits.size() + logits + 4);
    char *out = bits.data() + bits.size() - logits - 4;
    if (status.ok())
      status = device->read(buffers.logits, out, logits);
    if (status.ok())
      status = device->read(buffers.next, out + logits, 4);
    if (!status.ok())
      return status.message();
  }
  return {};
}

} // namespace amk::mutants
