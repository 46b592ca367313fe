//===- KernelPlan.h - Task classes, plan rows and the arena -----*- C++ -*-===//
//
// What stands between a schedule and its kernel. A *task class* is a body up
// to the identity of its operands: code is emitted once per class, and what
// differs between tiles is a row of the *plan*. The *arena* is the one device
// allocation that holds everything; places in it are given in units of 128
// bytes, so that a 32-bit word of a plan row reaches 512 GB.
//
// A plan row, in 32-bit words:
//   0 task class; if gathers are shared in clusters, bit 15: parity of the
//     number of those before this tile, on its worker; if inputs are taken by
//     slices, bit 14: likewise of those; bits 16..31: bytes of a stage in units
//     of 128
//   1 first index of the tile's range          2 size of the range
//   3 stages in the arena (units of 128 bytes)  4 number of stages
//     of a tile that streams a KV cache: the keys of its head at position 0,
//     and kCacheStages | split; how many stages that is, the position says
//   5 stages of weights from this tile's first on to the next tile that streams
//     a cache; bits 16..31: how many rows on that tile is, 0 if there is none
//   6 first wait (low 24 bits), number of waits (high 8 bits)
//   7 first signal, number of signals, likewise
//   8.. the fields of the class: for every buffer that is not Local, in the
//       order of first appearance in the body: its place; for packet buffers
//       its generation, and for written ones of bf16 << 16 the tile's first
//       packet; for written ones in cluster memory a bit for every worker of
//       the cluster that they are written to. A place in cluster memory is in
//       bytes from the start of its pages
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_KERNELPLAN_H
#define AMK_SCHEDULE_KERNELPLAN_H

#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/TraceLayout.h"

#include <map>
#include <tuple>

namespace amk::core {

constexpr uint64_t kArenaUnit = 128;
/// Marks the word for the number of stages of a tile that streams a KV cache.
constexpr uint32_t kCacheStages = uint32_t(1) << 31;

/// Where word 0 has the phase of the cluster's barriers, and of the rounds'.
constexpr uint32_t kPhaseShift = 15, kRoundsPhaseShift = 14;

/// Bits of word 0 that say the class.
constexpr uint32_t classBits(const SharedLayout &layout) {
  return layout.rounds ? kRoundsPhaseShift : layout.cluster ? kPhaseShift : 16;
}

/// Packets of a packet buffer: those of group g (one producer's elements
/// [bounds[g], bounds[g+1])) start at first[g].
struct PacketLayout {
  uint32_t elements = 0; ///< values per packet, at most 6
  uint32_t bounds = kNone;
  std::vector<uint32_t> first; ///< groups + 1
  /// Per packet: first element | count << 16. Empty for float32, whose packets
  /// are found by division.
  std::vector<uint32_t> packets;
  /// Per element: packet | place in the packet << 16. Likewise.
  std::vector<uint32_t> locate;
};
PacketLayout packetLayout(const Schedule &schedule, const Buffer &buffer);
/// For every slice of `columns` elements the rounds of a gather
/// (SharedLayout.h) in which its packets are, one bit each: of the packets that
/// have an element of it. `PacketLayout::packets` says where they begin.
std::vector<uint32_t> sliceRounds(const PacketLayout &layout, uint32_t columns);
/// Buffers of one key have one layout.
inline std::tuple<ElementType, uint32_t, uint32_t>
packetKey(const Buffer &buffer) {
  return {buffer.type, buffer.packetElements, buffer.packetTiles};
}

/// Words of the field area, by buffer of the representative task.
struct ClassFields {
  uint32_t place = kNone;
  uint32_t packets = kNone; ///< generation | first packet << 16
  uint32_t peers = kNone;   ///< ranks in the cluster that are written to
  bool written = false;
};

struct TaskClass {
  uint32_t task = 0;               ///< the representative
  std::vector<uint32_t> buffers;   ///< in order of first appearance, no Locals
  std::vector<ClassFields> fields; ///< as `buffers`; word of the plan row
};

struct KernelPlan {
  std::vector<TaskClass> classes;
  std::vector<uint32_t> classOfTask;
  SharedLayout shared;
  uint32_t generations = 1; ///< stamps per launch: epoch * this + generation
  /// Blob places, units of 128 bytes.
  uint32_t planPlace = 0;      ///< per worker {first row, rows}, then rows
  uint32_t planRowsOffset = 0; ///< words before the first row
  uint32_t waitPlace = 0;   ///< {counter, threshold, signals per launch} each
  uint32_t signalPlace = 0; ///< counter each
  uint32_t countersPlace = 0;
  uint32_t reportPlace = 0;
  bool trace = false; ///< set before: record times
  uint32_t tracePlace = 0, traceStagesPlace = 0;
  TraceLayout traceLayout; ///< if times are recorded
  /// How the caches are streamed, if they are: rows of a stage and bytes of a
  /// row; from the keys to the values, in units of 128 bytes; and the numerics'
  /// splits.
  struct CacheStream {
    uint32_t rows = 0;
    uint32_t rowBytes = 0;
    uint32_t plane = 0;
    uint32_t block = 0;
    uint32_t chunk = 0;
    uint32_t splits = 0;
  };
  CacheStream cacheStream;
  /// Places of the gather tables of a packet layout, by `packetKey`.
  struct PacketTables {
    PacketLayout layout;
    uint32_t packets = 0; ///< place of PacketLayout::packets
    uint32_t locate = 0;  ///< place of PacketLayout::locate
  };
  std::map<std::tuple<ElementType, uint32_t, uint32_t>, PacketTables>
      packetTables;
  /// Everything of the kernel but its code.
  Kernel kernel;
};

/// Lays out the arena and fills the plan. The schedule is legal, concurrent,
/// and has a target; a task whose product has no stream is an error. Returns
/// false and a message (with the task's index, or kNone) if it cannot be done.
bool buildKernelPlan(const Schedule &schedule, KernelPlan &plan,
                     std::string &error, uint32_t &task);

/// Whether the kernel can share what the task's tiles gather in their cluster:
/// one input in packets, which each of them takes as a whole.
bool canShareGather(const Schedule &schedule, const Task &task,
                    std::string &why);

/// Whether what a program says of its kernel (arena, placements, hand-offs,
/// plan rows) is what its schedule asks for, so that whoever has verified the
/// schedule need not trust it. The schedule is legal. What the PTX does is not
/// looked at. A program without a kernel is fine.
bool checkKernel(const Program &program, std::string &error);

} // namespace amk::core

#endif // AMK_SCHEDULE_KERNELPLAN_H
