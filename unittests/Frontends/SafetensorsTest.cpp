//===- SafetensorsTest.cpp - Checkpoints in safetensors files -------------===//

#include "AMK/Frontends/Safetensors.h"
#include "TempFolder.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace amk::frontends;
using amk::test::TempFolder;

/// A file of this header and `data` bytes 0, 1, 2, ...
static std::string fileOf(std::string_view header, size_t data) {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i)
    bytes += static_cast<char>(uint64_t(header.size()) >> (8 * i));
  bytes += header;
  for (size_t i = 0; i < data; ++i)
    bytes += static_cast<char>(i);
  return bytes;
}

/// A file of BF16 vectors of these names, one element each.
static std::string fileWith(std::initializer_list<const char *> names) {
  std::string header = "{";
  size_t offset = 0;
  for (const char *name : names) {
    if (offset)
      header += ',';
    header += '"' + std::string(name) +
              R"(":{"dtype":"BF16","shape":[1],"data_offsets":[)" +
              std::to_string(offset) + ',' + std::to_string(offset + 2) + "]}";
    offset += 2;
  }
  return fileOf(header + '}', offset);
}

static std::string problem(const TempFolder &folder) {
  Expected<Checkpoint> data =
      Checkpoint::open(folder.str(), Checkpoint::Open::Data);
  Expected<Checkpoint> headers =
      Checkpoint::open(folder.str(), Checkpoint::Open::HeadersOnly);
  EXPECT_EQ(data.ok(), headers.ok());
  if (data.ok())
    return "ok";
  EXPECT_EQ(data.error().message, headers.error().message);
  return folder.relative(data.error().message);
}

static std::string fileProblem(std::string_view bytes) {
  TempFolder folder;
  folder.write("model.safetensors", bytes);
  return problem(folder);
}

/// The problem with a header of one tensor `t` over 4 bytes of data.
static std::string entryProblem(std::string_view entry) {
  return fileProblem(fileOf("{\"t\":" + std::string(entry) + "}", 4));
}

TEST(Safetensors, Reads) {
  TempFolder folder;
  folder.write(
      "model.safetensors",
      fileOf(R"({"__metadata__":{"format":"pt"},)"
             R"("b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},)"
             R"("a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},)"
             R"("empty":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4]},)"
             R"("scalar":{"dtype":"F32","shape":[],"data_offsets":[7,11]}}  )",
             11));
  Expected<Checkpoint> opened =
      Checkpoint::open(folder.str(), Checkpoint::Open::Data);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const TensorInfo *before = opened->find("b");
  Checkpoint checkpoint = std::move(*opened);
  ASSERT_EQ(checkpoint.tensors().size(), 4u);
  EXPECT_EQ(checkpoint.find("__metadata__"), nullptr);
  EXPECT_EQ(checkpoint.find("c"), nullptr);
  EXPECT_EQ(checkpoint.find("b"), before);
  const TensorInfo &b = *checkpoint.find("b");
  EXPECT_EQ(b.dtype, DType::U8);
  EXPECT_EQ(b.shape, Shape{3});
  EXPECT_EQ(checkpoint.files()[b.file], folder / "model.safetensors");
  ASSERT_EQ(b.data.size, 3u);
  EXPECT_EQ(std::memcmp(b.data.data, "\4\5\6", 3), 0);
  EXPECT_EQ(checkpoint.find("empty")->size, 0u);
  // Unaligned, and the last bytes of the file.
  EXPECT_EQ(std::memcmp(checkpoint.find("scalar")->data.data, "\7\10\11\12", 4),
            0);
}

TEST(Safetensors, HeadersOnlyHasNoData) {
  TempFolder folder;
  folder.write("model.safetensors", fileWith({"a"}));
  Expected<Checkpoint> checkpoint =
      Checkpoint::open(folder.str(), Checkpoint::Open::HeadersOnly);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(checkpoint->find("a")->data.data, nullptr);
  EXPECT_EQ(checkpoint->find("a")->size, 2u);
}

TEST(Safetensors, EmptyFileOfTensors) {
  EXPECT_EQ(fileProblem(fileOf("{}", 0)), "ok");
}

