//===- DeviceSoak.cpp - Many launches, every bit compared -----------------===//
//
// Launches a program again and again and compares every output with that of a
// reference after each launch. For the tests of hand-offs on a GPU
// (benchmarks/gpu/faults.sh), where a program that lacks a wait on purpose must
// give a wrong value, and one that lacks nothing must not.
//
//   AMKDeviceSoak PROGRAM [option...]
//     --reference PROGRAM  whose outputs are right; PROGRAM itself by default
//     --reference-device D cpu or cuda; that of PROGRAM by default
//     --weights SPEC       random:1 by default
//     --device D           cpu or cuda (default)
//     --launches N         100 by default
//     --inputs N           different inputs, in turn (4)
//     --positions N        different positions, in turn (1)
//     --first-position N   the first of them (0)
//     --position-step N    from one to the next (1)
//     --fill-caches        with random values at first, not zeros
//     --seconds N          stop after so long; then fewer launches are a
//     failure
//     --expect E           same (default), different (a wrong value, or a
//                          hang) or hang (and every launch after it right)
//     --watchdog-ms N      2000 by default
//     --label TEXT         printed in front
//
// Inputs are filled with bytes of a fixed sequence, a buffer `token` with small
// ids. The verifier is not asked: nothing here is for users. Prints one line.
// The exit status is 0 if it is as expected, 1 if not, 2 for an error.
//
//===----------------------------------------------------------------------===//

#include "AMK/Runtime/Device.h"
#include "AMK/Runtime/Numerics.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace amk;
using namespace amk::runtime;

namespace {

struct Options {
  std::string program, reference, referenceDevice, label;
  std::string weights = "random:1", device = "cuda", expect = "same";
  unsigned long launches = 100, inputs = 4, positions = 1, seconds = 0;
  unsigned long watchdogMs = 2000, firstPosition = 0, positionStep = 1;
  bool fillCaches = false;

  int64_t position(unsigned long i) const {
    return int64_t(firstPosition + i * positionStep);
  }
};

int fail(const std::string &message) {
  std::fprintf(stderr, "AMKDeviceSoak: %s\n", message.c_str());
  return 2;
}

bool parse(int argc, char **argv, Options &o) {
  const std::pair<const char *, std::string *> texts[] = {
      {"--reference", &o.reference}, {"--reference-device", &o.referenceDevice},
      {"--weights", &o.weights},     {"--device", &o.device},
      {"--expect", &o.expect},       {"--label", &o.label}};
  const std::pair<const char *, unsigned long *> numbers[] = {
      {"--launches", &o.launches},
      {"--inputs", &o.inputs},
      {"--positions", &o.positions},
      {"--first-position", &o.firstPosition},
      {"--position-step", &o.positionStep},
      {"--seconds", &o.seconds},
      {"--watchdog-ms", &o.watchdogMs}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    bool known = false;
    for (const auto &[text, to] : texts)
      if (name == text && i + 1 < argc) {
        *to = argv[++i];
        known = true;
      }
    for (const auto &[text, to] : numbers)
      if (name == text && i + 1 < argc) {
        *to = std::strtoul(argv[++i], nullptr, 10);
        known = true;
      }
    if (name == "--fill-caches")
      o.fillCaches = known = true;
    if (!known) {
      if (!o.program.empty() || name.compare(0, 2, "--") == 0)
        return false;
      o.program = name;
    }
  }
  if (o.reference.empty())
    o.reference = o.program;
  if (o.referenceDevice.empty())
    o.referenceDevice = o.device;
  return !o.program.empty() && o.inputs && o.positions && o.launches &&
         (o.expect == "same" || o.expect == "different" || o.expect == "hang");
}

/// A program on a device, with its inputs and outputs.
class Subject {
public:
  Status open(const std::string &file, const std::string &on,
              const Options &options) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    std::string error;
    if (!core::readProgram(bytes.str(), program, error))
      return {ErrorKind::Input, file + ": " + error};
    if (on == "cuda") {
      CudaOptions cuda;
      cuda.watchdogMs = options.watchdogMs;
      if (Status s = createCudaDevice(cuda, device); !s.ok())
        return s;
    } else {
      CpuOptions cpu;
      cpu.watchdogMs = options.watchdogMs;
      device = createCpuDevice(cpu);
    }
    if (Status s = openWeights(options.weights, weights); !s.ok())
      return s;
    if (Status s = device->load(program, *weights, {}); !s.ok())
      return s;
    return options.fillCaches ? fillCaches() : Status();
  }

  Status setInputs(unsigned long which) {
    const auto &buffers = program.schedule.buffers;
    for (uint32_t b = 0; b < buffers.size(); ++b) {
      if (buffers[b].kind != core::BufferKind::Input)
        continue;
      std::vector<uint32_t> words((bytesOf(b) + 3) / 4);
      if (buffers[b].name == "token")
        words.assign(words.size(), uint32_t(5 + 37 * which));
      else
        for (size_t i = 0; i < words.size(); ++i)
          words[i] = (uint32_t(which) * 977 + uint32_t(i) + 1) * 2654435761u;
      if (Status s = device->write(b, words.data(), bytesOf(b)); !s.ok())
        return s;
    }
    return {};
  }

