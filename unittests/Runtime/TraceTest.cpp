//===- TraceTest.cpp - The times of a step --------------------------------===//

#include "amk-run/Trace.h"
#include "Runtime/ToyProgram.h"

#include "AMK/Frontends/Json.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/Tiles.h"

#include <algorithm>
#include <map>
#include <set>

using namespace amk;
using namespace amk::runtime;
using namespace amk::runtime::test;
namespace json = amk::frontends::json;

namespace {

struct Event {
  std::string task, span;
  int64_t tile = 0, stage = -1, stages = 1;
  double begin = 0, duration = 0;

  double end() const { return begin + duration; }
};

/// What a trace file says, with a test failure for whatever it should not.
struct Trace {
  using Thread = std::pair<int64_t, int64_t>; ///< process and thread
  std::map<int64_t, std::string> processes;
  std::map<int64_t, int64_t> owners; ///< process of every number
  std::map<Thread, std::string> threads;
  std::map<int64_t, std::vector<Event>> workers; ///< in the file's order
  std::map<Thread, std::vector<Event>> slots;    ///< of the rings, likewise

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
    for (auto &[worker, all] : workers)
      expectApart(all);
    for (auto &[slot, all] : slots) {
      EXPECT_TRUE(threads.count(slot) && processes.count(slot.first));
      expectApart(all);
    }
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

  /// A viewer draws spans of a thread that overlap, and are not one in the
  /// other, wrong.
  static void expectApart(std::vector<Event> all) {
    std::sort(all.begin(), all.end(), [](const Event &a, const Event &b) {
      return std::make_pair(a.begin, a.end()) <
             std::make_pair(b.begin, b.end());
    });
    for (size_t i = 1; i < all.size(); ++i) // written in three digits
      EXPECT_GE(all[i].begin, all[i - 1].end() - 0.0021)
          << all[i - 1].task << ' ' << all[i - 1].span << ", then "
          << all[i].task << ' ' << all[i].span;
  }

