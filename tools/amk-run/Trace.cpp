//===- Trace.cpp - Times of a step ----------------------------------------===//

#include "Trace.h"

#include "Output.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <set>

namespace amk::run {

using runtime::Status;
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
  Events(const core::Schedule &schedule, const TracedStep &step, uint64_t start)
      : s(schedule), step(step), start(start) {}

  /// Names a process or thread; "M" is for metadata.
  void name(const char *what, uint32_t thread, const std::string &value) {
    add("{\"name\": \"" + std::string(what) +
        "\", \"ph\": \"M\", \"pid\": 0, \"tid\": " + std::to_string(thread) +
        ", \"args\": {\"name\": \"" + value + "\"}}");
  }

  void tile(const TileTimes &t) {
    // Not every body has every point; what is missing took no time.
    uint64_t at = t.begin;
    for (const auto &[span, until] :
         {std::pair("wait", t.ready), std::pair("work", t.done),
          std::pair("publish", t.published)}) {
      if (until == 0)
        continue;
      complete(t, span, at, until);
      at = until;
    }
  }

  std::string take() { return std::move(text); }

private:
  /// A span from begin to end: a "complete" event. Times in microseconds.
  void complete(const TileTimes &t, const char *span, uint64_t begin,
                uint64_t end) {
    char numbers[256];
    std::snprintf(numbers, sizeof numbers,
                  "\"cat\": \"%s\", \"ph\": \"X\", \"pid\": 0, \"tid\": "
                  "%" PRIu32 ", \"ts\": %.3f, \"dur\": %.3f, ",
                  span, t.worker, double(begin - start) * 1e-3,
                  double(end - begin) * 1e-3);
    const std::string task = escaped(s.tasks[t.task].name);
    std::string event = "{\"name\": \"" + task + " " + span + "\", ";
    event += numbers;
    event += "\"args\": {\"task\": \"" + task + "\", \"tile\": ";
    event += std::to_string(t.tile) +
             ", \"position\": " + std::to_string(step.position) + "}}";
    add(event);
  }

  void add(const std::string &event) {
    text += text.empty() ? "" : ",\n";
    text += event;
  }

  const core::Schedule &s;
  const TracedStep &step;
  uint64_t start;
  std::string text;
};

} // namespace

std::string traceJson(const core::Program &program, const TracedStep &step,
                      const std::vector<TileTimes> &times) {
  uint64_t start = ~uint64_t(0);
  std::set<uint32_t> workers;
  for (const TileTimes &t : times)
    if (t.begin != 0) { // 0: an aborted launch did not come to it
      start = std::min(start, t.begin);
      workers.insert(t.worker);
    }
  Events events(program.schedule, step, start);
  events.name("process_name", 0,
              escaped(program.schedule.name) + " on " + step.device +
                  ", position " + std::to_string(step.position));
  for (uint32_t w : workers)
    events.name("thread_name", w, "worker " + std::to_string(w));
  for (const TileTimes &t : times)
    if (t.begin != 0)
      events.tile(t);
  return "{\"displayTimeUnit\": \"ns\", \"otherData\": {\"schedule_id\": \"" +
         core::scheduleId(program) + "\", \"device\": \"" + step.device +
         "\", \"position\": " + std::to_string(step.position) +
         "},\n\"traceEvents\": [\n" + events.take() + "\n]}\n";
}

Status writeTrace(const core::Program &program, const TracedStep &step,
                  runtime::Device &device, const std::string &path) {
  std::vector<TileTimes> times;
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