TEST(Safetensors, HeaderLength) {
  EXPECT_EQ(fileProblem(""),
            "model.safetensors: expected at least the 8 bytes of the header "
            "length, found 0 bytes");
  EXPECT_EQ(fileProblem(std::string_view("\2\0\0", 3)),
            "model.safetensors: expected at least the 8 bytes of the header "
            "length, found 3 bytes");
  EXPECT_EQ(fileProblem(std::string_view("\3\0\0\0\0\0\0\0{}", 10)),
            "model.safetensors: header length: expected at most the 2 bytes "
            "that follow it, found 3");
  EXPECT_EQ(fileProblem(std::string_view("\1\341\365\5\0\0\0\0{}", 10)),
            "model.safetensors: header length: expected at most 100000000 "
            "bytes, found 100000001");
  EXPECT_EQ(fileProblem(std::string(8, '\xff') + "{}"),
            "model.safetensors: header length: expected at most 100000000 "
            "bytes, found 18446744073709551615");
  EXPECT_EQ(fileProblem(std::string(8, '\0')),
            "model.safetensors: header: expected a JSON object, found nothing");
}

TEST(Safetensors, HeaderIsNotJson) {
  EXPECT_EQ(fileProblem(fileOf("[]", 0)),
            "model.safetensors: header: expected a JSON object, found \"[\"");
  EXPECT_EQ(fileProblem(fileOf(" {}", 0)),
            "model.safetensors: header: expected a JSON object, found \" \"");
  EXPECT_EQ(fileProblem(fileOf("{\"a\":", 0)),
            "model.safetensors: header: line 1, column 6: expected valid JSON, "
            "found syntax error while parsing value - unexpected end of input; "
            "expected '[', '{', or a literal");
  EXPECT_EQ(fileProblem(fileOf(std::string_view("{}\0", 3), 0)),
            "model.safetensors: header: byte 2: expected valid JSON, found a "
            "NUL byte");
  std::string deep = "{\"a\":" + std::string(1000, '[');
  EXPECT_NE(fileProblem(fileOf(deep, 0)).find("at most 64 levels"),
            std::string::npos);
}

TEST(Safetensors, DuplicateNameInOneFile) {
  EXPECT_EQ(fileProblem(fileWith({"a", "b", "a"})),
            "model.safetensors: header: a: expected each key once, found it "
            "twice");
}

TEST(Safetensors, NamesAreEscaped) {
  EXPECT_EQ(fileProblem(fileOf(R"({"x\ny\u001b":1})", 0)),
            "model.safetensors: x\\x0ay\\x1b: expected an object with dtype, "
            "shape and data_offsets, found 1");
}

TEST(Safetensors, Entry) {
  EXPECT_EQ(
      entryProblem(R"({"dtype":"BF16","shape":[2],"data_offsets":[0,4]})"),
      "ok");
  const std::pair<const char *, const char *> cases[] = {
      {"[]", "expected an object with dtype, shape and data_offsets, found a "
             "list of 0 values"},
      {R"({"shape":[2],"data_offsets":[0,4]})",
       "expected dtype, shape and data_offsets, found no dtype"},
      {R"({"dtype":"BF16","data_offsets":[0,4]})",
       "expected dtype, shape and data_offsets, found no shape"},
      {R"({"dtype":"BF16","shape":[2]})",
       "expected dtype, shape and data_offsets, found no data_offsets"},
      {R"({"dtype":"BF16","shape":[2],"data_offsets":[0,4],"x":1})",
       "expected only dtype, shape and data_offsets, found \"x\""},
      {R"({"dtype":16,"shape":[2],"data_offsets":[0,4]})",
       "expected a string as dtype, found 16"},
      {R"({"dtype":"bf16","shape":[2],"data_offsets":[0,4]})",
       "expected a dtype of the safetensors format, found \"bf16\""},
  };
  for (auto [entry, expected] : cases)
    EXPECT_EQ(entryProblem(entry),
              "model.safetensors: t: " + std::string(expected));
}

