//===- WeightRows.cpp - The rows of a weight view -------------------------===//

#include "AMK/Runtime/WeightRows.h"

namespace amk::runtime {

namespace {

/// What is wrong with the view of a buffer of `rows` rows, or empty.
std::string viewError(const core::WeightView &view, int64_t rows) {
  if (view.parts.empty())
    return "a view without tensors";
  int64_t sum = 0;
  for (const core::WeightPart &part : view.parts) {
    if (part.rows < 1 || part.rows > rows)
      return "tensor '" + part.tensor + "' has " + std::to_string(part.rows) +
             " of " + std::to_string(rows) + " rows";
    if (part.ropeHeadDim < 0 || part.ropeHeadDim % 2 ||
        (part.ropeHeadDim && part.rows % part.ropeHeadDim))
      return "tensor '" + part.tensor + "' has no whole heads of " +
             std::to_string(part.ropeHeadDim) + " rows";
    if (view.interleave && part.rows != view.parts[0].rows)
      return "interleaved tensors of different length";
    sum += part.rows;
  }
  if (sum != rows)
    return "tensors of " + std::to_string(sum) + " rows for " +
           std::to_string(rows);
  return {};
}

} // namespace

Status WeightRows::resolve(const core::Schedule &schedule,
                           const core::Buffer &buffer, WeightSource &source) {
  if (buffer.view >= schedule.views.size() || buffer.shape.empty() ||
      buffer.shape.size() > 2 || buffer.type != core::ElementType::BF16)
    return {ErrorKind::Input,
            "weight '" + buffer.name +
                "': expected a view of bf16 rows, found something else"};
  view = &schedule.views[buffer.view];
  const bool vector = buffer.shape.size() == 1;
  count = vector ? 1 : buffer.shape[0];
  width = buffer.shape.back();
  if (std::string error = viewError(*view, count); !error.empty())
    return {ErrorKind::Input, "weight '" + buffer.name + "': " + error};
  parts.clear();
  for (const core::WeightPart &part : view->parts) {
    const void *data = nullptr;
    if (Status s = source.tensor(part.tensor, part.rows, width, data); !s.ok())
      return s;
    parts.push_back(static_cast<const char *>(data));
  }
  return {};
}

} // namespace amk::runtime
