//===- Operators.cpp - The registry and a task's ranges -------------------===//

#include "AMK/Schedule/Operators.h"

#include "LlamaOperators.h"

#include <algorithm>

namespace amk::core {

OperatorModel::~OperatorModel() = default;

uint64_t OperatorModel::workingBytes(const Schedule &s, const Operator &op,
                                     int64_t) const {
  uint64_t bytes = 0;
  for (unsigned i = 0; i < inputs(); ++i)
    if (gathers(i)) {
      const Buffer &b = s.buffers[op.operands[i]];
      bytes += uint64_t(b.elements()) * byteWidth(b.type);
    }
  return bytes;
}

Cost OperatorModel::cost(const Schedule &s, const Operator &op,
                         Range tile) const {
  std::vector<Access> accesses;
  this->accesses(s, op, tile, accesses);
  Cost cost;
  for (const Access &a : accesses) {
    const Buffer &b = s.buffers[a.buffer];
    if (!a.write &&
        (b.kind == BufferKind::Weight || b.kind == BufferKind::Constant))
      cost.bytes += a.region.bytes * a.region.count;
  }
  cost.operations = uint64_t(tile.size());
  return cost;
}

namespace {

std::vector<std::unique_ptr<OperatorModel>> &registry() {
  // Leaked on purpose: models live as long as the process.
  static auto *models = [] {
    auto *m = new std::vector<std::unique_ptr<OperatorModel>>();
    addLlamaOperators(*m);
    return m;
  }();
  return *models;
}

} // namespace

const OperatorModel *lookupOperator(std::string_view name) {
  for (const auto &model : registry())
    if (model->name() == name)
      return model.get();
  return nullptr;
}

std::vector<std::string_view> operatorNames() {
  std::vector<std::string_view> names;
  for (const auto &model : registry())
    names.push_back(model->name());
  return names;
}

bool registerOperator(std::unique_ptr<OperatorModel> model) {
  if (lookupOperator(model->name()))
    return false;
  registry().push_back(std::move(model));
  return true;
}

size_t cutOperator(const Task &task) {
  size_t i = 0;
  while (i < task.ops.size() && task.ops[i].prologue)
    ++i;
  return i;
}

const Buffer *streamedWeight(const Schedule &s, const Operator &op) {
  const OperatorModel *model = lookupOperator(op.name);
  if (!model || model->streamedOperand() == kNone)
    return nullptr;
  return &s.buffers[op.operands[model->streamedOperand()]];
}

const Buffer *streamedCache(const Schedule &s, const Operator &op) {
  const OperatorModel *model = lookupOperator(op.name);
  if (!model || model->streamedCache() == kNone)
    return nullptr;
  return &s.buffers[op.operands[model->streamedCache()]];
}

uint64_t stageBytes(const Schedule &s, const Task &task) {
  uint64_t planes = 1;
  for (const Operator &op : task.ops)
    if (streamedCache(s, op))
      planes = 2;
  return planes * task.stream.rows * task.stream.columns * 2;
}

Range operatorRange(const Schedule &s, const Task &task, size_t op,
                    Range tile) {
  const Operator &o = task.ops[op];
  if (o.prologue)
    return {0, lookupOperator(o.name)->extent(s, o)};
  for (size_t i = cutOperator(task); i < op; ++i)
    if (!task.ops[i].prologue)
      tile = lookupOperator(task.ops[i].name)->mapTile(s, task.ops[i], tile);
  return tile;
}

int64_t taskExtent(const Schedule &s, const Task &task) {
  const size_t cut = cutOperator(task);
  if (cut == task.ops.size())
    return 1;
  return lookupOperator(task.ops[cut].name)->extent(s, task.ops[cut]);
}

int64_t taskGranule(const Schedule &s, const Task &task) {
  const int64_t extent = taskExtent(s, task);
  // Every map is linear, so the least bound that all operators accept divides
  // every other one.
  for (int64_t step = 1; step < extent; ++step) {
    Range tile{0, step};
    bool accepted = true;
    for (size_t i = cutOperator(task); i < task.ops.size() && accepted; ++i) {
      const Operator &op = task.ops[i];
      if (op.prologue)
        continue;
      const OperatorModel *model = lookupOperator(op.name);
      accepted = tile.hi % model->granule(s, op) == 0;
      tile = model->mapTile(s, op, tile);
    }
    if (accepted)
      return step;
  }
  return std::max<int64_t>(extent, 1);
}

} // namespace amk::core
