//===- WeightSource.h - Where weights come from -----------------*- C++ -*-===//

#ifndef AMK_RUNTIME_WEIGHTSOURCE_H
#define AMK_RUNTIME_WEIGHTSOURCE_H

#include "AMK/Runtime/Status.h"

#include <cstdint>
#include <memory>

namespace amk::runtime {

/// Tensors by name. Row-major bf16; the bytes live as long as the source.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// Sets `data` to rows x columns bf16 values (2-byte aligned or not: read
  /// with memcpy), or fails with the file and the tensor in the message.
  virtual Status tensor(const std::string &name, int64_t rows, int64_t columns,
                        const void *&data) = 0;
};

/// The tensors of a Hugging Face checkpoint directory, memory-mapped.
Status openCheckpoint(const std::string &directory,
                      std::unique_ptr<WeightSource> &source);

/// Any tensor of any shape: normal-ish values of deviation 0.02 that depend on
/// the seed, the name and the index alone; the gains of norms are 1.
std::unique_ptr<WeightSource> randomWeights(uint64_t seed);

/// A source by the value of `--weights`: a directory, or `random:SEED`.
Status openWeights(const std::string &spec,
                   std::unique_ptr<WeightSource> &source);

} // namespace amk::runtime

#endif // AMK_RUNTIME_WEIGHTSOURCE_H