TEST(Safetensors, EntryShape) {
  const std::pair<const char *, const char *> cases[] = {
      {"2", "expected a list of sizes as shape, found 2"},
      {"[-2]", "expected sizes of zero or more in the shape, found -2"},
      {"[2.0]", "expected sizes of zero or more in the shape, found 2.0"},
      {"[\"2\"]", "expected sizes of zero or more in the shape, found \"2\""},
      {"[9223372036854775808]",
       "expected sizes of zero or more in the shape, found "
       "9.223372036854776e+18"},
      {"[9223372036854775807]",
       "expected a shape whose size in bits fits 64 bits, found "
       "[9223372036854775807]"},
      {"[4294967296, 4294967296]",
       "expected a shape whose size in bits fits 64 bits, found [4294967296, "
       "4294967296]"},
      {"[4294967296, 4294967296, 0]",
       "expected a shape whose size in bits fits 64 bits, found [4294967296, "
       "4294967296]"},
      {"[1]", "expected data_offsets 2 bytes apart for BF16 [1], found [0, 4]"},
      {"[2, 2]",
       "expected data_offsets 8 bytes apart for BF16 [2, 2], found [0, 4]"},
  };
  for (auto [shape, expected] : cases)
    EXPECT_EQ(entryProblem(R"({"dtype":"BF16","shape":)" + std::string(shape) +
                           R"(,"data_offsets":[0,4]})"),
              "model.safetensors: t: " + std::string(expected));
  std::string many = "[1";
  for (int i = 0; i < 64; ++i)
    many += ",1";
  EXPECT_EQ(entryProblem(R"({"dtype":"BF16","shape":)" + many +
                         R"(],"data_offsets":[0,4]})"),
            "model.safetensors: t: expected a shape of at most 64 dimensions, "
            "found 65");
  EXPECT_EQ(
      entryProblem(R"({"dtype":"F4","shape":[3],"data_offsets":[0,4]})"),
      "model.safetensors: t: expected a whole number of bytes, found 12 bits");
  EXPECT_EQ(entryProblem(R"({"dtype":"F4","shape":[8],"data_offsets":[0,4]})"),
            "ok");
}

TEST(Safetensors, EntryOffsets) {
  const std::pair<const char *, const char *> cases[] = {
      {"4", "expected [begin, end] as data_offsets, found 4"},
      {"[0]",
       "expected [begin, end] as data_offsets, found a list of one value"},
      {"[0,4,4]",
       "expected [begin, end] as data_offsets, found a list of 3 values"},
      {"[-4,0]", "expected offsets of zero or more in data_offsets, found -4"},
      {"[0,\"4\"]",
       "expected offsets of zero or more in data_offsets, found \"4\""},
      {"[4,0]", "expected data_offsets in ascending order, found [4, 0]"},
      {"[1,5]",
       "expected data_offsets within the 4 bytes of data, found [1, 5]"},
      {"[9223372036854775803,9223372036854775807]",
       "expected data_offsets within the 4 bytes of data, found "
       "[9223372036854775803, 9223372036854775807]"},
      {"[0,18446744073709551615]",
       "expected offsets of zero or more in data_offsets, found "
       "1.8446744073709552e+19"},
  };
  for (auto [offsets, expected] : cases)
    EXPECT_EQ(entryProblem(R"({"dtype":"BF16","shape":[2],"data_offsets":)" +
                           std::string(offsets) + "}"),
              "model.safetensors: t: " + std::string(expected));
}

TEST(Safetensors, Tiling) {
  auto two = [](const char *first, const char *second, size_t data) {
    return fileProblem(
        fileOf(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":)" +
                   std::string(first) +
                   R"(},"y":{"dtype":"U8","shape":[4],"data_offsets":)" +
                   second + "}}",
               data));
  };
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "ok");
  EXPECT_EQ(two("[0,4]", "[3,7]", 7),
            "model.safetensors: y: expected data that no other tensor has, "
            "found an overlap of 1 bytes with \"x\"");
  EXPECT_EQ(two("[0,4]", "[0,4]", 4),
            "model.safetensors: y: expected data that no other tensor has, "
            "found an overlap of 4 bytes with \"x\"");
  EXPECT_EQ(two("[0,4]", "[5,9]", 9),
            "model.safetensors: y: expected data without holes, found 1 unused "
            "bytes before it");
  EXPECT_EQ(two("[1,5]", "[5,9]", 9),
            "model.safetensors: x: expected data without holes, found 1 unused "
            "bytes before it");
  EXPECT_EQ(two("[0,4]", "[4,8]", 9),
            "model.safetensors: expected the file to end after the last "
            "tensor, found 1 more bytes");
  EXPECT_EQ(fileProblem(fileOf("{}", 1)),
            "model.safetensors: expected the file to end after the last "
            "tensor, found 1 more bytes");
  // An empty tensor inside another's data.
  EXPECT_EQ(fileProblem(fileOf(
                R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                R"("e":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
                4)),
            "model.safetensors: e: expected data that no other tensor has, "
            "found an overlap of 2 bytes with \"x\"");
}

