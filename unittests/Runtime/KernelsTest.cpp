//===- KernelsTest.cpp - Every kernel against double precision ------------===//
//
// And against itself: the same bits however the range is cut.
//
//===----------------------------------------------------------------------===//

#include "AMK/Runtime/Kernels.h"
#include "AMK/Runtime/Numerics.h"
#include "AMK/Schedule/Operators.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>

using namespace amk;
using namespace amk::core;
using namespace amk::runtime;

namespace {

class VectorWeights : public WeightSource {
public:
  Status tensor(const std::string &name, int64_t, int64_t,
                const void *&data) override {
    data = tensors[name].data();
    return {};
  }
  std::map<std::string, std::vector<char>> tensors;
};

/// One operator with its operands and their contents.
class KernelTest : public ::testing::Test {
protected:
  KernelTest() {
    s.positions = 9;
    s.numerics.kBlock = 96;
    s.numerics.kvBlock = 3;
  }

  uint32_t add(ElementType type, std::vector<int64_t> shape,
               BufferKind kind = BufferKind::Activation) {
    Buffer b;
    b.name = "b" + std::to_string(s.buffers.size());
    b.kind = kind;
    b.type = type;
    b.shape = std::move(shape);
    s.buffers.push_back(b);
    data.emplace_back(size_t(b.elements()) * byteWidth(type));
    op.operands.push_back(uint32_t(s.buffers.size() - 1));
    return op.operands.back();
  }
  /// Filled with normal values.
  uint32_t addRandom(ElementType type, std::vector<int64_t> shape,
                     BufferKind kind = BufferKind::Activation) {
    const uint32_t b = add(type, std::move(shape), kind);
    for (int64_t i = 0; i < s.buffers[b].elements(); ++i)
      setValue(b, i, normal(random));
    return b;
  }
  uint32_t addWeight(std::vector<int64_t> shape) {
    const uint32_t b = addRandom(ElementType::BF16, shape, BufferKind::Weight);
    WeightView view;
    view.parts.push_back(
        {"w" + std::to_string(b), shape.size() == 1 ? 1 : shape[0], 0});
    s.buffers[b].view = uint32_t(s.views.size());
    s.views.push_back(view);
    // At an odd address.
    std::vector<char> &bytes = source.tensors[view.parts[0].tensor];
    bytes.assign(1, 0);
    bytes.insert(bytes.end(), data[b].begin(), data[b].end());
    return b;
  }
  void attribute(std::string name, int64_t value) {
    op.attributes.push_back({std::move(name), false, value, 0});
  }

  void setValue(uint32_t b, int64_t i, float v) {
    if (s.buffers[b].type == ElementType::BF16) {
      const uint16_t bits = floatToBf16(v);
      std::memcpy(data[b].data() + 2 * i, &bits, 2);
    } else {
      std::memcpy(data[b].data() + 4 * i, &v, 4);
    }
  }
  float value(uint32_t b, int64_t i) const {
    if (s.buffers[b].type == ElementType::BF16)
      return loadBf16(data[b].data(), i);
    float f;
    std::memcpy(&f, data[b].data() + 4 * i, 4);
    return f;
  }
  int32_t integer(uint32_t b, int64_t i) const {
    int32_t v;
    std::memcpy(&v, data[b].data() + 4 * i, 4);
    return v;
  }

  void call(Range range) {
    std::vector<WeightRows> weights(op.operands.size());
    std::vector<KernelOperand> operands(op.operands.size());
    for (size_t i = 0; i < operands.size(); ++i) {
      const uint32_t b = op.operands[i];
      if (s.buffers[b].kind == BufferKind::Weight) {
        Shifted shifted(source);
        ASSERT_TRUE(weights[i].resolve(s, s.buffers[b], shifted).ok());
        operands[i].weight = &weights[i];
      } else {
        operands[i].data = data[b].data();
      }
    }
    lookupKernel(op.name)({s, op, range, position, operands.data()});
  }

  /// Runs the operator whole, then in every size of pieces: same bytes.
  void run(std::string name) {
    op.name = std::move(name);
    const OperatorModel *model = lookupOperator(op.name);
    ASSERT_NE(model, nullptr);
    ASSERT_EQ(model->verify(s, op), "");
    const int64_t extent = model->extent(s, op);
    const int64_t granule = model->granule(s, op);
    const auto before = data;
    call({0, extent});
    const auto whole = data;
    for (int64_t step = granule; step < extent; step += granule) {
      data = before;
      for (int64_t lo = 0; lo < extent; lo += step)
        call({lo, std::min(lo + step, extent)});
      ASSERT_EQ(data, whole) << "pieces of " << step;
    }
    data = whole;
  }

