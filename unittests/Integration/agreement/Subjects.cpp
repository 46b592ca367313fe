//===- Subjects.cpp - Random small concurrent programs --------------------===//

#include "Subjects.h"

#include "AMK/Schedule/Verify.h"
#include "Scheduling/properties/Steps.h"

#include <algorithm>

namespace amk::agreement {

using namespace core;
using scheduling::properties::Model;
using scheduling::properties::Pass;
using scheduling::properties::Random;

namespace {

constexpr unsigned kLaunches = 4;

//===----------------------------------------------------------------------===//
// Llamas
//===----------------------------------------------------------------------===//

/// Small, so that a run takes about a millisecond.
Model smallModel(Random &r) {
  while (true) {
    const Model m = scheduling::properties::randomModel(r);
    const int64_t heads = (m.heads + m.kvHeads) * m.headDim;
    if (m.layers <= 2 && m.hidden >= 30 &&
        m.hidden * (2 * heads + 3 * m.inter + m.vocab) < 150000)
      return m;
  }
}

/// False if the options chosen leave one worker, or are refused.
bool lower(Random &r, const Model &m, Schedule &s) {
  for (Pass pass :
       {Pass::Fusion, Pass::Tiling, Pass::Assignment, Pass::Synchronization,
        Pass::PageColoring, Pass::Pipelining}) {
    const bool optional = pass == Pass::Fusion || pass == Pass::PageColoring ||
                          pass == Pass::Pipelining;
    if (optional && r.oneIn(6))
      continue;
    const auto step =
        scheduling::properties::randomStep(r, pass, m, kLaunches, true);
    if (!scheduling::properties::apply(step, s).empty())
      return false;
  }
  return s.concurrent && s.target->workers > 1;
}

Subject makeLlama(Random &r) {
  Subject subject;
  Model m;
  do {
    m = smallModel(r);
    subject.sequential = scheduling::properties::importModel(m);
    subject.concurrent = subject.sequential;
  } while (!lower(r, m, subject.concurrent));
  subject.name = scheduling::properties::print(m) + ", " +
                 std::to_string(subject.concurrent.target->workers) +
                 " workers";
  subject.weights = std::make_shared<scheduling::properties::Weights>(r.bits());
  for (unsigned i = 0; i < kLaunches; ++i) {
    Launch launch;
    launch.position = int64_t(i) % m.positions;
    for (const Buffer &b : subject.sequential.buffers)
      if (b.kind == BufferKind::Input)
        launch.inputs[b.name] = {r.below(uint64_t(m.vocab))};
    subject.launches.push_back(std::move(launch));
  }
  return subject;
}

//===----------------------------------------------------------------------===//
// Hashes
//===----------------------------------------------------------------------===//

/// A program of hashes has no weights.
struct NoWeights : runtime::WeightSource {
  runtime::Status tensor(const std::string &name, int64_t, int64_t,
                         const void *&) override {
    return {runtime::ErrorKind::Input, "no tensor '" + name + "'"};
  }
};

class HashMaker {
public:
  explicit HashMaker(Random &r) : r(r) {}
  Schedule run();

private:
  uint32_t buffer(const char *name, BufferKind kind) {
    Buffer &b = s.buffers.emplace_back();
    b.name = name + std::to_string(s.buffers.size());
    b.kind = kind;
    b.type = kind == BufferKind::Activation && r.oneIn(2) ? ElementType::BF16
                                                          : ElementType::I32;
    b.shape = {int64_t(4 + r.below(60))};
    return uint32_t(s.buffers.size() - 1);
  }
  void hash(uint32_t from, uint32_t to);
  bool placeGang(std::vector<uint32_t> &bounds, std::vector<uint32_t> &workers);

  /// A value that is hashed again and again, to new buffers or to those that
  /// it has left.
  struct Chain {
    uint32_t now;
    std::vector<uint32_t> buffers;
  };

