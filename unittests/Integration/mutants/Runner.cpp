//===- Runner.cpp - Mutants on the CPU device -----------------------------===//

#include "Runner.h"

#include "AMK/Runtime/Generate.h"
#include "Mutators.h"

#include <cstdio>
#include <cstring>

namespace amk::mutants {

using namespace runtime;

namespace {

class BlockWeights : public WeightSource {
public:
  explicit BlockWeights(uint64_t values) : values(values) {}

  Status tensor(const std::string &name, int64_t rows, int64_t columns,
                const void *&data) override {
    if (rows == 1) // a gain, of a model with this width
      return random->tensor(name + std::to_string(columns), rows, columns,
                            data);
    // Somewhere in the block, at a multiple of a cache line.
    constexpr uint64_t kLine = 64;
    const uint64_t size = uint64_t(rows) * uint64_t(columns);
    if (size > values)
      return {ErrorKind::Input,
              "tensor '" + name + "' of " + std::to_string(size) +
                  " values: expected " + std::to_string(values) + " at most"};
    const void *block = nullptr;
    if (Status s =
            random->tensor("block", int64_t(values / kLine), kLine, block);
        !s.ok())
      return s;
    Random r(std::hash<std::string>()(name));
    const uint64_t at = r.next() % ((values - size) / kLine + 1) * kLine;
    data = static_cast<const uint16_t *>(block) + at;
    return {};
  }

private:
  const uint64_t values;
  std::unique_ptr<WeightSource> random = randomWeights(7);
};

/// Keys and values of earlier positions: bf16 between -1 and 1.
std::string earlierValues(size_t bytes) {
  Random r(11);
  std::string out(bytes, '\0');
  for (size_t i = 0; i + 1 < bytes; i += 2) {
    const uint64_t bits = r.next();
    const uint16_t value =
        uint16_t((bits & 0x807f) | (0x3e00 + (bits >> 20 & 1) * 0x80));
    std::memcpy(out.data() + i, &value, 2);
  }
  return out;
}

} // namespace

std::shared_ptr<WeightSource> blockWeights(uint64_t values) {
  return std::make_shared<BlockWeights>(values);
}

Runner::Runner(const core::Schedule &imported,
               std::shared_ptr<WeightSource> weights,
               std::vector<int64_t> positions)
    : weights(std::move(weights)), positions(std::move(positions)) {
  CpuOptions one;
  one.threads = 1;
  if (const std::string error = launch(imported, one, expected);
      !error.empty()) {
    std::fprintf(stderr, "%s\n", error.c_str());
    expected.clear();
  }
}

std::string Runner::run(const core::Schedule &s, uint64_t seed) {
  Random r(seed);
  CpuOptions options;
  options.threads = 1 + r.below(6);
  options.delaySeed = 1 + r.below(1u << 30);
  if (r.once(4))
    options.firstEpoch = ~uint32_t(0) - r.below(positions.size());
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
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    if (s.buffers[b].kind != core::BufferKind::KvCache)
      continue;
    const size_t bytes = size_t(s.buffers[b].elements()) * 2;
    if (earlier.size() != bytes)
      earlier = earlierValues(bytes);
    if (const Status status = device->write(b, earlier.data(), bytes);
        !status.ok())
      return status.message();
  }
  for (size_t i = 0; i < positions.size(); ++i) {
    double ms = 0;
    const int32_t token = int32_t(17 * i + 3);
    Status status = device->write(buffers.token, &token, sizeof(token));
    if (status.ok())
      status = device->launch(positions[i], ms);
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
