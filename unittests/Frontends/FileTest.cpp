//===- FileTest.cpp - Reading and mapping files ---------------------------===//

#include "AMK/Frontends/File.h"
#include "TempFolder.h"

#include "gtest/gtest.h"

#include <sys/stat.h>

using namespace amk::frontends;
using amk::test::TempFolder;

TEST(Error, IsOneLineWhateverTheFileSays) {
  Error error = makeError("a\nb", "k\x1b[31m\xff", "expected, found");
  EXPECT_EQ(error.message, "a\\x0ab: k\\x1b[31m\\xff: expected, found");
  EXPECT_EQ(quoted(std::string(300, 'x'), 3), "\"xxx...\"");
}

TEST(File, NoSuchFile) {
  TempFolder folder;
  Expected<std::string> text = readFile(folder / "none", 10);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(folder.relative(text.error().message),
            "none: expected a readable file, found none");
}

TEST(File, FolderIsNoFile) {
  TempFolder folder;
  Expected<File> file = File::open(folder.str());
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().message,
            folder.str() + ": expected a file, found a folder");
}

TEST(File, PipeIsRefusedWithoutBlocking) {
  TempFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  Expected<File> file = File::open(folder / "pipe");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(folder.relative(file.error().message),
            "pipe: expected a regular file, found a device, pipe or socket");
}

TEST(File, NulInName) {
  Expected<File> file = File::open(std::string("a\0b", 3));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().message,
            "a\\x00b: expected a file name, found a NUL byte in it");
}

TEST(File, SizeLimit) {
  TempFolder folder;
  folder.write("f", "12345");
  EXPECT_EQ(*readFile(folder / "f", 5), "12345");
  Expected<std::string> text = readFile(folder / "f", 4);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(folder.relative(text.error().message),
            "f: expected at most 4 bytes, found 5");
}

TEST(File, TruncatedAfterOpen) {
  TempFolder folder;
  folder.write("f", "12345");
  Expected<File> file = File::open(folder / "f");
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(folder / "f", 2);
  Expected<Mapping> mapping = Mapping::map(*file);
  ASSERT_FALSE(mapping.ok());
  EXPECT_EQ(folder.relative(mapping.error().message),
            "f: expected 5 bytes, found 2: the file changed while it was read");
  char buffer[5];
  Expected<void> done = file->read(0, 5, buffer);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(folder.relative(done.error().message),
            "f: expected 5 bytes, found that the file became shorter while it "
            "was read");
}

TEST(File, EmptyFileMaps) {
  TempFolder folder;
  folder.write("f", "");
  Expected<File> file = File::open(folder / "f");
  ASSERT_TRUE(file.ok());
  Expected<Mapping> mapping = Mapping::map(*file);
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(mapping->bytes().size, 0u);
}
