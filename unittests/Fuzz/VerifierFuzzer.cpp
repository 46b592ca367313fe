//===- VerifierFuzzer.cpp - Any schedule, whatever is in it ---------------===//
//
// The verifier must come to an end with every schedule; and what it accepts
// must be safe to print, to plan a kernel for, and to run: with threads and
// random delays the CPU device computes the same bits as in program order.
//
//===----------------------------------------------------------------------===//

#include "AMK/Runtime/Device.h"
#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/Tiles.h"
#include "AMK/Schedule/Verify.h"
#include "Mutation.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sstream>

using namespace amk;
using namespace amk::core;

namespace {

/// What is run: more would only be slow.
constexpr uint64_t kMostBytes = 1 << 18, kMostTiles = 1 << 8;
constexpr uint64_t kMostWork = 1 << 18;

/// Whether the enumerations have only values that they define: C++ code can
/// make others, readers cannot.
bool defined(const Schedule &s) {
  return std::all_of(s.buffers.begin(), s.buffers.end(), [](const Buffer &b) {
    return b.kind <= BufferKind::Weight && b.type <= ElementType::I32 &&
           b.space <= Space::Cluster;
  });
}

/// The places of a plan are apart and inside the arena; the program file with
/// it can be read again.
void checkPlan(const Schedule &s) {
  Program program;
  program.schedule = s;
  std::string error;
  Program again;
  const bool readable = readProgram(writeProgram(program), again, error);
  KernelPlan plan;
  uint32_t task = kNone;
  error.clear();
  if (!buildKernelPlan(s, plan, error, task)) {
    fuzz::check(!error.empty(), "no plan without a reason");
    return;
  }
  std::vector<Range> places;
  const auto add = [&](uint64_t offset, uint64_t bytes) {
    fuzz::check(bytes <= plan.kernel.arenaBytes &&
                    offset <= plan.kernel.arenaBytes - bytes,
                "a place is inside the arena");
    if (bytes)
      places.push_back({int64_t(offset), int64_t(offset + bytes)});
  };
  add(plan.kernel.zeroOffset, plan.kernel.zeroBytes);
  for (const Placement &p : plan.kernel.placements)
    add(p.offset, p.bytes);
  for (const Blob &b : plan.kernel.blobs)
    add(b.offset, b.data.size());
  std::sort(places.begin(), places.end(),
            [](const Range &a, const Range &b) { return a.lo < b.lo; });
  for (size_t i = 1; i < places.size(); ++i)
    fuzz::check(places[i - 1].hi <= places[i].lo, "places are apart");
  if (!readable)
    return; // a name that is no text, for example
  program.hasKernel = true;
  program.kernel = plan.kernel;
  const std::string bytes = writeProgram(program);
  const bool good = readProgram(bytes, again, error);
  if (!good)
    std::fprintf(stderr, "%s\n", error.c_str());
  fuzz::check(good && writeProgram(again) == bytes,
              "a program with its plan can be read");
}

/// Whether a run takes little memory and time.
bool small(const Schedule &s, const Tiles &tiles) {
  uint64_t bytes = 0;
  for (const Buffer &b : s.buffers) {
    // Packets have 16 bytes for as little as one value.
    bytes += uint64_t(b.elements()) * (b.packetElements ? 16 : 4);
    if (b.space != Space::Own && b.pageOffset > kMostBytes)
      return false;
    if (b.space == Space::Shared)
      bytes += (b.pageOffset + b.regionBytes()) * tiles.workers;
    if (b.space == Space::Cluster)
      bytes += (b.pageOffset + uint64_t(b.packetRoom) * 16) * tiles.workers;
    if (bytes > kMostBytes)
      return false;
  }
  if (tiles.tiles.size() > kMostTiles || tiles.counterCount > kMostTiles)
    return false;
  uint64_t work = 0;
  std::vector<Access> accesses;
  for (const Tile &tile : tiles.tiles) {
    const Task &task = s.tasks[tile.task];
    for (size_t o = 0; o < task.ops.size(); ++o) {
      accesses.clear();
      lookupOperator(task.ops[o].name)
          ->accesses(s, task.ops[o], operatorRange(s, task, o, tile.range),
                     accesses);
      for (const Access &a : accesses)
        work += a.region.bytes * a.region.count;
    }
    if (work > kMostWork)
      return false;
  }
  return true;
}

/// The bits of all outputs after launches at the first positions; empty if the
/// program cannot be loaded.
std::string run(const Program &program, const runtime::CpuOptions &options) {
  const Schedule &s = program.schedule;
  const auto weights = runtime::randomWeights(1);
  const auto device = runtime::createCpuDevice(options);
  const runtime::Status loaded = device->load(program, *weights, {});
  if (!loaded.ok()) {
    fuzz::check(loaded.kind() == runtime::ErrorKind::Input ||
                    loaded.kind() == runtime::ErrorKind::Device,
                "what does not load has a reason");
    return {};
  }
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    const Buffer &buffer = s.buffers[b];
    if (buffer.kind != BufferKind::Input)
      continue;
    // Integers stay 0: the token of an `embed` is one of its table.
    std::string bytes(uint64_t(buffer.elements()) * byteWidth(buffer.type), 0);
    if (buffer.type != ElementType::I32)
      for (size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = char(i % 2 ? 0x3e : i);
    fuzz::check(device->write(b, bytes.data(), bytes.size()).ok(),
                "an input can be written");
  }
  std::string result = "loaded";
  for (int64_t p = 0; p < std::clamp<int64_t>(s.positions, 1, 3); ++p) {
    double ms = 0;
    const runtime::Status status = device->launch(p, ms);
    if (!status.ok())
      std::fprintf(stderr, "%s\n", status.message().c_str());
    fuzz::check(status.ok(), "what is accepted runs");
    for (uint32_t b = 0; b < s.buffers.size(); ++b) {
      const Buffer &buffer = s.buffers[b];
      if (buffer.kind != BufferKind::Output)
        continue;
      std::string bytes(uint64_t(buffer.elements()) * byteWidth(buffer.type),
                        0);
      fuzz::check(device->read(b, bytes.data(), bytes.size()).ok(),
                  "an output can be read");
      result += bytes;
    }
  }
  return result;
}

void checkRuns(const Schedule &s, size_t seed) {
  if (!small(s, expand(s)))
    return;
  Program program;
  program.schedule = s;
  runtime::CpuOptions options;
  options.threads = 2;
  options.delaySeed = seed;
  options.watchdogMs = 30000;
  const std::string result = run(program, options);
  if (!s.concurrent || result.empty())
    return;
  program.schedule.concurrent = false;
  options.threads = 1;
  fuzz::check(run(program, options) == result,
              "queues and hand-offs give what program order gives");
}

} // namespace

