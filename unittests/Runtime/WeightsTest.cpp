//===- WeightsTest.cpp - Weight views and their sources -------------------===//

#include "AMK/Runtime/Numerics.h"
#include "AMK/Runtime/WeightRows.h"
#include "ToyProgram.h"

#include <cmath>
#include <cstring>
#include <map>

using namespace amk;
using namespace amk::runtime;

namespace {

/// Row r of tensor "name" holds 100 * (name's first letter - 'a') + r.
struct NumberedRows : WeightSource {
  Status tensor(const std::string &name, int64_t rows, int64_t columns,
                const void *&data) override {
    std::vector<uint16_t> &values = tensors[name];
    values.clear();
    for (int64_t r = 0; r < rows; ++r)
      values.insert(values.end(), size_t(columns),
                    uint16_t(100 * (name[0] - 'a') + r));
    data = values.data();
    return {};
  }
  std::map<std::string, std::vector<uint16_t>> tensors;
};

std::vector<int> rowsOf(const core::WeightView &view, int64_t rows,
                        std::string *error = nullptr) {
  core::Schedule s;
  s.views.push_back(view);
  core::Buffer b;
  b.name = "w";
  b.kind = core::BufferKind::Weight;
  b.type = core::ElementType::BF16;
  b.shape = {rows, 3};
  b.view = 0;
  NumberedRows source;
  WeightRows w;
  const Status status = w.resolve(s, b, source);
  if (error)
    *error = status.message();
  std::vector<int> found;
  for (int64_t r = 0; status.ok() && r < rows; ++r) {
    uint16_t value;
    std::memcpy(&value, w.row(r) + 4, 2);
    found.push_back(value);
  }
  return found;
}

TEST(WeightRows, ConcatenatedInterleavedPermuted) {
  EXPECT_EQ(rowsOf({{{"a", 2, 0}, {"b", 3, 0}}, false}, 5),
            (std::vector<int>{0, 1, 100, 101, 102}));
  EXPECT_EQ(rowsOf({{{"a", 2, 0}, {"b", 2, 0}}, true}, 4),
            (std::vector<int>{0, 100, 1, 101}));
  EXPECT_EQ(rowsOf({{{"a", 8, 4}, {"b", 1, 0}}, false}, 9),
            (std::vector<int>{0, 2, 1, 3, 4, 6, 5, 7, 100}));
}

TEST(WeightRows, ViewsThatDoNotFitAreRefused) {
  std::string error;
  rowsOf({{{"a", 2, 0}}, false}, 5, &error);
  EXPECT_EQ(error, "weight 'w': tensors of 2 rows for 5");
  rowsOf({{{"a", 2, 0}, {"b", 3, 0}}, true}, 5, &error);
  EXPECT_EQ(error, "weight 'w': interleaved tensors of different length");
  rowsOf({{{"a", 5, 4}}, false}, 5, &error);
  EXPECT_EQ(error, "weight 'w': tensor 'a' has no whole heads of 4 rows");
  rowsOf({{}, false}, 5, &error);
  EXPECT_EQ(error, "weight 'w': a view without tensors");
  rowsOf({{{"a", -1, 0}, {"b", 6, 0}}, false}, 5, &error);
  EXPECT_EQ(error, "weight 'w': tensor 'a' has -1 of 5 rows");
}

TEST(RandomWeights, DependOnSeedAndName) {
  auto one = randomWeights(1), same = randomWeights(1), two = randomWeights(2);
  const auto bytes = [](WeightSource &source, const char *name) {
    const void *data = nullptr;
    EXPECT_OK(source.tensor(name, 1000, 700, data));
    return std::string(static_cast<const char *>(data), 1400000);
  };
  EXPECT_EQ(bytes(*one, "x"), bytes(*same, "x"));
  EXPECT_NE(bytes(*one, "x"), bytes(*one, "y"));
  EXPECT_NE(bytes(*one, "x"), bytes(*two, "x"));
  const std::string values = bytes(*one, "x");
  double mean = 0, square = 0;
  for (int64_t i = 0; i < 700000; ++i) {
    const double v = loadBf16(values.data(), i);
    mean += v / 700000;
    square += v * v / 700000;
  }
  EXPECT_NEAR(mean, 0, 1e-4);
  EXPECT_NEAR(std::sqrt(square), 0.02, 1e-3);
  const void *data = nullptr;
  EXPECT_EQ(one->tensor("x", 700, 1000, data).kind(), ErrorKind::Input);
  ASSERT_OK(one->tensor("model.norm.weight", 1, 64, data));
  EXPECT_EQ(loadBf16(data, 63), 1.0f);
}

TEST(Weights, ACheckpointAndItsErrors) {
  const std::string directory = AMK_TEST_INPUTS "/tiny-llama";
  std::unique_ptr<WeightSource> source;
  ASSERT_OK(openWeights(directory, source));
  const void *data = nullptr;
  EXPECT_OK(source->tensor("model.norm.weight", 1, 256, data));
  EXPECT_OK(source->tensor("model.embed_tokens.weight", 1024, 256, data));
  const auto expectError = [&](const char *name, int64_t rows,
                               int64_t columns) {
    const Status s = source->tensor(name, rows, columns, data);
    EXPECT_EQ(s.kind(), ErrorKind::Input);
    EXPECT_NE(s.message().find(directory), std::string::npos) << s.message();
    EXPECT_NE(s.message().find(name), std::string::npos) << s.message();
    EXPECT_EQ(s.message().find('\n'), std::string::npos) << s.message();
  };
  expectError("model.embed_tokens.weight", 1024, 255);
  expectError("model.norm.weight", 1, 255);
  expectError("model.missing.weight", 4, 4);

  EXPECT_EQ(openWeights("/nowhere", source).kind(), ErrorKind::Input);
  EXPECT_EQ(openWeights("random:", source).kind(), ErrorKind::Usage);
  EXPECT_EQ(openWeights("random:1x", source).kind(), ErrorKind::Usage);
  EXPECT_OK(openWeights("random:12", source));
}

} // namespace
