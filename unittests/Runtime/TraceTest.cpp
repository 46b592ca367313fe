//===- TraceTest.cpp - The times of a step --------------------------------===//

#include "amk-run/Trace.h"
#include "Runtime/ToyProgram.h"

#include "AMK/Frontends/Json.h"
#include "AMK/Schedule/Tiles.h"

#include <map>
#include <set>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::test;
namespace json = amk::frontends::json;

namespace {

struct Event {
  std::string task, span;
  int64_t worker = 0, tile = 0;
  double begin = 0, duration = 0;
};

/// What a trace file says, with a test failure for whatever it should not.
struct Trace {
  std::map<int64_t, std::string> threads;
  std::map<int64_t, std::vector<Event>> workers; ///< in the file's order

  explicit Trace(const std::string &text, int64_t position) {
    const auto value = json::parse(text, "trace");
    if (!value) {
      ADD_FAILURE() << value.error().message;
      return;
    }
    const json::Value *events = value->find("traceEvents");
    if (!events || !events->asArray()) {
      ADD_FAILURE() << "no traceEvents";
      return;
    }
    for (const json::Value &event : *events->asArray())
      add(event, position);
  }

private:
  static std::string text(const json::Value &in, const char *key) {
    const json::Value *v = in.find(key);
    return v && v->asString() ? *v->asString() : std::string();
  }
  static double number(const json::Value &in, const char *key) {
    const json::Value *v = in.find(key);
    return v ? v->asNumber().value_or(-1) : -1;
  }

  void add(const json::Value &event, int64_t position) {
    const json::Value *args = event.find("args");
    if (!args) {
      ADD_FAILURE() << "an event without arguments";
      return;
    }
    EXPECT_EQ(number(event, "pid"), 0);
    const int64_t thread = int64_t(number(event, "tid"));
    if (text(event, "ph") == "M") {
      if (text(event, "name") == "thread_name")
        threads[thread] = text(*args, "name");
      return;
    }
    EXPECT_EQ(text(event, "ph"), "X");
    EXPECT_EQ(number(*args, "position"), double(position));
    Event e;
    e.task = text(*args, "task");
    e.span = text(event, "cat");
    EXPECT_EQ(text(event, "name"), e.task + " " + e.span);
    e.worker = thread;
    e.tile = int64_t(number(*args, "tile"));
    e.begin = number(event, "ts");
    e.duration = number(event, "dur");
    EXPECT_GE(e.begin, 0);
    EXPECT_GE(e.duration, 0);
    workers[thread].push_back(e);
  }
};

/// Runs two steps and returns the trace of the second.
std::string traceOf(const core::Program &program, CpuOptions options) {
  options.trace = true;
  const auto weights = randomWeights(7);
  const auto device = createCpuDevice(options);
  EXPECT_OK(device->load(program, *weights, {}));
  runTokens(program, *device, {3, 4});
  std::vector<TileTimes> times;
  EXPECT_OK(device->trace(times));
  return run::traceJson(program, {"cpu", 1}, times);
}

/// Every tile once, on its worker, in the order of the queues; spans of a
/// worker follow each other.
void expectWhole(const core::Program &program, const Trace &trace,
                 const std::vector<std::vector<uint32_t>> &queues) {
  const core::Schedule &s = program.schedule;
  const core::Tiles tiles = core::expand(s);
  for (size_t w = 0; w < queues.size(); ++w) {
    if (queues[w].empty())
      continue;
    EXPECT_EQ(trace.threads.at(int64_t(w)), "worker " + std::to_string(w));
    const std::vector<Event> &events = trace.workers.at(int64_t(w));
    size_t at = 0;
    double end = 0;
    for (uint32_t t : queues[w]) {
      const core::Tile &tile = tiles.tiles[t];
      std::string spans;
      for (; at < events.size() && events[at].tile == tile.index &&
             events[at].task == s.tasks[tile.task].name;
           ++at) {
        spans += events[at].span + " ";
        // Three digits of a microsecond are written.
        EXPECT_GE(events[at].begin, end - 0.0021);
        end = events[at].begin + events[at].duration;
      }
      EXPECT_EQ(spans, s.concurrent ? "wait work publish " : "wait work ")
          << s.tasks[tile.task].name << " tile " << tile.index;
    }
    EXPECT_EQ(at, events.size()) << "more than the queue of worker " << w;
  }
}

TEST(Trace, EveryTileOfAConcurrentSchedule) {
  for (Stage stage : {Stage::Synchronized, Stage::Streamed})
    for (unsigned threads : {1u, 3u, 16u}) {
      const core::Program program = toyProgram(oddLlama(), stage);
      CpuOptions options;
      options.threads = threads;
      const Trace trace(traceOf(program, options), 1);
      const core::Tiles tiles = core::expand(program.schedule);
      expectWhole(program, trace, tiles.queues);
      EXPECT_EQ(trace.workers.size(), tiles.queues.size());
    }
}

TEST(Trace, WhatWaitsForAnotherBeginsAfterIt) {
  const core::Program program = toyProgram(oddLlama(), Stage::Streamed);
  const Trace trace(traceOf(program, {}), 1);
  // The argmax reads what all tiles of the head have found.
  double heads = 0, argmax = 0;
  for (const auto &[w, events] : trace.workers)
    for (const Event &e : events)
      if (e.span == "work" && e.task == "lm_head")
        heads = std::max(heads, e.begin + e.duration);
      else if (e.span == "work" && e.task == "argmax")
        argmax = e.begin;
  EXPECT_GT(heads, 0);
  EXPECT_GE(argmax, heads - 0.0021);
}

TEST(Trace, ProgramOrderBeforeSynchronization) {
  for (Stage stage : {Stage::Imported, Stage::Placed}) {
    const core::Program program = toyProgram(oddLlama(), stage);
    CpuOptions options;
    options.threads = 3;
    const Trace trace(traceOf(program, options), 1);
    std::vector<uint32_t> all(core::expand(program.schedule).tiles.size());
    for (uint32_t i = 0; i < all.size(); ++i)
      all[i] = i;
    expectWhole(program, trace, {all});
  }
}

TEST(Trace, NothingIsRecordedWithoutIt) {
  for (Stage stage : {Stage::Imported, Stage::Streamed}) {
    const core::Program program = toyProgram(oddLlama(), stage);
    const auto weights = randomWeights(7);
    const auto device = createCpuDevice({});
    ASSERT_OK(device->load(program, *weights, {}));
    runTokens(program, *device, {3});
    std::vector<TileTimes> times(1);
    ASSERT_OK(device->trace(times));
    EXPECT_TRUE(times.empty());
  }
}

TEST(Trace, NamesAreEscaped) {
  core::Program program;
  program.schedule.name = "\"\\";
  program.schedule.tasks.resize(1);
  program.schedule.tasks[0].name = "a\"b\\c\n";
  // A body without a point of its own for "ready", and a tile that never ran.
  const std::string text =
      run::traceJson(program, {"cpu", 9},
                     {{2, 0, 5, 1000, 0, 1500, 2500}, {3, 0, 6, 0, 0, 0, 0}});
  const Trace trace(text, 9);
  ASSERT_EQ(trace.workers.size(), 1u);
  const std::vector<Event> &events = trace.workers.at(2);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].task, "a\"b\\c?");
  EXPECT_EQ(events[0].span, "work");
  EXPECT_EQ(events[0].begin, 0);
  EXPECT_EQ(events[0].duration, 0.5);
  EXPECT_EQ(events[1].begin, 0.5);
  EXPECT_EQ(events[1].duration, 1);
  EXPECT_EQ(events[1].tile, 5);
}

} // namespace
