//===- AMKOps.cpp - Operations of the amk dialect -------------------------===//

#include "AMK/Dialect/AMK/AMKOps.h"

#include "AMK/Dialect/AMK/Flatten.h"
#include "llvm/ADT/SmallString.h"

using namespace mlir;
using namespace amk;

//===----------------------------------------------------------------------===//
// Names: a buffer or counter is called like its SSA value
//===----------------------------------------------------------------------===//

static ParseResult parseNameUnlessResult(OpAsmParser &parser,
                                         StringAttr &name) {
  std::string text;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseOptionalString(&text))) {
    text = parser.getNumResults() ? parser.getResultName(0).first.str() : "";
    if (text.empty() || isdigit(text.front()))
      return parser.emitError(loc, "expected a name, as a string or as that of "
                                   "the result");
  }
  name = parser.getBuilder().getStringAttr(text);
  return success();
}

static void printNameUnlessResult(OpAsmPrinter &printer, Operation *op,
                                  StringAttr name) {
  SmallString<32> result;
  llvm::raw_svector_ostream os(result);
  printer.printOperand(op->getResult(0), os);
  if (StringRef(result).drop_front(result.empty() ? 0 : 1) == name.getValue())
    return;
  printer << ' ';
  printer.printString(name.getValue());
}

void BufferOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getName());
}
void WeightOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getName());
}
void CounterOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getName());
}

//===----------------------------------------------------------------------===//
// Waits and signals of a task
//===----------------------------------------------------------------------===//

using UnresolvedOperands = SmallVectorImpl<OpAsmParser::UnresolvedOperand>;

static ParseResult parseCounterFan(OpAsmParser &parser,
                                   UnresolvedOperands &counters,
                                   SmallVectorImpl<Attribute> &fans) {
  FanAttr fan = FanAttr::get(parser.getContext(), {}, {});
  if (parser.parseOperand(counters.emplace_back()))
    return failure();
  if (succeeded(parser.parseOptionalLSquare()) &&
      (parser.parseCustomAttributeWithFallback(fan) || parser.parseRSquare()))
    return failure();
  fans.push_back(fan);
  return success();
}

static void printCounterFan(OpAsmPrinter &printer, Value counter,
                            Attribute fan) {
  printer << counter;
  if (cast<FanAttr>(fan).getFirst().empty())
    return;
  printer << '[';
  printer.printStrippedAttrOrType(cast<FanAttr>(fan));
  printer << ']';
}

static ParseResult parseWaits(OpAsmParser &parser, UnresolvedOperands &counters,
                              ArrayAttr &fans, ArrayAttr &thresholds) {
  SmallVector<Attribute> fanList, thresholdList;
  auto wait = [&]() -> ParseResult {
    if (parseCounterFan(parser, counters, fanList) || parser.parseGreater() ||
        parser.parseEqual())
      return failure();
    int64_t value;
    OptionalParseResult single = parser.parseOptionalInteger(value);
    ThresholdsAttr threshold;
    if (single.has_value()) {
      if (failed(*single))
        return failure();
      threshold = parser.getChecked<ThresholdsAttr>(parser.getContext(),
                                                    ArrayRef<int64_t>(value));
      if (!threshold)
        return failure();
    } else if (parser.parseCustomAttributeWithFallback(threshold)) {
      return failure();
    }
    thresholdList.push_back(threshold);
    return success();
  };
  if (parser.parseCommaSeparatedList(wait))
    return failure();
  fans = parser.getBuilder().getArrayAttr(fanList);
  thresholds = parser.getBuilder().getArrayAttr(thresholdList);
  return success();
}

static void printWaits(OpAsmPrinter &printer, Operation *op,
                       OperandRange counters, ArrayAttr fans,
                       ArrayAttr thresholds) {
  llvm::interleaveComma(llvm::seq(counters.size()), printer, [&](size_t i) {
    printCounterFan(printer, counters[i], fans[i]);
    printer << " >= ";
    auto threshold = cast<ThresholdsAttr>(thresholds[i]);
    if (threshold.getValues().size() == 1)
      printer << threshold.getValues().front();
    else
      printer.printStrippedAttrOrType(threshold);
  });
}