  /// Tensors that start one byte into their storage.
  struct Shifted : WeightSource {
    explicit Shifted(VectorWeights &s) : inner(s) {}
    Status tensor(const std::string &name, int64_t rows, int64_t columns,
                  const void *&out) override {
      Status st = inner.tensor(name, rows, columns, out);
      out = static_cast<const char *>(out) + 1;
      return st;
    }
    VectorWeights &inner;
  };

  Schedule s;
  Operator op;
  std::vector<std::vector<char>> data;
  VectorWeights source;
  int64_t position = 0;
  std::mt19937 random{5};
  std::normal_distribution<float> normal;
};

TEST_F(KernelTest, Linear) {
  const int64_t n = 37, k = 203;
  const uint32_t x = addRandom(ElementType::BF16, {k});
  const uint32_t w = addWeight({n, k});
  const uint32_t y = add(ElementType::F32, {n});
  run("linear");
  for (int64_t r = 0; r < n; ++r) {
    double sum = 0;
    for (int64_t j = 0; j < k; ++j)
      sum += double(value(x, j)) * value(w, r * k + j);
    EXPECT_NEAR(value(y, r), sum, 1e-4);
  }
}

TEST_F(KernelTest, Embed) {
  const uint32_t token = add(ElementType::I32, {1}, BufferKind::Input);
  const uint32_t table = addWeight({11, 26});
  const uint32_t y = add(ElementType::F32, {26});
  const int32_t id = 7;
  std::memcpy(data[token].data(), &id, 4);
  run("embed");
  for (int64_t i = 0; i < 26; ++i)
    EXPECT_EQ(value(y, i), value(table, 7 * 26 + i));
  const int32_t outside = 11;
  std::memcpy(data[token].data(), &outside, 4);
  run("embed");
  EXPECT_TRUE(std::isnan(value(y, 0)));
}

TEST_F(KernelTest, RmsNorm) {
  const int64_t n = 131;
  const uint32_t x = addRandom(ElementType::BF16, {n});
  const uint32_t gain = addWeight({n});
  const uint32_t y = add(ElementType::F32, {n});
  const uint32_t scale = add(ElementType::F32, {1});
  op.attributes.push_back({"eps", true, 0, 1e-5});
  run("rms_norm");
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    squares += double(value(x, i)) * value(x, i);
    EXPECT_FLOAT_EQ(value(y, i), value(x, i) * value(gain, i));
  }
  EXPECT_NEAR(value(scale, 0), 1 / std::sqrt(squares / double(n) + 1e-5), 1e-6);
}

TEST_F(KernelTest, RoundScaleAdd) {
  const int64_t n = 29;
  const uint32_t x = addRandom(ElementType::F32, {n});
  const uint32_t y = add(ElementType::BF16, {n});
  run("round");
  for (int64_t i = 0; i < n; ++i)
    EXPECT_NEAR(value(y, i), value(x, i), std::abs(value(x, i)) / 256);

  op.operands = {x};
  const uint32_t factor = addRandom(ElementType::F32, {1});
  const uint32_t z = add(ElementType::F32, {n});
  run("scale");
  for (int64_t i = 0; i < n; ++i)
    EXPECT_EQ(value(z, i), value(x, i) * value(factor, 0));

  op.operands = {x, z};
  const uint32_t sum = add(ElementType::F32, {n});
  run("add");
  for (int64_t i = 0; i < n; ++i)
    EXPECT_EQ(value(sum, i), value(x, i) + value(z, i));
}

TEST_F(KernelTest, Rope) {
  const int64_t d = 6, rows = 24, rotated = 18;
  const uint32_t x = addRandom(ElementType::F32, {rows});
  const uint32_t table = addRandom(ElementType::F32, {s.positions, d / 2, 2},
                                   BufferKind::Constant);
  const uint32_t y = add(ElementType::F32, {rows});
  attribute("head_dim", d);
  attribute("rotated_rows", rotated);
  position = 4;
  run("rope");
  for (int64_t i = 0; i < rows; i += 2) {
    const double a = value(x, i), b = value(x, i + 1);
    const int64_t entry = (position * d / 2 + i / 2 % (d / 2)) * 2;
    const double c = value(table, entry), t = value(table, entry + 1);
    EXPECT_NEAR(value(y, i), i < rotated ? a * c - b * t : a, 1e-5);
    EXPECT_NEAR(value(y, i + 1), i < rotated ? b * c + a * t : b, 1e-5);
  }
}

