//===- AMKDialect.cpp - The amk dialect -----------------------------------===//

#include "AMK/Dialect/AMK/AMKDialect.h"

#include "AMK/Dialect/AMK/AMKOps.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace amk;

#include "AMK/Dialect/AMK/AMKDialect.cpp.inc"

namespace {
/// Names for what would be printed again and again: tables by tile, and
/// buffer types (!bf16_2048).
struct AMKAsmInterface : public OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attr, raw_ostream &os) const override {
    if (isa<CutAttr>(attr))
      os << "cut";
    else if (isa<PlaceAttr>(attr))
      os << "place";
    else if (auto fan = dyn_cast<FanAttr>(attr); fan && !fan.getFirst().empty())
      os << "fan";
    else if (auto t = dyn_cast<ThresholdsAttr>(attr);
             t && t.getValues().size() > 1)
      os << "thresholds";
    else
      return AliasResult::NoAlias;
    return AliasResult::FinalAlias;
  }

  AliasResult getAlias(Type type, raw_ostream &os) const override {
    auto buffer = dyn_cast<BufferType>(type);
    if (!buffer)
      return AliasResult::NoAlias;
    os << buffer.getElementType();
    for (int64_t size : buffer.getShape())
      os << '_' << size;
    return AliasResult::FinalAlias;
  }
};
} // namespace

void AMKDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "AMK/Dialect/AMK/AMKOps.cpp.inc"
      >();
  addInterfaces<AMKAsmInterface>();
}
