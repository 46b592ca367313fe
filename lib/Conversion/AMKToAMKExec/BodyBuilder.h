//===- BodyBuilder.h - A task's body as amk_exec ----------------*- C++ -*-===//
//
// Builds the body of one task class. Operators are emitted by pulling: whatever
// a tile stores is asked of the operator that makes it, which asks its inputs
// in turn, so a fused body becomes one expression per element with no storage
// in between. Only what must be seen by all threads (a gathered vector, the
// partial sums of a product, attention's result) goes through shared memory; an
// operator that needs that says so in `prepare`.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_CONVERSION_AMKTOAMKEXEC_BODYBUILDER_H
#define AMK_LIB_CONVERSION_AMKTOAMKEXEC_BODYBUILDER_H

#include "AMK/Dialect/AMKExec/AMKExec.h"
#include "AMK/Schedule/KernelPlan.h"

#include "llvm/ADT/DenseMap.h"

namespace amk {

class BodyBuilder;

/// How one operator is emitted. Registered by the operator's name.
class OperatorEmitter {
public:
  virtual ~OperatorEmitter();

  /// Emits what all threads do together before the elements. Not called for a
  /// prologue: its consumer takes it in.
  virtual mlir::LogicalResult prepare(BodyBuilder &, size_t /*op*/) const {
    return mlir::success();
  }
  /// Loads what element `index` needs of read-only memory beside the tile's
  /// input, before that is awaited (`BodyBuilder::keepAhead`). Called where
  /// every lane has one element at most.
  virtual void loadAhead(BodyBuilder &, size_t /*op*/,
                         mlir::Value /*index*/) const {}
  /// Emits what the elements of a tile share, before the loop over them. Also
  /// called for a prologue.
  virtual void prepareElements(BodyBuilder &, size_t /*op*/) const {}
  /// Element `index` of output `output`: f32, or i32 for integers. Null, after
  /// an error, if that cannot be emitted.
  virtual mlir::Value element(BodyBuilder &, size_t op, unsigned output,
                              mlir::Value index) const = 0;
  /// Size of the index space in which the operator stores: by default that of
  /// its output.
  virtual int64_t storeExtent(const BodyBuilder &, size_t op,
                              unsigned output) const;
  /// Stores for index `index`; by default the output's element.
  virtual mlir::LogicalResult store(BodyBuilder &, size_t op, unsigned output,
                                    mlir::Value index) const;
  /// Whether `prepare` has stored the outputs itself.
  virtual bool storesInPrepare() const { return false; }
};

/// The emitter of an operator, or null.
const OperatorEmitter *lookupEmitter(llvm::StringRef name);

class BodyBuilder {
public:
  BodyBuilder(mlir::OpBuilder &builder, mlir::Location loc,
              const core::Schedule &schedule, const core::KernelPlan &plan,
              const core::TaskClass &taskClass);

  /// Fills the class with the body of its representative task.
  mlir::LogicalResult build(exec::TaskClassOp op);

