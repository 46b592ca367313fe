//===- LargeSchedules.cpp - Schedules whose verification takes time -------===//

#include "LargeSchedules.h"

#include "ToyLlama.h"

#include "AMK/Schedule/Tiles.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace amk::core;

namespace amk::scheduling::test {

namespace {

/// Heads, width and context are the caller's.
ToyShape wideShape(int64_t hidden, int64_t inter, int64_t heads,
                   int64_t headDim) {
  ToyShape shape;
  shape.hidden = hidden;
  shape.inter = inter;
  shape.heads = heads;
  shape.kvHeads = 8;
  shape.headDim = headDim;
  shape.vocab = 128256;
  shape.positions = 4096;
  return shape;
}

struct Lowering {
  Target target;
  AssignmentPolicy policy;
  uint32_t packetElements, sharedLimit;
  bool streams; ///< and a ring
};

/// Through the passes. A refusal is a bug of the caller.
Schedule lower(const ToyShape &shape, const Lowering &how) {
  Schedule s = toyLlama(shape, true);
  s.target = how.target;
  const uint32_t workers = how.target.workers;
  PageColoringOptions pages{PagePolicy::GraphColor, how.sharedLimit};
  std::string refused = cutTasks(s, {workers, true, false});
  if (refused.empty())
    refused = assignWorkers(s, {workers, how.policy, true});
  if (refused.empty())
    refused = synchronize(s, {how.packetElements});
  if (refused.empty())
    refused = colorPages(s, pages);
  if (refused.empty() && how.streams)
    refused = makeStreams(s, {});
  if (!refused.empty()) {
    std::fprintf(stderr, "LargeSchedules: %s\n", refused.c_str());
    std::abort();
  }
  return s;
}

} // namespace

Schedule llama70B(int64_t layers) {
  ToyShape shape = wideShape(8192, 28672, 64, 128);
  shape.layers = layers;
  return lower(shape, {Target{"sm_90", 132, 232448},
                       AssignmentPolicy::LoadBalanced, 6, 58112, true});
}

Schedule llamaOfTiles(int64_t tiles) {
  ToyShape shape = wideShape(2048, 8192, 32, 64);
  for (shape.layers = std::max<int64_t>(1, tiles / 672 - 1);; ++shape.layers) {
    Schedule s = lower(shape, {Target{"sm_120", 160, 101376},
                               AssignmentPolicy::Contiguous, 4, 16384, false});
    if (int64_t(expand(s).tiles.size()) >= tiles)
      return s;
  }
}

} // namespace amk::scheduling::test
