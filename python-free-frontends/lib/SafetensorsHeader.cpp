//===- SafetensorsHeader.cpp - The header of a safetensors file -----------===//

#include "AMK/Frontends/Json.h"
#include "AMK/Frontends/Safetensors.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace amk::frontends {

namespace {
struct DTypeRow {
  std::string_view name;
  unsigned bits;
};
} // namespace

/// In the order of DType.
static constexpr DTypeRow dtypeTable[] = {
    {"BOOL", 8},        {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6},
    {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E8M0", 8}, {"I16", 16},
    {"U16", 16},        {"F16", 16},        {"BF16", 16},   {"I32", 32},
    {"U32", 32},        {"F32", 32},        {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(std::size(dtypeTable) == static_cast<size_t>(DType::U64) + 1,
              "one row for each type");

std::string_view dtypeName(DType type) {
  return dtypeTable[static_cast<size_t>(type)].name;
}

unsigned dtypeBits(DType type) {
  return dtypeTable[static_cast<size_t>(type)].bits;
}

std::string describeShape(const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i)
      text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + ']';
}

/// More dimensions than any framework has.
static constexpr size_t maxRank = 64;

namespace {

/// Reads the entries of one header. Each step gives the text of an error about
/// the entry at hand, or nothing.
class HeaderReader {
public:
  HeaderReader(std::string_view path, uint64_t headerSize, uint64_t fileSize)
      : path(path), dataStart(8 + headerSize), dataSize(fileSize - dataStart) {}

  Expected<std::vector<TensorInfo>> read(const json::Object &header);

private:
  using Problem = std::optional<std::string>;

  std::string_view path;
  uint64_t dataStart;
  uint64_t dataSize;
  std::vector<TensorInfo> tensors;

  Problem readTensor(const json::Value &entry, TensorInfo &tensor) const;
  Problem readDType(const json::Value &value, TensorInfo &tensor) const;
  Problem readShape(const json::Value &value, TensorInfo &tensor) const;
  Problem readOffsets(const json::Value &value, TensorInfo &tensor) const;
  std::optional<Error> checkMetadata(const json::Value &value) const;
  std::optional<Error> checkTiling() const;
};

} // namespace

HeaderReader::Problem HeaderReader::readDType(const json::Value &value,
                                              TensorInfo &tensor) const {
  const std::string *name = value.asString();
  if (!name)
    return "expected a string as dtype, found " + json::describe(value);
  for (size_t i = 0; i < std::size(dtypeTable); ++i) {
    if (dtypeTable[i].name == *name) {
      tensor.dtype = static_cast<DType>(i);
      return std::nullopt;
    }
  }
  return "expected a dtype of the safetensors format, found " +
         json::describe(value);
}

HeaderReader::Problem HeaderReader::readShape(const json::Value &value,
                                              TensorInfo &tensor) const {
  const json::Array *list = value.asArray();
  if (!list)
    return "expected a list of sizes as shape, found " + json::describe(value);
  if (list->size() > maxRank)
    return "expected a shape of at most " + std::to_string(maxRank) +
           " dimensions, found " + std::to_string(list->size());
  uint64_t bits = dtypeBits(tensor.dtype);
  for (const json::Value &element : *list) {
    const int64_t *size = element.asInt();
    if (!size || *size < 0)
      return "expected sizes of zero or more in the shape, found " +
             json::describe(element);
    tensor.shape.push_back(*size);
    // In order, as the reference implementation does: a later zero does not
    // make an overflow good.
    if (__builtin_mul_overflow(bits, static_cast<uint64_t>(*size), &bits))
      return "expected a shape whose size in bits fits 64 bits, found " +
             describeShape(tensor.shape);
  }
  if (bits % 8 != 0)
    return "expected a whole number of bytes, found " + std::to_string(bits) +
           " bits";
  tensor.size = bits / 8;
  return std::nullopt;
}

HeaderReader::Problem HeaderReader::readOffsets(const json::Value &value,
                                                TensorInfo &tensor) const {
  const json::Array *list = value.asArray();
  if (!list || list->size() != 2)
    return "expected [begin, end] as data_offsets, found " +
           json::describe(value);
  uint64_t limits[2];
  for (size_t i = 0; i < 2; ++i) {
    const int64_t *offset = (*list)[i].asInt();
    if (!offset || *offset < 0)
      return "expected offsets of zero or more in data_offsets, found " +
             json::describe((*list)[i]);
    limits[i] = static_cast<uint64_t>(*offset);
  }
  auto [begin, end] = limits;
  std::string found =
      "[" + std::to_string(begin) + ", " + std::to_string(end) + "]";
  if (begin > end)
    return "expected data_offsets in ascending order, found " + found;
  if (end > dataSize)
    return "expected data_offsets within the " + std::to_string(dataSize) +
           " bytes of data, found " + found;
  if (end - begin != tensor.size)
    return "expected data_offsets " + std::to_string(tensor.size) +
           " bytes apart for " + std::string(dtypeName(tensor.dtype)) + " " +
           describeShape(tensor.shape) + ", found " + found;
  tensor.offset = dataStart + begin;
  return std::nullopt;
}

HeaderReader::Problem HeaderReader::readTensor(const json::Value &entry,
                                               TensorInfo &tensor) const {
  const json::Object *object = entry.asObject();
  if (!object)
    return "expected an object with dtype, shape and data_offsets, found " +
           json::describe(entry);
  for (const json::Member &member : *object)
    if (member.key != "dtype" && member.key != "shape" &&
        member.key != "data_offsets")
      return "expected only dtype, shape and data_offsets, found " +
             quoted(member.key);
  const json::Value *dtype = entry.find("dtype");
  const json::Value *shape = entry.find("shape");
  const json::Value *offsets = entry.find("data_offsets");
  if (!dtype || !shape || !offsets)
    return "expected dtype, shape and data_offsets, found no " +
           std::string(!dtype   ? "dtype"
                       : !shape ? "shape"
                                : "data_offsets");
  if (Problem problem = readDType(*dtype, tensor))
    return problem;
  if (Problem problem = readShape(*shape, tensor))
    return problem;
  return readOffsets(*offsets, tensor);
}

std::optional<Error>
HeaderReader::checkMetadata(const json::Value &value) const {
  const json::Object *object = value.asObject();
  if (!object)
    return makeError(path, "__metadata__",
                     "expected an object of strings, found " +
                         json::describe(value));
  for (const json::Member &member : *object)
    if (!member.value.asString())
      return makeError(path, "__metadata__." + member.key,
                       "expected a string, found " +
                           json::describe(member.value));
  return std::nullopt;
}

/// Every byte of the data belongs to exactly one tensor. This is what makes a
/// file unambiguous: nothing can hide in it, and no two tensors share bytes.
std::optional<Error> HeaderReader::checkTiling() const {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const TensorInfo &x = tensors[a], &y = tensors[b];
    if (x.offset != y.offset)
      return x.offset < y.offset;
    // Empty tensors come before the one that starts at the same byte.
    return x.size != y.size ? x.size < y.size : a < b;
  });
  uint64_t next = dataStart;
  const TensorInfo *previous = nullptr;
  for (size_t index : order) {
    const TensorInfo &tensor = tensors[index];
    if (tensor.offset < next)
      return makeError(path, tensor.name,
                       "expected data that no other tensor has, found an "
                       "overlap of " +
                           std::to_string(next - tensor.offset) +
                           " bytes with " + quoted(previous->name));
    if (tensor.offset > next)
      return makeError(path, tensor.name,
                       "expected data without holes, found " +
                           std::to_string(tensor.offset - next) +
                           " unused bytes before it");
    next += tensor.size;
    previous = &tensor;
  }
  if (uint64_t end = dataStart + dataSize; next != end)
    return makeError(path, "",
                     "expected the file to end after the last tensor, found " +
                         std::to_string(end - next) + " more bytes");
  return std::nullopt;
}

