//===- Subjects.h - Random small concurrent programs ------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_INTEGRATION_AGREEMENT_SUBJECTS_H
#define AMK_UNITTESTS_INTEGRATION_AGREEMENT_SUBJECTS_H

#include "AMK/Runtime/WeightSource.h"
#include "AMK/Schedule/Schedule.h"

#include <map>
#include <memory>

namespace amk::agreement {

/// What the host does before one launch.
struct Launch {
  int64_t position = 0;
  /// By name: passes may number buffers anew.
  std::map<std::string, std::vector<uint32_t>> inputs;
};

/// A program in program order, the same as a concurrent schedule, and a few
/// launches in a row. Every launch has inputs of its own, so that what an
/// earlier one has left behind is wrong.
struct Subject {
  std::string name;
  core::Schedule sequential, concurrent;
  std::shared_ptr<runtime::WeightSource> weights;
  std::vector<Launch> launches;
};

/// Even seeds: a Llama of a random small shape, through the solvers of the
/// passes with random options. Odd seeds: chains of hashes that use their
/// buffers again, cut and placed at random; every byte that a hash reads
/// decides the output.
Subject makeSubject(uint64_t seed);

} // namespace amk::agreement

#endif // AMK_UNITTESTS_INTEGRATION_AGREEMENT_SUBJECTS_H
