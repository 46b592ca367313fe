//===- AMKTypes.cpp - Types of the amk dialect ----------------------------===//

#include "AMK/Dialect/AMK/AMKTypes.h"

#include "AMK/Dialect/AMK/AMKDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace amk;

#define GET_TYPEDEF_CLASSES
#include "AMK/Dialect/AMK/AMKTypes.cpp.inc"

void AMKDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "AMK/Dialect/AMK/AMKTypes.cpp.inc"
      >();
}

LogicalResult
BufferType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   ArrayRef<int64_t> shape, Type elementType) {
  if (!elementType.isF32() && !elementType.isBF16() &&
      !elementType.isSignlessInteger(32))
    return emitError() << "expected elements of type f32, bf16 or i32, found "
                       << elementType;
  // The product stays far from overflow, so that nobody has to check again.
  constexpr int64_t most = int64_t(1) << 42;
  int64_t elements = 1;
  for (int64_t size : shape) {
    if (size < 1 || size > most / elements)
      return emitError() << "expected at least 1 and at most 2^42 elements";
    elements *= size;
  }
  return success();
}

Type BufferType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), shape, element);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << '<';
  for (int64_t size : getShape())
    printer << size << 'x';
  printer << getElementType() << '>';
}
