//===- Steps.cpp - Passes with random options -----------------------------===//

#include "Steps.h"

#include "AMK/Schedule/TargetInfo.h"
#include "AMK/Scheduling/Fusion.h"

#include <algorithm>

namespace amk::scheduling::properties {

using namespace core;

const char *nameOf(Pass pass) {
  constexpr std::array<const char *, kPasses> names = {
      "amk-set-positions", "amk-fusion-grouping", "amk-tiling",
      "amk-sm-assignment", "amk-synchronization", "amk-page-coloring",
      "amk-pipelining"};
  return names[size_t(pass)];
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {

const char *policyOf(const Step &step) {
  if (step.pass == Pass::Assignment)
    switch (step.assignment.policy) {
    case AssignmentPolicy::Contiguous:
      return "policy=contiguous";
    case AssignmentPolicy::RoundRobin:
      return "policy=round-robin";
    case AssignmentPolicy::LoadBalanced:
      return "policy=load-balanced";
    case AssignmentPolicy::Locality:
      return "policy=locality";
    case AssignmentPolicy::Explicit:
      return "policy=explicit";
    }
  switch (step.pages) {
  case PagePolicy::None:
    return "policy=none";
  case PagePolicy::Linear:
    return "policy=linear";
  case PagePolicy::GraphColor:
    return "policy=graph-color";
  }
  return "";
}

std::string flag(const char *name, bool value) {
  return std::string(name) + (value ? "=true" : "=false");
}

template <typename T>
std::string number(const char *name, T value) {
  return std::string(name) + "=" + std::to_string(value);
}

std::vector<std::string> ringOptions(const PipeliningOptions &o) {
  return {number("columns", o.columns),
          number("slots", o.slots),
          number("teams", o.teams),
          number("window", o.window),
          number("ahead", o.ahead),
          number("held", o.held),
          o.slices == SlicePolicy::Whole ? "slices=whole" : "slices=arrive"};
}

} // namespace

std::vector<std::string> optionsOf(const Step &step) {
  switch (step.pass) {
  case Pass::SetPositions:
    return {number("positions", step.positions)};
  case Pass::Fusion:
    return {step.groups.empty() ? "by dataflow"
                                : number("groups", step.groups.size())};
  case Pass::Tiling:
    return {"target=" + step.chip,
            number("workers", step.workers),
            flag("keep-owners", step.tiling.keepOwners),
            flag("fewest", step.tiling.fewest),
            flag("balance", step.tiling.balance),
            number("rows", step.tiling.rows),
            flag("split-attention", step.tiling.splitAttention),
            number("shared-bytes", step.limits.sharedBytes),
            number("threads", step.limits.threads),
            number("kv-block", step.limits.kvBlock)};
  case Pass::Assignment:
    return {policyOf(step), flag("keep-owners", step.assignment.keepOwners),
            number("map", step.assignment.map.size()),
            number("cluster", step.assignment.cluster)};
  case Pass::Synchronization:
    return {number("packets", step.synchronization.packetElements),
            flag("reduce", step.synchronization.reduce),
            flag("cluster-gathers", step.synchronization.clusterGathers),
            number("inbox-bytes", step.synchronization.inboxBytes)};
  case Pass::PageColoring:
    return {policyOf(step), number("shared-bytes", step.sharedBytes)};
  case Pass::Pipelining:
    return ringOptions(step.pipelining);
  }
  return {};
}

std::string print(const Step &step) {
  std::string text = nameOf(step.pass);
  for (const std::string &option : optionsOf(step))
    text += " " + option;
  for (const auto &[first, last] : step.groups)
    text += " (" + std::to_string(first) + ".." + std::to_string(last) + ")";
  return text;
}

//===----------------------------------------------------------------------===//
// Random steps
//===----------------------------------------------------------------------===//

namespace {

void chooseGroups(Random &r, Step &step) {
  if (!r.oneIn(3))
    return;
  const uint32_t count = 1 + r.below(3);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t first = r.below(60);
    // Mostly short, sometimes the wrong way round or of no task at all.
    const uint32_t last = r.oneIn(12) ? r.below(200) : first + r.below(4);
    step.groups.emplace_back(first, last);
  }
}

void chooseCut(Random &r, Step &step, bool legal) {
  step.chip = r.pick({"", "", "sm_80", "sm_90", "sm_90", "sm_100", "sm_120"});
  step.workers =
      r.pick({0u, 1u, 2u, 3u, 4u, 7u, 31u, 66u, 108u, 1 + r.below(64)});
  if (r.oneIn(2)) // what clusters divide
    step.workers = r.pick({8u, 8u, 16u, 24u, 64u, 104u});
  step.tiling.keepOwners = !r.oneIn(4);
  step.tiling.fewest = r.oneIn(3);
  step.tiling.balance = !r.oneIn(4);
  step.tiling.splitAttention = !r.oneIn(3);
  step.tiling.rows = r.pick({4u, 4u, 4u, 8u, 12u, 64u});
  step.limits.sharedBytes = r.pick({0u, 0u, 0u, 65536u, 90000u});
  if (legal)
    return;
  switch (r.below(6)) {
  case 0:
    step.chip = r.pick({"sm_70", "gfx942", "sm_9", "SM_90", "nothing.json"});
    break;
  case 1:
    step.workers = r.pick({189u, 1000u, ~0u});
    break;
  case 2:
    step.tiling.rows = r.pick({0u, 1u, 3u, 6u});
    break;
  case 3:
    step.limits.sharedBytes = r.pick({1u << 20, ~0u});
    break;
  case 4:
    step.limits.threads = r.pick({1u, 256u, 1024u});
    break;
  default:
    step.limits.kvBlock = r.pick({2, 5, 128});
  }
}

void chooseAssignment(Random &r, AssignmentOptions &o, bool legal) {
  o.policy = r.pick({AssignmentPolicy::Contiguous, AssignmentPolicy::RoundRobin,
                     AssignmentPolicy::LoadBalanced, AssignmentPolicy::Locality,
                     AssignmentPolicy::Explicit});
  o.keepOwners = !r.oneIn(4);
  // "*" are all tasks: of others it depends on the fusion whether they exist.
  if (o.policy == AssignmentPolicy::Explicit)
    o.map = {{r.pick({"*", "*", "argmax*", "L*_o*"}), {r.below(4)}}};
  // Whether it divides the workers is for `ofAssignment` to know.
  o.cluster = r.pick({1u, 1u, 2u, 2u, 4u, 8u});
  if (legal)
    return;
  if (r.oneIn(2)) {
    o.cluster = r.pick({0u, 3u, 6u, 16u, 1000u});
    return;
  }
  o.map = {{"*", {r.pick({200u, ~0u})}}};
}

void chooseRing(Random &r, PipeliningOptions &o, bool legal) {
  o.columns = r.pick({128u, 256u, 300u, 1024u, 2048u, 4096u});
  o.teams = r.pick({1u, 2u, 3u, 5u, 8u, 8u, 8u});
  o.slots = o.teams + r.below(20);
  o.window = r.below(13);
  o.ahead = r.below(13);
  o.held = r.below(2);
  o.slices = o.slots % 4 ? SlicePolicy::Arrive : SlicePolicy::Whole;
  if (legal)
    return;
  switch (r.below(5)) {
  case 0:
    o.columns = r.below(128);
    break;
  case 1:
    o.slots = r.below(o.teams);
    break;
  case 2:
    o.teams = 0;
    break;
  case 3:
    o.teams = o.slots = r.pick({4096u, 1u << 20, ~0u});
    break;
  default:
    o.held = 2 + r.below(8);
    break;
  }
}

} // namespace

Step randomStep(Random &r, Pass pass, const Model &model,
                int64_t leastPositions, bool legal) {
  Step step;
  step.pass = pass;
  step.longest = model.positions;
  switch (pass) {
  case Pass::SetPositions:
    step.positions =
        legal ? leastPositions +
                    r.below(uint64_t(model.positions - leastPositions + 1))
              : r.pick({int64_t(-1), model.positions + 1, int64_t(1) << 40});
    break;
  case Pass::Fusion:
    if (!legal)
      step.groups = {{r.below(30) + 2, r.below(2)}};
    else
      chooseGroups(r, step);
    break;
  case Pass::Tiling:
    chooseCut(r, step, legal);
    break;
  case Pass::Assignment:
    chooseAssignment(r, step.assignment, legal);
    break;
  case Pass::Synchronization:
    step.synchronization.packetElements =
        legal ? r.pick({0u, 4u, 4u, 6u}) : r.pick({1u, 3u, 5u, 7u, 8u, ~0u});
    step.synchronization.reduce = !r.oneIn(4);
    step.synchronization.clusterGathers = !r.oneIn(3);
    step.synchronization.inboxBytes =
        r.pick({0u, 1000u, 10000u, 32768u, 100000u});
    break;
  case Pass::PageColoring:
    step.pages =
        r.pick({PagePolicy::None, PagePolicy::Linear, PagePolicy::GraphColor});
    step.sharedBytes = r.pick({-1, -1, 0, 100, 2000, 58112, 1 << 20});
    break;
  case Pass::Pipelining:
    chooseRing(r, step.pipelining, legal);
    break;
  }
  return step;
}

//===----------------------------------------------------------------------===//
// Running one
//===----------------------------------------------------------------------===//

namespace {

std::vector<TaskGroup> namedGroups(const Step &step, const Schedule &s) {
  const auto name = [&](uint32_t i) {
    return i < s.tasks.size() ? s.tasks[i].name : "nothing";
  };
  std::vector<TaskGroup> groups;
  groups.reserve(step.groups.size());
  for (const auto &[first, last] : step.groups)
    groups.push_back({name(first), name(last)});
  return groups;
}

} // namespace

/// As the passes in lib/Transforms call the solvers.
std::string apply(const Step &step, Schedule &s) {
  switch (step.pass) {
  case Pass::SetPositions:
    return setPositions(s, step.positions, step.longest);
  case Pass::Fusion: {
    FusionOrigins origins;
    return groupOperators(s, namedGroups(step, s), origins);
  }
  case Pass::Tiling: {
    // Two solvers in one pass, which drops its copy when either refuses.
    Schedule next = s;
    if (std::string m = chooseTarget(next, step.chip, step.workers); !m.empty())
      return m;
    if (std::string m = limitTarget(next, step.limits); !m.empty())
      return m;
    TilingOptions options = step.tiling;
    options.workers = next.target->workers;
    std::string m = cutTasks(next, options);
    if (m.empty())
      s = std::move(next);
    return m;
  }
  case Pass::Assignment: {
    if (!s.target)
      return "expected a target (run amk-tiling first)";
    AssignmentOptions options = step.assignment;
    options.workers = s.target->workers;
    return assignWorkers(s, options);
  }
  case Pass::Synchronization:
    return synchronize(s, step.synchronization);
  case Pass::PageColoring: {
    uint64_t limit = s.target ? s.target->sharedBytes / 8 : 0;
    if (step.sharedBytes >= 0)
      limit = uint64_t(step.sharedBytes);
    return colorPages(s, {step.pages, limit});
  }
  case Pass::Pipelining:
    return makeStreams(s, step.pipelining);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// What a request may lead to
//===----------------------------------------------------------------------===//

namespace {

Expected refusedIf(bool refused) {
  return refused ? Expected::Refused : Expected::Accepted;
}

Expected ofFusion(const Step &step, const Schedule &s) {
  const auto any = [&](auto fn) {
    return std::any_of(s.tasks.begin(), s.tasks.end(), fn);
  };
  if (s.concurrent || any([](const Task &t) { return t.bounds != kNone; }))
    return Expected::Refused;
  if (step.groups.empty())
    return refusedIf(any([](const Task &t) {
      return std::any_of(t.ops.begin(), t.ops.end(),
                         [](const Operator &op) { return op.prologue; });
    }));
  std::vector<bool> taken(s.tasks.size(), false);
  for (auto [first, last] : step.groups) {
    if (first >= s.tasks.size() || last >= s.tasks.size() || first > last)
      return Expected::Refused;
    for (; first <= last; ++first)
      if (taken[first])
        return Expected::Either; // twice the same group is one group
      else
        taken[first] = true;
  }
  return Expected::Either; // what cannot be one task is no group
}

Expected ofTiling(const Step &step, const Schedule &s) {
  const std::string chip = !step.chip.empty() ? step.chip
                           : s.target         ? s.target->chip
                                              : "sm_90";
  const TargetInfo *info = lookupTarget(chip);
  if (s.concurrent || !info || step.workers > info->workers ||
      step.tiling.rows == 0 || step.tiling.rows % 4)
    return Expected::Refused;
  // No kernel has these, and no model here.
  const TargetLimits &l = step.limits;
  if (l.threads || l.kvBlock || l.sharedBytes > info->sharedBytes)
    return Expected::Refused;
  // A target that was limited before stays so.
  const bool same = s.target && s.target->chip == chip;
  return same && l.sharedBytes > s.target->sharedBytes ? Expected::Refused
                                                       : Expected::Accepted;
}

Expected ofAssignment(const Step &step, const Schedule &s) {
  const AssignmentOptions &o = step.assignment;
  if (!s.target || s.concurrent)
    return Expected::Refused;
  const bool power = o.cluster != 0 && 8 % o.cluster == 0;
  if (!power || s.target->workers % o.cluster != 0 ||
      (o.cluster > 1 && !lookupTarget(s.target->chip)->clusters))
    return Expected::Refused;
  if (o.map.empty())
    return Expected::Accepted;
  if (o.policy != AssignmentPolicy::Explicit ||
      o.map[0].workers[0] >= s.target->workers)
    return Expected::Refused;
  return o.map[0].tasks == "*" ? Expected::Accepted : Expected::Either;
}

/// The most tiles that one worker runs: all of them if none was placed.
uint64_t longestQueue(const Schedule &s) {
  std::map<uint32_t, uint64_t> tiles;
  uint64_t longest = 0;
  for (const Task &task : s.tasks)
    for (uint32_t i = 0, n = tileCount(s, task); i < n; ++i)
      longest = std::max(longest, ++tiles[s.entry(task.workers, i, 0)]);
  return longest;
}

Expected ofPipelining(const Step &step, const Schedule &s) {
  const PipeliningOptions &o = step.pipelining;
  if (!s.target || !o.teams || !o.slots || o.columns < 128 ||
      o.slots < o.teams || o.held > 1)
    return Expected::Refused;
  // A row of the plan takes less than 256 bytes and 32 stages of 128 columns
  // 32 KB; no model here needs much beside them.
  uint64_t pages = 0;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Shared)
      pages = std::max(pages, b.pageOffset + b.regionBytes());
  const uint64_t taken = longestQueue(s) * 256 + pages;
  const bool fits =
      taken < s.target->sharedBytes / 4 && s.target->sharedBytes > (90u << 10);
  return o.teams <= 32 && fits ? Expected::Accepted : Expected::Either;
}

} // namespace

Expected expectation(const Step &step, const Schedule &s) {
  switch (step.pass) {
  case Pass::SetPositions:
    return refusedIf(step.positions < 1 || step.positions > step.longest);
  case Pass::Fusion:
    return ofFusion(step, s);
  case Pass::Tiling:
    return ofTiling(step, s);
  case Pass::Assignment:
    return ofAssignment(step, s);
  case Pass::Synchronization: {
    const uint32_t packets = step.synchronization.packetElements;
    const bool pages =
        std::any_of(s.buffers.begin(), s.buffers.end(),
                    [](const Buffer &b) { return b.space != Space::Own; });
    if (pages || (packets != 0 && packets != 4 && packets != 6))
      return Expected::Refused;
    // A ring that is there already may leave no room for the plan.
    return s.ring ? Expected::Either : Expected::Accepted;
  }
  case Pass::PageColoring:
    return refusedIf(!s.concurrent);
  case Pass::Pipelining:
    return ofPipelining(step, s);
  }
  return Expected::Either;
}

} // namespace amk::scheduling::properties
