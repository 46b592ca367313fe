//===- ConcurrentRun.h - A schedule by queues and hand-offs -----*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_CONCURRENTRUN_H
#define AMK_RUNTIME_LIB_CONCURRENTRUN_H

#include "CpuProgram.h"
#include "HangReport.h"
#include "ThreadTeam.h"

#include "AMK/Schedule/Inboxes.h"

#include <optional>

namespace amk::runtime {

/// Runs a concurrent schedule as the GPU does: every worker takes the tiles of
/// its queue in order and nothing but counters and packets says when. Workers
/// share threads: one that waits lets the others of its thread run.
class ConcurrentRun {
public:
  ConcurrentRun(const CpuProgram &program, const CpuOptions &options,
                unsigned threads);

  Status prepare();
  Status run(ThreadTeam &team, int64_t position);
  /// Of the last run, worker by worker; empty if they are not recorded.
  void times(StepTimes &times) const;

private:
  /// Packets that a tile reads before it starts, or writes when it is done.
  struct PacketRange {
    uint32_t buffer;
    uint64_t temp; ///< of the plain copy
    uint32_t first, last;
  };
  struct TileHandOffs {
    std::vector<PacketRange> gathers, scatters;
  };
  /// What a worker's next tile has been waiting for; hand-offs only arrive, so
  /// what was seen once need not be looked at again.
  struct Worker {
    uint32_t next = 0;        ///< place in the queue
    uint32_t wait = 0;        ///< waits that hold
    bool reached = false;     ///< its gang knows that they all hold
    uint32_t gather = 0;      ///< packet ranges that are there
    uint32_t packet = 0;      ///< packets of the next range that are there
    uint64_t random = 0;      ///< state of the delays
    int64_t notBefore = 0;    ///< delayed until then
    bool delayChosen = false; ///< for the next tile
    uint64_t free = 0;        ///< when its last tile ended, if that is recorded
  };

  void findMeetings();
  void findPackets(const core::Tile &tile, TileHandOffs &out) const;
  bool ready(uint32_t w, Worker &worker);
  bool delayed(Worker &worker);
  void runTile(uint32_t tile, uint32_t w, char *temp);
  void runThread(unsigned thread, unsigned threads);
  void scatter(uint32_t tile, uint32_t w, const PacketRange &range,
               const char *plain);
  void emptyInboxes();
  /// Where a worker finds a packet.
  PacketSlot &slot(uint32_t buffer, uint32_t w, uint32_t packet) const;
  uint32_t stamp(uint32_t buffer) const;
  uint32_t target(const core::TileWait &wait) const;
  void reset();
  void resetCounters();
  Status report();
  Waiting waitingOf(uint32_t w) const;

  const CpuProgram &program;
  const CpuOptions options;
  unsigned threads;
  core::Tiles tiles;
  std::vector<TileHandOffs> handOffs;
  std::vector<Worker> workers;
  std::vector<Memory> temps, shared, inboxes;
  std::optional<core::Inboxes> deliveries;
  std::vector<std::atomic<uint32_t>> counters;
  std::vector<uint32_t> signalsPerLaunch; ///< of every counter
  /// By tile: the meeting of its gang, or kNone; empty if there are none. A
  /// meeting counts the tiles that have been reached.
  std::vector<uint32_t> meetingOf;
  std::vector<uint32_t> gangTiles; ///< of every meeting
  std::vector<std::atomic<uint32_t>> meetings;
  uint32_t generations = 1;
  uint32_t epoch = 0;
  int64_t position = 0;
  /// By tile; empty: not recorded.
  std::vector<TileTimes> recorded;
  std::vector<std::vector<UsedStages>> recordedStages;
  std::atomic<bool> aborted{false};
  std::atomic<int64_t> lastProgress{0}; ///< nanoseconds
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_CONCURRENTRUN_H