  /// One launch; `outputs` gets every output, one after the other.
  Status launch(int64_t position, std::vector<char> &outputs) {
    double ms = 0;
    if (Status s = device->launch(position, ms); !s.ok())
      return s;
    milliseconds += ms;
    const auto &buffers = program.schedule.buffers;
    size_t size = 0;
    for (uint32_t b = 0; b < buffers.size(); ++b) {
      if (buffers[b].kind != core::BufferKind::Output)
        continue;
      outputs.resize(size + bytesOf(b));
      if (Status s = device->read(b, outputs.data() + size, bytesOf(b));
          !s.ok())
        return s;
      size += bytesOf(b);
    }
    return {};
  }

  double milliseconds = 0; ///< of all launches

private:
  /// With values from -1 to 1.
  Status fillCaches() {
    const auto &buffers = program.schedule.buffers;
    for (uint32_t b = 0; b < buffers.size(); ++b) {
      if (buffers[b].kind != core::BufferKind::KvCache)
        continue;
      std::vector<uint16_t> values(bytesOf(b) / 2);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] =
            floatToBf16(float(uint32_t(i + b) * 2654435761u >> 20) / 2048 - 1);
      if (Status s = device->write(b, values.data(), bytesOf(b)); !s.ok())
        return s;
    }
    return {};
  }

  size_t bytesOf(uint32_t b) const {
    const core::Buffer &buffer = program.schedule.buffers[b];
    return size_t(buffer.elements()) * core::byteWidth(buffer.type);
  }
  core::Program program;
  std::unique_ptr<WeightSource> weights;
  std::unique_ptr<Device> device;
};

/// What should come out, by input and position. Positions run in order for each
/// input, so that caches hold the same in every round.
Status expectations(const Options &o, Subject &subject,
                    std::vector<std::vector<char>> &expected) {
  for (unsigned long input = 0; input < o.inputs; ++input) {
    if (Status s = subject.setInputs(input); !s.ok())
      return s;
    for (unsigned long position = 0; position < o.positions; ++position) {
      expected.emplace_back();
      if (Status s = subject.launch(o.position(position), expected.back());
          !s.ok())
        return s;
    }
  }
  return {};
}

struct Outcome {
  unsigned long launches = 0;  ///< done
  unsigned long different = 0; ///< of these
  unsigned long first = 0;     ///< the first that was different, from 1
  unsigned long hung = 0;      ///< ended by the watchdog
  std::string report;          ///< of the first hang
};

Status soak(const Options &o, Subject &subject,
            const std::vector<std::vector<char>> &expected, Outcome &out) {
  const auto start = std::chrono::steady_clock::now();
  const std::chrono::seconds limit(o.seconds);
  std::vector<char> outputs;
  for (; out.launches < o.launches; ++out.launches) {
    const unsigned long at = out.launches % expected.size();
    if (o.seconds && std::chrono::steady_clock::now() - start > limit)
      return {};
    if (at % o.positions == 0 && (o.inputs > 1 || out.launches == 0))
      if (Status s = subject.setInputs(at / o.positions); !s.ok())
        return s;
    Status status = subject.launch(o.position(at % o.positions), outputs);
    if (status.kind() == ErrorKind::Aborted && !status.ok()) {
      if (out.hung++ == 0)
        out.report = status.message();
      if (o.expect == "different") {
        ++out.launches;
        return {};
      }
      continue;
    }
    if (!status.ok())
      return status;
    if (outputs == expected[at])
      continue;
    if (out.different++ == 0)
      out.first = out.launches + 1;
    if (o.expect == "different") {
      ++out.launches;
      return {};
    }
  }
  return {};
}

} // namespace

int main(int argc, char **argv) {
  Options o;
  if (!parse(argc, argv, o))
    return fail("bad command line; see the head of DeviceSoak.cpp");
  std::vector<std::vector<char>> expected;
  Outcome out;
  {
    Subject reference;
    Status s = reference.open(o.reference, o.referenceDevice, o);
    if (s.ok())
      s = expectations(o, reference, expected);
    if (!s.ok())
      return fail("reference: " + s.message());
  }
  Subject subject;
  Status s = subject.open(o.program, o.device, o);
  const auto start = std::chrono::steady_clock::now();
  if (s.ok())
    s = soak(o, subject, expected, out);
  if (!s.ok())
    return fail(o.label + ": launch " + std::to_string(out.launches + 1) +
                ": " + s.message());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  std::string found = "no difference";
  if (out.first)
    found = "first difference at launch " + std::to_string(out.first);
  else if (out.hung && o.expect == "different")
    found = "first hang at launch " + std::to_string(out.launches);
  bool good = out.different == 0 && out.hung == 0 && out.launches == o.launches;
  if (o.expect == "different")
    good = out.different != 0 || out.hung != 0;
  else if (o.expect == "hang") // and every launch after one is right
    good = out.different == 0 && out.hung != 0 && out.hung < out.launches;
  std::printf("%-38s %-36s launches %lu, different %lu, hung %lu, %.1f us a "
              "launch, %.1f s%s\n",
              o.label.c_str(), found.c_str(), out.launches, out.different,
              out.hung,
              1000 * subject.milliseconds /
                  double(std::max(1ul, out.launches - out.hung)),
              seconds, good ? "" : "  NOT AS EXPECTED");
  if (out.hung)
    std::printf("%s\n", out.report.c_str());
  return good ? 0 : 1;
}