  // For emitters.
  const core::Operator &op(size_t i) const { return task.ops[i]; }
  const core::Buffer &buffer(uint32_t id) const { return schedule.buffers[id]; }
  const core::Buffer &operand(size_t i, unsigned operand) const {
    return buffer(op(i).operands[operand]);
  }
  /// Element `index` of a buffer as it stands before operator `before`.
  mlir::Value pull(uint32_t buffer, mlir::Value index, size_t before);
  mlir::Value pull(size_t op, unsigned operand, mlir::Value index) {
    return pull(this->op(op).operands[operand], index, op);
  }
  /// The operator before `before` that writes the buffer, if any.
  std::optional<size_t> producer(uint32_t buffer, size_t before) const;
  /// Fields of this tile's plan row.
  mlir::Value place(uint32_t buffer);
  mlir::Value generation(uint32_t buffer); ///< null if it has no packets
  mlir::Value firstPacket(uint32_t buffer);
  mlir::Value peers(uint32_t buffer); ///< null if it is in global memory
  mlir::Value rangeFirst();
  mlir::Value rangeSize();
  std::optional<exec::PacketsAttr> packets(uint32_t buffer) const;
  /// Brings a whole buffer into shared memory. `norm`: the rms_norm (by index)
  /// whose gain and sum of squares are wanted, with or without the gain.
  /// There is one vector area: a body gathers at most once.
  mlir::LogicalResult gather(size_t op, uint32_t buffer,
                             std::optional<size_t> norm, bool applyGain);
  /// Scale of a normalisation, computed once per tile.
  mlir::Value normScale(size_t norm);
  void storeElement(uint32_t buffer, mlir::Value value, mlir::Value index,
                    mlir::Value condition = {});
  bool isShared(uint32_t buffer) const {
    return schedule.buffers[buffer].space == core::Space::Shared;
  }
  /// What a product awaits of its input for every slice, if it takes it by
  /// slices.
  mlir::DenseI32ArrayAttr rounds() const;
  mlir::Type typeOf(core::ElementType type);
  mlir::Value constant(int64_t v);
  mlir::Value add(mlir::Value x, int64_t y);
  /// Keeps what an operator has loaded ahead for its elements.
  void keepAhead(size_t op, llvm::ArrayRef<mlir::Value> values) {
    ahead[op].assign(values.begin(), values.end());
  }
  /// What `loadAhead` has kept, if it was for element `index`.
  llvm::ArrayRef<mlir::Value> loadedAhead(size_t op, mlir::Value index) const {
    const auto at = ahead.find(op);
    return index == aheadIndex && at != ahead.end()
               ? llvm::ArrayRef<mlir::Value>(at->second)
               : llvm::ArrayRef<mlir::Value>();
  }
  /// Records the time if the kernel is traced.
  void stamp(uint32_t point);
  mlir::LogicalResult error(size_t op, const llvm::Twine &message);

  mlir::OpBuilder &b;
  mlir::Location loc;
  const core::Schedule &schedule;
  const core::KernelPlan &plan;
  const core::TaskClass &taskClass;
  const core::Task &task;

private:
  /// One stored output.
  struct Sink {
    size_t op;
    unsigned output;
    int64_t extent; ///< of the index space
  };
  /// Outputs that are stored by one loop over elements.
  struct SinkGroup {
    std::vector<Sink> sinks;
    uint32_t packet = 0; ///< values of a packet, 0: none
  };
  std::vector<Sink> sinks() const;
  mlir::LogicalResult groupSinks(std::vector<SinkGroup> &groups);
  /// The tasks of the class.
  llvm::SmallVector<const core::Task *> tasks() const;
  bool isOneRound(const SinkGroup &group) const;
  mlir::LogicalResult elementRange(const Sink &sink, mlir::Value &first,
                                   mlir::Value &count);
  mlir::LogicalResult emitElements(const SinkGroup &group, bool isAhead);
  mlir::Value load(uint32_t buffer, mlir::Value index);
  mlir::Value field(uint32_t word);
  const core::ClassFields &fieldsOf(uint32_t buffer) const;
  /// Generation and first packet (null if the task does not write the buffer).
  std::pair<mlir::Value, mlir::Value> packetField(uint32_t buffer);

  llvm::DenseMap<uint32_t, mlir::Value> fields;
  llvm::DenseMap<uint32_t, std::pair<mlir::Value, mlir::Value>> packetFields;
  llvm::DenseMap<size_t, mlir::Value> scales;
  /// Elements computed for the index at hand: (operator, output, index).
  std::map<std::tuple<size_t, unsigned, void *>, mlir::Value> elements;
  llvm::DenseMap<size_t, llvm::SmallVector<mlir::Value>> ahead;
  mlir::Value aheadIndex; ///< whose elements `ahead` is for, inside their loop
  exec::TaskClassOp body;
  bool gathered = false;
};

} // namespace amk

#endif // AMK_LIB_CONVERSION_AMKTOAMKEXEC_BODYBUILDER_H