TEST_F(KernelTest, SiluMulAndSwiglu) {
  const int64_t n = 33;
  const uint32_t gate = addRandom(ElementType::F32, {n});
  const uint32_t up = addRandom(ElementType::F32, {n});
  const uint32_t y = add(ElementType::F32, {n});
  setValue(gate, 0, -200.0f);
  setValue(gate, 1, 200.0f);
  run("silu_mul");
  const auto silu = [](double g, double u) { return g / (1 + exp(-g)) * u; };
  for (int64_t i = 0; i < n; ++i)
    EXPECT_NEAR(value(y, i), silu(value(gate, i), value(up, i)),
                1e-6 * (1 + std::abs(silu(value(gate, i), value(up, i)))));
  op.operands.clear();
  const uint32_t both = addRandom(ElementType::F32, {2 * n});
  const uint32_t z = add(ElementType::F32, {n});
  run("swiglu");
  for (int64_t i = 0; i < n; ++i)
    EXPECT_NEAR(value(z, i), silu(value(both, 2 * i), value(both, 2 * i + 1)),
                1e-5);
}

TEST_F(KernelTest, KvAppend) {
  const int64_t g = 3, d = 4, from = 8, n = from + 2 * g * d;
  const uint32_t x = addRandom(ElementType::BF16, {n});
  const uint32_t cache =
      add(ElementType::BF16, {2, g, s.positions, d}, BufferKind::KvCache);
  attribute("from", from);
  attribute("to", 0);
  position = 5;
  run("kv_append");
  for (int64_t h = 0; h < 2 * g; ++h)
    for (int64_t p = 0; p < s.positions; ++p)
      for (int64_t e = 0; e < d; ++e)
        EXPECT_EQ(value(cache, (h * s.positions + p) * d + e),
                  p == position ? value(x, from + h * d + e) : 0.0f);
}

TEST_F(KernelTest, Attention) {
  const int64_t kv = 2, group = 3, heads = kv * group, d = 10;
  const uint32_t qkv = addRandom(ElementType::BF16, {(heads + 2 * kv) * d + 4});
  op.operands = {qkv, qkv, qkv};
  const uint32_t cache = addRandom(ElementType::BF16, {2, kv, s.positions, d},
                                   BufferKind::KvCache);
  const uint32_t y = add(ElementType::F32, {heads * d});
  const int64_t q0 = 4, k0 = q0 + heads * d, v0 = k0 + kv * d;
  attribute("group", group);
  attribute("head_dim", d);
  attribute("query_row", q0);
  attribute("key_row", k0);
  attribute("value_row", v0);
  for (position = 0; position < s.positions; ++position) {
    run("attention");
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t g = h / group;
      const auto at = [&](int64_t plane, int64_t now, int64_t p, int64_t e) {
        return p == position
                   ? value(qkv, now + g * d + e)
                   : value(cache, ((plane * kv + g) * s.positions + p) * d + e);
      };
      std::vector<double> out(size_t(d), 0.0);
      double sum = 0;
      for (int64_t p = 0; p <= position; ++p) {
        double dot = 0;
        for (int64_t e = 0; e < d; ++e)
          dot += double(value(qkv, q0 + h * d + e)) * at(0, k0, p, e);
        const double weight = std::exp(dot / std::sqrt(double(d)));
        sum += weight;
        for (int64_t e = 0; e < d; ++e)
          out[size_t(e)] += weight * at(1, v0, p, e);
      }
      for (int64_t e = 0; e < d; ++e)
        EXPECT_NEAR(value(y, h * d + e), out[size_t(e)] / sum, 1e-5);
    }
  }
}

