//===- Campaign.cpp - Mutants of real lowerings ---------------------------===//

#include "Campaign.h"

#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/Verify.h"
#include "Judge.h"
#include "Mutators.h"
#include "Runner.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace amk::mutants {

using namespace core;
using runtime::randomWeights;

namespace {

/// One mutant in so many is of a large model.
constexpr uint64_t kLargeEvery = 12;

class Session {
public:
  explicit Session(const Options &options) : options(options) {}

  Counts run() {
    if (!makeLowerings())
      return std::move(counts);
    const auto start = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < options.count && counts.failure.empty(); ++i) {
      const std::chrono::duration<double> spent =
          std::chrono::steady_clock::now() - start;
      if (spent.count() > options.seconds || (options.tick && !options.tick(i)))
        break;
      const bool turn = i % kLargeEvery == kLargeEvery - 1;
      const std::vector<Lowering> &list =
          turn && !large.empty() ? large : small;
      one(list[size_t(turn ? i / kLargeEvery : i - i / kLargeEvery) %
               list.size()],
          options.seed * 0x100000001b3u + i);
    }
    return std::move(counts);
  }

private:
  bool makeLowerings();
  bool runs(const ModelShape &shape) const;
  std::unique_ptr<Runner> &runnerOf(const ModelShape &shape);
  void addRunner(const ModelShape &shape, const Schedule &imported);
  bool addLowerings(const ModelShape &shape);
  void one(const Lowering &lowering, uint64_t seed);
  void judgeOne(const Lowering &lowering, const MutantClass &kind,
                const Schedule &s, uint64_t seed);
  bool planOne(const Lowering &lowering, const MutantClass &kind, Random &r);
  bool isNew(const Lowering &lowering, const MutantClass &kind,
             const Program &base, const Program &mutant);
  void count(const Lowering &lowering, const MutantClass &kind);
  void fail(const Lowering &lowering, const MutantClass &kind, uint64_t seed,
            const std::string &what, const std::vector<Diagnostic> &found,
            const Schedule &s, const Verdict &v);

  const Options options;
  Counts counts;
  std::vector<ModelShape> shapes;
  std::vector<Lowering> small, large;
  std::shared_ptr<runtime::WeightSource> weights;         ///< of large models
  std::map<std::string, std::unique_ptr<Runner>> runners; ///< by model
  std::set<size_t> seen;                                  ///< hashes of mutants
  std::map<std::string_view, uint64_t> dealt[kStages];    ///< by class
};

bool Session::makeLowerings() {
  shapes = modelShapes();
  Random r(options.seed);
  while (options.shapes && shapes.size() > options.shapes)
    shapes.erase(shapes.begin() + r.below(shapes.size()));
  return std::all_of(shapes.begin(), shapes.end(),
                     [&](const ModelShape &m) { return addLowerings(m); });
}

/// Whether its mutants run on the CPU device.
bool Session::runs(const ModelShape &shape) const {
  return !shape.large || options.runLarge;
}

/// Split or not, it is the same model.
std::unique_ptr<Runner> &Session::runnerOf(const ModelShape &shape) {
  return runners[shape.name.substr(0, shape.name.find(','))];
}

void Session::addRunner(const ModelShape &shape, const Schedule &imported) {
  std::unique_ptr<Runner> &runner = runnerOf(shape);
  if (runner)
    return;
  if (!shape.large) {
    // The first position, one of the second block, and the last.
    runner = std::make_unique<Runner>(imported, randomWeights(7),
                                      std::vector<int64_t>{0, 20, 63});
    return;
  }
  if (!weights) {
    uint64_t most = 0;
    for (const ModelShape &m : shapes)
      most = std::max(most, uint64_t(m.hidden) * uint64_t(m.vocab));
    weights = blockWeights(most + (uint64_t(1) << 24));
  }
  // All splits have positions, the last fewer than the others.
  runner =
      std::make_unique<Runner>(imported, weights, std::vector<int64_t>{2000});
}

