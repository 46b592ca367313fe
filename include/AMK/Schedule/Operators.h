//===- Operators.h - What operators read, write and cost --------*- C++ -*-===//
//
// One model per operator: the single place that says what an operator's
// operands are, how it is cut, and which bytes a tile touches. The dialect's
// operator interface, the verifier and the runtime (which trusts no program
// file) all ask the model, so they cannot disagree.
//
// To add an operator: one model here, one op in AMKOps.td that names it, one
// reference kernel for the CPU device, one emitter for the kernel.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_OPERATORS_H
#define AMK_SCHEDULE_OPERATORS_H

#include "AMK/Schedule/Schedule.h"

#include <memory>

namespace amk::core {

/// What a tile costs.
struct Cost {
  uint64_t bytes = 0;      ///< read from weights, caches and constants
  uint64_t operations = 0; ///< floating-point operations
};

/// What a tile streams of a KV cache.
struct CachePiece {
  int64_t head = 0;
  int64_t split = 0;
};

class OperatorModel {
public:
  virtual ~OperatorModel();

  /// Mnemonic without the dialect.
  virtual std::string_view name() const = 0;
  virtual unsigned inputs() const = 0;
  virtual unsigned outputs() const = 0;

  /// V1: shapes, element types and attributes. Returns what was expected and
  /// what was found, or an empty string. Called with every operand resolved
  /// and their number right; must not rely on anything else.
  virtual std::string verify(const Schedule &s, const Operator &op) const = 0;

  /// Size of the parallel dimension.
  virtual int64_t extent(const Schedule &s, const Operator &op) const = 0;
  /// A cut may only fall on multiples of this (or on the end).
  virtual int64_t granule(const Schedule &, const Operator &) const {
    return 1;
  }
  /// Bytes that tile `tile` of the parallel dimension reads and writes.
  virtual void accesses(const Schedule &s, const Operator &op, Range tile,
                        std::vector<Access> &out) const = 0;
  /// The range of the next operator in a fused body that this tile feeds.
  virtual Range mapTile(const Schedule &, const Operator &, Range tile) const {
    return tile;
  }
  virtual Cost cost(const Schedule &s, const Operator &op, Range tile) const;

  /// Whether input `operand` is collected from all its producers before the
  /// operator starts, so that it can be handed over as packets.
  virtual bool gathers(unsigned /*operand*/) const { return false; }
  /// Whether every tile collects all of it, for all of its threads: then the
  /// workers of a cluster can do that together.
  virtual bool gathersWhole(unsigned /*operand*/) const { return false; }
  /// Whether the kernel sums the squares of what it collects.
  virtual bool sumsSquares() const { return false; }
  /// Whether it takes such packets of float32 values too.
  virtual bool gathersFloats(unsigned /*operand*/) const { return false; }
  /// Shared memory that the kernel works in while it computes a tile of at most
  /// `longest` indices: by default what it takes to gather the inputs.
  virtual uint64_t workingBytes(const Schedule &s, const Operator &op,
                                int64_t longest) const;
  /// The weight that is streamed through the ring as tiles of kPackRows rows,
  /// row r of it for element r of the parallel dimension; kNone if there is
  /// none. Cuts fall on whole tiles.
  virtual unsigned streamedOperand() const { return kNone; }
  /// The KV cache whose earlier positions are streamed through the ring; kNone
  /// if there is none. How many stages a tile has depends on the position.
  virtual unsigned streamedCache() const { return kNone; }
  /// The KV head and the split of the positions that index `index` of the
  /// parallel dimension streams of it.
  virtual CachePiece cachePiece(const Schedule &, const Operator &,
                                int64_t /*index*/) const {
    return {};
  }
  /// How often the kernel of a tile waits for inputs once it has begun to work:
  /// a kernel that records times has room for that many.
  virtual int64_t laterWaits(const Schedule &, const Operator &,
                             Range /*tile*/) const {
    return 0;
  }
  /// Granules of a tile that does one thing at a time; 0 if a tile may be as
  /// long as an even cut makes it.
  virtual int64_t granulesPerTile() const { return 0; }
};

/// The model of an operator, or null.
const OperatorModel *lookupOperator(std::string_view name);

/// The names of all operators.
std::vector<std::string_view> operatorNames();

/// Adds a model (an operator from outside this library). Not thread-safe: call
/// before schedules are built. Returns false if the name is taken.
bool registerOperator(std::unique_ptr<OperatorModel> model);

/// The operator that a task's bounds cut: the first that is no prologue.
/// Returns the number of operators if there is none.
size_t cutOperator(const Task &task);

/// The weight that an operator streams, a matrix of [rows, columns]; null if it
/// streams none.
const Buffer *streamedWeight(const Schedule &s, const Operator &op);

/// The KV cache that an operator streams, or null.
const Buffer *streamedCache(const Schedule &s, const Operator &op);

/// Positions that the kernel multiplies at a time, at least and at most a
/// stage; and what a row of a streamed cache is a multiple of.
constexpr uint32_t kLeastPositions = 16, kMostPositions = 128;
constexpr uint32_t kCacheColumns = 64;

/// Bytes of a stage of a task: of a weight, or of the keys and values.
uint64_t stageBytes(const Schedule &s, const Task &task);

/// Two dimensions of a split's result, as attention_partial hands them over:
/// the logarithm of its sum of exponentials, then the two values.
constexpr int64_t kPartValues = 3;
/// Values that attention_partial hands over for a KV head and a split.
constexpr int64_t partValues(int64_t group, int64_t headDim) {
  return group * (headDim / 2) * kPartValues;
}

/// The range of operator `op` of a task in a tile whose cut operator has range
/// `tile`: its whole extent for a prologue, else mapped along the body.
Range operatorRange(const Schedule &s, const Task &task, size_t op, Range tile);

/// The cut operator's extent and the granule of the whole body: the smallest
/// step of the cut operator's dimension that every operator accepts.
int64_t taskExtent(const Schedule &s, const Task &task);
int64_t taskGranule(const Schedule &s, const Task &task);

} // namespace amk::core

#endif // AMK_SCHEDULE_OPERATORS_H
