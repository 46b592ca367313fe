//===- AttentionKernels.cpp - kv_append, attention ------------------------===//

#include "KernelGroups.h"

#include "AMK/Runtime/Numerics.h"
#include "AMK/Schedule/Operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace amk::runtime {

namespace {

void kvAppend(const KernelCall &call) {
  const core::Buffer &cache = call.buffer(1);
  const int64_t positions = cache.shape[2], d = cache.shape[3];
  const int64_t from = call.op.getInt("from"), to = call.op.getInt("to");
  const char *x = call.bytes(0);
  uint16_t *out = call.data<uint16_t>(1);
  for (int64_t r = std::max(call.range.lo, from); r < call.range.hi; ++r) {
    // Plane and head in one: the cache is [2 * heads, positions, d].
    const int64_t row = r - from + to;
    std::memcpy(&out[(row / d * positions + call.position) * d + row % d],
                x + r * 2, sizeof *out);
  }
}

/// One query head against one KV head.
struct Head {
  const float *query;
  // bf16, perhaps unaligned.
  const char *keys, *values;     ///< of the cache: [positions, d]
  const char *keyNow, *valueNow; ///< of this position
  int64_t position, d, kBlock;

  const char *key(int64_t p) const {
    return p == position ? keyNow : keys + p * d * 2;
  }
  const char *value(int64_t p) const {
    return p == position ? valueNow : values + p * d * 2;
  }
};

/// Softmax over some of the positions: the logarithm of the sum of the
/// exponentials, and the weighted mean of the values. Without positions minus
/// infinity and zeros.
class Softmax {
public:
  Softmax(const Head &head, float *weights, float *out)
      : h(head), weights(weights), out(out) {
    std::fill(out, out + h.d, 0.0f);
  }

  /// A block of positions: the maximum first, then the sum of the weights and
  /// of the weighted values in order of the positions, starting from the
  /// earlier blocks' sums rescaled to the new maximum.
  void add(int64_t first, int64_t n) {
    float newMax = max;
    for (int64_t i = 0; i < n; ++i) {
      weights[i] =
          sumOfProducts(h.query, h.key(first + i), h.d, h.kBlock) / root;
      newMax = weights[i] > newMax ? weights[i] : newMax;
    }
    const float correction = expFloat(max - newMax);
    sum *= correction;
    for (int64_t j = 0; j < h.d; ++j)
      out[j] *= correction;
    for (int64_t i = 0; i < n; ++i) {
      const float weight = expFloat(weights[i] - newMax);
      const char *value = h.value(first + i);
      sum += weight;
      for (int64_t j = 0; j < h.d; ++j)
        out[j] += weight * loadBf16(value, j);
    }
    max = newMax;
  }

  /// Divides by the sum; returns the logarithm.
  float finish() {
    if (max == -std::numeric_limits<float>::infinity())
      return max;
    for (int64_t j = 0; j < h.d; ++j)
      out[j] /= sum;
    return max + logFloat(sum);
  }

private:
  const Head &h;
  float *weights, *out;
  const float root = std::sqrt(float(h.d));
  float max = -std::numeric_limits<float>::infinity(), sum = 0;
};

/// The splits of the positions before this one.
struct Splits {
  Splits(const core::Numerics &n, int64_t position)
      : block(std::min(n.kvBlock, position + 1)), count(n.kvSplits) {
    const int64_t blocks = (position + block - 1) / block;
    const int64_t each = blocks <= n.kvChunk ? std::max<int64_t>(blocks, 1)
                                             : (blocks + count - 1) / count;
    size = each * block;
  }
  int64_t block; ///< positions; not more than there are
  int64_t count; ///< splits, with or without positions
  int64_t size;  ///< positions of a split
};

/// One split; the first one has this position too, as a block of its own.
float attendSplit(const Head &h, const Splits &splits, int64_t split,
                  float *weights, float *out) {
  Softmax softmax(h, weights, out);
  const int64_t end = std::min((split + 1) * splits.size, h.position);
  for (int64_t p = split * splits.size; p < end; p += splits.block)
    softmax.add(p, std::min(splits.block, end - p));
  if (split == 0)
    softmax.add(h.position, 1);
  return softmax.finish();
}

/// Combines the splits' results, in their order. The first has positions
/// always. `part(s, j)`: value j of split s; `log(s)`: its logarithm.
template <typename Log, typename Part>
void combineSplits(int64_t count, int64_t d, Log log, Part part, float *out) {
  float max = log(0);
  for (int64_t s = 1; s < count; ++s)
    max = log(s) > max ? log(s) : max;
  float sum = 0;
  std::fill(out, out + d, 0.0f);
  for (int64_t s = 0; s < count; ++s) {
    if (log(s) == -std::numeric_limits<float>::infinity())
      continue;
    const float weight = expFloat(log(s) - max);
    sum += weight;
    for (int64_t j = 0; j < d; ++j)
      out[j] += weight * part(s, j);
  }
  for (int64_t j = 0; j < d; ++j)
    out[j] /= sum;
}

/// What the attention operators share: where the heads are.
class Heads {
public:
  /// `now`: whether there are operands for the key and value of this position.
  Heads(const KernelCall &call, unsigned cache, bool now)
      : call(call), shape(call.buffer(cache).shape),
        group(call.op.getInt("group")), d(shape[3]),
        splits(call.schedule.numerics, call.position),
        weights(threadFloats(1, splits.block)), past(call.data<char>(cache)),
        query(rowsOf(0, "query_row")) {
    if (!now)
      return;
    key = rowsOf(1, "key_row");
    value = rowsOf(2, "value_row");
  }

