//===- HangReport.cpp - What the workers of a hung launch wait for --------===//

#include "HangReport.h"

#include "AMK/Schedule/HappensBefore.h"

#include <algorithm>

namespace amk::runtime {

HangReport::HangReport(const core::Schedule &schedule, const core::Tiles &tiles)
    : schedule(schedule), tiles(tiles),
      signalsPerLaunch(tiles.counterCount, 0) {
  for (uint32_t c : tiles.signals)
    ++signalsPerLaunch[c];
  for (const core::Buffer &b : schedule.buffers)
    if (b.packetElements)
      generations = std::max(generations, b.packetGeneration + 1);
}

std::string HangReport::counter(const core::Tile *tile, const Waiting &waiting,
                                uint32_t epoch) const {
  if (waiting.index >= tiles.counterCount)
    return "counter " + std::to_string(waiting.index) + ": " +
           std::to_string(waiting.seen);
  // Counted from the start of this launch, as the schedule has it.
  const uint32_t before = (epoch - 1) * signalsPerLaunch[waiting.index];
  std::string text = "counter " +
                     core::counterName(schedule, tiles, waiting.index) + ": " +
                     std::to_string(waiting.seen - before);
  if (tile)
    for (uint32_t i = tile->firstWait; i < tile->lastWait; ++i)
      if (tiles.waits[i].counter == waiting.index)
        return text + " of " + std::to_string(tiles.waits[i].threshold);
  return text;
}

std::string HangReport::packet(const core::Tile *tile, const Waiting &waiting,
                               uint32_t epoch) const {
  // The kernel's record does not say of which buffer: of one that is read.
  std::vector<uint32_t> buffers;
  if (waiting.buffer != core::kNone)
    buffers.push_back(waiting.buffer);
  else if (tile)
    for (uint32_t i = tile->firstAccess; i < tile->lastAccess; ++i) {
      const core::Access &a = tiles.accesses[i];
      if (!a.write && schedule.buffers[a.buffer].packetElements &&
          std::find(buffers.begin(), buffers.end(), a.buffer) == buffers.end())
        buffers.push_back(a.buffer);
    }
  std::string text = "packet " + std::to_string(waiting.index);
  for (size_t i = 0; i < buffers.size(); ++i)
    text += (i ? " or '" : " of '") + schedule.buffers[buffers[i]].name + "'";
  if (buffers.size() == 1 &&
      schedule.buffers[buffers.front()].space == core::Space::Cluster)
    text += " in cluster memory";
  text += ": stamp " + std::to_string(waiting.seen);
  if (buffers.size() == 1)
    text += " of " +
            std::to_string(epoch * generations +
                           schedule.buffers[buffers.front()].packetGeneration);
  return text;
}

std::string HangReport::cluster(uint32_t worker, const Waiting &waiting) const {
  const uint32_t size =
      schedule.target ? std::max(schedule.target->cluster, 1u) : 1;
  const uint32_t first = worker / size * size;
  return "workers " + std::to_string(first) + " to " +
         std::to_string(first + size - 1) +
         (waiting.index == 0 ? ", its cluster, to begin it"
                             : ", its cluster, to pass on what they gather");
}

std::string HangReport::describe(uint32_t worker, const Waiting &waiting,
                                 uint32_t epoch) const {
  std::string line = "worker " + std::to_string(worker) + ": ";
  if (waiting.kind == Waiting::Nothing)
    return line + "waits for nothing";
  const core::Tile *tile = nullptr;
  if (worker < tiles.queues.size() &&
      waiting.row < tiles.queues[worker].size()) {
    tile = &tiles.tiles[tiles.queues[worker][waiting.row]];
    line += "task '" + schedule.tasks[tile->task].name + "' tile " +
            std::to_string(tile->index);
  } else {
    // A kernel that is not of this schedule may say anything.
    line += "plan row " + std::to_string(waiting.row);
  }
  line += " waits for ";
  switch (waiting.kind) {
  case Waiting::Counter:
    return line + counter(tile, waiting, epoch);
  case Waiting::Packet:
    return line + packet(tile, waiting, epoch);
  case Waiting::Meeting:
    return line + "the tiles of its cluster: " + std::to_string(waiting.seen) +
           " of " + std::to_string(waiting.index) + " are reached";
  case Waiting::Cluster:
    return line + cluster(worker, waiting);
  default:
    return line + "something of unknown kind " + std::to_string(waiting.kind);
  }
}

Status HangReport::status(int64_t position, uint64_t milliseconds,
                          uint32_t epoch,
                          const std::vector<Waiting> &workers) const {
  const auto waiting = size_t(
      std::count_if(workers.begin(), workers.end(), [](const Waiting &w) {
        return w.kind != Waiting::Nothing;
      }));
  std::string message = "the watchdog ended the launch after " +
                        std::to_string(milliseconds) + " ms; position " +
                        std::to_string(position) + " is invalid; " +
                        std::to_string(waiting) + " of " +
                        std::to_string(workers.size()) + " workers wait";
  for (uint32_t w = 0; w < workers.size(); ++w)
    message += "\n" + describe(w, workers[w], epoch);
  return {ErrorKind::Aborted, std::move(message)};
}

} // namespace amk::runtime
