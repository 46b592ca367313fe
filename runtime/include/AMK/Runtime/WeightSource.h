//===- WeightSource.h - Where weights come from -----------------*- C++ -*-===//

#ifndef AMK_RUNTIME_WEIGHTSOURCE_H
#define AMK_RUNTIME_WEIGHTSOURCE_H

#include "AMK/Runtime/Status.h"

#include <cstdint>

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

} // namespace amk::runtime

#endif // AMK_RUNTIME_WEIGHTSOURCE_H
