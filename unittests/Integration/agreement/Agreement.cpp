//===- Agreement.cpp - The verifier against the CPU device ----------------===//

#include "Agreement.h"

#include "AMK/Runtime/Device.h"
#include "AMK/Schedule/Verify.h"
#include "Integration/mutants/Mutators.h"
#include "Subjects.h"

#include <algorithm>
#include <chrono>

namespace amk::agreement {

using namespace core;
using mutants::Random;
using runtime::CpuOptions;
using runtime::Status;

namespace {

constexpr unsigned kMostThreads = 8;
/// A busy machine can hold up a thread for longer than the short budget, so a
/// hang counts only if the same run hangs with the long one too.
constexpr uint64_t kShortMs = 20, kLongMs = 400;

struct Fault {
  const char *name;
  mutants::Mutate inject;
};
constexpr Fault kFaults[] = {
    {"dropped wait", mutants::mutate::dropWait},
    {"lowered threshold", mutants::mutate::lowerThreshold},
    {"tile moved to another worker", mutants::mutate::moveTile},
    {"swapped queue neighbours", mutants::mutate::swapNeighbours},
    {"page given to two live buffers", mutants::mutate::sharePage},
    {"packet turned into plain storage", mutants::mutate::packetsToPlain},
};

uint32_t bufferNamed(const Schedule &s, const std::string &name) {
  for (uint32_t b = 0; b < s.buffers.size(); ++b)
    if (s.buffers[b].name == name)
      return b;
  return kNone;
}

/// All launches of the subject, on a new device; `bits` gets every output
/// after every launch.
Status run(const Subject &subject, const Schedule &s, const CpuOptions &options,
           std::string &bits) {
  Program program;
  program.schedule = s;
  const auto device = createCpuDevice(options);
  bits.clear();
  Status status = device->load(program, *subject.weights, {});
  for (const Launch &launch : subject.launches) {
    for (const auto &[name, words] : launch.inputs)
      if (status.ok())
        status =
            device->write(bufferNamed(s, name), words.data(), words.size() * 4);
    double ms = 0;
    if (status.ok())
      status = device->launch(launch.position, ms);
    for (const Buffer &b : subject.sequential.buffers) {
      if (!status.ok() || b.kind != BufferKind::Output)
        continue;
      const size_t bytes = size_t(b.elements()) * byteWidth(b.type);
      bits.resize(bits.size() + bytes);
      status = device->read(bufferNamed(s, b.name),
                            bits.data() + bits.size() - bytes, bytes);
    }
  }
  return status;
}

/// Every number of threads in turn, delays of its own, and a quarter of the
/// time counters and stamps that wrap around on the way.
CpuOptions optionsOf(uint64_t i, Random &r, const Subject &subject) {
  CpuOptions options;
  options.threads = unsigned(1 + i % kMostThreads);
  options.delaySeed = 1 + r.next() / 2;
  if (r.once(4))
    options.firstEpoch = ~uint32_t(0) - r.below(subject.launches.size());
  return options;
}

unsigned ruleOf(const Diagnostic &d) {
  return unsigned(d.rule[1] - '0'); // "V5"
}

class Session {
public:
  explicit Session(const Options &options) : options(options) {}

  Counts run() {
    for (uint64_t i = 0; i < options.schedules; ++i) {
      // The first is a Llama, whatever the seed.
      const uint64_t seed = options.seed * 1000003 * 2 + i;
      one(seed, makeSubject(seed));
      if (late() || !counts.failure.empty())
        break;
      if (options.tick)
        options.tick(counts);
    }
    return std::move(counts);
  }

private:
  void one(uint64_t seed, const Subject &subject);
  bool accepted(uint64_t seed, const Subject &subject);
  void rejected(uint64_t seed, const Subject &subject);
  void show(Random &r, const Subject &subject, const Schedule &s, Shown &shown);

  bool late() const {
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - start;
    return spent.count() > options.seconds;
  }
  void fail(uint64_t seed, const Subject &subject, const std::string &what) {
    counts.failure = "program " + std::to_string(seed) + " (" + subject.name +
                     "): " + what + "\n";
  }

