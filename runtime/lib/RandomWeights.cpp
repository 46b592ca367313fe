//===- RandomWeights.cpp - Weights without a checkpoint -------------------===//
//
// For timing, and for tests of shapes that no checkpoint at hand has. Values
// depend on the seed, the tensor's name and the index alone.
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include "AMK/Runtime/Numerics.h"
#include "AMK/Runtime/WeightSource.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

namespace amk::runtime {

namespace {

constexpr unsigned kTableBits = 11;
using ValueTable = std::array<uint16_t, 1u << kTableBits>;

/// Near enough to normal: sums of four uniform variables, scaled to deviation
/// 0.02.
ValueTable makeTable() {
  ValueTable table;
  const double n = double(table.size());
  std::vector<double> values;
  uint64_t state = 1;
  for (size_t i = 0; i < table.size(); ++i) {
    double sum = 0;
    for (int k = 0; k < 4; ++k) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sum += double(state >> 40) / double(1 << 24) - 0.5;
    }
    values.push_back(sum);
  }
  // Mean and deviation are exact, whatever was drawn.
  double mean = 0, square = 0;
  for (double v : values)
    mean += v / n;
  for (double v : values)
    square += (v - mean) * (v - mean) / n;
  const double root = std::sqrt(square);
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = floatToBf16(float((values[i] - mean) / root * 0.02));
  return table;
}

uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Values of index [lo, hi), both multiples of 4 (or hi the end).
void fill(const ValueTable &table, uint64_t key, uint64_t lo, uint64_t hi,
          uint16_t *out) {
  constexpr uint64_t kMask = (1u << kTableBits) - 1;
  for (uint64_t i = lo; i < hi; i += 4) {
    const uint64_t bits = mix(key + i / 4);
    for (uint64_t j = 0; j < 4 && i + j < hi; ++j)
      out[i + j] = table[(bits >> (16 * j)) & kMask];
  }
}

class RandomWeights : public WeightSource {
public:
  explicit RandomWeights(uint64_t seed) : seed(seed), table(makeTable()) {}

  Status tensor(const std::string &name, int64_t rows, int64_t columns,
                const void *&data) override {
    if (rows < 1 || columns < 1 || rows > (int64_t(1) << 40) / columns)
      return {ErrorKind::Input, "random weights: tensor '" + name +
                                    "': " + std::to_string(rows) + " x " +
                                    std::to_string(columns) + " is too large"};
    Tensor &t = tensors[name];
    if (!t.memory.data()) {
      t.rows = rows;
      t.columns = columns;
      const uint64_t count = uint64_t(rows) * uint64_t(columns);
      if (Status s = t.memory.allocate(count * 2, "tensor '" + name + "'");
          !s.ok())
        return s;
      make(name, rows, count, reinterpret_cast<uint16_t *>(t.memory.data()));
    }
    if (t.rows != rows || t.columns != columns)
      return {ErrorKind::Input,
              "random weights: tensor '" + name + "': expected " +
                  std::to_string(t.rows) + " x " + std::to_string(t.columns) +
                  " as before, found " + std::to_string(rows) + " x " +
                  std::to_string(columns)};
    data = t.memory.data();
    return {};
  }

private:
  struct Tensor {
    Memory memory;
    int64_t rows = 0, columns = 0;
  };

  void make(const std::string &name, int64_t rows, uint64_t count,
            uint16_t *out) const {
    if (rows == 1 && name.find("norm") != std::string::npos) {
      std::fill(out, out + count, floatToBf16(1.0f));
      return;
    }
    uint64_t key = mix(seed);
    for (char c : name)
      key = mix(key ^ uint8_t(c));
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const unsigned threads =
        unsigned(std::min<uint64_t>(cores, count / (1 << 18) + 1));
    const uint64_t share = (count / threads + 4) / 4 * 4;
    std::vector<std::thread> helpers;
    for (unsigned t = 1; t < threads; ++t)
      helpers.emplace_back([this, key, out, lo = std::min(count, t * share),
                            hi = std::min(count, (t + 1) * share)] {
        fill(table, key, lo, hi, out);
      });
    fill(table, key, 0, std::min(count, share), out);
    for (std::thread &t : helpers)
      t.join();
  }

  uint64_t seed;
  ValueTable table;
  std::map<std::string, Tensor> tensors;
};

} // namespace

std::unique_ptr<WeightSource> randomWeights(uint64_t seed) {
  return std::make_unique<RandomWeights>(seed);
}

} // namespace amk::runtime
