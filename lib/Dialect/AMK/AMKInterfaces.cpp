//===- AMKInterfaces.cpp - What can be asked of an operator ---------------===//

#include "AMK/Dialect/AMK/AMKInterfaces.h"

#include "AMK/Dialect/AMK/AMKOps.h"
#include "Describe.h"

using namespace mlir;
using namespace amk;

#include "AMK/Dialect/AMK/AMKInterfaces.cpp.inc"

static core::ElementType elementType(Type type) {
  if (type.isBF16())
    return core::ElementType::BF16;
  return type.isF32() ? core::ElementType::F32 : core::ElementType::I32;
}

core::Buffer amk::detail::describeBuffer(Operation *op) {
  core::Buffer buffer;
  auto type = cast<BufferType>(op->getResult(0).getType());
  buffer.type = elementType(type.getElementType());
  buffer.shape.assign(type.getShape().begin(), type.getShape().end());
  if (auto weight = dyn_cast<WeightOp>(op)) {
    buffer.name = weight.getName().str();
    buffer.kind = core::BufferKind::Weight;
  } else if (auto other = dyn_cast<BufferOp>(op)) {
    buffer.name = other.getName().str();
    buffer.kind = static_cast<core::BufferKind>(other.getKind());
  }
  return buffer;
}

core::Operator amk::detail::describeOperator(OperatorOp op) {
  core::Operator result;
  result.name = op.getOperatorName().str();
  result.prologue = op.isPrologue();
  for (NamedAttribute attribute : op->getAttrDictionary()) {
    core::OpAttribute a;
    a.name = attribute.getName().str();
    if (auto integer = dyn_cast<IntegerAttr>(attribute.getValue())) {
      a.integer = integer.getInt();
    } else if (auto real = dyn_cast<FloatAttr>(attribute.getValue())) {
      a.isFloat = true;
      a.real = real.getValueAsDouble();
    } else {
      continue;
    }
    result.attributes.push_back(std::move(a));
  }
  return result;
}

namespace {
/// A schedule that holds just one operator: what its model needs to answer.
struct Single {
  explicit Single(Operation *operation) {
    auto iface = cast<OperatorOp>(operation);
    model = iface.getModel();
    op = amk::detail::describeOperator(iface);
    if (auto parent = operation->getParentOfType<ScheduleOp>()) {
      schedule.positions = parent.getPositions();
      schedule.numerics.kBlock = parent.getNumerics().getKBlock();
      schedule.numerics.kvBlock = parent.getNumerics().getKvBlock();
      schedule.numerics.kvChunk = parent.getNumerics().getKvChunk();
      schedule.numerics.kvSplits = parent.getNumerics().getKvSplits();
    }
    for (Value operand : operation->getOperands()) {
      op.operands.push_back(schedule.buffers.size());
      Operation *definition = operand.getDefiningOp();
      schedule.buffers.push_back(definition
                                     ? amk::detail::describeBuffer(definition)
                                     : core::Buffer());
    }
    if (model && op.operands.size() != model->inputs() + model->outputs())
      model = nullptr;
  }

  core::Schedule schedule;
  core::Operator op;
  const core::OperatorModel *model = nullptr;
};
} // namespace

OperandRange amk::detail::operatorInputs(Operation *op) {
  const core::OperatorModel *model = cast<OperatorOp>(op).getModel();
  size_t inputs = model ? model->inputs() : op->getNumOperands();
  return op->getOperands().take_front(
      std::min<size_t>(inputs, op->getNumOperands()));
}

OperandRange amk::detail::operatorOutputs(Operation *op) {
  return op->getOperands().drop_front(operatorInputs(op).size());
}

int64_t amk::detail::operatorExtent(Operation *op) {
  Single single(op);
  return single.model ? single.model->extent(single.schedule, single.op) : 0;
}

int64_t amk::detail::operatorGranule(Operation *op) {
  Single single(op);
  return single.model ? single.model->granule(single.schedule, single.op) : 1;
}

std::vector<core::Access> amk::detail::operatorAccesses(Operation *op,
                                                        core::Range tile) {
  Single single(op);
  std::vector<core::Access> accesses;
  if (single.model)
    single.model->accesses(single.schedule, single.op, tile, accesses);
  return accesses;
}

core::Range amk::detail::operatorMapTile(Operation *op, core::Range tile) {
  Single single(op);
  return single.model ? single.model->mapTile(single.schedule, single.op, tile)
                      : tile;
}

core::Cost amk::detail::operatorCost(Operation *op, core::Range tile) {
  Single single(op);
  return single.model ? single.model->cost(single.schedule, single.op, tile)
                      : core::Cost();
}
