//===- DeviceRecord.h - What the cost model knows of a GPU ------*- C++ -*-===//
//
// A record per board: what the driver and the vendor say of it, and how long
// the kernel's building blocks take on it. Records are data. The built-in ones
// are a table in DeviceRecord.cpp, `amk-run --describe-device` prints the one
// of the GPU in the machine, and a file with such a record can stand wherever a
// target is named.
//
// TargetInfo.h is about instructions, and knows chips; this is about time.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_DEVICERECORD_H
#define AMK_SCHEDULE_DEVICERECORD_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace amk::core {

/// A figure and where it comes from; without a source it is unknown.
struct Figure {
  double value = 0;
  std::string source;
  bool known() const { return !source.empty(); }
};

struct DeviceRecord {
  std::string name;  ///< "h200"
  std::string board; ///< "NVIDIA H200 SXM"
  std::string chip;  ///< "sm_90"

  // The board.
  Figure workers;         ///< SMs
  Figure clock;           ///< GHz, boost
  Figure sharedBytes;     ///< shared memory that one block can have
  Figure registers;       ///< 32-bit registers of an SM
  Figure l2Bytes;         ///< L2 cache
  Figure memoryBandwidth; ///< GB/s, as the vendor says

  // The stream.
  Figure streamBandwidth; ///< GB/s that all SMs together reach
  Figure workerBandwidth; ///< GB/s that one SM reaches
  Figure memoryLatency;   ///< ns from a copy's issue to its first bytes, idle
  Figure copyIssue;       ///< ns until the loader can issue the next bulk copy
  Figure asyncCopyRate;   ///< GB/s that one warp issues with cp.async

  // Hand-offs. Under load each waits behind what is queued at the memory, as
  // often as its messages pass it.
  Figure packetLatency;  ///< ns from a publish to all readers having it, idle
  Figure packetPasses;   ///< times that it waits behind the queue
  Figure counterLatency; ///< the same for a counter and what it guards
  Figure counterPasses;
  Figure clusterPacket;   ///< packetLatency in cluster memory, loaded or not
  Figure pollLatency;     ///< ns of a read from the L2
  Figure clusterExchange; ///< ns to pass on in a cluster, loaded or not

  // The kernel's work.
  Figure launch;         ///< ns of a launch, plan copied
  Figure gather;         ///< ns to take in an input, besides its packets
  Figure gatherPacket;   ///< ns for each packet
  Figure gatherPair;     ///< ns for each pair of values in them
  Figure consume;        ///< ns that a warp takes for a KB of a stage
  Figure publish;        ///< ns to publish a tile's results
  Figure publishElement; ///< ns for each element of it
  Figure attentionRound; ///< ns of a round of direct loads of 32 positions
  Figure attend;         ///< ns that a warp takes for a KB of keys and values
  Figure combine;        ///< ns to combine the warps' results of a split
};

/// A figure's name in records, and what it is.
struct FigureField {
  const char *key;
  Figure DeviceRecord::*member;
  const char *what;
  /// What the schedule cannot do without, and the driver always knows.
  bool required;
};
const std::vector<FigureField> &figureFields();

/// The built-in records.
const std::vector<DeviceRecord> &deviceRecords();
/// The record of that name, or null.
const DeviceRecord *lookupDevice(std::string_view name);
/// The record that stands for a chip where no board is named, or null.
const DeviceRecord *defaultDevice(std::string_view chip);
/// "a100, h100, ...": for messages.
std::string knownDevices();

/// Fills in what is unknown of a record: what is measured by that of its chip's
/// default board, where instructions set the pace scaled by the clock; the
/// stream by the memory's bandwidth. The sources say so.
void completeRecord(DeviceRecord &record);

/// The record as JSON, one figure a line; unknown ones as null.
std::string toJson(const DeviceRecord &record);

} // namespace amk::core

#endif // AMK_SCHEDULE_DEVICERECORD_H
