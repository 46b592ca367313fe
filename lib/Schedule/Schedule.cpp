//===- Schedule.cpp - The flat schedule -----------------------------------===//

#include "AMK/Schedule/Schedule.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>

namespace amk::core {

unsigned byteWidth(ElementType type) {
  return type == ElementType::BF16 ? 2 : 4;
}

std::string_view toString(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return "f32";
  case ElementType::BF16:
    return "bf16";
  case ElementType::I32:
    return "i32";
  }
  return "invalid";
}

std::string_view toString(BufferKind kind) {
  switch (kind) {
  case BufferKind::Activation:
    return "activation";
  case BufferKind::Local:
    return "local";
  case BufferKind::Input:
    return "input";
  case BufferKind::Output:
    return "output";
  case BufferKind::KvCache:
    return "kv_cache";
  case BufferKind::Constant:
    return "constant";
  case BufferKind::Weight:
    return "weight";
  }
  return "invalid";
}

std::string_view toString(Space space) {
  switch (space) {
  case Space::Own:
    return "own";
  case Space::Scratch:
    return "scratch";
  case Space::Shared:
    return "shared";
  case Space::Cluster:
    return "cluster";
  }
  return "invalid";
}

WeightRow viewRow(const WeightView &view, int64_t row) {
  uint32_t part = 0;
  if (view.interleave) {
    part = uint32_t(row % int64_t(view.parts.size()));
    row /= int64_t(view.parts.size());
  } else {
    while (part + 1 < view.parts.size() && row >= view.parts[part].rows)
      row -= view.parts[part++].rows;
  }
  if (const int64_t d = view.parts[part].ropeHeadDim) {
    const int64_t head = row / d, r = row % d;
    row = head * d + r / 2 + (r % 2) * (d / 2);
  }
  return {part, row};
}

int64_t Buffer::elements() const {
  int64_t n = 1;
  for (int64_t d : shape)
    n *= d;
  return n;
}

uint64_t Buffer::regionBytes() const {
  uint64_t n = uint64_t(elements()) * byteWidth(type);
  if (kind == BufferKind::KvCache && shape.size() == 4 && shape[2] > 0)
    n /= uint64_t(shape[2]);
  return n;
}

int64_t Operator::getInt(std::string_view attribute, int64_t otherwise) const {
  for (const OpAttribute &a : attributes)
    if (a.name == attribute && !a.isFloat)
      return a.integer;
  return otherwise;
}

double Operator::getFloat(std::string_view attribute, double otherwise) const {
  for (const OpAttribute &a : attributes)
    if (a.name == attribute && a.isFloat)
      return a.real;
  return otherwise;
}

bool Operator::has(std::string_view attribute) const {
  return std::any_of(attributes.begin(), attributes.end(),
                     [&](const OpAttribute &a) { return a.name == attribute; });
}

uint32_t Schedule::addTable(std::vector<uint32_t> entries) {
  for (uint32_t i = 0; i < tables.size(); ++i)
    if (tables[i] == entries)
      return i;
  tables.push_back(std::move(entries));
  return uint32_t(tables.size() - 1);
}

uint32_t tileCount(const Schedule &schedule, const Task &task) {
  return task.bounds == kNone
             ? 1
             : uint32_t(schedule.tables[task.bounds].size() - 1);
}

Range tileRange(const Schedule &schedule, const Task &task, uint32_t tile) {
  if (task.bounds == kNone)
    return {0, taskExtent(schedule, task)};
  const std::vector<uint32_t> &bounds = schedule.tables[task.bounds];
  return {bounds[tile], bounds[tile + 1]};
}

} // namespace amk::core
