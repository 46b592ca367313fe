//===- Probe.cpp - An operator that touches what it is told ---------------===//

#include "Probe.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>

namespace amk::core::oracle {

OpAttribute encode(const Touch &t) {
  OpAttribute a;
  a.name = "touch";
  uint64_t bits = 0;
  const auto put = [&](uint64_t value, unsigned width) {
    bits = bits << width | (value & ((uint64_t(1) << width) - 1));
  };
  put(t.operand, 3);
  put(t.write, 1);
  put(t.wholeOnly, 1);
  put(uint64_t(t.position), 2);
  put(t.step, 8);
  put(t.region.offset, 10);
  put(t.region.bytes, 8);
  put(t.region.stride, 8);
  put(t.region.count, 6);
  a.integer = int64_t(bits);
  return a;
}

Touch decode(const OpAttribute &a) {
  uint64_t bits = uint64_t(a.integer);
  const auto take = [&](unsigned width) {
    const uint64_t value = bits & ((uint64_t(1) << width) - 1);
    bits >>= width;
    return value;
  };
  Touch t;
  t.region.count = take(6);
  t.region.stride = take(8);
  t.region.bytes = take(8);
  t.region.offset = take(10);
  t.step = uint32_t(take(8));
  t.position = Position(take(2));
  t.wholeOnly = take(1) != 0;
  t.write = take(1) != 0;
  t.operand = uint32_t(take(3));
  return t;
}

std::string probeName(unsigned inputs, unsigned outputs) {
  return "probe" + std::to_string(inputs) + std::to_string(outputs);
}

namespace {

class Probe : public OperatorModel {
public:
  Probe(unsigned in, unsigned out)
      : label(probeName(in, out)), in(in), out(out) {}

  std::string_view name() const override { return label; }
  unsigned inputs() const override { return in; }
  unsigned outputs() const override { return out; }
  std::string verify(const Schedule &, const Operator &) const override {
    return {};
  }
  int64_t extent(const Schedule &, const Operator &op) const override {
    return op.getInt("extent", 1);
  }
  int64_t granule(const Schedule &, const Operator &op) const override {
    return op.getInt("granule", 1);
  }
  void accesses(const Schedule &s, const Operator &op, Range tile,
                std::vector<Access> &accesses) const override {
    for (const OpAttribute &a : op.attributes) {
      if (!isTouch(a))
        continue;
      const Touch t = decode(a);
      if (t.wholeOnly && tile.size() != extent(s, op))
        continue;
      for (int64_t u = tile.lo; u < (t.step ? tile.hi : tile.lo + 1); ++u) {
        Region region = t.region;
        region.offset += uint64_t(t.step ? u : 0) * t.step;
        accesses.push_back(
            {op.operands[t.operand], t.write, t.position, region});
      }
    }
  }

private:
  std::string label;
  unsigned in, out;
};

} // namespace

void registerProbes() {
  for (unsigned in = 0; in <= kProbeInputs; ++in)
    for (unsigned out = 1; out <= kProbeOutputs; ++out)
      registerOperator(std::make_unique<Probe>(in, out));
}

} // namespace amk::core::oracle
