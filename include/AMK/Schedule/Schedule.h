//===- Schedule.h - The flat schedule ---------------------------*- C++ -*-===//
//
// The schedule as flat arrays, without LLVM. The dialect's verifier, the
// passes, the program file and the runtime all work on this one form; the
// `amk.schedule` op is its textual counterpart, one op per buffer, counter,
// task and operator, in the same order.
//
// Every table whose length is the number of tiles (bounds, workers, fans) is
// kept once in `Schedule::tables` and shared by all tasks that use it, as the
// uniqued attributes of the dialect are.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_SCHEDULE_H
#define AMK_SCHEDULE_SCHEDULE_H

#include "AMK/Schedule/Region.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amk::core {

constexpr uint32_t kNone = ~uint32_t(0);

enum class ElementType : uint8_t { F32, BF16, I32 };

/// Bytes of one element.
unsigned byteWidth(ElementType type);
/// Values that a packet can hold beside its stamp: 12 bytes of them.
constexpr uint32_t mostPacketElements(ElementType type) {
  return type == ElementType::BF16 ? 6 : 3;
}
/// "f32", "bf16", "i32": as in MLIR.
std::string_view toString(ElementType type);

/// What a buffer is. Weights, constants and inputs are never written.
enum class BufferKind : uint8_t {
  Activation, ///< written and read within one launch
  Local,      ///< a value inside one task: every tile has its own copy
  Input,      ///< written by the host before the launch
  Output,     ///< read by the host after the launch; fully written by it
  KvCache,    ///< kept across launches: [2, kv heads, positions, head dim]
  Constant,   ///< computed by the host once (the RoPE table)
  Weight,     ///< a view of checkpoint tensors
};
std::string_view toString(BufferKind kind);

/// Where a buffer lives.
enum class Space : uint8_t {
  Own,     ///< storage of its own in global memory
  Scratch, ///< a page of the global scratch arena
  Shared,  ///< a page of every owner's shared memory: separate per worker
  /// A page of every worker's shared memory that the workers of its cluster
  /// write packets to: separate per worker, in an arena of its own.
  Cluster,
};
std::string_view toString(Space space);

/// One tensor of a weight view. With `ropeHeadDim` d > 0 the rows of every
/// head of d rows are permuted so that the two rows of a RoPE pair are side by
/// side: view row 2i is tensor row i, view row 2i+1 is tensor row i + d/2.
struct WeightPart {
  std::string tensor;      ///< name in the checkpoint
  int64_t rows = 0;        ///< rows of the tensor (1 for a vector)
  int64_t ropeHeadDim = 0; ///< 0: rows as stored
};

/// A weight: its parts one after the other by rows, or, with `interleave`,
/// row r of the view is row r / parts of part r % parts.
struct WeightView {
  std::vector<WeightPart> parts;
  bool interleave = false;
};

/// Row `row` of a view: which part, and which row of its tensor.
struct WeightRow {
  uint32_t part;
  int64_t row;
};
WeightRow viewRow(const WeightView &view, int64_t row);

/// A RoPE table of shape [positions, head dim / 2, 2] (cosine, sine), computed
/// by the host in float64. Factor 1 is the default rope; otherwise the llama3
/// scaling of transformers' `_compute_llama3_parameters`.
struct RopeTable {
  double theta = 10000.0;
  int64_t headDim = 0;
  double factor = 1.0;
  double lowFreqFactor = 1.0;
  double highFreqFactor = 4.0;
  int64_t originalPositions = 0;
};

struct Buffer {
  std::string name;
  BufferKind kind = BufferKind::Activation;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape;
  Space space = Space::Own;
  uint64_t pageOffset = 0; ///< bytes; meaningful but in Own
  /// Data-as-flag: 16-byte packets of up to this many values (6 of bf16, 3 of
  /// f32) and a stamp in the last word. 0: plain storage. Reading a packet is
  /// waiting for it.
  uint32_t packetElements = 0;
  /// Table of bounds at which packets start anew (one group per producer).
  uint32_t packetTiles = kNone;
  /// Distinguishes packet buffers that share a page within one launch.
  uint32_t packetGeneration = 0;
  /// Cluster: packets that a worker has room for. Packet p is written to place
  /// p mod `packetRoom` of the page, at each worker that reads it. 0 elsewhere.
  uint32_t packetRoom = 0;
  uint32_t view = kNone; ///< Weight: index in Schedule::views
  uint32_t rope = kNone; ///< Constant: index in Schedule::ropeTables

  int64_t elements() const;
  /// Bytes of the values as they are addressed by regions: all elements, but
  /// one position of a KV cache.
  uint64_t regionBytes() const;
  bool readOnly() const {
    return kind == BufferKind::Input || kind == BufferKind::Constant ||
           kind == BufferKind::Weight;
  }
};

/// An array of counters in global scratch. They only grow.
struct CounterArray {
  std::string name;
  uint32_t count = 1;
};

/// A named attribute of an operator.
struct OpAttribute {
  std::string name;
  bool isFloat = false;
  int64_t integer = 0;
  double real = 0;
};

