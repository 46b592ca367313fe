//===- File.h - Reading and mapping files -----------------------*- C++ -*-===//
//
// Part of AMK's front ends. No LLVM in here.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_FRONTENDS_FILE_H
#define AMK_FRONTENDS_FILE_H

#include "AMK/Frontends/Error.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace amk::frontends {

/// A read-only run of bytes owned by someone else. It may be unaligned: read
/// wider types through memcpy.
struct Bytes {
  const std::byte *data = nullptr;
  size_t size = 0;
};

/// A regular file, open for reading, with the size it had when it was opened.
/// Symbolic links are followed; anything else than a regular file is refused
/// (without blocking on a FIFO).
class File {
public:
  static Expected<File> open(const std::string &path);

  File(File &&other) noexcept;
  File &operator=(File &&other) noexcept;
  File(const File &) = delete;
  File &operator=(const File &) = delete;
  ~File();

  const std::string &path() const { return name; }
  uint64_t size() const { return bytes; }

  /// Reads `count` bytes at `offset` into `out`; a file that became shorter
  /// since it was opened is an error.
  Expected<void> read(uint64_t offset, size_t count, char *out) const;

  /// Asks the system again: an error unless the size is what it was.
  Expected<void> checkSize() const;

private:
  friend class Mapping;
  File() = default;

  std::string name;
  uint64_t bytes = 0;
  int descriptor = -1;
};

/// A whole file mapped read-only and private. Mapping touches no data, so it
/// costs the same for any size. Whoever truncates the file afterwards makes
/// reads of the lost pages fail with SIGBUS: no reader can prevent that.
class Mapping {
public:
  static Expected<Mapping> map(const File &file);

  Mapping(Mapping &&other) noexcept;
  Mapping &operator=(Mapping &&other) noexcept;
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;
  ~Mapping();

  Bytes bytes() const { return content; }

private:
  Mapping() = default;

  Bytes content;
};

/// Whether something of that name exists; a dangling symbolic link does, so
/// that opening it is reported rather than passed over.
bool exists(const std::string &path);

/// The whole file, refused if it is larger than `limit` bytes.
Expected<std::string> readFile(const std::string &path, size_t limit);

/// `directory` and `name` with one separator between.
std::string joinPath(const std::string &directory, const std::string &name);

} // namespace amk::frontends

#endif // AMK_FRONTENDS_FILE_H