  /// Query head `h`; its query is converted into `converted`.
  Head head(int64_t h, float *converted) const {
    const int64_t kv = h / group, positions = shape[2];
    convertBf16(query + h * d * 2, d, converted);
    return {converted,
            past + kv * positions * d * 2,
            past + (shape[1] + kv) * positions * d * 2,
            key ? key + kv * d * 2 : nullptr,
            value ? value + kv * d * 2 : nullptr,
            call.position,
            d,
            call.schedule.numerics.kBlock};
  }

private:
  /// The heads in an operand, which begin at the row that an attribute says.
  const char *rowsOf(unsigned operand, std::string_view first) const {
    return call.bytes(operand) + call.op.getInt(first) * 2;
  }

  const KernelCall &call;
  const std::vector<int64_t> &shape;

public:
  const int64_t group, d;
  const Splits splits;
  float *const weights; ///< of a block

private:
  const char *past, *query, *key = nullptr, *value = nullptr;
};

void attention(const KernelCall &call) {
  const Heads heads(call, 3, true);
  const int64_t d = heads.d, splits = heads.splits.count;
  // The query, then every split's result and the logarithms.
  float *query = threadFloats(0, d + splits * (d + 1));
  float *results = query + d, *logs = results + splits * d;
  for (int64_t h = call.range.lo; h < call.range.hi; ++h) {
    const Head head = heads.head(h, query);
    for (int64_t s = 0; s < splits; ++s)
      logs[s] =
          attendSplit(head, heads.splits, s, heads.weights, results + s * d);
    combineSplits(
        splits, d, [&](int64_t s) { return logs[s]; },
        [&](int64_t s, int64_t j) { return results[s * d + j]; },
        call.data<float>(4) + h * d);
  }
}

/// Where a head's piece of the parts begins.
int64_t partOf(const Heads &heads, int64_t kv, int64_t split, int64_t inGroup) {
  return ((kv * (heads.splits.count - 1) + split - 1) * heads.group + inGroup) *
         (heads.d / 2) * core::kPartValues;
}

void attentionPartial(const KernelCall &call) {
  const Heads heads(call, 1, false);
  const int64_t d = heads.d, others = heads.splits.count - 1;
  float *query = threadFloats(0, 2 * d), *result = query + d;
  for (int64_t i = call.range.lo; i < call.range.hi; ++i)
    for (int64_t g = 0; g < heads.group; ++g) {
      const int64_t kv = i / others, split = i % others + 1;
      const Head head = heads.head(kv * heads.group + g, query);
      const float log =
          attendSplit(head, heads.splits, split, heads.weights, result);
      float *out = call.data<float>(2) + partOf(heads, kv, split, g);
      for (int64_t j = 0; j < d; j += 2, out += core::kPartValues) {
        out[0] = log;
        out[1] = result[j];
        out[2] = result[j + 1];
      }
    }
}

void attentionJoin(const KernelCall &call) {
  const Heads heads(call, 3, true);
  const int64_t d = heads.d;
  float *query = threadFloats(0, 2 * d), *result = query + d;
  for (int64_t kv = call.range.lo; kv < call.range.hi; ++kv)
    for (int64_t g = 0; g < heads.group; ++g) {
      const int64_t h = kv * heads.group + g;
      const Head head = heads.head(h, query);
      const float first =
          attendSplit(head, heads.splits, 0, heads.weights, result);
      const auto parts = [&](int64_t split) {
        return call.data<float>(4) + partOf(heads, kv, split, g);
      };
      combineSplits(
          heads.splits.count, d,
          [&](int64_t s) { return s == 0 ? first : parts(s)[0]; },
          [&](int64_t s, int64_t j) {
            return s == 0 ? result[j]
                          : parts(s)[j / 2 * core::kPartValues + 1 + j % 2];
          },
          call.data<float>(5) + h * d);
    }
}

} // namespace

void addAttentionKernels(std::vector<NamedKernel> &kernels) {
  kernels.insert(kernels.end(), {{"kv_append", kvAppend},
                                 {"attention", attention},
                                 {"attention_partial", attentionPartial},
                                 {"attention_join", attentionJoin}});
}

} // namespace amk::runtime