static ParseResult parseSignals(OpAsmParser &parser,
                                UnresolvedOperands &counters, ArrayAttr &fans) {
  SmallVector<Attribute> list;
  if (parser.parseCommaSeparatedList(
          [&] { return parseCounterFan(parser, counters, list); }))
    return failure();
  fans = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printSignals(OpAsmPrinter &printer, Operation *op,
                         OperandRange counters, ArrayAttr fans) {
  llvm::interleaveComma(llvm::seq(counters.size()), printer, [&](size_t i) {
    printCounterFan(printer, counters[i], fans[i]);
  });
}

LogicalResult TaskOp::verify() {
  auto check = [&](StringRef what, std::optional<ArrayAttr> list,
                   size_t counters) -> LogicalResult {
    size_t entries = list ? list->size() : 0;
    if (entries == counters)
      return success();
    return emitOpError() << "V1: expected one entry of '" << what
                         << "' per counter, found " << entries << " for "
                         << counters;
  };
  if (failed(check("wait_fans", getWaitFans(), getWaitCounters().size())) ||
      failed(check("wait_thresholds", getWaitThresholds(),
                   getWaitCounters().size())) ||
      failed(check("signal_fans", getSignalFans(), getSignalCounters().size())))
    return failure();
  for (Operation &op : getBody().front())
    if (!isa<OperatorOp>(op))
      return op.emitOpError() << "V1: expected an operator in a task";
  return success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Rows of every part that the shape implies, or 0: a vector is one row of one
/// part; one part has all rows; interleaved parts have the same number.
static int64_t impliedRows(Type type, size_t parts, bool interleave) {
  auto buffer = dyn_cast<BufferType>(type);
  if (!buffer || buffer.getShape().empty() || parts == 0)
    return 0;
  if (buffer.getShape().size() == 1)
    return parts == 1 ? 1 : 0;
  if (parts == 1)
    return buffer.getShape()[0];
  return interleave && buffer.getShape()[0] % int64_t(parts) == 0
             ? buffer.getShape()[0] / int64_t(parts)
             : 0;
}

ParseResult WeightOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<Attribute> tensors;
  SmallVector<int64_t> rows, pairs;
  // A name of its own is told from the first tensor by the '='.
  std::string first;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseString(&first))
    return failure();
  if (succeeded(parser.parseOptionalEqual())) {
    name = parser.getBuilder().getStringAttr(first);
    if (parser.parseString(&first))
      return failure();
  } else {
    StringRef text =
        parser.getNumResults() ? parser.getResultName(0).first : "";
    if (text.empty() || isdigit(text.front()))
      return parser.emitError(loc, "expected a name, as a string or as that of "
                                   "the result");
    name = parser.getBuilder().getStringAttr(text);
  }
  for (std::string tensor = first;;) {
    tensors.push_back(parser.getBuilder().getStringAttr(tensor));
    rows.push_back(0);
    pairs.push_back(0);
    if ((succeeded(parser.parseOptionalKeyword("rows")) &&
         parser.parseInteger(rows.back())) ||
        (succeeded(parser.parseOptionalKeyword("rope_pairs")) &&
         parser.parseInteger(pairs.back())))
      return failure();
    if (failed(parser.parseOptionalComma()))
      break;
    if (parser.parseString(&tensor))
      return failure();
  }
  const bool interleave = succeeded(parser.parseOptionalKeyword("interleave"));
  Type type;
  if (parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type))
    return failure();
  for (int64_t &r : rows)
    if (r == 0)
      r = impliedRows(type, rows.size(), interleave);
  Properties &properties = result.getOrAddProperties<Properties>();
  properties.setName(name);
  properties.setTensors(parser.getBuilder().getArrayAttr(tensors));
  properties.setRows(parser.getBuilder().getDenseI64ArrayAttr(rows));
  properties.setRopePairs(parser.getBuilder().getDenseI64ArrayAttr(pairs));
  if (interleave)
    properties.setInterleave(parser.getBuilder().getUnitAttr());
  result.addTypes(type);
  return success();
}

