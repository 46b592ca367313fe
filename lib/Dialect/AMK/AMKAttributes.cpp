//===- AMKAttributes.cpp - Attributes of the amk dialect ------------------===//

#include "AMK/Dialect/AMK/AMKAttributes.h"

#include "AMK/Dialect/AMK/AMKDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;
using namespace amk;

#include "AMK/Dialect/AMK/AMKEnums.cpp.inc"

//===----------------------------------------------------------------------===//
// Lists of integers, by runs
//===----------------------------------------------------------------------===//

namespace {

/// As many tiles as V7 allows in a schedule; keeps a typing error from taking
/// all memory.
constexpr int64_t kMaxEntries = int64_t(1) << 21;

/// `[0 to 7, 0 to 124 by 4, 3 times 4, 9]`.
ParseResult parseRuns(AsmParser &parser, SmallVectorImpl<int64_t> &values) {
  auto item = [&]() -> ParseResult {
    int64_t value, other;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseInteger(value))
      return failure();
    int64_t count = 1, step = 0;
    if (succeeded(parser.parseOptionalKeyword("to"))) {
      if (parser.parseInteger(other))
        return failure();
      step = 1;
      if (succeeded(parser.parseOptionalKeyword("by")) &&
          parser.parseInteger(step))
        return failure();
      if (value < 0 || other < value || step < 1)
        return parser.emitError(loc, "expected a range that ascends");
      // One less than there are would be too many still.
      count = std::min((other - value) / step, kMaxEntries) + 1;
    } else if (succeeded(parser.parseOptionalKeyword("times"))) {
      if (parser.parseInteger(count))
        return failure();
    }
    if (count < 1 || count > kMaxEntries ||
        int64_t(values.size()) + count > kMaxEntries)
      return parser.emitError(loc, "expected 1 to ")
             << kMaxEntries << " entries";
    for (int64_t i = 0; i < count; ++i)
      values.push_back(value + i * step);
    return success();
  };
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, item);
}

void printRuns(AsmPrinter &printer, ArrayRef<int64_t> values) {
  printer << '[';
  for (size_t i = 0; i < values.size();) {
    printer << (i ? ", " : "") << values[i];
    const int64_t step = i + 1 < values.size() ? values[i + 1] - values[i] : -1;
    size_t end = i + 1;
    while (end < values.size() && values[end] - values[end - 1] == step)
      ++end;
    if (step == 0) {
      printer << " times " << end - i;
    } else if (step > 0 && end - i > 2) {
      printer << " to " << values[end - 1];
      if (step > 1)
        printer << " by " << step;
    } else {
      end = i + 1;
    }
    i = end;
  }
  printer << ']';
}

/// All tables become 32-bit in the flat schedule.
LogicalResult checkEntries(llvm::function_ref<InFlightDiagnostic()> emitError,
                           ArrayRef<int64_t> values, StringRef what) {
  for (int64_t value : values)
    if (value < 0 || value >= std::numeric_limits<uint32_t>::max())
      return emitError() << "expected " << what << " from 0 to 2^32 - 2, found "
                         << value;
  return success();
}

/// The first tiles are one granule longer where it does not come out even.
void evenBounds(int64_t extent, int64_t tiles, int64_t granule,
                SmallVectorImpl<int64_t> &bounds) {
  const int64_t granules = (extent + granule - 1) / granule;
  bounds.push_back(0);
  for (int64_t i = 0, at = 0; i < tiles; ++i) {
    at += granules / tiles + (i < granules % tiles);
    bounds.push_back(std::min(at * granule, extent));
  }
}

