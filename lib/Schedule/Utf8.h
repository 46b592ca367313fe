//===- Utf8.h - Checks of text ----------------------------------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULE_UTF8_H
#define AMK_LIB_SCHEDULE_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace amk::core {

/// The first byte that is no UTF-8 or belongs to a control character; the size
/// if there is none. `lines` allows tabs and ends of lines.
inline size_t findNoText(std::string_view text, bool lines = false) {
  size_t i = 0;
  while (i < text.size()) {
    const uint8_t c = uint8_t(text[i]);
    if (c < 0x80) {
      if ((c < 0x20 || c == 0x7f) &&
          !(lines && (c == '\n' || c == '\t' || c == '\r')))
        return i;
      ++i;
      continue;
    }
    const size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || length > text.size() - i)
      return i;
    uint32_t point = c & (0xff >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const uint8_t next = uint8_t(text[i + k]);
      if ((next & 0xc0) != 0x80)
        return i;
      point = point << 6 | (next & 0x3f);
    }
    const bool overlong =
        (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (overlong || point < 0xa0 || point > 0x10ffff ||
        (point >= 0xd800 && point <= 0xdfff))
      return i;
    i += length;
  }
  return i;
}

} // namespace amk::core

#endif // AMK_LIB_SCHEDULE_UTF8_H
