//===- Error.cpp - Errors of the front ends -------------------------------===//

#include "AMK/Frontends/Error.h"

namespace amk::frontends {

std::string printable(std::string_view text, size_t limit) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (char c : text.substr(0, limit)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
      continue;
    }
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  if (text.size() > limit)
    out += "...";
  return out;
}

std::string quoted(std::string_view text, size_t limit) {
  return '"' + printable(text, limit) + '"';
}

Error makeError(std::string_view file, std::string_view key,
                std::string_view text) {
  // Paths are cut only where no sensible path ends.
  std::string line = printable(file, 4096);
  if (!key.empty())
    line += ": " + printable(key);
  line += ": ";
  line += text;
  return {std::move(line)};
}

} // namespace amk::frontends