/// The granule with which the bounds are even, or 0.
int64_t evenGranule(ArrayRef<int64_t> bounds) {
  const int64_t tiles = bounds.size() - 1;
  int64_t common = 0;
  for (int64_t bound : bounds.drop_back())
    common = std::gcd(common, bound);
  SmallVector<int64_t> candidates{1};
  for (int64_t g = 2; g < common; g *= 2)
    if (common % g == 0)
      candidates.push_back(g);
  candidates.push_back(common);
  for (int64_t granule : candidates) {
    if (granule < 1)
      continue;
    SmallVector<int64_t> even;
    evenBounds(bounds.back(), tiles, granule, even);
    if (ArrayRef<int64_t>(even) == bounds)
      return granule;
  }
  return 0;
}

} // namespace

#define GET_ATTRDEF_CLASSES
#include "AMK/Dialect/AMK/AMKAttributes.cpp.inc"

void AMKDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "AMK/Dialect/AMK/AMKAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Cut
//===----------------------------------------------------------------------===//

CutAttr CutAttr::getEven(MLIRContext *context, int64_t extent, int64_t tiles,
                         int64_t granule) {
  SmallVector<int64_t> bounds;
  evenBounds(extent, tiles, granule, bounds);
  return get(context, bounds);
}

LogicalResult CutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayRef<int64_t> bounds) {
  if (bounds.size() < 2)
    return emitError() << "expected at least 2 bounds, found " << bounds.size();
  return checkEntries(emitError, bounds, "bounds");
}

Attribute CutAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> bounds;
  SMLoc loc = parser.getCurrentLocation();
  StringRef form;
  if (parser.parseLess() || parser.parseKeyword(&form))
    return {};
  if (form == "even") {
    int64_t extent, tiles, granule = 1;
    if (parser.parseInteger(extent) || parser.parseKeyword("in") ||
        parser.parseInteger(tiles) ||
        (succeeded(parser.parseOptionalKeyword("by")) &&
         parser.parseInteger(granule)))
      return {};
    if (extent < 0 || extent >= std::numeric_limits<uint32_t>::max() ||
        tiles < 1 || tiles > kMaxEntries || granule < 1 ||
        granule >= std::numeric_limits<uint32_t>::max()) {
      parser.emitError(loc, "expected an extent below 2^32 - 1 in at least one "
                            "tile by a positive granule");
      return {};
    }
    evenBounds(extent, tiles, granule, bounds);
  } else if (form == "sizes") {
    SmallVector<int64_t> sizes;
    if (parseRuns(parser, sizes))
      return {};
    bounds.push_back(0);
    for (int64_t size : sizes) {
      if (size < 0 || size > std::numeric_limits<uint32_t>::max()) {
        parser.emitError(loc, "expected sizes below 2^32, found ") << size;
        return {};
      }
      bounds.push_back(bounds.back() + size);
    }
  } else if (form == "bounds") {
    if (parseRuns(parser, bounds))
      return {};
  } else {
    parser.emitError(loc, "expected 'even', 'sizes' or 'bounds', found '")
        << form << "'";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<CutAttr>(parser.getContext(), bounds);
}

void CutAttr::print(AsmPrinter &printer) const {
  ArrayRef<int64_t> bounds = getBounds();
  printer << '<';
  if (int64_t granule = evenGranule(bounds)) {
    printer << "even " << bounds.back() << " in " << bounds.size() - 1;
    if (granule != 1)
      printer << " by " << granule;
  } else if (bounds.front() == 0 && llvm::is_sorted(bounds)) {
    SmallVector<int64_t> sizes;
    for (size_t i = 1; i < bounds.size(); ++i)
      sizes.push_back(bounds[i] - bounds[i - 1]);
    printer << "sizes ";
    printRuns(printer, sizes);
  } else {
    printer << "bounds ";
    printRuns(printer, bounds);
  }
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Place, fan, thresholds
//===----------------------------------------------------------------------===//

LogicalResult PlaceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> workers,
                                ArrayRef<int64_t> slots) {
  if (workers.empty())
    return emitError() << "expected at least one worker";
  if (failed(checkEntries(emitError, workers, "workers")))
    return failure();
  return checkEntries(emitError, slots, "slots");
}