// The names are libFuzzer's. NOLINTBEGIN(readability-identifier-naming)

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/// Changes fields and lists of the schedule, and now and then bytes.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t most, unsigned seed) {
  fuzz::Random random(seed + 1);
  if (random() % 8 == 0)
    return LLVMFuzzerMutate(data, size, most);
  Schedule s =
      fuzz::inputSchedule({reinterpret_cast<const char *>(data), size});
  fuzz::mutate(s, random);
  const std::string changed = fuzz::encode(std::move(s));
  if (changed.size() > most)
    return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, changed.data(), changed.size());
  return changed.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const Schedule s =
      fuzz::inputSchedule({reinterpret_cast<const char *>(data), size});
  const std::vector<Diagnostic> found = verify(s);
  for (const Diagnostic &d : found)
    fuzz::check(!toString(s, d).empty(), "a message has text");
  // Printing takes as long as all the rest: seldom what is refused.
  if (found.empty() || size % 8 == 0) {
    Program program;
    program.schedule = s;
    std::ostringstream os;
    printProgram(program, os, true);
  }
  if (!found.empty() || !defined(s))
    return 0;
  if (s.concurrent && s.target)
    checkPlan(s);
  checkRuns(s, size + 1);
  return 0;
}
// NOLINTEND(readability-identifier-naming)
