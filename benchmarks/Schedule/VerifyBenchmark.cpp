//===- VerifyBenchmark.cpp - What the checking core costs -----------------===//
//
// Schedules of Llama shape as the passes leave them, for 132 workers. A 70B
// schedule (400 tasks, 48,000 tiles) is to be verified in less than 2 seconds.
//
//===----------------------------------------------------------------------===//

#include "LargeSchedules.h"

#include "AMK/Schedule/HappensBefore.h"
#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/Verify.h"

#include <benchmark/benchmark.h>

#include <map>
#include <sys/resource.h>

using namespace amk;
using namespace amk::core;

namespace {

/// What `make` gives for `size`, made once.
const Schedule &cached(Schedule (*make)(int64_t), int64_t size) {
  static std::map<std::pair<Schedule (*)(int64_t), int64_t>, Schedule> known;
  const auto [it, isNew] = known.try_emplace({make, size});
  if (isNew)
    it->second = make(size);
  return it->second;
}

const Schedule &llama(int64_t layers) {
  return cached(scheduling::test::llama70B, layers);
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

void verifyTiles(benchmark::State &state) {
  const Schedule &s = cached(scheduling::test::llamaOfTiles, state.range(0));
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
  h.firstMeeting = h.firstPacketCounter = kLayers;
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