Attribute PlaceAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> workers, slots;
  if (parser.parseLess() || parseRuns(parser, workers) ||
      (succeeded(parser.parseOptionalKeyword("slots")) &&
       parseRuns(parser, slots)) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<PlaceAttr>(parser.getContext(), workers, slots);
}

void PlaceAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printRuns(printer, getWorkers());
  if (!getSlots().empty()) {
    printer << " slots ";
    printRuns(printer, getSlots());
  }
  printer << '>';
}

LogicalResult FanAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayRef<int64_t> first, ArrayRef<int64_t> last) {
  if (first.empty() && !last.empty())
    return emitError() << "expected the first counters before the last ones";
  if (failed(checkEntries(emitError, first, "counters")))
    return failure();
  return checkEntries(emitError, last, "counters");
}

Attribute FanAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> first, last;
  if (parser.parseLess())
    return {};
  if (failed(parser.parseOptionalGreater())) {
    if (parseRuns(parser, first) ||
        (succeeded(parser.parseOptionalKeyword("through")) &&
         parseRuns(parser, last)) ||
        parser.parseGreater())
      return {};
  }
  return parser.getChecked<FanAttr>(parser.getContext(), first, last);
}

void FanAttr::print(AsmPrinter &printer) const {
  printer << '<';
  if (!getFirst().empty())
    printRuns(printer, getFirst());
  if (!getLast().empty()) {
    printer << " through ";
    printRuns(printer, getLast());
  }
  printer << '>';
}

LogicalResult
ThresholdsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       ArrayRef<int64_t> values) {
  if (values.empty())
    return emitError() << "expected at least one threshold";
  return checkEntries(emitError, values, "thresholds");
}

Attribute ThresholdsAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> values;
  if (parser.parseLess() || parseRuns(parser, values) || parser.parseGreater())
    return {};
  return parser.getChecked<ThresholdsAttr>(parser.getContext(), values);
}

void ThresholdsAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printRuns(printer, getValues());
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Rope
//===----------------------------------------------------------------------===//

Attribute RopeAttr::parse(AsmParser &parser, Type) {
  int64_t headDim, original = 0;
  double theta, factor = 1, low = 1, high = 4;
  auto number = [&](StringRef name, double &value) -> ParseResult {
    return failure(parser.parseKeyword(name) || parser.parseEqual() ||
                   parser.parseFloat(value));
  };
  if (parser.parseLess() || parser.parseKeyword("head_dim") ||
      parser.parseEqual() || parser.parseInteger(headDim) ||
      parser.parseComma() || number("theta", theta))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("llama3") || parser.parseLParen() ||
       number("factor", factor) || parser.parseComma() || number("low", low) ||
       parser.parseComma() || number("high", high) || parser.parseComma() ||
       parser.parseKeyword("original") || parser.parseEqual() ||
       parser.parseInteger(original) || parser.parseRParen()))
    return {};
  if (parser.parseGreater())
    return {};
  Builder b(parser.getContext());
  return get(b.getContext(), headDim, b.getF64FloatAttr(theta),
             b.getF64FloatAttr(factor), b.getF64FloatAttr(low),
             b.getF64FloatAttr(high), original);
}

void RopeAttr::print(AsmPrinter &printer) const {
  auto number = [&](StringRef name, FloatAttr value) {
    printer << name << " = ";
    printer.printFloat(value.getValue());
  };
  printer << "<head_dim = " << getHeadDim() << ", ";
  number("theta", getTheta());
  const bool plain = getFactor().getValueAsDouble() == 1 &&
                     getLowFreqFactor().getValueAsDouble() == 1 &&
                     getHighFreqFactor().getValueAsDouble() == 4 &&
                     getOriginalPositions() == 0;
  if (!plain) {
    printer << ", llama3(";
    number("factor", getFactor());
    number(", low", getLowFreqFactor());
    number(", high", getHighFreqFactor());
    printer << ", original = " << getOriginalPositions() << ')';
  }
  printer << '>';
}
