//===- Report.cpp - What amk-run prints -----------------------------------===//

#include "Report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <unistd.h>

namespace amk::run {

using runtime::ErrorKind;
using runtime::Status;

int reportError(const Status &status) {
  std::string text = "amk-run: ";
  for (char c : status.message())
    text += c == '\n' ? std::string("\nnote: ") : std::string(1, c);
  std::fprintf(stderr, "%s\n", text.c_str());
  switch (status.kind()) {
  case ErrorKind::None:
    return 0;
  case ErrorKind::Usage:
    return 1;
  case ErrorKind::Input:
    return 2;
  case ErrorKind::Device:
    return 3;
  case ErrorKind::Aborted:
    return 4;
  case ErrorKind::Numeric:
    return 5;
  case ErrorKind::Output:
    return 6;
  }
  return 1;
}

void printInfo(const core::Program &program) {
  const core::Schedule &s = program.schedule;
  uint64_t tiles = 0, bytes[7] = {};
  for (const core::Task &t : s.tasks)
    tiles += core::tileCount(s, t);
  for (const core::Buffer &b : s.buffers)
    bytes[size_t(b.kind)] += uint64_t(b.elements()) * core::byteWidth(b.type);
  std::printf("schedule: %s\nschedule_id: %s\n", s.name.c_str(),
              core::scheduleId(program).c_str());
  std::printf("order: %s\n", s.concurrent ? "concurrent" : "sequential");
  if (s.target)
    std::printf("target: %s, %u workers\n", s.target->chip.c_str(),
                s.target->workers);
  std::printf("positions: %" PRId64 "\n", s.positions);
  std::printf("tasks: %zu\ntiles: %" PRIu64 "\nbuffers: %zu\ncounters: %zu\n",
              s.tasks.size(), tiles, s.buffers.size(), s.counters.size());
  for (size_t kind = 0; kind < 7; ++kind)
    if (bytes[kind])
      std::printf("bytes of %s buffers: %" PRIu64 "\n",
                  std::string(core::toString(core::BufferKind(kind))).c_str(),
                  bytes[kind]);
  std::printf("bytes_per_step: %" PRIu64 "\n", runtime::bytesPerStep(s));
  std::printf("end tokens:");
  for (int64_t id : s.endTokens)
    std::printf(" %" PRId64, id);
  std::printf("%s\n", s.endTokens.empty() ? " none" : "");
  if (!program.hasKernel) {
    std::printf("kernel: none\n");
    return;
  }
  const core::Kernel &k = program.kernel;
  std::printf("kernel: %s for %s, %u blocks of %u threads, %" PRIu64
              " bytes of shared memory, arena of %" PRIu64
              " bytes, %zu bytes of PTX\n",
              k.entry.c_str(), k.chip.c_str(), k.workers, k.threads,
              k.sharedBytes, k.arenaBytes, k.ptx.size());
}

void printDevices() {
  constexpr int kMost = 64;
  // The first line of a device's information is about the device.
  const auto firstLine = [](runtime::Device &device) {
    std::string info = device.info();
    info.resize(std::min(info.find('\n'), info.size()));
    const std::string label = "device: ";
    return info.compare(0, label.size(), label) ? info
                                                : info.substr(label.size());
  };
  const auto cpu = runtime::createCpuDevice({});
  std::printf("cpu: %s\n", firstLine(*cpu).c_str());
  for (int i = 0; i < kMost; ++i) {
    std::unique_ptr<runtime::Device> device;
    runtime::CudaOptions options;
    options.ordinal = i;
    const Status status = runtime::createCudaDevice(options, device);
    if (!status.ok()) {
      if (i == 0)
        std::printf("cuda: none: %s\n", status.message().c_str());
      return;
    }
    std::printf("cuda:%d: %s\n", i, firstLine(*device).c_str());
  }
}

std::string jsonReport(const Options &options, const core::Program &program,
                       const runtime::GenerateResult &result) {
  const auto list = [](const std::vector<int64_t> &values) {
    std::string text = "[";
    for (size_t i = 0; i < values.size(); ++i)
      text += (i ? ", " : "") + std::to_string(values[i]);
    return text + "]";
  };
  std::string ms;
  for (double m : result.stepMs) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.6g", ms.empty() ? "" : ", ", m);
    ms += number;
  }
  return "{\"prompt_ids\": " + list(options.generate.prompt) +
         ", \"tokens\": " + list(result.tokens) + ", \"stop\": \"" +
         (result.endToken ? "eos" : "length") + "\", \"step_ms\": [" + ms +
         "], \"bytes_per_step\": " +
         std::to_string(runtime::bytesPerStep(program.schedule)) +
         ", \"schedule_id\": \"" + core::scheduleId(program) +
         "\", \"device\": \"" + options.device + "\"}\n";
}

ProgressLine::ProgressLine(std::string label)
    : what(std::move(label)), terminal(isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  if (last >= 0)
    std::fprintf(stderr, "\r\x1b[K");
}

void ProgressLine::show(double share) {
  const int percent = int(share * 100);
  if (!terminal || percent == last)
    return;
  last = percent;
  std::fprintf(stderr, "\r%s %d %%\x1b[K", what.c_str(), percent);
}

} // namespace amk::run
