//===- Lowering.cpp - Real schedules at every stage -----------------------===//

#include "Lowering.h"

#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Fusion.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <cstdio>
#include <cstring>
#include <numeric>

namespace amk::mutants {

using namespace core;

const char *toString(Stage stage) {
  constexpr const char *names[kStages] = {"imported", "fused",        "tiled",
                                          "assigned", "synchronized", "colored",
                                          "pipelined"};
  return names[size_t(stage)];
}

std::vector<ModelShape> modelShapes() {
  // hidden, inter, heads, kv heads, head dim, vocabulary, layers, tied, llama3,
  // workers, whether it is large.
  std::vector<ModelShape> shapes = {
      {"mha", 64, 96, 4, 4, 16, 100, 2, false, false, {2, 5, 9}, false},
      {"gqa", 128, 256, 8, 2, 16, 200, 2, true, true, {3, 8, 17}, false},
      {"mqa", 64, 128, 4, 1, 16, 99, 2, true, false, {2, 4, 7}, false},
      {"odd", 72, 88, 6, 3, 14, 101, 2, false, true, {3, 5, 11}, false},
      {"wide heads",
       128,
       128,
       2,
       1,
       64,
       96,
       2,
       false,
       false,
       {2, 6, 13},
       false},
      {"one worker", 128, 256, 4, 2, 32, 130, 1, true, true, {1, 2, 3}, false},
      {"small 1b", 128, 512, 8, 2, 16, 257, 3, true, true, {4, 7, 16}, false},
      {"small 3b", 256, 640, 6, 2, 64, 300, 2, true, true, {3, 9, 19}, false},
      {"small 8b", 256, 896, 8, 2, 32, 301, 2, false, true, {5, 8, 21}, false},
      {"small 70b",
       256,
       768,
       16,
       2,
       16,
       256,
       2,
       false,
       true,
       {4, 12, 24},
       false},
      {"through cache",
       128,
       256,
       4,
       2,
       32,
       101,
       2,
       false,
       true,
       {3, 5, 8},
       false,
       true},
      {"1b",
       2048,
       8192,
       32,
       8,
       64,
       128256,
       2,
       true,
       true,
       {66, 108, 132},
       true},
      {"3b",
       3072,
       8192,
       24,
       8,
       128,
       128256,
       2,
       true,
       true,
       {66, 108, 132},
       true},
      {"8b",
       4096,
       14336,
       32,
       8,
       128,
       128256,
       2,
       false,
       true,
       {66, 108, 132},
       true},
      {"70b",
       8192,
       28672,
       64,
       8,
       128,
       128256,
       2,
       false,
       true,
       {66, 108, 132},
       true},
  };
  // Few positions have many splits of their own, of one, two or three blocks
  // of the shortest stage; 4096 positions have what the importer gives them.
  for (size_t i = 0; i < shapes.size(); ++i)
    shapes[i].numerics = shapes[i].large
                             ? Numerics{2048, 64, 4, 16}
                             : Numerics{2048, 16, 1, 2 + int64_t(i % 3)};
  const size_t kinds = shapes.size();
  for (size_t i = 0; i < kinds; ++i) {
    shapes.push_back(shapes[i]);
    shapes.back().name += ", split";
    shapes.back().split = true;
  }
  return shapes;
}

Choice choiceOf(const ModelShape &shape, unsigned size) {
  constexpr uint32_t packets[3] = {6, 4, 0};
  constexpr const char *policies[3] = {"contiguous", "load-balanced",
                                       "round-robin"};
  const uint32_t cluster = shape.split ? std::gcd(shape.workers[size], 4u) : 1;
  // The splits of a KV head are in one cluster by the contiguous policy.
  const char *policy = shape.split && size == 1 ? policies[0] : policies[size];
  // Of one cluster all packets are its own: some gathers are left to share.
  const bool only = shape.workers[size] == cluster;
  const uint64_t inboxes = cluster == 1 ? 0 : only ? 1024 : 16384;
  return {shape.split,
          shape.throughCache,
          shape.workers[size],
          packets[size],
          policy,
          cluster,
          inboxes};
}

std::string Lowering::name() const {
  return shape->name + ", " + std::to_string(shape->workers[size]) +
         " workers, " + toString(stage);
}

std::vector<Schedule> lowerBySolvers(Schedule s, const Choice &choice) {
  using namespace scheduling;
  std::vector<Schedule> stages{s};
  const auto refine = [&](const std::string &error) {
    if (!error.empty()) {
      std::fprintf(stderr, "%s: %s\n", toString(Stage(stages.size())),
                   error.c_str());
      return false;
    }
    stages.push_back(s);
    return true;
  };
  FusionOrigins origins;
  AssignmentOptions assignment;
  assignment.workers = choice.workers;
  assignment.cluster = choice.cluster;
  for (const auto &[policy, name] :
       {std::make_pair(AssignmentPolicy::RoundRobin, "round-robin"),
        std::make_pair(AssignmentPolicy::LoadBalanced, "load-balanced")})
    if (std::strcmp(choice.policy, name) == 0)
      assignment.policy = policy;
  TilingOptions tiling;
  tiling.workers = choice.workers;
  tiling.splitAttention = choice.split;
  SynchronizationOptions synchronization;
  synchronization.packetElements = choice.packets;
  synchronization.inboxBytes = choice.inboxes;
  PageColoringOptions pages;
  pages.sharedLimit = 29056;
  const std::string grouped = groupOperators(s, {}, origins);
  if (!refine(grouped))
    return {};
  s.target = Target{"sm_90", choice.workers, 232448};
  const std::string cut = cutTasks(s, tiling);
  // Not before, as it is the operators' names by which they are split.
  if (choice.throughCache)
    readThroughCache(s);
  if (!refine(cut) || !refine(assignWorkers(s, assignment)) ||
      !refine(synchronize(s, synchronization)) ||
      !refine(colorPages(s, pages)) || !refine(makeStreams(s, {})))
    return {};
  return stages;
}

} // namespace amk::mutants
