//===- RopeTable.h - Cosines and sines of the positions ---------*- C++ -*-===//

#ifndef AMK_RUNTIME_ROPETABLE_H
#define AMK_RUNTIME_ROPETABLE_H

#include "AMK/Schedule/Schedule.h"

#include <vector>

namespace amk::runtime {

/// The angle that pair `pair` of a head turns by per position, with the llama3
/// scaling of transformers' `_compute_llama3_parameters`.
double ropeFrequency(const core::RopeTable &table, int64_t pair);

/// [positions, head dim / 2, 2] values (cosine, sine), computed in float64.
std::vector<float> ropeTable(const core::RopeTable &table, int64_t positions);

} // namespace amk::runtime

#endif // AMK_RUNTIME_ROPETABLE_H
