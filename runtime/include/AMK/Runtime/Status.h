//===- Status.h - Success or one line of error ------------------*- C++ -*-===//

#ifndef AMK_RUNTIME_STATUS_H
#define AMK_RUNTIME_STATUS_H

#include <string>
#include <utility>

namespace amk::runtime {

/// What went wrong, as a class that decides the exit code of `amk-run`.
enum class ErrorKind {
  None,
  Usage,   ///< bad command line or prompt
  Input,   ///< bad program file, checkpoint or schedule
  Device,  ///< no such device, no driver, does not fit, a driver call failed
  Aborted, ///< the watchdog ended a launch
  Numeric, ///< a NaN among the logits
  Output,  ///< a result could not be written
};

/// Success, or a kind and exactly one line.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(ErrorKind kind, std::string message)
      : errorKind(kind), text(std::move(message)) {}
  bool ok() const { return errorKind == ErrorKind::None; }
  ErrorKind kind() const { return errorKind; }
  const std::string &message() const { return text; }

private:
  ErrorKind errorKind = ErrorKind::None;
  std::string text;
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_STATUS_H
