//===- CheckpointWeights.cpp - Weights from a checkpoint directory --------===//

#include "AMK/Frontends/Safetensors.h"
#include "AMK/Runtime/WeightSource.h"

#include <cerrno>
#include <cstdlib>

namespace amk::runtime {

namespace {

class CheckpointWeights : public WeightSource {
public:
  explicit CheckpointWeights(frontends::Checkpoint opened)
      : checkpoint(std::move(opened)) {}

  Status tensor(const std::string &name, int64_t rows, int64_t columns,
                const void *&data) override {
    // A vector is one row; a checkpoint may well hold a matrix of one row.
    frontends::Shape shape{rows, columns};
    const frontends::TensorInfo *info = checkpoint.find(name);
    if (rows == 1 && !(info && info->shape == shape))
      shape = {columns};
    auto found = checkpoint.requireBF16(name, shape);
    if (!found)
      return {ErrorKind::Input, found.error().message};
    data = found.value()->data.data;
    return {};
  }

private:
  frontends::Checkpoint checkpoint;
};

} // namespace

Status openCheckpoint(const std::string &directory,
                      std::unique_ptr<WeightSource> &source) {
  auto opened =
      frontends::Checkpoint::open(directory, frontends::Checkpoint::Open::Data);
  if (!opened)
    return {ErrorKind::Input, opened.error().message};
  source = std::make_unique<CheckpointWeights>(std::move(opened).value());
  return {};
}

Status openWeights(const std::string &spec,
                   std::unique_ptr<WeightSource> &source) {
  const std::string prefix = "random:";
  if (spec.compare(0, prefix.size(), prefix) != 0)
    return openCheckpoint(spec, source);
  const std::string digits = spec.substr(prefix.size());
  char *end = nullptr;
  errno = 0;
  const uint64_t seed = std::strtoull(digits.c_str(), &end, 10);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9' || *end || errno)
    return {ErrorKind::Usage,
            "--weights: expected a directory or random:SEED, found '" + spec +
                "'"};
  source = randomWeights(seed);
  return {};
}

} // namespace amk::runtime
