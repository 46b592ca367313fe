//===- Trace.cpp - Times of a step ----------------------------------------===//

#include "Trace.h"

#include "Output.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace amk::run {

using runtime::StageTimes;
using runtime::Status;
using runtime::StepTimes;
using runtime::TileTimes;

namespace {

/// Names come from an untrusted file.
std::string escaped(const std::string &name) {
  std::string out;
  for (char c : name) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += uint8_t(c) < 0x20 ? '?' : c;
  }
  return out;
}

/// The events, one a line.
class Events {
public:
  Events(const core::Program &program, const TracedStep &step,
         const StepTimes &times)
      : s(program.schedule), step(step), times(times) {
    for (const TileTimes &t : times.tiles)
      if (t.begin != 0) // 0: an aborted launch did not come to it
        start = std::min(start, t.begin);
    for (const StageTimes &t : times.stages)
      start = std::min(start, t.issued ? t.issued : t.landed);
  }

  std::string take() {
    name("process_name", 0, 0,
         escaped(s.name) + " on " + step.device + ", position " +
             std::to_string(step.position));
    std::set<uint32_t> workers;
    for (const TileTimes &t : times.tiles)
      if (t.begin != 0)
        workers.insert(t.worker);
    for (uint32_t w : workers)
      name("thread_name", 0, w, "worker " + std::to_string(w));
    std::set<std::pair<uint32_t, uint32_t>> slots;
    for (const StageTimes &t : times.stages)
      slots.insert({t.worker, t.slot});
    for (const auto &[worker, slot] : slots) {
      if (slot == 0)
        name("process_name", ringOf(worker), ringOf(worker),
             "ring of worker " + std::to_string(worker));
      name("thread_name", ringOf(worker), slotOf(worker, slot),
           "slot " + std::to_string(slot));
    }
    for (const TileTimes &t : times.tiles)
      if (t.begin != 0)
        tile(t);
    for (const StageTimes &t : times.stages)
      stage(t);
    return std::move(text);
  }

private:
  /// A ring is a process, whose threads are its slots: a slot holds one stage
  /// at a time. No thread has the number of another, nor of a process that is
  /// not its own: to Perfetto thread 7 of process 0 is the main thread of
  /// process 7.
  static uint32_t ringOf(uint32_t worker) { return 10000 * (worker + 1); }
  static uint32_t slotOf(uint32_t worker, uint32_t slot) {
    return ringOf(worker) + 1 + slot;
  }

  /// Names a process or thread; "M" is for metadata.
  void name(const char *what, uint32_t process, uint32_t thread,
            const std::string &value) {
    add("{\"name\": \"" + std::string(what) + "\", \"ph\": \"M\", \"pid\": " +
        std::to_string(process) + ", \"tid\": " + std::to_string(thread) +
        ", \"args\": {\"name\": \"" + value + "\"}}");
  }

  void tile(const TileTimes &t) {
    const std::string args = "\"tile\": " + std::to_string(t.tile);
    uint64_t at = t.begin;
    // Not every body has every point; what is missing took no time.
    const auto until = [&](const char *span, uint64_t end) {
      if (end == 0)
        return;
      complete(t.task, span, 0, t.worker, at, end, args);
      at = end;
    };
    until("wait", t.ready);
    for (const auto &[from, to] : t.laterWaits) {
      until("work", from);
      until("wait", to);
    }
    until("work", t.done);
    until("publish", t.published);
  }

  void stage(const StageTimes &t) {
    std::string args = "\"tile\": " + std::to_string(t.tile) +
                       ", \"stage\": " + std::to_string(t.stage);
    if (t.count > 1)
      args += ", \"stages\": " + std::to_string(t.count);
    if (t.issued != 0)
      complete(t.task, "fetch", ringOf(t.worker), slotOf(t.worker, t.slot),
               t.issued, t.landed, args);
    complete(t.task, "use", ringOf(t.worker), slotOf(t.worker, t.slot),
             t.landed, t.released, args);
  }

  /// A span from begin to end: a "complete" event. Times in microseconds.
  void complete(uint32_t taskIndex, const char *span, uint32_t process,
                uint32_t thread, uint64_t begin, uint64_t end,
                const std::string &args) {
    char numbers[256];
    std::snprintf(numbers, sizeof numbers,
                  "\"cat\": \"%s\", \"ph\": \"X\", \"pid\": %" PRIu32
                  ", \"tid\": %" PRIu32 ", \"ts\": %s, \"dur\": %s, ",
                  span, process, thread,
                  microseconds(int64_t(begin - start)).c_str(),
                  microseconds(int64_t(end - begin)).c_str());
    const std::string task = escaped(s.tasks[taskIndex].name);
    std::string event = "{\"name\": \"" + task + " " + span + "\", ";
    event += numbers;
    event += "\"args\": {\"task\": \"" + task + "\", " + args +
             ", \"position\": " + std::to_string(step.position) + "}}";
    add(event);
  }

  /// Nanoseconds, negative if the device's clock was, as microseconds. Perfetto
  /// reads a double and cuts it off to whole nanoseconds: one that is a hair
  /// less than what it stands for would end before the next span begins, or
  /// after, and spans that overlap are dropped. Such a one is a hair more.
  static std::string microseconds(int64_t ns) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", double(ns) * 1e-3);
    if (int64_t(std::strtod(text, nullptr) * 1000) != ns)
      std::snprintf(text, sizeof text, "%.4f",
                    double(ns) * 1e-3 + (ns < 0 ? -0.0002 : 0.0002));
    return text;
  }

  void add(const std::string &event) {
    text += text.empty() ? "" : ",\n";
    text += event;
  }

  const core::Schedule &s;
  const TracedStep &step;
  const StepTimes &times;
  uint64_t start = ~uint64_t(0);
  std::string text;
};

} // namespace

std::string traceJson(const core::Program &program, const TracedStep &step,
                      const StepTimes &times) {
  return "{\"displayTimeUnit\": \"ns\", \"otherData\": {\"schedule_id\": \"" +
         core::scheduleId(program) + "\", \"device\": \"" + step.device +
         "\", \"position\": " + std::to_string(step.position) +
         "},\n\"traceEvents\": [\n" + Events(program, step, times).take() +
         "\n]}\n";
}

Status writeTrace(const core::Program &program, const TracedStep &step,
                  runtime::Device &device, const std::string &path) {
  StepTimes times;
  if (Status s = device.trace(times); !s.ok())
    return s;
  OutputFile file;
  if (Status s = file.open(path); !s.ok())
    return s;
  const std::string text = traceJson(program, step, times);
  if (Status s = file.write(text.data(), text.size()); !s.ok())
    return s;
  return file.commit();
}

} // namespace amk::run