Expected<std::vector<TensorInfo>>
HeaderReader::read(const json::Object &header) {
  for (const json::Member &member : header) {
    if (member.key == "__metadata__") {
      if (std::optional<Error> error = checkMetadata(member.value))
        return *error;
      continue;
    }
    TensorInfo tensor;
    tensor.name = member.key;
    if (Problem problem = readTensor(member.value, tensor))
      return makeError(path, member.key, *problem);
    tensors.push_back(std::move(tensor));
  }
  if (std::optional<Error> error = checkTiling())
    return *error;
  std::sort(
      tensors.begin(), tensors.end(),
      [](const TensorInfo &a, const TensorInfo &b) { return a.name < b.name; });
  return std::move(tensors);
}

Expected<std::vector<TensorInfo>>
parseSafetensorsHeader(std::string_view header, uint64_t fileSize,
                       std::string_view path) {
  if (fileSize < 8 || header.size() > fileSize - 8)
    return makeError(path, "",
                     "expected a header within the file, found " +
                         std::to_string(header.size()) +
                         " bytes in a file "
                         "of " +
                         std::to_string(fileSize));
  // The format asks for this; JSON would allow leading spaces.
  if (header.empty() || header.front() != '{')
    return makeError(path, "header",
                     header.empty() ? "expected a JSON object, found nothing"
                                    : "expected a JSON object, found " +
                                          quoted(header.substr(0, 1)));
  json::Limits limits;
  limits.bytes = maxSafetensorsHeader;
  Expected<json::Value> value =
      json::parse(header, std::string(path) + ": header", limits);
  if (!value)
    return value.error();
  return HeaderReader(path, header.size(), fileSize).read(*value->asObject());
}

} // namespace amk::frontends