bool Session::addLowerings(const ModelShape &shape) {
  for (unsigned size = 0; size < 3; ++size) {
    std::vector<Schedule> stages = lower(shape, choiceOf(shape, size));
    if (stages.size() != kStages) {
      counts.failure = shape.name + ": cannot be lowered\n";
      return false;
    }
    if (runs(shape) && size == 0)
      addRunner(shape, stages[0]);
    for (unsigned stage = 0; stage < kStages; ++stage) {
      const Lowering lowering{&shape, size, Stage(stage),
                              std::move(stages[stage])};
      const Verdict v = judge(lowering.schedule);
      const std::vector<Diagnostic> found = verify(lowering.schedule, 1);
      // Of the large models only what all passes have made, to save time.
      const bool run = runs(shape) && (!shape.large || stage == kStages - 1);
      const std::string wrong =
          run ? runnerOf(shape)->run(lowering.schedule, size + 1) : "";
      if (!v.safe() || !found.empty() || !wrong.empty()) {
        counts.failure = lowering.name() + ": not safe as it is\n" + wrong;
        for (const std::string &reason : v.reasons)
          counts.failure += "judge: " + reason + "\n";
        return false;
      }
      // There is more to change in the later stages.
      constexpr unsigned turns[kStages] = {1, 1, 1, 1, 2, 2, 4};
      for (unsigned i = 0; i < turns[stage]; ++i)
        (shape.large ? large : small).push_back(lowering);
      ++counts.lowerings;
    }
  }
  return true;
}

/// A mutant of the class that has had the fewest at this stage.
void Session::one(const Lowering &lowering, uint64_t seed) {
  Random r(seed);
  std::vector<const MutantClass *> kinds;
  for (const MutantClass &kind : mutantClasses())
    if (lowering.stage >= kind.first)
      kinds.push_back(&kind);
  std::map<std::string_view, uint64_t> &had = dealt[size_t(lowering.stage)];
  std::sort(kinds.begin(), kinds.end(),
            [&](const MutantClass *a, const MutantClass *b) {
              return had[a->name] != had[b->name] ? had[a->name] < had[b->name]
                                                  : a < b;
            });
  for (const MutantClass *kind : kinds)
    for (unsigned attempt = 0; attempt < 8; ++attempt) {
      if (kind->plan) {
        if (planOne(lowering, *kind, r))
          return;
        continue;
      }
      Program base, mutant;
      base.schedule = mutant.schedule = lowering.schedule;
      if (!kind->mutate(mutant.schedule, r) ||
          !isNew(lowering, *kind, base, mutant))
        continue;
      count(lowering, *kind);
      judgeOne(lowering, *kind, mutant.schedule, seed);
      return;
    }
}

/// Whether a mutant differs from what it was made of and from all before.
bool Session::isNew(const Lowering &lowering, const MutantClass &kind,
                    const Program &base, const Program &mutant) {
  const std::string bytes = writeProgram(mutant);
  const size_t hash =
      std::hash<std::string>()(bytes + lowering.name() + kind.name);
  if (bytes != writeProgram(base) && seen.insert(hash).second)
    return true;
  ++counts.twins;
  return false;
}

void Session::count(const Lowering &lowering, const MutantClass &kind) {
  ++dealt[size_t(lowering.stage)][kind.name];
  ++counts.classes[kind.name].mutants;
  ++counts.shapes[lowering.shape->name];
  ++counts.stages[toString(lowering.stage)];
}

/// A program whose kernel's plan is not the schedule's. False if the schedule
/// has no kernel, or the mutant is none.
bool Session::planOne(const Lowering &lowering, const MutantClass &kind,
                      Random &r) {
  KernelPlan plan;
  std::string error;
  uint32_t task = 0;
  if (!buildKernelPlan(lowering.schedule, plan, error, task))
    return false;
  Program base;
  base.schedule = lowering.schedule;
  base.hasKernel = true;
  base.kernel = plan.kernel;
  Program mutant = base;
  if (!kind.plan(plan, mutant.kernel, r) ||
      !isNew(lowering, kind, base, mutant))
    return false;
  count(lowering, kind);
  // Its hash is right: it is a file that somebody has made.
  Program read;
  if (!readProgram(writeProgram(base), read, error) ||
      !checkKernel(read, error))
    counts.failure = lowering.name() + ": its own plan is refused: " + error;
  else if (readProgram(writeProgram(mutant), read, error) &&
           checkKernel(read, error))
    counts.failure = lowering.name() + ", " + kind.name + ": not refused\n";
  else
    ++counts.classes[kind.name].refused;
  return true;
}

