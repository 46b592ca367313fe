//===- File.cpp - Reading and mapping files -------------------------------===//

#include "AMK/Frontends/File.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace amk::frontends {

/// Our own words where we have them: strerror depends on the locale.
static std::string describeErrno(int code) {
  switch (code) {
  case ENOENT:
    return "none";
  case EACCES:
  case EPERM:
    return "no permission to read it";
  case ENOTDIR:
    return "a path through something that is not a folder";
  case ELOOP:
    return "a loop of symbolic links";
  case ENAMETOOLONG:
    return "a name that is too long";
  case ENOMEM:
    return "not enough memory";
  default:
    return "system error " + std::to_string(code);
  }
}

Expected<File> File::open(const std::string &path) {
  // A NUL would silently open another file than the one that is named.
  if (path.find('\0') != std::string::npos)
    return makeError(path, "", "expected a file name, found a NUL byte in it");
  File file;
  file.name = path;
  do {
    file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (file.descriptor < 0 && errno == EINTR);
  if (file.descriptor < 0)
    return makeError(path, "",
                     "expected a readable file, found " + describeErrno(errno));
  struct stat info;
  if (::fstat(file.descriptor, &info) != 0)
    return makeError(path, "",
                     "expected a readable file, found " + describeErrno(errno));
  if (S_ISDIR(info.st_mode))
    return makeError(path, "", "expected a file, found a folder");
  if (!S_ISREG(info.st_mode))
    return makeError(path, "",
                     "expected a regular file, found a device, pipe or socket");
  file.bytes = static_cast<uint64_t>(info.st_size);
  return file;
}

File::File(File &&other) noexcept
    : name(std::move(other.name)), bytes(other.bytes),
      descriptor(std::exchange(other.descriptor, -1)) {}

File &File::operator=(File &&other) noexcept {
  std::swap(name, other.name);
  std::swap(bytes, other.bytes);
  std::swap(descriptor, other.descriptor);
  return *this;
}

File::~File() {
  if (descriptor >= 0)
    ::close(descriptor);
}

Expected<void> File::read(uint64_t offset, size_t count, char *out) const {
  for (size_t done = 0; done < count;) {
    ssize_t got = ::pread(descriptor, out + done, count - done,
                          static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return makeError(
          name, "", "expected a readable file, found " + describeErrno(errno));
    if (got == 0)
      return makeError(name, "",
                       "expected " + std::to_string(bytes) +
                           " bytes, found that the file became shorter while "
                           "it was read");
    done += static_cast<size_t>(got);
  }
  return {};
}

Expected<void> File::checkSize() const {
  struct stat info;
  if (::fstat(descriptor, &info) != 0)
    return makeError(name, "",
                     "expected a readable file, found " + describeErrno(errno));
  if (static_cast<uint64_t>(info.st_size) != bytes)
    return makeError(name, "",
                     "expected " + std::to_string(bytes) + " bytes, found " +
                         std::to_string(info.st_size) +
                         ": the file changed while it was read");
  return {};
}

Expected<Mapping> Mapping::map(const File &file) {
  if (Expected<void> same = file.checkSize(); !same)
    return same.error();
  Mapping mapping;
  // An empty range cannot be mapped, and needs no mapping.
  if (file.bytes == 0)
    return mapping;
  size_t size = static_cast<size_t>(file.bytes);
  void *start =
      ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0);
  if (start == MAP_FAILED)
    return makeError(file.name, "",
                     "expected to map " + std::to_string(file.bytes) +
                         " bytes, found " + describeErrno(errno));
  mapping.content = {static_cast<const std::byte *>(start), size};
  return mapping;
}

Mapping::Mapping(Mapping &&other) noexcept
    : content(std::exchange(other.content, {})) {}

Mapping &Mapping::operator=(Mapping &&other) noexcept {
  std::swap(content, other.content);
  return *this;
}

Mapping::~Mapping() {
  if (content.data)
    ::munmap(const_cast<std::byte *>(content.data), content.size);
}

bool exists(const std::string &path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

Expected<std::string> readFile(const std::string &path, size_t limit) {
  Expected<File> file = File::open(path);
  if (!file)
    return file.error();
  if (file->size() > limit)
    return makeError(path, "",
                     "expected at most " + std::to_string(limit) +
                         " bytes, found " + std::to_string(file->size()));
  std::string text(static_cast<size_t>(file->size()), '\0');
  if (Expected<void> done = file->read(0, text.size(), text.data()); !done)
    return done.error();
  return text;
}

std::string joinPath(const std::string &directory, const std::string &name) {
  if (directory.empty() || directory.back() == '/')
    return directory + name;
  return directory + '/' + name;
}

} // namespace amk::frontends