/// Splits of every number of blocks, with and without positions.
TEST_F(KernelTest, AttentionInSplits) {
  s.positions = 40;
  s.numerics.kvChunk = 2;
  s.numerics.kvSplits = 4;
  const int64_t kv = 2, group = 3, heads = kv * group, d = 10;
  const uint32_t qkv = addRandom(ElementType::BF16, {(heads + 2 * kv) * d});
  const uint32_t cache = addRandom(ElementType::BF16, {2, kv, s.positions, d},
                                   BufferKind::KvCache);
  const uint32_t parts = add(ElementType::F32, {kv * 3 * partValues(group, d)});
  const uint32_t whole = add(ElementType::F32, {heads * d});
  const uint32_t joined = add(ElementType::F32, {heads * d});
  attribute("group", group);
  attribute("head_dim", d);
  attribute("query_row", 0);
  attribute("key_row", heads * d);
  attribute("value_row", (heads + kv) * d);
  for (position = 0; position < s.positions; ++position) {
    op.operands = {qkv, qkv, qkv, cache, whole};
    run("attention");
    op.operands = {qkv, cache, parts};
    run("attention_partial");
    op.operands = {qkv, qkv, qkv, cache, parts, joined};
    run("attention_join");
    EXPECT_EQ(data[whole], data[joined]) << "at position " << position;
    // Split 2 has positions from the seventh block on, whatever it holds.
    const int64_t blocks = (position + 2) / 3;
    const float log = value(parts, partValues(group, d));
    EXPECT_EQ(std::isinf(log), blocks <= 2 || blocks <= 2 * ((blocks + 3) / 4))
        << "at position " << position;
    // The tree differs from that of one split, the value does not.
    const Numerics numerics = s.numerics;
    const auto inSplits = data[whole];
    s.numerics.kvSplits = 1;
    op.operands = {qkv, qkv, qkv, cache, whole};
    run("attention");
    s.numerics = numerics;
    for (int64_t i = 0; i < heads * d; ++i)
      EXPECT_NEAR(value(whole, i), value(joined, i), 1e-5);
  }
}

TEST_F(KernelTest, Argmax) {
  const int64_t n = 50;
  const uint32_t x = addRandom(ElementType::F32, {n});
  const uint32_t best = add(ElementType::I32, {1});
  const std::vector<uint32_t> whole = op.operands;
  op.operands = {x};
  const uint32_t values = add(ElementType::F32, {7});
  const uint32_t indices = add(ElementType::I32, {7});
  const std::vector<uint32_t> blocks = op.operands;
  op.operands = {values, indices};
  const uint32_t combined = add(ElementType::I32, {1});
  const std::vector<uint32_t> combine = op.operands;
  const auto both = [&](int32_t expected) {
    op.attributes.clear();
    op.operands = whole;
    run("argmax");
    EXPECT_EQ(integer(best, 0), expected);
    attribute("block", 8);
    op.operands = blocks;
    run("argmax_blocks");
    op.operands = combine;
    run("argmax_combine");
    EXPECT_EQ(integer(combined, 0), expected);
  };
  setValue(x, 41, 10.0f);
  both(41);
  setValue(x, 42, 10.0f); // a tie in the block
  both(41);
  setValue(x, 13, 10.0f); // a tie of blocks
  both(13);
  setValue(x, 49, std::nanf(""));
  both(-1);
  for (int64_t i = 0; i < n; ++i)
    setValue(x, i, -std::numeric_limits<float>::infinity());
  both(0);
}

TEST_F(KernelTest, Hash) {
  const uint32_t x = add(ElementType::BF16, {3});
  const uint32_t y = add(ElementType::BF16, {5});
  for (char i = 0; i < 6; ++i)
    data[x][size_t(i)] = char(200 + i);
  run("hash");
  uint32_t h = 2166136261u;
  for (uint32_t i = 0; i < 6; ++i)
    h = (h ^ (200 + i)) * 16777619u;
  for (uint32_t i = 0; i < 5; ++i) {
    uint16_t got;
    std::memcpy(&got, data[y].data() + 2 * i, 2);
    EXPECT_EQ(got, uint16_t(h ^ ((i + 1) * 2654435761u)));
  }
}

TEST(KernelRegistry, EveryOperatorHasAKernel) {
  for (const char *name :
       {"embed", "round", "rms_norm", "linear", "scale", "rope", "kv_append",
        "attention", "attention_partial", "attention_join", "add", "silu_mul",
        "swiglu", "argmax", "argmax_blocks", "argmax_combine", "hash"}) {
    EXPECT_NE(lookupKernel(name), nullptr) << name;
    EXPECT_NE(lookupOperator(name), nullptr) << name;
  }
  EXPECT_EQ(lookupKernel("unknown"), nullptr);
  EXPECT_FALSE(registerKernel("linear", [](const KernelCall &) {}));
  EXPECT_TRUE(registerKernel("mine", [](const KernelCall &) {}));
  EXPECT_NE(lookupKernel("mine"), nullptr);
}

} // namespace