/// One operator of a task's body. What the operands mean, which of them are
/// written and what a tile touches is said once, by the operator's model
/// (Operators.h).
struct Operator {
  std::string name;               ///< mnemonic without the dialect: "linear"
  std::vector<uint32_t> operands; ///< buffers: inputs, then outputs
  std::vector<OpAttribute> attributes;
  /// Computed in full by every tile of the task (it stands before the
  /// operator that is cut). Its outputs are Local.
  bool prologue = false;

  int64_t getInt(std::string_view attribute, int64_t otherwise = 0) const;
  double getFloat(std::string_view attribute, double otherwise = 0) const;
  bool has(std::string_view attribute) const;
};

/// For every tile the counters first[tile]..last[tile], inclusive. A table of
/// one entry holds for all tiles.
struct Fan {
  uint32_t first = kNone; ///< table; kNone: counter 0
  uint32_t last = kNone;  ///< table; kNone: same as first
};

/// A tile starts when every counter of its fan is at least the threshold.
struct Wait {
  uint32_t counters = 0; ///< index in Schedule::counters
  Fan fan;
  uint32_t threshold = kNone; ///< table of thresholds by tile (or one entry)
};

/// A tile adds one to every counter of its fan when its writes are visible.
struct Signal {
  uint32_t counters = 0;
  Fan fan;
};

/// How what a task streams is cut into stages of the ring. The weight of a
/// product: tiles of `rows` x `columns` elements, packed for the target. A KV
/// cache: the keys and the values of `rows` positions, `columns` elements each.
/// 0 rows: direct loads.
struct Stream {
  uint32_t rows = 0;
  uint32_t columns = 0;
  uint32_t held = 0; ///< stages that a warp may take into registers early
  /// A stage is multiplied when its slice of the columns of the input is there,
  /// though the rest may not be (docs/kernel.md).
  bool bySlice = false;
};

struct Task {
  std::string name;
  std::vector<Operator> ops;
  uint32_t bounds = kNone;  ///< table of n+1 bounds; kNone: one tile
  uint32_t workers = kNone; ///< table of n workers; kNone: worker 0
  uint32_t slots = kNone;   ///< table of n queue places; kNone: program order
  std::vector<Wait> waits;
  std::vector<Signal> signals;
  Stream stream;
  /// The packets that a tile gathers are polled by all workers of its cluster,
  /// each a part of them, and passed on. So the task's tiles on one cluster,
  /// one on each of its workers, start together (docs/verifier.md).
  bool clusterGather = false;
};

/// What every pass must keep, so that every pass keeps every bit.
struct Numerics {
  int64_t kBlock = 2048; ///< columns summed into one partial sum
  int64_t kvBlock = 64;  ///< KV positions per softmax block
  /// The blocks of earlier positions are cut into at most `kvSplits` splits of
  /// consecutive blocks. Up to `kvChunk` blocks are one split; n > kvChunk
  /// blocks are splits of ceil(n / kvSplits).
  int64_t kvChunk = 1;
  int64_t kvSplits = 1;
};

/// The device that the schedule is for.
struct Target {
  std::string chip;         ///< "sm_90"
  uint32_t workers = 1;     ///< resident CTAs, one per SM
  uint64_t sharedBytes = 0; ///< shared memory of a worker, bytes
  /// Workers of a cluster, which see each other's shared memory. Worker w is
  /// in cluster w / cluster, with rank w % cluster.
  uint32_t cluster = 1;
};

/// The ring of stages that the loader of every worker fills.
struct Ring {
  uint32_t slots = 0;
  uint32_t bytes = 0;  ///< of a slot
  uint32_t window = 0; ///< stages in flight for the operator being consumed
  uint32_t ahead = 0;  ///< stages in flight for a later operator
  uint32_t teams = 0;  ///< consumer teams that take stages round robin
};

struct Schedule {
  std::string name;
  int64_t positions = 0; ///< length of the KV cache
  Numerics numerics;
  /// False: program order; placement and hand-offs are inert. True: queues and
  /// hand-offs alone decide.
  bool concurrent = false;
  std::optional<Target> target;
  std::optional<Ring> ring;
  std::vector<int64_t> endTokens;
  std::vector<Buffer> buffers;
  std::vector<CounterArray> counters;
  std::vector<WeightView> views;
  std::vector<RopeTable> ropeTables;
  std::vector<Task> tasks;
  std::vector<std::vector<uint32_t>> tables;

  /// Entry `tile` of a table that may have one entry for all tiles.
  uint32_t entry(uint32_t table, uint32_t tile, uint32_t otherwise) const {
    if (table == kNone)
      return otherwise;
    const std::vector<uint32_t> &t = tables[table];
    return t.size() == 1 ? t[0] : t[tile];
  }
  /// Adds a table, or finds an equal one.
  uint32_t addTable(std::vector<uint32_t> entries);
};

/// Number of tiles of a task, and the range of tile `tile` of its cut operator.
uint32_t tileCount(const Schedule &schedule, const Task &task);
Range tileRange(const Schedule &schedule, const Task &task, uint32_t tile);

} // namespace amk::core

#endif // AMK_SCHEDULE_SCHEDULE_H
