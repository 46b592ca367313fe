//===- Error.h - Errors of the front ends -----------------------*- C++ -*-===//
//
// Part of AMK's front ends. No LLVM in here: the importer and the runtime
// link this library.
//
//===----------------------------------------------------------------------===//
//
// Everything the front ends read is untrusted, and exceptions are off, so each
// reader returns either what it read or one line that says what is wrong.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_FRONTENDS_ERROR_H
#define AMK_FRONTENDS_ERROR_H

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace amk::frontends {

/// One line: "FILE: KEY-or-TENSOR: expected ..., found ...".
struct Error {
  std::string message;
};

/// Builds an error line. `file` and `key` may come from an untrusted file:
/// whatever is not printable is escaped, so the result is always one line.
/// An empty `key` is left out.
Error makeError(std::string_view file, std::string_view key,
                std::string_view text);

/// `text` with every byte that is not printable ASCII escaped as \xNN, cut
/// (and marked "...") after `limit` bytes.
std::string printable(std::string_view text, size_t limit = 200);

/// `printable`, in double quotes.
std::string quoted(std::string_view text, size_t limit = 200);

/// A value, or the error that kept it from being made.
template <class T>
class [[nodiscard]] Expected {
public:
  Expected(T value) : content(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : content(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return content.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// The value; only when ok().
  T &value() & {
    assert(ok() && "value of an error");
    return *std::get_if<0>(&content);
  }
  const T &value() const & {
    assert(ok() && "value of an error");
    return *std::get_if<0>(&content);
  }
  T value() && {
    assert(ok() && "value of an error");
    return std::move(*std::get_if<0>(&content));
  }
  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }

  /// The error; only when not ok().
  const Error &error() const {
    assert(!ok() && "error of a value");
    return *std::get_if<1>(&content);
  }

private:
  std::variant<T, Error> content;
};

/// Success, or an error.
template <>
class [[nodiscard]] Expected<void> {
public:
  Expected() = default;
  Expected(Error error) : failure(std::move(error)) {}

  bool ok() const { return !failure; }
  explicit operator bool() const { return ok(); }
  const Error &error() const {
    assert(failure && "error of a success");
    return *failure;
  }

private:
  std::optional<Error> failure;
};

} // namespace amk::frontends

#endif // AMK_FRONTENDS_ERROR_H
