//===- Model.cpp - A copy of tiny-llama to change -------------------------===//

#include "Integration/Model.h"
#include "Integration/Tools.h"

namespace amk::test {

Model::Model() {
  for (const auto &file : std::filesystem::directory_iterator(kTinyLlama))
    std::filesystem::create_symlink(file.path(),
                                    *this / file.path().filename().string());
}

void Model::remove(std::string_view file) const {
  EXPECT_TRUE(std::filesystem::remove(*this / file)) << file;
}

void Model::replace(std::string_view file, std::string_view content) const {
  std::error_code none;
  std::filesystem::remove(*this / file, none);
  write(file, content);
}

static std::string replaceFirst(std::string text, std::string_view from,
                                std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "no " << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

void Model::edit(std::string_view file, std::string_view from,
                 std::string_view to) const {
  replace(file, replaceFirst(readBytes(*this / file), from, to));
}

static size_t headerSize(const std::string &bytes) {
  size_t size = 0;
  for (unsigned i = 0; i < 8; ++i)
    size |= size_t(static_cast<unsigned char>(bytes.at(i))) << (8 * i);
  return size;
}

std::string Model::header(std::string_view shard) const {
  const std::string bytes = readBytes(*this / shard);
  return bytes.substr(8, headerSize(bytes));
}

std::string Model::data(std::string_view shard) const {
  const std::string bytes = readBytes(*this / shard);
  return bytes.substr(8 + headerSize(bytes));
}

void Model::writeShard(std::string_view shard, std::string_view header,
                       std::string_view data) const {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i)
    bytes += char(header.size() >> (8 * i) & 0xff);
  bytes += header;
  bytes += data;
  replace(shard, bytes);
}

void Model::editHeader(std::string_view shard, std::string_view from,
                       std::string_view to) const {
  writeShard(shard, replaceFirst(header(shard), from, to), data(shard));
}

} // namespace amk::test
