//===- ExplainSchedule.cpp - Prints what orders the tiles of a schedule ---===//

#include "AMK/Scheduling/Explain.h"

#include "AMK/Schedule/Tiles.h"
#include "AMK/Transforms/Passes.h"
#include "RefineSchedule.h"

#include <algorithm>

namespace amk {
#define GEN_PASS_DEF_EXPLAINSCHEDULE
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

using namespace mlir;
using namespace amk::core;

namespace {

/// Writes what the analysis found about one schedule.
class Printer {
public:
  Printer(llvm::raw_ostream &os, const Schedule &s, const Tiles &tiles,
          const HandOffs &handOffs)
      : os(os), s(s), tiles(tiles), handOffs(handOffs) {}

  void totals();
  void paths();
  void relation(uint32_t first, uint32_t second);

private:
  /// "task 'x' tile 3 on worker 1".
  void tile(uint32_t id) {
    const Tile &t = tiles.tiles[id];
    os << "task '" << s.tasks[t.task].name << "' tile " << t.index
       << " on worker " << t.worker;
  }
  void edge(const amk::scheduling::Edge &e);

  llvm::raw_ostream &os;
  const Schedule &s;
  const Tiles &tiles;
  const HandOffs &handOffs;
};

void Printer::totals() {
  uint64_t waits = 0, signals = 0, queues = 0;
  for (const Tile &t : tiles.tiles) {
    waits += t.lastWait - t.firstWait;
    signals += t.lastSignal - t.firstSignal;
  }
  for (const std::vector<uint32_t> &queue : tiles.queues)
    queues += !queue.empty();
  uint64_t packets = 0;
  for (const Buffer &b : s.buffers)
    packets += b.packetElements != 0;
  os << "  " << tiles.tiles.size() << " tiles in " << queues << " queues, "
     << waits << " waits, " << signals << " signals, " << packets
     << " buffers of packets";
  if (const size_t gangs = handOffs.firstMate.size() - 1)
    os << ", " << gangs << (gangs == 1 ? " meeting" : " meetings")
       << " of clusters of " << s.target->cluster;
  os << "\n";
}

void Printer::paths() {
  const std::vector<uint64_t> weights = amk::scheduling::tileWeights(s, tiles);
  const amk::scheduling::Paths p =
      amk::scheduling::findPaths(tiles, handOffs, weights);
  os << "  critical path: " << p.length << " of weight, " << p.critical.size()
     << " tiles\n";
  for (size_t i = 0; i < p.critical.size();) {
    const uint32_t task = tiles.tiles[p.critical[i]].task;
    uint64_t weight = 0;
    const size_t first = i;
    for (; i < p.critical.size() && tiles.tiles[p.critical[i]].task == task;
         ++i)
      weight += weights[p.critical[i]];
    os << "    ";
    tile(p.critical[first]);
    if (i - first > 1)
      os << " and " << i - first - 1 << " more of the task";
    os << ": " << weight << "\n";
  }
  constexpr uint64_t kUnknown = ~uint64_t(0);
  std::vector<uint64_t> slack(s.tasks.size(), kUnknown);
  for (size_t t = 0; t < tiles.tiles.size(); ++t)
    slack[tiles.tiles[t].task] =
        std::min(slack[tiles.tiles[t].task], p.latest[t] - p.earliest[t]);
  os << "  slack, the least of a task's tiles:\n";
  for (size_t t = 0; t < s.tasks.size(); ++t)
    if (slack[t] != kUnknown)
      os << "    task '" << s.tasks[t].name << "': " << slack[t] << "\n";
}

void Printer::edge(const amk::scheduling::Edge &e) {
  os << "    ";
  tile(e.from);
  os << ", by "
     << (e.counter == kNone
             ? std::string("the queue")
             : amk::core::handOffName(s, tiles, handOffs, e.counter))
     << ", ";
  if (e.mate != kNone) {
    tile(e.mate);
    os << ", by "
       << amk::core::handOffName(s, tiles, handOffs, handOffs.meetingOf(e.mate))
       << ", ";
  }
  tile(e.to);
  os << "\n";
}

void Printer::relation(uint32_t first, uint32_t second) {
  const amk::scheduling::Relation r =
      amk::scheduling::relate(tiles, handOffs, first, second);
  os << "  ";
  tile(first);
  os << (r.before ? " is done before " : " need not be done before ");
  tile(second);
  if (r.before) {
    os << (r.visible ? ", and what it wrote is visible:\n"
                     : ", but what it wrote is not visible:\n");
    for (const amk::scheduling::Edge &e : r.chain)
      edge(e);
    return;
  }
  // The end of the run is what matters: it leads to the second tile.
  constexpr size_t kMost = 8;
  os << "; without it can run:\n";
  const size_t from =
      r.without.size() > kMost ? r.without.size() - kMost : size_t(0);
  if (from)
    os << "    (" << from << " tiles)\n";
  for (size_t i = from; i < r.without.size(); ++i) {
    os << "    ";
    tile(r.without[i]);
    os << "\n";
  }
}

/// The tile that 'TASK:TILE' names; an error otherwise.
std::string findTile(const Schedule &s, const Tiles &tiles, StringRef name,
                     uint32_t &found) {
  const auto [task, number] = name.rsplit(':');
  uint32_t index = 0;
  if (number.empty() || number.getAsInteger(10, index))
    return ("expected TASK:TILE, found '" + name + "'").str();
  uint32_t count = 0;
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
    const Tile &tile = tiles.tiles[t];
    if (s.tasks[tile.task].name != task)
      continue;
    ++count;
    if (tile.index == index) {
      found = t;
      return {};
    }
  }
  if (count == 0)
    return ("no task '" + task + "' with tiles").str();
  return ("task '" + task + "': expected a tile of 0 to " + Twine(count - 1) +
          ", found " + Twine(index))
      .str();
}

struct ExplainSchedule
    : public amk::impl::ExplainScheduleBase<ExplainSchedule> {
  using ExplainScheduleBase::ExplainScheduleBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    amk::ScheduleOp op = getOperation();
    FailureOr<Schedule> s = amk::flatten(op);
    if (failed(s))
      return signalPassFailure();
    std::string error;
    if (!s->concurrent)
      error = "expected a concurrent schedule: program order is the order of "
              "this one";
    else if (from.empty() != to.empty())
      error = "expected both of from and to, or neither";
    if (!error.empty()) {
      op.emitError() << getArgument() << ": " << error;
      return signalPassFailure();
    }
    const Tiles tiles = expand(*s);
    uint32_t first = 0, second = 0;
    if (!from.empty()) {
      error = findTile(*s, tiles, from, first);
      if (error.empty())
        error = findTile(*s, tiles, to, second);
      if (error.empty() && first == second)
        error = "expected two tiles, found one";
      if (!error.empty()) {
        op.emitError() << getArgument() << ": " << error;
        return signalPassFailure();
      }
    }
    const HandOffs found = handOffs(*s, tiles);
    // One schedule's text at a time, whichever thread is first.
    std::string text;
    llvm::raw_string_ostream os(text);
    os << op.getSymName() << ":\n";
    Printer printer(os, *s, tiles, found);
    printer.totals();
    printer.paths();
    if (!from.empty())
      printer.relation(first, second);
    llvm::errs() << text;
  }
};

} // namespace
