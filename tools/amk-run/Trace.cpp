//===- Trace.cpp - Times of a step ----------------------------------------===//

#include "Trace.h"

#include "Output.h"

#include "AMK/Schedule/Tiles.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace amk::run {

using runtime::ErrorKind;
using runtime::Status;

namespace {

/// One complete event ("X"); times in microseconds.
std::string event(const std::string &task, const char *span, uint32_t worker,
                  uint32_t tile, double begin, double duration) {
  char text[256];
  std::snprintf(text, sizeof text,
                "\"cat\": \"%s\", \"ph\": \"X\", \"pid\": 0, \"tid\": "
                "%" PRIu32 ", \"ts\": %.3f, \"dur\": %.3f, \"args\": "
                "{\"tile\": %" PRIu32 "}}",
                span, worker, begin, duration, tile);
  return "{\"name\": \"" + task + " " + span + "\", " + text;
}

} // namespace

Status writeTrace(const core::Program &program, runtime::Device &device,
                  const std::string &path) {
  std::vector<uint64_t> times;
  if (Status s = device.trace(times); !s.ok())
    return s;
  const uint32_t rows = program.kernel.traceRows;
  if (times.empty())
    return {ErrorKind::Usage,
            "--trace: the program records no times on this device; compile it "
            "with --kernel-trace and run it on cuda"};
  const core::Tiles tiles = core::expand(program.schedule);
  uint64_t start = ~uint64_t(0);
  for (uint64_t t : times)
    if (t != 0)
      start = std::min(start, t);
  OutputFile file;
  if (Status s = file.open(path); !s.ok())
    return s;
  std::string text = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
  bool first = true;
  for (uint32_t w = 0; w < tiles.queues.size(); ++w)
    for (uint32_t r = 0; r < tiles.queues[w].size() && r < rows; ++r) {
      const core::Tile &tile = tiles.tiles[tiles.queues[w][r]];
      const std::string &task = program.schedule.tasks[tile.task].name;
      const uint64_t *at = &times[(size_t(w) * rows + r) * core::kTracePoints];
      static const char *const spans[] = {"wait", "work", "publish"};
      uint64_t before = at[0];
      for (uint32_t p = 1; p < core::kTracePoints; ++p) {
        if (at[p] == 0) // a body without that point
          continue;
        text += first ? "" : ",\n";
        first = false;
        text +=
            event(task, spans[p - 1], w, tile.index,
                  double(before - start) * 1e-3, double(at[p] - before) * 1e-3);
        before = at[p];
      }
    }
  text += "\n]}\n";
  if (Status s = file.write(text.data(), text.size()); !s.ok())
    return s;
  return file.commit();
}

} // namespace amk::run
