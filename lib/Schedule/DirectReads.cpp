//===- DirectReads.cpp - Reads beside the publishing of packets -----------===//

#include "AMK/Schedule/DirectReads.h"

#include "AMK/Schedule/Operators.h"

namespace amk::core {

namespace {

/// Whether other tiles may write what is read there, within the launch.
bool isOverwritten(const Buffer &b) {
  // A page of shared memory is its worker's, whose tiles come one by one;
  // packets are gathered.
  return b.space != Space::Shared && !b.packetElements &&
         (b.kind == BufferKind::Activation || b.kind == BufferKind::Output ||
          b.kind == BufferKind::KvCache);
}

bool gathersAny(const Operator &op) {
  const OperatorModel *model = lookupOperator(op.name);
  for (unsigned k = 0; k < model->inputs(); ++k)
    if (model->gathers(k))
      return true;
  return false;
}

} // namespace

uint32_t directRead(const Schedule &schedule, const Tiles &tiles,
                    const Tile &tile) {
  const auto writes = [&](const Access &read) {
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const Access &a = tiles.accesses[i];
      if (a.write && a.buffer == read.buffer && a.region.contiguous() &&
          a.region.offset <= read.region.offset &&
          a.region.end() >= read.region.end())
        return true;
    }
    return false;
  };
  for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
    const Access &a = tiles.accesses[i];
    if (a.write || !isOverwritten(schedule.buffers[a.buffer]) ||
        gathersAny(schedule.tasks[tile.task].ops[tiles.accessOp[i]]) ||
        writes(a))
      continue;
    return i;
  }
  return kNone;
}

} // namespace amk::core