  Random &r;
  Schedule s;
};

/// One tile on each worker of a cluster, in any order. False if there are no
/// clusters, or fewer elements.
bool HashMaker::placeGang(std::vector<uint32_t> &bounds,
                          std::vector<uint32_t> &workers) {
  const uint32_t cluster = s.target->cluster, n = bounds.back();
  if (cluster < 2 || n < cluster)
    return false;
  bounds = {0};
  for (uint32_t i = 1; i <= cluster; ++i)
    bounds.push_back(n * i / cluster);
  const uint32_t first = cluster * r.below(s.target->workers / cluster);
  for (uint32_t i = 0; i < cluster; ++i)
    workers.insert(workers.begin() + r.below(i + 1), first + i);
  return true;
}

void HashMaker::hash(uint32_t from, uint32_t to) {
  Task task;
  task.name = "t" + std::to_string(s.tasks.size());
  Operator &op = task.ops.emplace_back();
  op.name = "hash";
  op.operands = {from, to};
  const uint32_t n = uint32_t(s.buffers[to].elements());
  std::vector<uint32_t> bounds = {0, n};
  std::vector<uint32_t> workers;
  if (!r.oneIn(2) || !placeGang(bounds, workers)) {
    for (uint32_t i = r.below(5); i-- > 0;)
      bounds.push_back(1 + r.below(n - 1));
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    // Half of the tasks run in one place, so that values can be in its memory.
    const uint32_t only = r.below(s.target->workers);
    const bool spread = r.oneIn(2);
    for (size_t i = 0; i + 1 < bounds.size(); ++i)
      workers.push_back(spread ? r.below(s.target->workers) : only);
  }
  task.bounds = s.addTable(std::move(bounds));
  task.workers = s.addTable(std::move(workers));
  s.tasks.push_back(std::move(task));
}

Schedule HashMaker::run() {
  s.name = "hashes";
  s.positions = 1;
  s.target = Target{"sm_90", 2 + r.below(7), 232448};
  if (s.target->workers % 2 == 0)
    s.target->cluster = s.target->workers % 4 == 0 ? r.pick({2u, 4u}) : 2;
  std::vector<Chain> chains(1 + r.below(3));
  for (Chain &chain : chains)
    chain.now = buffer("in", BufferKind::Input);
  for (uint32_t i = 6 + r.below(16); i-- > 0;) {
    Chain &chain = chains[r.below(chains.size())];
    std::vector<uint32_t> left = chain.buffers;
    left.erase(std::remove(left.begin(), left.end(), chain.now), left.end());
    uint32_t to = 0;
    if (left.empty() || r.oneIn(2)) {
      to = buffer("value", BufferKind::Activation);
      chain.buffers.push_back(to);
    } else {
      to = left[r.below(left.size())];
    }
    hash(chain.now, to);
    chain.now = to;
  }
  for (Chain &chain : chains)
    hash(chain.now, buffer("out", BufferKind::Output));
  return std::move(s);
}

/// Lets tiles meet where the rules allow it, and drops what waits the meetings
/// make needless.
void shareGathers(Schedule &s, Random &r) {
  for (Task &t : s.tasks) {
    t.clusterGather = s.target->cluster > 1 && !r.oneIn(4);
    t.clusterGather = t.clusterGather && verify(s, 1).empty();
  }
  for (Task &t : s.tasks)
    for (size_t i = t.waits.size(); i-- > 0;) {
      const std::vector<Wait> waits = t.waits;
      t.waits.erase(t.waits.begin() + ptrdiff_t(i));
      if (!verify(s, 1).empty())
        t.waits = waits;
    }
}

Subject makeHashes(Random &r) {
  Subject subject;
  Schedule &s = subject.concurrent;
  // Meetings come last: pages that rely on one could not do without it.
  scheduling::SynchronizationOptions handOffs;
  handOffs.clusterGathers = false;
  do {
    subject.sequential = s = HashMaker(r).run();
    handOffs.packetElements = r.pick({0u, 4u, 6u});
  } while (
      !scheduling::synchronize(s, handOffs).empty() ||
      !scheduling::colorPages(s, {r.pick({scheduling::PagePolicy::None,
                                          scheduling::PagePolicy::Linear,
                                          scheduling::PagePolicy::GraphColor,
                                          scheduling::PagePolicy::GraphColor}),
                                  r.pick({0u, 512u, 16384u})})
           .empty());
  shareGathers(s, r);
  const auto gangs =
      std::count_if(s.tasks.begin(), s.tasks.end(),
                    [](const Task &t) { return t.clusterGather; });
  subject.name = std::to_string(s.tasks.size()) + " hashes, " +
                 std::to_string(s.target->workers) + " workers, " +
                 std::to_string(gangs) + " gathers shared";
  subject.weights = std::make_shared<NoWeights>();
  for (unsigned i = 0; i < kLaunches; ++i) {
    Launch launch;
    for (const Buffer &b : s.buffers) {
      if (b.kind != BufferKind::Input)
        continue;
      std::vector<uint32_t> &words = launch.inputs[b.name];
      for (int64_t n = b.elements(); n-- > 0;)
        words.push_back(uint32_t(r.bits()));
    }
    subject.launches.push_back(std::move(launch));
  }
  return subject;
}

} // namespace

Subject makeSubject(uint64_t seed) {
  Random r(seed);
  return seed % 2 ? makeHashes(r) : makeLlama(r);
}

} // namespace amk::agreement
