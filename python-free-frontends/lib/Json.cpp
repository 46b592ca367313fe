//===- Json.cpp - JSON from untrusted files -------------------------------===//

#include "AMK/Frontends/Json.h"
#include "AMK/Frontends/File.h"

#include <algorithm>
#include <charconv>
#include <numeric>

// Debian builds the library with exceptions in mind: nothing below may reach
// one of its throwing functions. The SAX interface does not.
#ifndef JSON_NOEXCEPTION
#define JSON_NOEXCEPTION
#endif
#include <nlohmann/json.hpp>

namespace amk::frontends::json {

std::optional<double> Value::asNumber() const {
  if (const int64_t *integer = asInt())
    return static_cast<double>(*integer);
  if (const double *number = std::get_if<double>(&content))
    return *number;
  return std::nullopt;
}

const Value *Value::find(std::string_view key) const {
  if (const Object *object = asObject())
    for (const Member &member : *object)
      if (member.key == key)
        return &member.value;
  return nullptr;
}

/// Shortest digits that give the number back, and never like an integer: that
/// a size was written as `2.0` may be just what is wrong with it.
static std::string describeDouble(double number) {
  char text[32];
  bool large = number >= 1e16 || number <= -1e16;
  std::to_chars_result end = std::to_chars(text, text + sizeof(text), number,
                                           large ? std::chars_format::scientific
                                                 : std::chars_format::general);
  std::string result(text, end.ptr);
  if (result.find_first_of(".e") == std::string::npos)
    result += ".0";
  return result;
}

std::string describe(const Value &value) {
  switch (value.kind()) {
  case Kind::Null:
    return "null";
  case Kind::Bool:
    return *value.asBool() ? "true" : "false";
  case Kind::Int:
    return std::to_string(*value.asInt());
  case Kind::Double:
    return describeDouble(*value.asNumber());
  case Kind::String:
    return quoted(*value.asString(), 80);
  case Kind::Array:
    return value.asArray()->size() == 1
               ? "a list of one value"
               : "a list of " + std::to_string(value.asArray()->size()) +
                     " values";
  case Kind::Object:
    return "an object";
  }
  return "nothing";
}

namespace {

/// Builds the tree from the events of the parser. Returning false from an
/// event ends the parse.
class TreeBuilder {
public:
  TreeBuilder(std::string_view file, const Limits &limits)
      : file(file), limits(limits) {}

  Value root;
  std::optional<Error> failure;

  bool null() { return add(Value()); }
  bool boolean(bool value) { return add(Value(value)); }
  bool number_integer(int64_t value) { return add(Value(value)); }
  bool number_unsigned(uint64_t value) {
    if (value <= static_cast<uint64_t>(INT64_MAX))
      return add(Value(static_cast<int64_t>(value)));
    return add(Value(static_cast<double>(value)));
  }
  bool number_float(double value, const std::string &) {
    return add(Value(value));
  }
  bool string(std::string &value) { return add(Value(std::move(value))); }
  bool binary(std::vector<uint8_t> &) {
    return fail("expected JSON, found binary data");
  }
  bool start_object(size_t) { return open(Value(Object())); }
  bool key(std::string &name) {
    open_.back()->asObject()->push_back({std::move(name), Value()});
    return true;
  }
  bool end_object() {
    const Object &object = *open_.back()->asObject();
    open_.pop_back();
    return checkUnique(object);
  }
  bool start_array(size_t) { return open(Value(Array())); }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool parse_error(size_t, const std::string &,
                   const nlohmann::detail::exception &error);

private:
  std::string_view file;
  const Limits &limits;
  /// The open containers, outermost first. The pointers stay good: while a
  /// container is open nothing is added to the ones around it.
  std::vector<Value *> open_;
  size_t count = 0;

  bool fail(std::string_view text) {
    if (!failure)
      failure = makeError(file, path(), text);
    return false;
  }

