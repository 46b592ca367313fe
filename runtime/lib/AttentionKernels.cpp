//===- AttentionKernels.cpp - kv_append, attention ------------------------===//

#include "KernelGroups.h"

#include "AMK/Runtime/Numerics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace amk::runtime {

namespace {

void kvAppend(const KernelCall &call) {
  const core::Buffer &cache = call.buffer(1);
  const int64_t positions = cache.shape[2], d = cache.shape[3];
  const int64_t from = call.op.getInt("from"), to = call.op.getInt("to");
  const uint16_t *x = call.data<uint16_t>(0);
  uint16_t *out = call.data<uint16_t>(1);
  for (int64_t r = std::max(call.range.lo, from); r < call.range.hi; ++r) {
    // Plane and head in one: the cache is [2 * heads, positions, d].
    const int64_t row = r - from + to;
    out[(row / d * positions + call.position) * d + row % d] = x[r];
  }
}

/// One query head against one KV head.
struct Head {
  const float *query;
  const uint16_t *keys, *values;     ///< of the cache: [positions, d]
  const uint16_t *keyNow, *valueNow; ///< of this position
  int64_t position, d, kBlock, kvBlock;

  const uint16_t *key(int64_t p) const {
    return p == position ? keyNow : keys + p * d;
  }
  const uint16_t *value(int64_t p) const {
    return p == position ? valueNow : values + p * d;
  }
};

/// Online softmax: per block of positions the maximum first, then the sum of
/// the weights and of the weighted values in order of the positions, starting
/// from the earlier blocks' sums rescaled to the new maximum.
void attendHead(const Head &h, float *weights, float *out) {
  const float root = std::sqrt(float(h.d));
  float max = -std::numeric_limits<float>::infinity(), sum = 0;
  std::fill(out, out + h.d, 0.0f);
  for (int64_t p0 = 0; p0 <= h.position; p0 += h.kvBlock) {
    const int64_t n = std::min(h.kvBlock, h.position + 1 - p0);
    float newMax = max;
    for (int64_t i = 0; i < n; ++i) {
      weights[i] = sumOfProducts(h.query, h.key(p0 + i), h.d, h.kBlock) / root;
      newMax = weights[i] > newMax ? weights[i] : newMax;
    }
    const float correction = expFloat(max - newMax);
    sum *= correction;
    for (int64_t j = 0; j < h.d; ++j)
      out[j] *= correction;
    for (int64_t i = 0; i < n; ++i) {
      const float weight = expFloat(weights[i] - newMax);
      const uint16_t *value = h.value(p0 + i);
      sum += weight;
      for (int64_t j = 0; j < h.d; ++j)
        out[j] += weight * bf16ToFloat(value[j]);
    }
    max = newMax;
  }
  for (int64_t j = 0; j < h.d; ++j)
    out[j] /= sum;
}

void attention(const KernelCall &call) {
  const core::Buffer &cache = call.buffer(3);
  const int64_t kvHeads = cache.shape[1], positions = cache.shape[2];
  const int64_t d = cache.shape[3], group = call.op.getInt("group");
  const uint16_t *q = call.data<uint16_t>(0) + call.op.getInt("query_row");
  const uint16_t *k = call.data<uint16_t>(1) + call.op.getInt("key_row");
  const uint16_t *v = call.data<uint16_t>(2) + call.op.getInt("value_row");
  const uint16_t *past = call.data<uint16_t>(3);
  float *out = call.data<float>(4);
  float *query = threadFloats(0, d);
  const int64_t kvBlock =
      std::min(call.schedule.numerics.kvBlock, call.position + 1);
  float *weights = threadFloats(1, kvBlock);
  for (int64_t h = call.range.lo; h < call.range.hi; ++h) {
    const int64_t kv = h / group;
    convertBf16(q + h * d, d, query);
    const Head head{query,
                    past + kv * positions * d,
                    past + (kvHeads + kv) * positions * d,
                    k + kv * d,
                    v + kv * d,
                    call.position,
                    d,
                    call.schedule.numerics.kBlock,
                    kvBlock};
    attendHead(head, weights, out + h * d);
  }
}

} // namespace

void addAttentionKernels(std::vector<NamedKernel> &kernels) {
  kernels.insert(kernels.end(),
                 {{"kv_append", kvAppend}, {"attention", attention}});
}

} // namespace amk::runtime