TEST(Safetensors, Metadata) {
  EXPECT_EQ(fileProblem(fileOf(R"({"__metadata__":1})", 0)),
            "model.safetensors: __metadata__: expected an object of strings, "
            "found 1");
  EXPECT_EQ(fileProblem(fileOf(R"({"__metadata__":{"a":"b","c":{}}})", 0)),
            "model.safetensors: __metadata__.c: expected a string, found an "
            "object");
}

TEST(Safetensors, EveryDTypeIsKnown) {
  for (const char *name :
       {"BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "I16", "U16",
        "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64"}) {
    TempFolder folder;
    folder.write("model.safetensors",
                 fileOf(R"({"t":{"dtype":")" + std::string(name) +
                            R"(","shape":[0],"data_offsets":[0,0]}})",
                        0));
    Expected<Checkpoint> checkpoint =
        Checkpoint::open(folder.str(), Checkpoint::Open::HeadersOnly);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    EXPECT_EQ(dtypeName(checkpoint->find("t")->dtype), name);
  }
  EXPECT_EQ(dtypeBits(DType::BF16), 16u);
  EXPECT_EQ(dtypeBits(DType::U64), 64u);
  EXPECT_EQ(dtypeBits(DType::F6E3M2), 6u);
}

TEST(Safetensors, Require) {
  TempFolder folder;
  folder.write(
      "model.safetensors",
      fileOf(R"({"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
             R"("w":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}})",
             8));
  Expected<Checkpoint> checkpoint =
      Checkpoint::open(folder.str(), Checkpoint::Open::Data);
  ASSERT_TRUE(checkpoint.ok());
  auto message = [&](const char *name, const Shape &shape) {
    Expected<const TensorInfo *> tensor = checkpoint->requireBF16(name, shape);
    return tensor.ok() ? "ok" : folder.relative(tensor.error().message);
  };
  EXPECT_EQ(message("w", {2}), "ok");
  EXPECT_EQ(message("w", {1, 2}),
            "model.safetensors: w: expected BF16 [1, 2], found BF16 [2]");
  EXPECT_EQ(message("h", {2}),
            "model.safetensors: h: expected BF16 [2], found F16 [2]");
  EXPECT_EQ(message("v", {}),
            "model.safetensors: v: expected BF16 [], found no such tensor");
}

TEST(Safetensors, NoCheckpoint) {
  TempFolder folder;
  EXPECT_EQ(problem(folder),
            folder.str() + ": expected a folder with model.safetensors or "
                           "model.safetensors.index.json, found neither");
  std::error_code error;
  std::filesystem::create_symlink("gone", folder / "model.safetensors", error);
  EXPECT_EQ(problem(folder),
            "model.safetensors: expected a readable file, found none");
}

TEST(Safetensors, SymbolicLinks) {
  TempFolder blobs, folder;
  blobs.write("blob", fileWith({"a"}));
  std::error_code error;
  std::filesystem::create_symlink(blobs / "blob", folder / "model.safetensors",
                                  error);
  EXPECT_EQ(problem(folder), "ok");
}

namespace {
/// A folder with two shards: s1 has a and b, s2 has c and d.
struct Sharded {
  TempFolder folder;

  Sharded() {
    folder.write("s1", fileWith({"a", "b"}));
    folder.write("s2", fileWith({"c", "d"}));
  }
  void index(std::string_view text) {
    folder.write("model.safetensors.index.json", text);
  }
  /// The problem with this weight_map.
  std::string map(std::string_view entries) {
    index("{\"weight_map\":{" + std::string(entries) + "}}");
    return problem(folder);
  }
};
} // namespace

