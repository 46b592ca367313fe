//===- TempFolder.h - A folder for the files of one test --------*- C++ -*-===//

#ifndef AMK_UNITTESTS_FRONTENDS_TEMPFOLDER_H
#define AMK_UNITTESTS_FRONTENDS_TEMPFOLDER_H

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace amk::test {

/// A fresh folder, removed with everything in it at the end of the test.
class TempFolder {
public:
  TempFolder() : path(testing::TempDir() + "amk-XXXXXX") {
    EXPECT_NE(mkdtemp(path.data()), nullptr);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempFolder(const TempFolder &) = delete;
  TempFolder &operator=(const TempFolder &) = delete;

  const std::string &str() const { return path; }
  std::string operator/(std::string_view name) const {
    return path + "/" + std::string(name);
  }

  void write(std::string_view name, std::string_view content) const {
    std::ofstream(*this / name, std::ios::binary) << content;
  }

  /// An error message without the name of the folder, and checked to be one
  /// line.
  std::string relative(std::string message) const {
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (size_t at; (at = message.find(path + "/")) != std::string::npos;)
      message.erase(at, path.size() + 1);
    return message;
  }

private:
  std::string path;
};

} // namespace amk::test

#endif // AMK_UNITTESTS_FRONTENDS_TEMPFOLDER_H
