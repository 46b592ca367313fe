//===- DeviceAttribute.cpp - The GPU that a schedule is for ---------------===//

#include "DeviceAttribute.h"

#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Scheduling/CostModel.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace {

constexpr llvm::StringLiteral kName = "amk.device";

Attribute toAttribute(MLIRContext *context,
                      const amk::core::DeviceRecord &record) {
  Builder b(context);
  NamedAttrList list;
  list.set("name", b.getStringAttr(record.name));
  list.set("chip", b.getStringAttr(record.chip));
  for (const amk::core::FigureField &f : amk::core::figureFields())
    if (const amk::core::Figure &figure = record.*f.member; figure.known())
      list.set(f.key, b.getF64FloatAttr(figure.value));
  return list.getDictionary(context);
}

/// Back, by way of what reads files: the same checks and words.
std::string fromAttribute(DictionaryAttr attribute,
                          amk::core::DeviceRecord &record) {
  amk::core::DeviceRecord r;
  for (NamedAttribute entry : attribute) {
    const StringRef key = entry.getName();
    if (auto text = dyn_cast<StringAttr>(entry.getValue())) {
      if (key == "name")
        r.name = text.str();
      else if (key == "chip")
        r.chip = text.str();
      else
        return "'" + key.str() + "': expected a number, found a text";
      continue;
    }
    auto number = dyn_cast<FloatAttr>(entry.getValue());
    if (!number)
      return "'" + key.str() + "': expected a number";
    bool known = false;
    for (const amk::core::FigureField &f : amk::core::figureFields())
      if (key == f.key) {
        r.*f.member = {number.getValueAsDouble(), "given"};
        known = true;
      }
    if (!known)
      return "'" + key.str() + "': no such figure";
  }
  r.board = r.name;
  return amk::scheduling::parseDevice(amk::core::toJson(r), kName.str(),
                                      record);
}

} // namespace

LogicalResult amk::setDevice(ScheduleOp op, StringRef target) {
  if (target.empty())
    return success();
  if (core::lookupTarget(target)) {
    op->removeDiscardableAttr(kName);
    return success();
  }
  if (core::lookupDevice(target)) {
    op->setDiscardableAttr(kName, StringAttr::get(op.getContext(), target));
    return success();
  }
  core::DeviceRecord record;
  if (std::string m = scheduling::findDevice(target.str(), record); !m.empty())
    return op.emitError() << m;
  op->setDiscardableAttr(kName, toAttribute(op.getContext(), record));
  return success();
}

LogicalResult amk::getDevice(ScheduleOp op, core::DeviceRecord &record) {
  std::string error;
  Attribute device = op->getDiscardableAttr(kName);
  if (auto dictionary = dyn_cast_or_null<DictionaryAttr>(device)) {
    error = fromAttribute(dictionary, record);
    if (error.empty())
      core::completeRecord(record);
  } else if (auto name = dyn_cast_or_null<StringAttr>(device)) {
    const core::DeviceRecord *known = core::lookupDevice(name.strref());
    if (known)
      error = scheduling::findDevice(known->name, record);
    else
      error = "expected one of " + core::knownDevices() + ", found '" +
              name.str() + "'";
  } else if (device) {
    error = "expected the name of a board, or its figures";
  } else {
    std::optional<TargetAttr> target = op.getTarget();
    return success(scheduling::findDevice(
                       target ? target->getChip().str() : "sm_90", record)
                       .empty());
  }
  if (error.empty())
    return success();
  return op.emitError() << kName << ": " << error;
}
