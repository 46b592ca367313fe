//===- Session.cpp - A program on a device, to be measured ----------------===//

#include "Session.h"

#include "AMK/Frontends/File.h"
#include "AMK/Schedule/Verify.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace amk::benchmarks {

using runtime::ErrorKind;
using runtime::Status;

Status readProgram(const std::string &path, core::Program &program) {
  constexpr size_t kMostBytes = size_t(1) << 30;
  const auto bytes = frontends::readFile(path, kMostBytes);
  if (!bytes)
    return {ErrorKind::Input, bytes.error().message};
  std::string error;
  if (!core::readProgram(*bytes, program, error))
    return {ErrorKind::Input, path + ": " + error};
  const auto wrong = core::verify(program.schedule, 1);
  if (!wrong.empty())
    return {ErrorKind::Input,
            path + ": " + core::toString(program.schedule, wrong[0])};
  return {};
}

double relativeError(const std::vector<float> &expected,
                     const std::vector<float> &found) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double d = double(found[i]) - double(expected[i]);
    difference += d * d;
    size += double(expected[i]) * double(expected[i]);
  }
  return std::sqrt(difference / size);
}

Status Session::load(const std::string &path,
                     const std::vector<int64_t> &positions, bool trace) {
  if (Status s = readProgram(path, program); !s.ok())
    return s;
  if (Status s = runtime::findTokenBuffers(program.schedule, buffers); !s.ok())
    return s;
  if (buffers.logits == core::kNone)
    return {ErrorKind::Input, path + ": no buffer 'logits'"};
  for (int64_t p : positions)
    if (p + steps > program.schedule.positions)
      return {ErrorKind::Usage, path + ": the cache holds " +
                                    std::to_string(program.schedule.positions) +
                                    " tokens, found " + std::to_string(steps) +
                                    " steps from " + std::to_string(p) + " on"};
  device.reset();
  if (cuda) {
    if (Status s = runtime::createCudaDevice({}, device); !s.ok())
      return s;
  } else {
    runtime::CpuOptions cpu;
    cpu.trace = trace;
    device = runtime::createCpuDevice(cpu);
  }
  return device->load(program, weights, {});
}

Status Session::logits(int64_t position, std::vector<float> &out) {
  if (Status s = start(); !s.ok())
    return s;
  double ms = 0;
  if (Status s = device->launch(position, ms); !s.ok())
    return s;
  out.resize(size_t(program.schedule.buffers[buffers.logits].elements()));
  return device->read(buffers.logits, out.data(), out.size() * sizeof(float));
}

Status Session::fill(int64_t first, int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    if (Status s = start(int32_t(2 + p % 97)); !s.ok())
      return s;
    double ms = 0;
    if (Status s = device->launch(p, ms); !s.ok())
      return s;
  }
  return {};
}

Status Session::time(int64_t position, double &median) {
  std::vector<double> ms;
  double mean = 0;
  if (Status s = start(); !s.ok())
    return s;
  if (Status s = device->launchMany(position, steps, buffers.token,
                                    buffers.next, ms, mean);
      !s.ok())
    return s;
  std::sort(ms.begin(), ms.end());
  median = ms[ms.size() / 2];
  return {};
}

Status Session::waits(double &microseconds) {
  runtime::StepTimes times;
  if (Status s = device->trace(times); !s.ok())
    return s;
  double waited = 0;
  std::set<uint32_t> workers;
  for (const runtime::TileTimes &t : times.tiles) {
    workers.insert(t.worker);
    waited += double(t.waited()) * 1e-3;
  }
  microseconds = workers.empty() ? -1 : waited / double(workers.size());
  return {};
}

Status Session::start(int32_t token) {
  return device->write(buffers.token, &token, sizeof token);
}

} // namespace amk::benchmarks
