//===- Json.h - JSON from untrusted files -----------------------*- C++ -*-===//
//
// Part of AMK's front ends. No LLVM in here.
//
//===----------------------------------------------------------------------===//
//
// A strict reader: limits on size, depth and number of values; duplicate keys,
// trailing bytes, NUL bytes, byte order marks and invalid UTF-8 are refused.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_FRONTENDS_JSON_H
#define AMK_FRONTENDS_JSON_H

#include "AMK/Frontends/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace amk::frontends::json {

class Value;
struct Member;
using Array = std::vector<Value>;
/// Members in the order of the text; keys are unique.
using Object = std::vector<Member>;

enum class Kind { Null, Bool, Int, Double, String, Array, Object };

/// One JSON value. A number without fraction and exponent that fits is an Int;
/// every other number is a (finite) Double.
class Value {
public:
  Value() = default;
  explicit Value(bool value) : content(value) {}
  explicit Value(int64_t value) : content(value) {}
  explicit Value(double value) : content(value) {}
  explicit Value(std::string value) : content(std::move(value)) {}
  explicit Value(Array value) : content(std::move(value)) {}
  explicit Value(Object value) : content(std::move(value)) {}

  Kind kind() const { return static_cast<Kind>(content.index()); }
  bool isNull() const { return kind() == Kind::Null; }

  // Each gives null where the value is of another kind.
  const bool *asBool() const { return std::get_if<bool>(&content); }
  const int64_t *asInt() const { return std::get_if<int64_t>(&content); }
  const std::string *asString() const {
    return std::get_if<std::string>(&content);
  }
  const Array *asArray() const { return std::get_if<Array>(&content); }
  const Object *asObject() const { return std::get_if<Object>(&content); }
  Array *asArray() { return std::get_if<Array>(&content); }
  Object *asObject() { return std::get_if<Object>(&content); }

  /// An Int or a Double as a double; nothing otherwise.
  std::optional<double> asNumber() const;

  /// The member of that name; null where there is none or this is no object.
  /// Linear: whoever looks up many keys of a large object builds an index.
  const Value *find(std::string_view key) const;

private:
  // The order is that of Kind.
  std::variant<std::monostate, bool, int64_t, double, std::string, Array,
               Object>
      content;
};

struct Member {
  std::string key;
  Value value;
};

/// The value in the words of an error line: `"gelu"`, `3`, `true`, `null`,
/// `a list of 2`, `an object`.
std::string describe(const Value &value);

struct Limits {
  size_t bytes = size_t(128) << 20;
  size_t depth = 64;
  /// Members, list elements and the root together: a tree of many small values
  /// takes far more memory than its text.
  size_t values = size_t(4) << 20;
};

/// Parses `text`; `file` names it in errors.
Expected<Value> parse(std::string_view text, std::string_view file,
                      const Limits &limits = {});

/// Reads and parses the file at `path`.
Expected<Value> parseFile(const std::string &path, const Limits &limits = {});

} // namespace amk::frontends::json

#endif // AMK_FRONTENDS_JSON_H
