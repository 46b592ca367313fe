//===- Output.h - Files that are whole or not there -------------*- C++ -*-===//

#ifndef AMK_TOOLS_AMKRUN_OUTPUT_H
#define AMK_TOOLS_AMKRUN_OUTPUT_H

#include "AMK/Runtime/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace amk::run {

/// A file that is written under another name and gets its own when it is
/// complete. What is no regular file (a pipe, a device) is written as it is.
class OutputFile {
public:
  OutputFile() = default;
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;
  ~OutputFile(); ///< removes what was not committed

  runtime::Status open(const std::string &path);
  runtime::Status write(const void *data, size_t bytes);
  /// Overwrites bytes that were written before.
  runtime::Status rewrite(uint64_t offset, const void *data, size_t bytes);
  runtime::Status commit();

private:
  runtime::Status fail(const char *what) const;

  std::string path, temporary;
  int descriptor = -1;
};

/// Rows of float32 in NumPy's format. The number of rows is written last.
class NumpyFile {
public:
  runtime::Status open(const std::string &path, int64_t columns);
  runtime::Status row(const std::vector<float> &values);
  runtime::Status commit();

private:
  std::string header() const;

  OutputFile file;
  int64_t rows = 0, columns = 0;
};

} // namespace amk::run

#endif // AMK_TOOLS_AMKRUN_OUTPUT_H