  void add(const json::Value &event, int64_t position) {
    const json::Value *args = event.find("args");
    if (!args) {
      ADD_FAILURE() << "an event without arguments";
      return;
    }
    const int64_t process = int64_t(number(event, "pid"));
    const int64_t thread = int64_t(number(event, "tid"));
    EXPECT_GE(process, 0);
    EXPECT_GE(thread, 0);
    // To Perfetto a thread with the number of a process is its main thread.
    for (const int64_t number : {process, thread})
      EXPECT_EQ(owners.try_emplace(number, process).first->second, process);
    if (text(event, "ph") == "M") {
      if (text(event, "name") == "thread_name")
        threads[{process, thread}] = text(*args, "name");
      else
        processes[process] = text(*args, "name");
      return;
    }
    EXPECT_EQ(text(event, "ph"), "X");
    EXPECT_EQ(number(*args, "position"), double(position));
    Event e;
    e.task = text(*args, "task");
    e.span = text(event, "cat");
    EXPECT_EQ(text(event, "name"), e.task + " " + e.span);
    e.tile = int64_t(number(*args, "tile"));
    e.begin = number(event, "ts");
    e.duration = number(event, "dur");
    EXPECT_GE(e.begin, 0);
    EXPECT_GE(e.duration, 0);
    if (process == 0) {
      workers[thread].push_back(e);
      return;
    }
    e.stage = int64_t(number(*args, "stage"));
    EXPECT_GE(e.stage, 0);
    if (args->find("stages"))
      e.stages = int64_t(number(*args, "stages"));
    slots[{process, thread}].push_back(e);
  }
};

/// Runs two steps and returns the trace of the second.
std::string traceOf(const core::Program &program, CpuOptions options) {
  options.trace = true;
  const auto weights = randomWeights(7);
  const auto device = createCpuDevice(options);
  EXPECT_OK(device->load(program, *weights, {}));
  runTokens(program, *device, {3, 4});
  StepTimes times;
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
    EXPECT_EQ(trace.threads.at({0, int64_t(w)}), "worker " + std::to_string(w));
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

/// How many stages of weights a tile takes.
int64_t stagesOf(const core::Schedule &s, const core::Tile &tile) {
  const core::Task &task = s.tasks[tile.task];
  int64_t stages = 0;
  for (size_t o = 0; o < task.ops.size() && task.stream.rows; ++o) {
    const core::Range range = core::operatorRange(s, task, o, tile.range);
    if (const core::Buffer *w = core::streamedWeight(s, task.ops[o]))
      stages += (range.size() + 3) / 4 * (w->shape[1] / task.stream.columns);
  }
  return stages;
}

TEST(Trace, EveryStageLiesInTheWorkOfItsTile) {
  for (unsigned threads : {1u, 3u}) {
    const core::Program program = toyProgram({}, Stage::Streamed);
    const core::Schedule &s = program.schedule;
    CpuOptions options;
    options.threads = threads;
    const Trace trace(traceOf(program, options), 1);
    const core::Tiles tiles = core::expand(s);
    int64_t all = 0;
    for (size_t w = 0; w < tiles.queues.size(); ++w) {
      const auto events = trace.slots.find(
          {10000 * (int64_t(w) + 1), 10000 * (int64_t(w) + 1) + 1});
      size_t at = 0;
      for (uint32_t t : tiles.queues[w]) {
        const core::Tile &tile = tiles.tiles[t];
        const std::string &task = s.tasks[tile.task].name;
        double from = -1, to = -1;
        for (const Event &e : trace.workers.at(int64_t(w)))
          if (e.task == task && e.tile == tile.index && e.span == "work")
            from = e.begin, to = e.end();
        const int64_t wanted = stagesOf(s, tile);
        int64_t found = 0;
        while (found < wanted) {
          ASSERT_TRUE(events != trace.slots.end() && at < events->second.size())
              << task << " tile " << tile.index;
          const Event &e = events->second[at++];
          EXPECT_EQ(e.span, "use");
          EXPECT_EQ(e.task, task);
          EXPECT_EQ(e.tile, tile.index);
          EXPECT_EQ(e.stage, found);
          EXPECT_GE(e.begin, from - 0.0021);
          EXPECT_LE(e.end(), to + 0.0021);
          found += e.stages;
        }
        EXPECT_EQ(found, wanted) << task << " tile " << tile.index;
        all += wanted;
      }
      EXPECT_EQ(at, events == trace.slots.end() ? 0 : events->second.size());
    }
    EXPECT_GT(all, int64_t(s.tasks.size()));
  }
}

TEST(Trace, ValuesDoNotDependOnIt) {
  const core::Program program = toyProgram({}, Stage::Streamed);
  const auto weights = randomWeights(7);
  std::vector<std::vector<std::vector<float>>> found;
  for (bool traced : {false, true}) {
    CpuOptions options;
    options.trace = traced;
    const auto device = createCpuDevice(options);
    ASSERT_OK(device->load(program, *weights, {}));
    found.push_back(runTokens(program, *device, {3, 4, 5, 6}));
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST(Trace, StagesAndLaterWaits) {
  core::Program program;
  program.schedule.tasks.resize(1);
  program.schedule.tasks[0].name = "t";
  // Two stages share slot 1 of worker 2's ring, one after the other.
  const StepTimes times = {
      {{2, 0, 0, 1000, 2000, 9000, 9500, {{4000, 5000}, {6000, 8000}}}},
      {{2, 0, 0, 0, 1, 1, 1000, 3000, 3500},
       {2, 0, 0, 1, 1, 0, 1200, 3100, 3600},
       {2, 0, 0, 2, 1, 1, 3600, 4000, 4500}}};
  EXPECT_EQ(times.tiles[0].waited(), 4000u);
  const Trace trace(run::traceJson(program, {"cuda", 9}, times), 9);
  std::string spans;
  for (const Event &e : trace.workers.at(2))
    spans += e.span + " " + std::to_string(int(e.duration * 1000)) + " ";
  EXPECT_EQ(spans, "wait 1000 work 2000 wait 1000 work 1000 wait 2000 "
                   "work 1000 publish 500 ");
  EXPECT_EQ(trace.processes.at(30000), "ring of worker 2");
  EXPECT_EQ(trace.threads.at({30000, 30002}), "slot 1");
  const std::vector<Event> &slot = trace.slots.at({30000, 30002});
  ASSERT_EQ(slot.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(slot[i].span, i % 2 ? "use" : "fetch");
    EXPECT_EQ(slot[i].stage, i < 2 ? 0 : 2);
  }
  EXPECT_EQ(slot[0].duration, 2);
  EXPECT_EQ(slot[1].duration, 0.5);
  EXPECT_EQ(slot[2].begin, 2.6);
  EXPECT_EQ(trace.slots.at({30000, 30001}).size(), 2u);
}

TEST(Trace, NothingIsRecordedWithoutIt) {
  for (Stage stage : {Stage::Imported, Stage::Streamed}) {
    const core::Program program = toyProgram(oddLlama(), stage);
    const auto weights = randomWeights(7);
    const auto device = createCpuDevice({});
    ASSERT_OK(device->load(program, *weights, {}));
    runTokens(program, *device, {3});
    StepTimes times;
    times.tiles.resize(1);
    times.stages.resize(1);
    ASSERT_OK(device->trace(times));
    EXPECT_TRUE(times.tiles.empty() && times.stages.empty());
  }
}

TEST(Trace, NamesAreEscaped) {
  core::Program program;
  program.schedule.name = "\"\\";
  program.schedule.tasks.resize(1);
  program.schedule.tasks[0].name = "a\"b\\c\n";
  // A body without a point of its own for "ready", and a tile that never ran.
  const std::string text = run::traceJson(
      program, {"cpu", 9},
      {{{2, 0, 5, 1000, 0, 1500, 2500, {}}, {3, 0, 6, 0, 0, 0, 0, {}}}, {}});
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

/// Perfetto cuts what it reads off to whole nanoseconds, and drops a span that
/// begins before the last one has ended.
TEST(Trace, SpansMeetToTheNanosecond) {
  core::Program program;
  program.schedule.tasks.resize(1);
  program.schedule.tasks[0].name = "t";
  StepTimes times;
  for (uint64_t i = 0; i < 3000; ++i) {
    const uint64_t begin = 1000 + i * 701;
    times.tiles.push_back(
        {2, 0, uint32_t(i), begin, begin + 32, begin + 448, begin + 701, {}});
  }
  const Trace trace(run::traceJson(program, {"cuda", 9}, times), 9);
  const auto cutOff = [](double microseconds) {
    return int64_t(microseconds * 1000);
  };
  int64_t end = 0;
  for (const Event &e : trace.workers.at(2)) {
    ASSERT_EQ(cutOff(e.begin), end) << e.tile;
    end += cutOff(e.duration);
  }
  EXPECT_EQ(end, 3000 * 701);
}

} // namespace
