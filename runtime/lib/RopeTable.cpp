//===- RopeTable.cpp - Cosines and sines of the positions -----------------===//

#include "AMK/Runtime/RopeTable.h"

#include <cmath>

namespace amk::runtime {

double ropeFrequency(const core::RopeTable &table, int64_t pair) {
  const double frequency =
      1.0 / std::pow(table.theta, double(2 * pair) / double(table.headDim));
  if (table.factor == 1.0)
    return frequency;
  // llama3: long waves are stretched by the factor, short ones are kept, and
  // those between are blended.
  constexpr double kTwoPi = 6.283185307179586;
  const double original = double(table.originalPositions);
  const double wavelength = kTwoPi / frequency;
  if (wavelength > original / table.lowFreqFactor)
    return frequency / table.factor;
  if (wavelength < original / table.highFreqFactor)
    return frequency;
  const double smooth = (original / wavelength - table.lowFreqFactor) /
                        (table.highFreqFactor - table.lowFreqFactor);
  return (1.0 - smooth) * frequency / table.factor + smooth * frequency;
}

std::vector<float> ropeTable(const core::RopeTable &table, int64_t positions) {
  const int64_t pairs = table.headDim / 2;
  std::vector<float> values(size_t(positions * pairs * 2));
  for (int64_t i = 0; i < pairs; ++i) {
    const double frequency = ropeFrequency(table, i);
    for (int64_t p = 0; p < positions; ++p) {
      const double angle = double(p) * frequency;
      float *out = values.data() + (p * pairs + i) * 2;
      out[0] = float(std::cos(angle));
      out[1] = float(std::sin(angle));
    }
  }
  return values;
}

} // namespace amk::runtime