void WeightOp::print(OpAsmPrinter &printer) {
  SmallString<32> name;
  llvm::raw_svector_ostream os(name);
  printNameUnlessResult(printer, *this, getNameAttr());
  SmallString<32> ssa;
  llvm::raw_svector_ostream ssaStream(ssa);
  printer.printOperand(getResult(), ssaStream);
  if (StringRef(ssa).drop_front(ssa.empty() ? 0 : 1) != getName())
    printer << " =";
  const int64_t implied =
      impliedRows(getType(), getTensors().size(), getInterleave());
  llvm::interleaveComma(llvm::seq(getTensors().size()), printer, [&](size_t i) {
    if (i == 0)
      printer << ' ';
    printer.printString(cast<StringAttr>(getTensors()[i]).getValue());
    if (getRows()[i] != implied)
      printer << " rows " << getRows()[i];
    if (getRopePairs()[i])
      printer << " rope_pairs " << getRopePairs()[i];
  });
  if (getInterleave())
    printer << " interleave";
  printer.printOptionalAttrDict(
      (*this)->getAttrs(),
      {"name", "tensors", "rows", "rope_pairs", "interleave"});
  printer << " : " << getType();
}

LogicalResult WeightOp::verify() {
  if (getTensors().empty() || getRows().size() != getTensors().size() ||
      getRopePairs().size() != getTensors().size())
    return emitOpError() << "V1: expected 'rows' and 'rope_pairs' per tensor, "
                            "found "
                         << getRows().size() << " and " << getRopePairs().size()
                         << " for " << getTensors().size();
  return success();
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

ParseResult amk::parseOperator(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  if (succeeded(parser.parseOptionalKeyword("prologue")))
    result.addAttribute("prologue", builder.getUnitAttr());
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands) || parser.parseArrow() ||
      parser.parseOperandList(operands))
    return failure();
  auto attribute = [&]() -> ParseResult {
    StringRef name;
    Attribute value;
    SMLoc nameLoc = parser.getCurrentLocation();
    if (parser.parseKeyword(&name))
      return failure();
    if (result.attributes.get(name))
      return parser.emitError(nameLoc)
             << "expected attribute '" << name << "' once, found it twice";
    if (parser.parseEqual() || parser.parseAttribute(value))
      return failure();
    result.addAttribute(name, value);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalBraces,
                                     attribute))
    return failure();
  SmallVector<Type> types;
  return failure(parser.parseColonTypeList(types) ||
                 parser.resolveOperands(operands, types, loc, result.operands));
}

void amk::printOperator(OpAsmPrinter &printer, OperatorOp op) {
  if (op.isPrologue())
    printer << " prologue";
  printer << ' ' << op.getInputs() << " -> " << op.getOutputs();
  SmallVector<NamedAttribute> attributes;
  for (NamedAttribute attribute : op->getAttrDictionary())
    if (attribute.getName() != "prologue")
      attributes.push_back(attribute);
  if (!attributes.empty()) {
    printer << " {";
    llvm::interleaveComma(attributes, printer, [&](NamedAttribute attribute) {
      printer << attribute.getName().getValue() << " = ";
      auto typed = dyn_cast<TypedAttr>(attribute.getValue());
      if (typed && (typed.getType().isInteger(64) || typed.getType().isF64()))
        printer.printAttributeWithoutType(typed);
      else
        printer.printAttribute(attribute.getValue());
    });
    printer << '}';
  }
  printer << " : " << op->getOperandTypes();
}

//===----------------------------------------------------------------------===//
// Schedule
//===----------------------------------------------------------------------===//

LogicalResult ScheduleOp::verifyRegions() {
  FlattenMap map;
  FailureOr<core::Schedule> flat = flatten(*this, map);
  if (failed(flat))
    return failure();
  return verifySchedule(*flat, map);
}

#define GET_OP_CLASSES
#include "AMK/Dialect/AMK/AMKOps.cpp.inc"
