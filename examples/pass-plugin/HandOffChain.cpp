//===- HandOffChain.cpp - The longest chain of hand-offs ------------------===//
//
// A pass on the flat schedule, with AMK's own headers. What a step cannot be
// faster than, whatever it streams, is its longest chain of hand-offs. This
// pass remarks how many follow each other, and the tasks at which they end:
//
//   amk-opt --load-pass-plugin=AMKTaskCensus.so
//           --pass-pipeline='builtin.module(amk.schedule(
//               example-hand-off-chain))' in.mlir
//
//===----------------------------------------------------------------------===//

#include "HandOffChain.h"

#include "AMK/Dialect/AMK/Flatten.h"
#include "AMK/Schedule/HappensBefore.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace amk;

namespace {

/// The tiles that add to every counter, packets among them.
std::vector<std::vector<uint32_t>> producersOf(const core::Tiles &tiles,
                                               const core::HandOffs &h) {
  std::vector<std::vector<uint32_t>> producers(h.counterCount);
  for (uint32_t t = 0; t < tiles.tiles.size(); ++t)
    for (uint32_t i = h.firstSignal[t]; i < h.firstSignal[t + 1]; ++i)
      producers[h.signals[i]].push_back(t);
  return producers;
}

struct HandOffChain : PassWrapper<HandOffChain, OperationPass<ScheduleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(HandOffChain)

  StringRef getArgument() const override { return "example-hand-off-chain"; }
  StringRef getDescription() const override {
    return "Remarks the longest chain of hand-offs of a concurrent schedule";
  }

  void runOnOperation() override {
    markAllAnalysesPreserved();
    ScheduleOp op = getOperation();
    FailureOr<core::Schedule> s = flatten(op);
    if (failed(s))
      return signalPassFailure();
    if (!s->concurrent) {
      op.emitRemark() << "sequential: no hand-offs";
      return;
    }
    const core::Tiles tiles = core::expand(*s);
    const core::HandOffs h = core::handOffs(*s, tiles);
    const std::vector<std::vector<uint32_t>> producers = producersOf(tiles, h);
    // Program order is an order in which all tiles can run, so what a tile
    // waits for has its length already. (Not so with queues out of order.)
    std::vector<uint32_t> length(tiles.tiles.size(), 0);
    std::vector<uint32_t> from(tiles.tiles.size(), core::kNone);
    uint32_t last = 0;
    for (uint32_t t = 0; t < tiles.tiles.size(); ++t) {
      const core::Tile &tile = tiles.tiles[t];
      auto follow = [&](uint32_t before, uint32_t cost) {
        if (before < t && length[before] + cost > length[t]) {
          length[t] = length[before] + cost;
          from[t] = before;
        }
      };
      if (tile.slot)
        follow(tiles.queues[tile.worker][tile.slot - 1], 0);
      for (uint32_t i = h.firstWait[t]; i < h.firstWait[t + 1]; ++i)
        for (uint32_t p : producers[h.waits[i].counter])
          follow(p, tiles.tiles[p].worker != tile.worker);
      if (length[t] > length[last])
        last = t;
    }
    std::string tasks;
    for (uint32_t t = last; t != core::kNone; t = from[t])
      if (from[t] != core::kNone && length[from[t]] < length[t])
        tasks = s->tasks[tiles.tiles[t].task].name +
                (tasks.empty() ? "" : ", ") + tasks;
    op.emitRemark() << "longest chain: " << length[last] << " hand-offs, to "
                    << tasks;
  }
};

} // namespace

void registerHandOffChain() { PassRegistration<HandOffChain>(); }