  const Options options;
  const std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
  Counts counts;
  std::string expected; ///< of the program at hand
  uint64_t faulty = 0;  ///< rejected schedules so far
};

void Session::one(uint64_t seed, const Subject &subject) {
  CpuOptions inOrder;
  inOrder.threads = 1;
  const Status status =
      agreement::run(subject, subject.sequential, inOrder, expected);
  if (!status.ok())
    return fail(seed, subject, "in program order: " + status.message());
  if (accepted(seed, subject))
    rejected(seed, subject);
}

bool Session::accepted(uint64_t seed, const Subject &subject) {
  const Schedule &s = subject.concurrent;
  if (const std::vector<Diagnostic> found = verify(s, 1); !found.empty()) {
    fail(seed, subject, "rejected: " + core::toString(s, found[0]));
    return false;
  }
  Random r(seed);
  for (uint64_t i = 0; i < options.runs && !late(); ++i) {
    const CpuOptions device = optionsOf(i, r, subject);
    std::string bits;
    const Status status = agreement::run(subject, s, device, bits);
    if (!status.ok() || bits != expected) {
      fail(seed, subject,
           "accepted, but with " + std::to_string(device.threads) +
               " threads and delays " + std::to_string(device.delaySeed) +
               ": " + (status.ok() ? "other bits" : status.message()));
      return false;
    }
    ++counts.runs;
  }
  ++(seed % 2 ? counts.hashes : counts.llamas);
  return true;
}

/// One schedule a fault, where the fault gives one that is rejected.
void Session::rejected(uint64_t seed, const Subject &subject) {
  Random r(~seed);
  for (const Fault &fault : kFaults)
    for (unsigned attempt = 0; attempt < 8; ++attempt) {
      if (faulty == options.rejected || late())
        return;
      Schedule s = subject.concurrent;
      if (!fault.inject(s, r))
        break;
      const std::vector<Diagnostic> found = verify(s, 1);
      const unsigned rule = found.empty() ? 0 : ruleOf(found[0]);
      if (rule != 3 && rule != 5 && rule != 6)
        continue;
      ++faulty;
      show(r, subject, s, counts.rejected[{rule, fault.name}]);
      break;
    }
}

void Session::show(Random &r, const Subject &subject, const Schedule &s,
                   Shown &shown) {
  for (uint64_t i = 0; i < options.rejectedRuns; ++i) {
    if (late())
      return; // not counted: it has not had its runs
    CpuOptions device = optionsOf(i, r, subject);
    device.watchdogMs = kShortMs;
    std::string bits;
    Status status = agreement::run(subject, s, device, bits);
    if (!status.ok()) {
      device.watchdogMs = kLongMs;
      status = agreement::run(subject, s, device, bits);
    }
    const bool hung = status.kind() == runtime::ErrorKind::Aborted;
    if (!status.ok() && !hung)
      return; // cannot be loaded: it says nothing
    if (!hung && bits == expected)
      continue;
    ++shown.schedules;
    ++(hung ? shown.hung : shown.wrong);
    shown.mostRuns = std::max(shown.mostRuns, i + 1);
    return;
  }
  ++shown.schedules;
}

void add(Shown &to, const Shown &more) {
  to.schedules += more.schedules;
  to.wrong += more.wrong;
  to.hung += more.hung;
  to.mostRuns = std::max(to.mostRuns, more.mostRuns);
}

} // namespace

Counts agreement(const Options &options) { return Session(options).run(); }

std::map<unsigned, Shown> byRule(const Counts &counts) {
  std::map<unsigned, Shown> rules;
  for (const auto &[key, shown] : counts.rejected)
    add(rules[key.first], shown);
  return rules;
}

std::string table(const Counts &counts) {
  std::string text = "| rule | fault | schedules | wrong value | hang | never "
                     "shown | runs to show, at most |\n"
                     "|---|---|--:|--:|--:|--:|--:|\n";
  const auto row = [&](const std::string &rule, const std::string &fault,
                       const Shown &shown) {
    text += "| " + rule + " | " + fault + " |";
    for (uint64_t n : {shown.schedules, shown.wrong, shown.hung, shown.never(),
                       shown.mostRuns})
      text += " " + (n ? std::to_string(n) : "") + " |";
    text += "\n";
  };
  Shown all;
  for (const auto &[key, shown] : counts.rejected) {
    if (!shown.schedules)
      continue;
    row("V" + std::to_string(key.first), key.second, shown);
    add(all, shown);
  }
  for (const auto &[rule, shown] : byRule(counts))
    row("**V" + std::to_string(rule) + "**", "all", shown);
  row("**all**", "all", all);
  return text;
}

} // namespace amk::agreement
