//===- HangReport.h - What the workers of a hung launch wait for -*- C++
//-*-===//
//
// Both devices tell it in the same words: a line of summary, then one for each
// worker.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_HANGREPORT_H
#define AMK_RUNTIME_LIB_HANGREPORT_H

#include "AMK/Runtime/Status.h"
#include "AMK/Schedule/Tiles.h"

#include <string>
#include <vector>

namespace amk::runtime {

/// What one worker waits for.
struct Waiting {
  /// The numbers are those of the kernel's record.
  /// Meeting is the CPU device's word, Cluster the kernel's.
  enum Kind : uint32_t {
    Nothing = 0,
    Counter = 1,
    Packet = 2,
    Meeting = 3,
    Cluster = 4
  };
  uint32_t kind = Nothing;
  uint32_t row = 0; ///< which tile of its queue
  /// Flat counter, packet of the buffer, how many tiles meet; of a cluster 0:
  /// that its workers begin the tile, 1: that they pass on what they gather.
  uint32_t index = 0;
  /// The counter's value, the packet's stamp, how many tiles are reached.
  uint32_t seen = 0;
  uint32_t buffer = core::kNone; ///< of the packet, if it is known
};

class HangReport {
public:
  HangReport(const core::Schedule &schedule, const core::Tiles &tiles);

  /// Of a launch with this epoch, with one entry per worker.
  Status status(int64_t position, uint64_t milliseconds, uint32_t epoch,
                const std::vector<Waiting> &workers) const;
  /// "worker 3: task 'a' tile 0 waits for counter 'c'[0]: 4 of 5"
  std::string describe(uint32_t worker, const Waiting &waiting,
                       uint32_t epoch) const;

private:
  std::string counter(const core::Tile *tile, const Waiting &waiting,
                      uint32_t epoch) const;
  std::string packet(const core::Tile *tile, const Waiting &waiting,
                     uint32_t epoch) const;
  std::string cluster(uint32_t worker, const Waiting &waiting) const;

  const core::Schedule &schedule;
  const core::Tiles &tiles;
  std::vector<uint32_t> signalsPerLaunch; ///< of every counter
  uint32_t generations = 1;               ///< stamps of a launch
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_HANGREPORT_H
