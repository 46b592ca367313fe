//===- Verify.h - The rules V1 to V9 ----------------------------*- C++ -*-===//

#ifndef AMK_SCHEDULE_VERIFY_H
#define AMK_SCHEDULE_VERIFY_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core {

/// A place in a schedule. Indices that do not apply are kNone.
struct Place {
  uint32_t task = kNone;
  uint32_t op = kNone;   ///< in the task's body
  uint32_t tile = kNone; ///< of the task
  uint32_t buffer = kNone;
  uint32_t counters = kNone;
};

struct Note {
  Place place;
  std::string message;
};

/// A violated rule: where, what was expected and what was found.
struct Diagnostic {
  std::string rule; ///< "V1" .. "V9"
  Place place;
  std::string message; ///< without the label
  std::vector<Note> notes;
};

/// Checks the structure first (V1, V8, V2), since the later rules rely on it,
/// then the others. Returns at most `limit` violations, in a fixed order. Never
/// crashes on a malformed schedule and never skips a check for size.
std::vector<Diagnostic> verify(const Schedule &schedule, size_t limit = 8);

/// "V3: task 'x' tile 4: message", for tools without source locations.
std::string toString(const Schedule &schedule, const Diagnostic &diagnostic);

} // namespace amk::core

#endif // AMK_SCHEDULE_VERIFY_H