  std::string path() const;
  Value *place(Value value);
  bool add(Value value) { return place(std::move(value)) != nullptr; }
  bool open(Value value);
  bool checkUnique(const Object &object);
};

} // namespace

/// Where the parser stands: the keys and indices on the way, as `a.b[3]`.
std::string TreeBuilder::path() const {
  std::string text;
  for (const Value *value : open_) {
    if (const Array *array = value->asArray()) {
      text +=
          '[' + std::to_string(array->empty() ? 0 : array->size() - 1) + ']';
    } else if (const Object *object = value->asObject();
               object && !object->empty()) {
      if (!text.empty())
        text += '.';
      text += object->back().key;
    }
  }
  return text;
}

Value *TreeBuilder::place(Value value) {
  if (++count > limits.values) {
    fail("expected at most " + std::to_string(limits.values) +
         " values in the file, found more");
    return nullptr;
  }
  if (open_.empty()) {
    root = std::move(value);
    return &root;
  }
  if (Array *array = open_.back()->asArray()) {
    array->push_back(std::move(value));
    return &array->back();
  }
  // The parser reports the key before its value.
  Member &member = open_.back()->asObject()->back();
  member.value = std::move(value);
  return &member.value;
}

bool TreeBuilder::open(Value value) {
  if (open_.size() >= limits.depth)
    return fail("expected nesting of at most " + std::to_string(limits.depth) +
                " levels, found more");
  Value *placed = place(std::move(value));
  if (placed)
    open_.push_back(placed);
  return placed != nullptr;
}

/// Called when the object is closed and no longer among the open ones. By
/// sorting: no hash that the author of a file could make collide.
bool TreeBuilder::checkUnique(const Object &object) {
  std::vector<size_t> order(object.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    int sign = object[a].key.compare(object[b].key);
    return sign != 0 ? sign < 0 : a < b;
  });
  // Of several report the repetition that comes first in the file.
  size_t repeated = object.size();
  for (size_t i = 1; i < order.size(); ++i)
    if (object[order[i]].key == object[order[i - 1]].key)
      repeated = std::min(repeated, order[i]);
  if (repeated == object.size())
    return true;
  std::string name = path();
  if (!name.empty())
    name += '.';
  name += object[repeated].key;
  failure = makeError(file, name, "expected each key once, found it twice");
  return false;
}

bool TreeBuilder::parse_error(size_t, const std::string &,
                              const nlohmann::detail::exception &error) {
  if (failure)
    return false;
  // The library says "[json.exception.parse_error.101] parse error at line 1,
  // column 2: syntax error ...": the place and the reason are what matters.
  std::string_view what = error.what();
  if (size_t end = what.find("] "); end != std::string_view::npos)
    what.remove_prefix(end + 2);
  std::string_view where;
  constexpr std::string_view at = "parse error at ";
  if (what.substr(0, at.size()) == at) {
    what.remove_prefix(at.size());
    if (size_t end = what.find(": "); end != std::string_view::npos) {
      where = what.substr(0, end);
      what.remove_prefix(end + 2);
    }
  }
  failure = makeError(file, where,
                      "expected valid JSON, found " + printable(what, 300));
  return false;
}

Expected<Value> parse(std::string_view text, std::string_view file,
                      const Limits &limits) {
  if (text.size() > limits.bytes)
    return makeError(file, "",
                     "expected at most " + std::to_string(limits.bytes) +
                         " bytes, found " + std::to_string(text.size()));
  // The library takes a NUL as the end of the text and would not see what
  // stands behind it; and it skips a byte order mark, which JSON forbids.
  if (size_t nul = text.find('\0'); nul != std::string_view::npos)
    return makeError(file, "byte " + std::to_string(nul),
                     "expected valid JSON, found a NUL byte");
  if (text.substr(0, 3) == "\xef\xbb\xbf")
    return makeError(file, "byte 0",
                     "expected valid JSON, found a byte order mark");
  TreeBuilder builder(file, limits);
  bool done = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (builder.failure)
    return *builder.failure;
  if (!done)
    return makeError(file, "", "expected valid JSON, found something else");
  return std::move(builder.root);
}

Expected<Value> parseFile(const std::string &path, const Limits &limits) {
  Expected<std::string> text = readFile(path, limits.bytes);
  if (!text)
    return text.error();
  return parse(*text, path, limits);
}

} // namespace amk::frontends::json
