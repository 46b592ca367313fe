//===- WeightRows.h - The rows of a weight view -----------------*- C++ -*-===//

#ifndef AMK_RUNTIME_WEIGHTROWS_H
#define AMK_RUNTIME_WEIGHTROWS_H

#include "AMK/Runtime/WeightSource.h"
#include "AMK/Schedule/Schedule.h"

#include <vector>

namespace amk::runtime {

/// A weight buffer as it lies in the checkpoint: nothing is copied, a row is
/// found through the view.
class WeightRows {
public:
  /// Checks the view against the buffer's shape and asks `source` for every
  /// tensor. The schedule must outlive this object.
  Status resolve(const core::Schedule &schedule, const core::Buffer &buffer,
                 WeightSource &source);

  /// Row `r` of the view: `columns()` bf16 values, possibly unaligned.
  const char *row(int64_t r) const {
    const core::WeightRow at = core::viewRow(*view, r);
    return parts[at.part] + at.row * width * 2;
  }
  int64_t rows() const { return count; }
  int64_t columns() const { return width; }

  /// The tensors of the view, with their sizes in bytes.
  size_t partCount() const { return parts.size(); }
  const char *partData(size_t part) const { return parts[part]; }
  uint64_t partBytes(size_t part) const {
    return uint64_t(view->parts[part].rows) * uint64_t(width) * 2;
  }

private:
  const core::WeightView *view = nullptr;
  std::vector<const char *> parts;
  int64_t count = 0;
  int64_t width = 0;
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_WEIGHTROWS_H
