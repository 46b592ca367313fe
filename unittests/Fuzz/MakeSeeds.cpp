//===- MakeSeeds.cpp - Programs to start fuzzing from ---------------------===//
//
// AMKFuzzSeeds DIRECTORY: writes toy Llamas as they are after every pass, with
// their kernels' plans where there are any, and small random schedules, as
// program files.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Verify.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/Fusion.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"
#include "Scheduling/ToyLlama.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

using namespace amk;
using namespace amk::core;

namespace {

void stop(const std::string &message) {
  std::fprintf(stderr, "AMKFuzzSeeds: %s\n", message.c_str());
  std::exit(1);
}

class Seeds {
public:
  explicit Seeds(std::string directory) : directory(std::move(directory)) {}

  void write(const std::string &name, const Schedule &s) const {
    Program program;
    program.schedule = s;
    KernelPlan plan;
    std::string error;
    uint32_t task = kNone;
    if (verify(s).empty() && s.concurrent && s.target &&
        buildKernelPlan(s, plan, error, task)) {
      program.hasKernel = true;
      program.kernel = plan.kernel;
      program.kernel.threads = 288;
      program.kernel.ptx = ".version 8.0\n.target sm_90\n";
    }
    const std::string path = directory + "/" + name + ".amkp";
    std::ofstream file(path, std::ios::binary);
    file << writeProgram(program);
    if (!file.flush())
      stop("cannot write " + path);
  }

  /// One schedule, as it is after every pass.
  void stages(const std::string &name, Schedule s, uint32_t workers,
              uint32_t packets, uint32_t cluster = 1) const {
    // A vector is a tensor of one row.
    for (const Buffer &b : s.buffers)
      if (b.kind == BufferKind::Weight && b.shape.size() == 1)
        s.views[b.view].parts[0].rows = 1;
    const auto pass = [&](const char *stage, const std::string &error) {
      if (!error.empty())
        stop(name + ": " + stage + ": " + error);
      write(name + "-" + stage, s);
    };
    pass("0-import", "");
    s.target = Target{"sm_90", workers, 232448};
    pass("1-cut", scheduling::cutTasks(s, {workers}));
    scheduling::AssignmentOptions assignment;
    assignment.workers = workers;
    assignment.cluster = cluster;
    pass("2-placed", scheduling::assignWorkers(s, assignment));
    scheduling::SynchronizationOptions synchronization;
    synchronization.packetElements = packets;
    // What only its cluster reads stays there.
    synchronization.inboxBytes = cluster > 1 ? 8192 : 0;
    pass("3-synchronized", scheduling::synchronize(s, synchronization));
    scheduling::PageColoringOptions pages;
    pages.sharedLimit = 100000;
    pass("4-colored", scheduling::colorPages(s, pages));
    pass("5-streamed", scheduling::makeStreams(s, {}));
  }

private:
  std::string directory;
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 2)
    stop("expected a directory");
  const Seeds seeds(argv[1]);
  scheduling::test::ToyShape odd{20, 24, 4, 2, 6, 13, 1, 3, 4};
  scheduling::test::ToyShape even{128, 128, 2, 1, 64, 64, 1, 2, 16};
  // Attention in splits: with heads that are loaded directly, and such that go
  // through the ring.
  for (const int64_t headDim : {6, 64}) {
    Schedule s = scheduling::test::toyLlama(
        {32, 32, 4, 2, headDim, 32, 1, 48, 8}, /*fused=*/false);
    s.numerics = {2048, /*kvBlock=*/16, /*kvChunk=*/1, /*kvSplits=*/3};
    scheduling::FusionOrigins origins;
    const std::string error = scheduling::groupOperators(s, {}, origins);
    if (!error.empty())
      stop("split: " + error);
    const std::string name = "split" + std::to_string(headDim);
    seeds.stages(name + "-counters", s, 5, 0);
    seeds.stages(name + "-packets", s, 5, 6);
  }
  for (const bool fused : {false, true}) {
    const std::string how = fused ? "fused" : "plain";
    for (const uint32_t packets : {0u, 4u}) {
      const std::string by = packets ? "-packets" : "-counters";
      seeds.stages("odd-" + how + by, toyLlama(odd, fused), 3, packets);
      seeds.stages("even-" + how + by, toyLlama(even, fused), 2, packets);
      seeds.stages("cluster-" + how + by, toyLlama(even, fused), 4, packets, 2);
      seeds.stages("inbox-" + how + by, toyLlama(even, fused), 2, packets, 2);
    }
  }
  return 0;
}
