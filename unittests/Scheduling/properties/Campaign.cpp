//===- Campaign.cpp - Passes in random orders with random options ---------===//

#include "Campaign.h"

#include "AMK/Runtime/Generate.h"
#include "AMK/Schedule/Verify.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace amk::scheduling::properties {

using namespace core;

namespace {

//===----------------------------------------------------------------------===//
// A configuration
//===----------------------------------------------------------------------===//

enum class Order { Alone, InOrder, Any };

struct Configuration {
  uint64_t seed = 0;
  Model model;
  Order order = Order::Any;
  std::vector<Step> steps;
  int64_t position = 0; ///< the first of the two
  int32_t tokens[2] = {};
  runtime::CpuOptions device;
  std::function<void(Schedule &)> spoil;
};

constexpr Pass kInOrder[kPasses] = {Pass::SetPositions,    Pass::Fusion,
                                    Pass::Tiling,          Pass::Assignment,
                                    Pass::Synchronization, Pass::PageColoring,
                                    Pass::Pipelining};

std::vector<Pass> choosePasses(Random &r, Order order) {
  std::vector<Pass> passes;
  switch (order) {
  case Order::Alone: {
    // With what it cannot do without, and nothing else.
    const Pass pass = kInOrder[r.below(kPasses)];
    if (pass == Pass::Assignment || pass == Pass::Pipelining)
      passes.push_back(Pass::Tiling);
    if (pass == Pass::PageColoring)
      passes.push_back(Pass::Synchronization);
    passes.push_back(pass);
    break;
  }
  case Order::InOrder:
    for (Pass pass : kInOrder)
      if (!r.oneIn(pass == Pass::Tiling ? 20 : 8))
        passes.push_back(pass);
    break;
  case Order::Any:
    for (uint32_t i = 0, n = 3 + r.below(8); i < n; ++i)
      passes.push_back(kInOrder[r.below(kPasses)]);
    break;
  }
  return passes;
}

Configuration makeConfiguration(uint64_t seed) {
  Random r(seed);
  Configuration c;
  c.seed = seed;
  c.model = randomModel(r);
  c.position = r.oneIn(2) ? 0 : r.below(uint64_t(c.model.positions - 1));
  for (int32_t &token : c.tokens)
    token = int32_t(r.below(uint64_t(c.model.vocab)));
  c.device.threads = r.pick({1u, 2u, 3u, 5u});
  c.device.delaySeed = r.oneIn(8) ? 1 + r.below(1000) : 0;
  c.order = r.pick({Order::Alone, Order::InOrder, Order::InOrder,
                    Order::InOrder, Order::Any, Order::Any});
  for (Pass pass : choosePasses(r, c.order)) {
    // What is refused must not stand in the way of what is not.
    if (r.oneIn(5))
      c.steps.push_back(
          randomStep(r, pass, c.model, c.position + 2, /*legal=*/false));
    c.steps.push_back(
        randomStep(r, pass, c.model, c.position + 2, /*legal=*/true));
  }
  return c;
}

//===----------------------------------------------------------------------===//
// Running it
//===----------------------------------------------------------------------===//

struct Results {
  std::vector<uint32_t> logits; ///< the bits of
  int32_t next[2] = {};
};

/// Two steps on the CPU device; returns what went wrong.
std::string run(const Configuration &c, const Program &program,
                Weights &weights, Results &out) {
  const auto device = runtime::createCpuDevice(c.device);
  runtime::TokenBuffers buffers;
  runtime::Status s = runtime::findTokenBuffers(program.schedule, buffers);
  if (s.ok())
    s = device->load(program, weights, {});
  const size_t size = size_t(c.model.vocab);
  out.logits.assign(2 * size, 0);
  for (int i = 0; i < 2 && s.ok(); ++i) {
    double ms = 0;
    s = device->write(buffers.token, &c.tokens[i], sizeof c.tokens[i]);
    if (s.ok())
      s = device->launch(c.position + i, ms);
    if (s.ok())
      s = device->read(buffers.logits, &out.logits[size_t(i) * size],
                       size * sizeof(uint32_t));
    if (s.ok())
      s = device->read(buffers.next, &out.next[i], sizeof out.next[i]);
  }
  return s.message();
}

/// How the results differ; empty if every bit is the same.
std::string difference(const Results &expected, const Results &found) {
  for (size_t i = 0; i < expected.logits.size(); ++i) {
    const uint32_t e = expected.logits[i], f = found.logits[i];
    if (e != f)
      return "logit " + std::to_string(i) + ": expected the bits " +
             std::to_string(e) + ", found " + std::to_string(f);
  }
  for (int i = 0; i < 2; ++i)
    if (expected.next[i] != found.next[i])
      return "token " + std::to_string(i) + ": expected " +
             std::to_string(expected.next[i]) + ", found " +
             std::to_string(found.next[i]);
  return {};
}

/// Everything that must hold of a schedule that a pass has left.
std::string checkSchedule(const Configuration &c, const Schedule &s,
                          Weights &weights, const Results &reference) {
  std::string text;
  for (const Diagnostic &d : verify(s))
    text += "\n  " + toString(s, d);
  if (!text.empty())
    return "not legal" + text;
  Program program, again;
  program.schedule = s;
  const std::string bytes = writeProgram(program);
  std::string error;
  if (!readProgram(bytes, again, error))
    return "its program file cannot be read: " + error;
  if (writeProgram(again) != bytes)
    return "its program file reads back as another";
  Results results;
  if (std::string m = run(c, program, weights, results); !m.empty())
    return "does not run: " + m;
  return difference(reference, results);
}

std::string bytesOf(const Schedule &s) {
  Program program;
  program.schedule = s;
  return writeProgram(program);
}

/// "task 'L0_q' tile 12": "task '..' tile N".
std::string general(const std::string &reason) {
  std::string out;
  for (size_t i = 0; i < reason.size(); ++i) {
    const char c = reason[i];
    const size_t end = c == '\'' ? reason.find('\'', i + 1) : reason.npos;
    if (end != reason.npos) {
      out += "'..'";
      i = end;
    } else if (std::isdigit(uint8_t(c)) &&
               (i == 0 || !std::isalnum(uint8_t(reason[i - 1])))) {
      out += 'N';
      while (i + 1 < reason.size() && std::isdigit(uint8_t(reason[i + 1])))
        ++i;
    } else {
      out += c;
    }
  }
  return out;
}

/// Numbers by their size, so that a table of them is short.
std::string coarse(const std::string &option) {
  const size_t at = option.find('=') + 1;
  if (at == 0 || at >= option.size() ||
      !(std::isdigit(uint8_t(option[at])) || option[at] == '-'))
    return option;
  const std::string name = option.substr(0, at);
  const long long n = std::strtoll(option.c_str() + at, nullptr, 10);
  if (n <= 1)
    return option;
  long long lo = 2;
  while (lo * 4 <= n)
    lo *= 4;
  return name + std::to_string(lo) + ".." + std::to_string(lo * 4 - 1);
}

/// Runs one pass and judges what it did. Returns what is wrong.
std::string runStep(const Configuration &c, const Step &step, Schedule &s,
                    Weights &weights, const Results &reference,
                    Counts *counts) {
  const std::string before = bytesOf(s);
  const Expected expected = expectation(step, s);
  const std::string reason = apply(step, s);
  const bool refused = !reason.empty();
  if (counts) {
    const auto count = [&](Tally &t) { ++(refused ? t.refused : t.accepted); };
    count(counts->passes[size_t(step.pass)]);
    for (const std::string &option : optionsOf(step))
      count(counts->options[size_t(step.pass)][coarse(option)]);
    if (refused)
      ++counts->reasons[size_t(step.pass)][general(reason)];
  }
  if (!refused) {
    if (expected == Expected::Refused)
      return "taken, but it must be refused";
    if (counts) {
      ++counts->schedules;
      counts->concurrent += s.concurrent;
      counts->inboxes +=
          std::any_of(s.buffers.begin(), s.buffers.end(), [](const Buffer &b) {
            return b.space == Space::Cluster;
          });
      counts->bySlice +=
          std::any_of(s.tasks.begin(), s.tasks.end(),
                      [](const Task &t) { return t.stream.bySlice; });
      counts->gangs +=
          std::any_of(s.tasks.begin(), s.tasks.end(),
                      [](const Task &t) { return t.clusterGather; });
    }
    if (c.spoil)
      c.spoil(s);
    return checkSchedule(c, s, weights, reference);
  }
  if (expected == Expected::Accepted)
    return "refused, but it must be taken: " + reason;
  if (bytesOf(s) != before)
    return "refused, but the schedule has changed: " + reason;
  return {};
}

/// Returns the step that went wrong, kNone if none did, and what.
size_t execute(const Configuration &c, std::string &why, Counts *counts) {
  Weights weights(c.seed);
  Program program;
  Schedule &s = program.schedule;
  s = importModel(c.model);
  Results reference;
  why = run(c, program, weights, reference);
  if (why.empty())
    why = checkSchedule(c, s, weights, reference);
  if (!why.empty())
    return c.steps.size();
  for (size_t i = 0; i < c.steps.size(); ++i) {
    why = runStep(c, c.steps[i], s, weights, reference, counts);
    if (!why.empty())
      return i;
  }
  if (counts)
    counts->complete +=
        s.concurrent && s.ring &&
        std::any_of(s.buffers.begin(), s.buffers.end(),
                    [](const Buffer &b) { return b.space != Space::Own; });
  return kNone;
}

/// Drops what a failure does not need: what follows it, then step by step.
Configuration minimize(Configuration c) {
  std::string why;
  const size_t failed = execute(c, why, nullptr);
  const std::string kind = general(why.substr(0, why.find(':')));
  if (failed < c.steps.size())
    c.steps.resize(failed + 1);
  for (size_t i = c.steps.size(); i-- > 0;) {
    Configuration less = c;
    less.steps.erase(less.steps.begin() + long(i));
    std::string other;
    if (execute(less, other, nullptr) != kNone &&
        general(other.substr(0, other.find(':'))) == kind)
      c = std::move(less);
  }
  return c;
}

std::string describe(const Configuration &c) {
  std::string text = "  " + print(c.model) + "\n  position " +
                     std::to_string(c.position) + ", threads " +
                     std::to_string(c.device.threads) + ", delays " +
                     std::to_string(c.device.delaySeed) + "\n";
  for (const Step &step : c.steps)
    text += "  --" + print(step) + "\n";
  return text;
}

} // namespace

Counts campaign(uint64_t seed, uint64_t count,
                const std::function<void(Schedule &)> &spoil) {
  Counts counts;
  for (uint64_t i = 0; i < count; ++i) {
    Configuration c = makeConfiguration(seed + i);
    c.spoil = spoil;
    ++counts.configurations;
    for (const std::string &kind : kindsOf(c.model))
      ++counts.models[kind];
    ++(c.order == Order::Alone     ? counts.alone
       : c.order == Order::InOrder ? counts.inOrder
                                   : counts.anyOrder);
    std::string why;
    const size_t failed = execute(c, why, &counts);
    if (failed == kNone)
      continue;
    const Configuration least = minimize(c);
    std::string whyLeast;
    execute(least, whyLeast, nullptr);
    counts.failure = "seed " + std::to_string(c.seed) + ", step " +
                     std::to_string(failed) + ": ";
    counts.failure += why + "\n" + describe(c);
    counts.failure += "the same, made small: ";
    counts.failure += whyLeast + "\n" + describe(least);
    return counts;
  }
  return counts;
}

} // namespace amk::scheduling::properties