TEST(SafetensorsIndex, Reads) {
  Sharded files;
  files.index(R"({"metadata":{"total_size":8},)"
              R"("weight_map":{"d":"s2","a":"s1","c":"s2"}})");
  Expected<Checkpoint> checkpoint =
      Checkpoint::open(files.folder.str(), Checkpoint::Open::Data);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  // In its shard, but not in the index.
  EXPECT_EQ(checkpoint->find("b"), nullptr);
  const TensorInfo *d = checkpoint->find("d");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(checkpoint->files()[d->file], files.folder / "s2");
  EXPECT_EQ(std::memcmp(d->data.data, "\2\3", 2), 0);
  Expected<const TensorInfo *> missing = checkpoint->requireBF16("b", {1});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(files.folder.relative(missing.error().message),
            "model.safetensors.index.json: b: expected BF16 [1], found no such "
            "tensor");
}

TEST(SafetensorsIndex, Malformed) {
  const std::pair<const char *, const char *> cases[] = {
      {"[]", "expected an object, found a list of 0 values"},
      {"{}", "weight_map: expected an object from tensor to shard, found no "
             "such key"},
      {R"({"weight_map":["a"]})", "weight_map: expected an object from tensor "
                                  "to shard, found a list of one value"},
      {R"({"weight_map":{"a":1}})", "a: expected the name of a shard, found 1"},
      {R"({"weight_map":{"a":"s1","a":"s2"}})",
       "weight_map.a: expected each key once, found it twice"},
  };
  for (auto [text, expected] : cases) {
    Sharded files;
    files.index(text);
    EXPECT_EQ(problem(files.folder),
              "model.safetensors.index.json: " + std::string(expected));
  }
}

TEST(SafetensorsIndex, ShardNames) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "an empty name in \"\""},
      {".", "the name of a folder in \".\""},
      {"..", "the name of a folder in \"..\""},
      {"../s1", "a path separator in \"../s1\""},
      {"/etc/passwd", "a path separator in \"/etc/passwd\""},
      {"x/../s1", "a path separator in \"x/../s1\""},
      {"..\\\\s1", "a path separator in \"..\\s1\""},
      {"s1\\u0000", "a NUL byte in \"s1\\x00\""},
  };
  for (auto [name, expected] : cases) {
    Sharded files;
    EXPECT_EQ(files.map("\"a\":\"" + std::string(name) + "\""),
              "model.safetensors.index.json: a: expected the name of a shard "
              "in the same folder, found " +
                  std::string(expected));
  }
}

TEST(SafetensorsIndex, MissingShard) {
  Sharded files;
  EXPECT_EQ(files.map(R"("a":"s1","c":"s3")"),
            "s3: expected a readable file, found none");
}

TEST(SafetensorsIndex, TensorNotInShard) {
  Sharded files;
  EXPECT_EQ(files.map(R"("a":"s1","e":"s2")"),
            "model.safetensors.index.json: e: expected a tensor that is in its "
            "shard, found none of that name in \"s2\"");
  EXPECT_EQ(files.map(R"("a":"s1","c":"s1","d":"s2")"),
            "model.safetensors.index.json: c: expected a tensor that is in its "
            "shard, found none of that name in \"s1\"");
}

TEST(SafetensorsIndex, TensorInTwoShards) {
  Sharded files;
  files.folder.write("s2", fileWith({"c", "a"}));
  EXPECT_EQ(files.map(R"("a":"s1","c":"s2")"),
            "s2: a: expected each tensor in one shard, found it also in "
            "\"s1\"");
}

TEST(SafetensorsIndex, MalformedShard) {
  Sharded files;
  files.folder.write("s2", "x");
  EXPECT_EQ(files.map(R"("a":"s1","c":"s2")"),
            "s2: expected at least the 8 bytes of the header length, found 1 "
            "bytes");
}

TEST(SafetensorsIndex, ShardsAsLinks) {
  Sharded files;
  TempFolder blobs;
  std::error_code error;
  std::filesystem::rename(files.folder / "s2", blobs / "blob", error);
  std::filesystem::create_symlink(blobs / "blob", files.folder / "s2", error);
  EXPECT_EQ(files.map(R"("a":"s1","c":"s2")"), "ok");
}
