//===- Output.cpp - Files that are whole or not there ---------------------===//

#include "Output.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace amk::run {

using runtime::ErrorKind;
using runtime::Status;

namespace {

/// The names of files that are not whole yet: an interrupted run removes them.
/// A handler may call little more than unlink.
constexpr size_t kMostUnfinished = 8;
std::atomic<const char *> unfinished[kMostUnfinished];

extern "C" void removeUnfinished(int signal) {
  for (std::atomic<const char *> &name : unfinished)
    if (const char *n = name.load())
      unlink(n);
  // The handler is gone (SA_RESETHAND): now the signal ends the run.
  raise(signal);
}

void handleSignals() {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0 ||
        action.sa_handler != SIG_DFL) // ignored (nohup), or known already
      continue;
    action.sa_handler = removeUnfinished;
    action.sa_flags = int(SA_RESETHAND);
    sigaction(signal, &action, nullptr);
  }
}

void exchange(const char *from, const char *to) {
  for (std::atomic<const char *> &name : unfinished) {
    const char *expected = from;
    if (name.compare_exchange_strong(expected, to))
      return;
  }
}

} // namespace

OutputFile::~OutputFile() {
  if (descriptor >= 0)
    close(descriptor);
  if (temporary.empty())
    return;
  unlink(temporary.c_str());
  exchange(temporary.c_str(), nullptr);
}

Status OutputFile::fail(const char *what) const {
  return {ErrorKind::Output, path + ": " + what + ": " + std::strerror(errno)};
}

Status OutputFile::open(const std::string &name) {
  path = name;
  struct stat info;
  const bool special = stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  if (special) {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    temporary = path + ".tmp" + std::to_string(getpid());
    handleSignals();
    exchange(nullptr, temporary.c_str());
    descriptor =
        ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      const Status status = fail("cannot write");
      exchange(temporary.c_str(), nullptr);
      temporary.clear();
      return status;
    }
  }
  return descriptor < 0 ? fail("cannot write") : Status();
}

Status OutputFile::write(const void *data, size_t bytes) {
  const char *from = static_cast<const char *>(data);
  while (bytes > 0) {
    const ssize_t n = ::write(descriptor, from, bytes);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail("cannot write");
    from += n;
    bytes -= size_t(n);
  }
  return {};
}

Status OutputFile::rewrite(uint64_t offset, const void *data, size_t bytes) {
  if (pwrite(descriptor, data, bytes, off_t(offset)) != ssize_t(bytes))
    return fail("cannot write");
  return {};
}

Status OutputFile::commit() {
  const int result = close(descriptor);
  descriptor = -1;
  if (result != 0)
    return fail("cannot write");
  if (temporary.empty())
    return {};
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return fail("cannot write");
  exchange(temporary.c_str(), nullptr);
  temporary.clear();
  return {};
}

std::string NumpyFile::header() const {
  constexpr size_t kSize = 128;
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                     std::to_string(rows) + ", " + std::to_string(columns) +
                     "), }";
  text.resize(kSize - 10 - 1, ' ');
  text += '\n';
  // Magic, version 1.0, length of the text.
  return std::string("\x93NUMPY\x01\x00", 8) + char(text.size()) + '\0' + text;
}

Status NumpyFile::open(const std::string &path, int64_t width) {
  columns = width;
  if (Status s = file.open(path); !s.ok())
    return s;
  const std::string start = header();
  return file.write(start.data(), start.size());
}

Status NumpyFile::row(const std::vector<float> &values) {
  ++rows;
  return file.write(values.data(), values.size() * sizeof(float));
}

Status NumpyFile::commit() {
  const std::string start = header();
  if (Status s = file.rewrite(0, start.data(), start.size()); !s.ok())
    return s;
  return file.commit();
}

} // namespace amk::run
