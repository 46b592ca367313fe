//===- amk-run.cpp - Runs a compiled program ------------------------------===//

#include "Options.h"
#include "Output.h"
#include "Report.h"
#include "Trace.h"

#include "AMK/Frontends/File.h"
#include "AMK/Runtime/Describe.h"
#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Verify.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <unistd.h>

using namespace amk;
using namespace amk::run;
using runtime::ErrorKind;
using runtime::Status;

namespace {

/// A program file holds the schedule and PTX, never weights.
constexpr size_t kMostProgramBytes = size_t(1) << 30;

Status readAndVerify(const Options &options, core::Program &program) {
  auto bytes = frontends::readFile(options.program, kMostProgramBytes);
  if (!bytes)
    return {ErrorKind::Input, bytes.error().message};
  std::string error;
  if (!core::readProgram(*bytes, program, error))
    return {ErrorKind::Input, options.program + ": " + error};
  const auto diagnostics = core::verify(program.schedule);
  if (diagnostics.empty()) {
    if (!core::checkKernel(program, error))
      return {ErrorKind::Input, options.program + ": " + error};
    return {};
  }
  const core::Diagnostic &first = diagnostics.front();
  std::string message =
      options.program + ": " + core::toString(program.schedule, first);
  for (const core::Note &note : first.notes)
    message += "\n" + note.message;
  if (diagnostics.size() > 1)
    message += "\n" + std::to_string(diagnostics.size() - 1) +
               " more violations were found";
  return {ErrorKind::Input, message};
}

Status makeDevice(const Options &options, const core::Program &program,
                  std::unique_ptr<runtime::Device> &device) {
  if (!options.cuda) {
    runtime::CpuOptions cpu;
    cpu.threads = options.threads;
    cpu.delaySeed = options.delaySeed;
    cpu.trace = !options.trace.empty();
    if (options.watchdogMs)
      cpu.watchdogMs = options.watchdogMs;
    device = runtime::createCpuDevice(cpu);
    return {};
  }
  if (!program.hasKernel)
    return {ErrorKind::Input,
            options.program + ": --device cuda: the program has no kernel"};
  if (!options.trace.empty() && program.kernel.traceRows == 0)
    return {ErrorKind::Usage,
            "--trace: the program's kernel records no times; translate it with "
            "--kernel-trace"};
  runtime::CudaOptions cuda;
  cuda.ordinal = options.ordinal;
  if (options.watchdogMs)
    cuda.watchdogMs = options.watchdogMs;
  return runtime::createCudaDevice(cuda, device);
}

/// --trace: the times of the last launch.
Status traceStep(const Options &options, const core::Program &program,
                 runtime::Device &device, int64_t position) {
  if (options.trace.empty())
    return {};
  return writeTrace(program, {options.device, position}, device, options.trace);
}

/// The device and the weights, loaded.
struct Session {
  std::unique_ptr<runtime::WeightSource> weights;
  std::unique_ptr<runtime::Device> device;
};

Status loadSession(const Options &options, const core::Program &program,
                   Session &session) {
  if (Status s = makeDevice(options, program, session.device); !s.ok())
    return s;
  const auto &buffers = program.schedule.buffers;
  if (options.weights.empty() &&
      std::any_of(buffers.begin(), buffers.end(), [](const core::Buffer &b) {
        return b.kind == core::BufferKind::Weight;
      }))
    return {ErrorKind::Usage,
            "--weights: the program has weights; expected a checkpoint "
            "directory or random:SEED"};
  const std::string spec =
      options.weights.empty() ? "random:0" : options.weights;
  if (Status s = runtime::openWeights(spec, session.weights); !s.ok())
    return s;
  ProgressLine line("loading weights");
  return session.device->load(program, *session.weights,
                              [&](double share) { line.show(share); });
}

Status generateTokens(const Options &options, const core::Program &program) {
  const core::Schedule &s = program.schedule;
  if (Status st = runtime::checkRequest(s, options.generate); !st.ok())
    return st;
  runtime::TokenBuffers buffers;
  if (Status st = runtime::findTokenBuffers(s, buffers); !st.ok())
    return st;
  NumpyFile logits;
  if (!options.logitsOut.empty()) {
    if (buffers.logits == core::kNone)
      return {ErrorKind::Usage, "--logits-out: the program has no 'logits'"};
    if (Status st = logits.open(options.logitsOut,
                                s.buffers[buffers.logits].elements());
        !st.ok())
      return st;
  }
  Session session;
  if (Status st = loadSession(options, program, session); !st.ok())
    return st;

  runtime::GenerateEvents events;
  events.wantLogits = !options.logitsOut.empty();
  // Tokens on a terminal show by themselves how far it is.
  std::optional<ProgressLine> line;
  if (options.json || !isatty(STDOUT_FILENO))
    line.emplace("step");
  events.step = [&](int64_t done, int64_t most) {
    if (line)
      line->show(double(done) / double(most));
  };
  bool started = false;
  events.token = [&](int64_t token, const std::vector<float> &row) -> Status {
    if (events.wantLogits)
      if (Status st = logits.row(row); !st.ok())
        return st;
    if (!options.json) {
      std::printf("%s%" PRId64, started ? " " : "", token);
      std::fflush(stdout);
    }
    started = true;
    return {};
  };
  runtime::GenerateResult result;
  Status status =
      runtime::generate(s, *session.device, options.generate, events, result);
  line.reset();
  if (started && !options.json)
    std::printf("\n");
  if (!status.ok())
    return status;
  if (events.wantLogits)
    if (Status st = logits.commit(); !st.ok())
      return st;
  if (Status st = traceStep(options, program, *session.device,
                            int64_t(result.stepMs.size()) - 1);
      !st.ok())
    return st;
  if (options.json)
    std::fputs(jsonReport(options, program, result).c_str(), stdout);
  return {};
}

Status findNamed(const core::Schedule &s, const char *option,
                 const std::string &name, uint32_t &buffer) {
  buffer = runtime::findBuffer(s, name);
  if (buffer == core::kNone)
    return {ErrorKind::Usage,
            std::string(option) + ": the program has no buffer '" + name + "'"};
  return {};
}

/// --set, --launches, --get.
Status launchBuffers(const Options &options, const core::Program &program) {
  const core::Schedule &s = program.schedule;
  uint32_t buffer = 0;
  for (const BufferFile &f : options.get)
    if (Status st = findNamed(s, "--get", f.first, buffer); !st.ok())
      return st;
  Session session;
  if (Status st = loadSession(options, program, session); !st.ok())
    return st;
  for (const BufferFile &f : options.set) {
    if (Status st = findNamed(s, "--set", f.first, buffer); !st.ok())
      return st;
    auto bytes = frontends::readFile(f.second, kMostProgramBytes);
    if (!bytes)
      return {ErrorKind::Input, bytes.error().message};
    if (Status st = session.device->write(buffer, bytes->data(), bytes->size());
        !st.ok())
      return {st.kind(), f.second + ": " + st.message()};
  }
  for (unsigned i = 0; i < options.launches; ++i) {
    double milliseconds = 0;
    if (Status st = session.device->launch(options.position, milliseconds);
        !st.ok())
      return st;
  }
  if (Status st =
          traceStep(options, program, *session.device, options.position);
      !st.ok())
    return st;
  for (const BufferFile &f : options.get) {
    if (Status st = findNamed(s, "--get", f.first, buffer); !st.ok())
      return st;
    std::string bytes(size_t(s.buffers[buffer].elements()) *
                          core::byteWidth(s.buffers[buffer].type),
                      '\0');
    if (Status st = session.device->read(buffer, bytes.data(), bytes.size());
        !st.ok())
      return st;
    OutputFile file;
    if (Status st = file.open(f.second); !st.ok())
      return st;
    if (Status st = file.write(bytes.data(), bytes.size()); !st.ok())
      return st;
    if (Status st = file.commit(); !st.ok())
      return st;
  }
  return {};
}

/// --benchmark.
Status timeSteps(const Options &options, const core::Program &program) {
  const core::Schedule &s = program.schedule;
  runtime::TokenBuffers buffers;
  if (Status st = runtime::findTokenBuffers(s, buffers); !st.ok())
    return st;
  if (options.position >= s.positions ||
      options.benchmark > s.positions - options.position)
    return {ErrorKind::Usage,
            "--benchmark: the cache holds " + std::to_string(s.positions) +
                " tokens, found " + std::to_string(options.benchmark) +
                " steps from " + std::to_string(options.position) + " on"};
  Session session;
  if (Status st = loadSession(options, program, session); !st.ok())
    return st;
  const int32_t first =
      options.generate.prompt.empty() ? 0 : int32_t(options.generate.prompt[0]);
  if (Status st = session.device->write(buffers.token, &first, sizeof first);
      !st.ok())
    return st;
  std::vector<double> ms;
  double mean = 0;
  if (Status st =
          session.device->launchMany(options.position, options.benchmark,
                                     buffers.token, buffers.next, ms, mean);
      !st.ok())
    return st;
  if (Status st = traceStep(options, program, *session.device,
                            options.position + options.benchmark - 1);
      !st.ok())
    return st;
  std::sort(ms.begin(), ms.end());
  const double median = ms[ms.size() / 2];
  const uint64_t bytes = runtime::bytesPerStep(s);
  std::printf("{\"steps\": %zu, \"position\": %" PRId64
              ", \"median_ms\": %.6g, \"min_ms\": %.6g, \"max_ms\": %.6g, "
              "\"mean_ms\": %.6g, \"bytes_per_step\": %" PRIu64
              ", \"gigabytes_per_second\": %.6g, \"schedule_id\": \"%s\", "
              "\"device\": \"%s\"}\n",
              ms.size(), options.position, median, ms.front(), ms.back(), mean,
              bytes, double(bytes) / median * 1e-6,
              core::scheduleId(program).c_str(), options.device.c_str());
  return {};
}

Status runTool(const Options &options) {
  core::Program program;
  if (Status s = readAndVerify(options, program); !s.ok())
    return s;
  if (options.info)
    printInfo(program);
  else if (options.check)
    std::printf("%s: no violation of V1 to V9\n", options.program.c_str());
  else if (options.benchmark)
    return timeSteps(options, program);
  else if (options.buffers)
    return launchBuffers(options, program);
  else
    return generateTokens(options, program);
  return {};
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (Status s = parseOptions(std::vector<std::string>(argv + 1, argv + argc),
                              options);
      !s.ok())
    return reportError(s);
  if (options.help) {
    std::fputs(usage(), stdout);
    return 0;
  }
  if (options.listDevices) {
    printDevices();
    return 0;
  }
  if (options.describeDevice) {
    core::DeviceRecord record;
    if (Status s = runtime::describeDevice(options.ordinal, record); !s.ok())
      return reportError(s);
    std::fputs(core::toJson(record).c_str(), stdout);
    return 0;
  }
  if (Status s = runTool(options); !s.ok())
    return reportError(s);
  if (std::fflush(stdout) != 0)
    return reportError({ErrorKind::Output, "cannot write to stdout"});
  return 0;
}