void Session::judgeOne(const Lowering &lowering, const MutantClass &kind,
                       const Schedule &s, uint64_t seed) {
  ClassCounts &c = counts.classes[kind.name];
  const Verdict v = judge(s);
  const std::vector<Diagnostic> found = verify(s, 1);
  const unsigned rule =
      found.empty() ? 0 : unsigned(std::atoi(found[0].rule.c_str() + 1));
  const auto wrong = [&](const std::string &what) {
    fail(lowering, kind, seed, what, found, s, v);
  };
  if (found.empty() != v.safe())
    return wrong(found.empty() ? "false accept" : "false reject");
  if (!found.empty()) {
    ++c.rejected[rule];
    if (!v.violates(rule))
      wrong("the verifier's label is none of the judge's");
    else if (!(kind.rules >> rule & 1))
      wrong("a label that the class may not get");
    return;
  }
  ++c.accepted;
  if (!runs(*lowering.shape))
    return;
  const std::string error = runnerOf(*lowering.shape)->run(s, seed);
  if (!error.empty())
    return wrong("accepted, but on the CPU device: " + error);
  ++c.ran;
}

void Session::fail(const Lowering &lowering, const MutantClass &kind,
                   uint64_t seed, const std::string &what,
                   const std::vector<Diagnostic> &found, const Schedule &s,
                   const Verdict &v) {
  counts.failure = lowering.name() + ", " + kind.name + ", seed " +
                   std::to_string(seed) + ": " + what + "\n";
  counts.failure += found.empty()
                        ? std::string("verifier: accepted\n")
                        : "verifier: " + core::toString(s, found[0]) + "\n";
  for (const std::string &reason : v.reasons)
    counts.failure += "judge: " + reason + "\n";
  if (v.safe())
    counts.failure += "judge: safe\n";
}

} // namespace

Counts campaign(const Options &options) { return Session(options).run(); }

std::string table(const Counts &counts) {
  const auto number = [](uint64_t n) {
    std::string text = n ? std::to_string(n) : "";
    return std::string(8 - std::min<size_t>(8, text.size()), ' ') + text;
  };
  const auto cell = [](std::string text) {
    text.resize(std::max<size_t>(36, text.size()), ' ');
    return text;
  };
  std::string text = cell("class") + " mutants";
  bool used[kRules] = {};
  ClassCounts all;
  for (const auto &[name, c] : counts.classes) {
    all.mutants += c.mutants;
    all.accepted += c.accepted;
    all.ran += c.ran;
    all.refused += c.refused;
    for (unsigned rule = 1; rule < kRules; ++rule) {
      all.rejected[rule] += c.rejected[rule];
      used[rule] |= c.rejected[rule] != 0;
    }
  }
  for (unsigned rule = 1; rule < kRules; ++rule)
    if (used[rule])
      text += "      V" + std::to_string(rule);
  text += "    plan    safe     ran\n";
  const auto row = [&](const std::string &name, const ClassCounts &c) {
    text += cell(name) + number(c.mutants);
    for (unsigned rule = 1; rule < kRules; ++rule)
      if (used[rule])
        text += number(c.rejected[rule]);
    text += number(c.refused) + number(c.accepted) + number(c.ran) + "\n";
  };
  for (const MutantClass &kind : mutantClasses())
    if (const auto it = counts.classes.find(kind.name);
        it != counts.classes.end())
      row(kind.name, it->second);
  row("all", all);
  return text;
}

} // namespace amk::mutants
