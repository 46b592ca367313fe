//===- VerifyBenchmark.cpp - What the checking core costs -----------------===//
//
// Schedules of Llama shape as the passes leave them, for 132 workers. A 70B
// schedule (400 tasks, 53,000 tiles) is to be verified in less than 2 seconds.
//
//===----------------------------------------------------------------------===//

#include "ToyLlama.h"

#include "AMK/Schedule/HappensBefore.h"
#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/Verify.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sys/resource.h>

using namespace amk::core;
using namespace amk::scheduling;

namespace {

/// `layers` layers of 70B shape.
const Schedule &llama(int64_t layers) {
  static std::map<int64_t, Schedule> known;
  if (const auto it = known.find(layers); it != known.end())
    return it->second;
  test::ToyShape shape;
  shape.hidden = 8192;
  shape.inter = 28672;
  shape.heads = 64;
  shape.kvHeads = 8;
  shape.headDim = 128;
  shape.vocab = 128256;
  shape.layers = layers;
  shape.positions = 4096;
  shape.argmaxBlock = 64;
  Schedule s = test::toyLlama(shape, true);
  const uint32_t workers = 132;
  s.target = Target{"sm_90", workers, 232448};
  const bool made =
      cutTasks(s, {workers, true, false}).empty() &&
      assignWorkers(s, {workers, AssignmentPolicy::LoadBalanced, true})
          .empty() &&
      synchronize(s, {6}).empty() &&
      colorPages(s, {PagePolicy::GraphColor, 58112}).empty();
  if (!made)
    std::abort();
  return known[layers] = std::move(s);
}

void setTiles(benchmark::State &state, const Schedule &s) {
  state.counters["tasks"] = double(s.tasks.size());
  state.counters["tiles"] = double(expand(s).tiles.size());
}

void verifyAll(benchmark::State &state) {
  const Schedule &s = llama(state.range(0));
  for ([[maybe_unused]] auto _ : state)
    if (!verify(s).empty())
      state.SkipWithError("not legal");
  setTiles(state, s);
}

void expandTiles(benchmark::State &state) {
  const Schedule &s = llama(state.range(0));
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(expand(s));
}

void clocks(benchmark::State &state) {
  const Schedule &s = llama(state.range(0));
  const Tiles tiles = expand(s);
  const HandOffs h = handOffs(s, tiles);
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(orderClocks(tiles, h));
}

/// A schedule of 1B width of at least `tiles` tiles for 160 workers: some
/// 670 a layer. No ring: the plan of so many layers leaves it no room.
const Schedule &llamaOfTiles(int64_t tiles) {
  static std::map<int64_t, Schedule> known;
  if (const auto it = known.find(tiles); it != known.end())
    return it->second;
  test::ToyShape shape;
  shape.hidden = 2048;
  shape.inter = 8192;
  shape.heads = 32;
  shape.kvHeads = 8;
  shape.headDim = 64;
  shape.vocab = 128256;
  shape.positions = 4096;
  shape.argmaxBlock = 64;
  const uint32_t workers = 160;
  for (shape.layers = std::max<int64_t>(1, tiles / 672 - 1);; ++shape.layers) {
    Schedule s = test::toyLlama(shape, true);
    s.target = Target{"sm_120", workers, 101376};
    if (!cutTasks(s, {workers, true, false}).empty() ||
        !assignWorkers(s, {workers, AssignmentPolicy::Contiguous, true})
             .empty() ||
        !synchronize(s, {4}).empty() ||
        !colorPages(s, {PagePolicy::GraphColor, 16384}).empty())
      std::abort();
    if (int64_t(expand(s).tiles.size()) >= tiles)
      return known[tiles] = std::move(s);
  }
}

void verifyTiles(benchmark::State &state) {
  const Schedule &s = llamaOfTiles(state.range(0));
  for ([[maybe_unused]] auto _ : state)
    if (const auto found = verify(s); !found.empty())
      state.SkipWithError(found[0].message.c_str());
  setTiles(state, s);
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = double(usage.ru_maxrss) / 1024;
}

/// All-to-all hand-offs by counters and packets alike on 160 workers.
void clocksOf100000Tiles(benchmark::State &state) {
  constexpr uint32_t kWorkers = 160, kLayers = 625;
  Tiles tiles;
  HandOffs h;
  tiles.workers = kWorkers;
  tiles.queues.resize(kWorkers);
  h.counterCount = 2 * kLayers;
  h.firstPacketCounter = kLayers;
  for (uint32_t l = 0; l < kLayers; ++l)
    for (uint32_t w = 0; w < kWorkers; ++w) {
      Tile tile;
      tile.worker = w;
      tile.slot = l;
      tiles.queues[w].push_back(uint32_t(tiles.tiles.size()));
      tiles.tiles.push_back(tile);
      h.firstWait.push_back(uint32_t(h.waits.size()));
      h.firstSignal.push_back(uint32_t(h.signals.size()));
      if (l)
        for (uint32_t c : {l - 1, kLayers + l - 1})
          h.waits.push_back({c, kWorkers});
      h.signals.push_back(l);
      h.signals.push_back(kLayers + l);
    }
  h.firstWait.push_back(uint32_t(h.waits.size()));
  h.firstSignal.push_back(uint32_t(h.signals.size()));
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(orderClocks(tiles, h));
}

void programFile(benchmark::State &state) {
  Program program;
  program.schedule = llama(state.range(0));
  size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    const std::string file = writeProgram(program);
    Program back;
    std::string error;
    if (!readProgram(file, back, error))
      state.SkipWithError(error.c_str());
    bytes = file.size();
  }
  state.counters["bytes"] = double(bytes);
}

BENCHMARK(verifyAll)->Arg(16)->Arg(80)->Unit(benchmark::kMillisecond);
// Growing, since memory's peak is that of the process.
BENCHMARK(verifyTiles)
    ->Arg(1000)
    ->Arg(10000)
    ->Arg(50000)
    ->Arg(100000)
    ->Arg(200000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(expandTiles)->Arg(80)->Unit(benchmark::kMillisecond);
BENCHMARK(clocks)->Arg(80)->Unit(benchmark::kMillisecond);
BENCHMARK(clocksOf100000Tiles)->Unit(benchmark::kMillisecond);
BENCHMARK(programFile)->Arg(80)->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();
