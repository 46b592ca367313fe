//===- KernelLowering.h - A kernel as NVVM ----------------------*- C++ -*-===//
//
// Lowers one amk_exec.kernel to a gpu.module with one llvm.func: set-up, the
// loader's loop, and the consumers' loop with one branch per task class.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_CONVERSION_AMKEXECTONVVM_KERNELLOWERING_H
#define AMK_LIB_CONVERSION_AMKEXECTONVVM_KERNELLOWERING_H

#include "DeviceBuilder.h"
#include "Faults.h"

#include "AMK/Dialect/AMKExec/AMKExec.h"
#include "AMK/Schedule/SharedLayout.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/IRMapping.h"

namespace amk::exec {

/// What a poll waits for, as the watchdog records it.
enum class PollKind { Counter = 1, Packet = 2, Cluster = 4 };

class ClusterGather;

class KernelLowering {
public:
  KernelLowering(KernelOp kernel, OpBuilder &builder, Capabilities capabilities,
                 Faults faults = {});

  /// Creates the gpu.module after the kernel op.
  mlir::LogicalResult run();

private:
  friend class SplitAttention;
  friend class ClusterGather;

  // Kernel.cpp: the frame.
  int threads() const; ///< of a CTA
  void createFunction(mlir::gpu::GPUModuleOp module);
  void setUp();
  void initializeCluster(); ///< the barriers of gathers in a cluster
  void initializeInbox();   ///< with stamps that are none of this launch
  void emitLoader();
  /// What the loader copies: `bytes` from every source, one behind the other
  /// at multiples of `stride` bytes in the slot.
  void emitStageIssue(Value slot, llvm::ArrayRef<Value> sources, Value bytes,
                      int64_t stride);
  /// How this launch's earlier positions are split.
  void findSplits();
  /// Positions of a split before this launch's, in stages.
  Value cacheStages(Value split);
  /// The first position of a split's stage, and how many it has.
  std::pair<Value, Value> cachePositions(Value split, Value stage);
  /// `stage` of the tile that word 4 of its row says: of the weight from
  /// `source`, `bytes` each, or of a cache.
  void emitLoaderStage(Value slot, Value word, Value stage, Value source,
                       Value bytes);
  /// Stages of a tile, by word 4 of its row.
  Value stagesOf(Value word);
  Value holdLimitOf(uint32_t rowBytes);
  Value isCacheTile(Value word) { return d.lt(word, d.i32(0)); }
  mlir::LogicalResult emitConsumers();
  mlir::LogicalResult lowerClass(TaskClassOp op);
  mlir::LogicalResult lowerOp(mlir::Operation *op);

  // HandOffs.cpp
  void lower(PollOp op);
  void lower(SignalOp op);
  void lower(GatherOp op);
  /// `cluster`: who shares the gather with the other CTAs, or null.
  void gatherPackets(GatherOp op, Value squares,
                     ClusterGather *cluster = nullptr);
  int64_t mostPacketsAtOnce(GatherOp op);
  /// A packet of a thread's batch.
  struct Packet {
    Value address;
    Value target;                   ///< first element | count << 16
    llvm::SmallVector<Value> gains; ///< by pair of values; empty: none
    Value squares; ///< variable: its own sum, added up in the packets' order,
                   ///< so that which comes first changes no bit; or null
  };
  /// Packets that a thread polls for at once, one of each round from `first`.
  struct PacketBatch {
    Value first, firstOfRound;
    int64_t round = 0; ///< packets of a round
    Value base;        ///< the buffer's place
    uint32_t room = 0; ///< in an inbox, or 0
    Value stamp;
    Value missing; ///< a bit for each of `packets` that there is
    llvm::SmallVector<Packet> packets;

    Value indexOf(DeviceBuilder &d, Value inRounds) const {
      return d.add(d.mul(inRounds, round), firstOfRound);
    }
  };
  PacketBatch beginBatch(GatherOp op, Value first, int64_t size,
                         bool addsSquares, ClusterGather *cluster);
  void gatherPacketBatch(GatherOp op, Value first, int64_t size, Value squares,
                         ClusterGather *cluster);
  void gatherPlain(GatherOp op, Value squares);
  /// A variable for this thread's sum of squares, or null if none is wanted.
  Value newSquares(GatherOp op);
  void addSquares(Value pair, Value squares);
  void storeSquares(Value squares); ///< the warp's sum, to the misc area
  void scatterPacket(GatherOp op, llvm::ArrayRef<Value> words, Value target,
                     llvm::ArrayRef<Value> gain, Value squares);
  /// Stamp of packets of a generation in this launch.
  Value stampOf(Value generation);
  /// Where a packet lies: i64 in global memory, or with `room` i32 in the
  /// worker's inbox.
  Value packetAddress(Value place, Value index, uint32_t room);
  /// Words 0 to 3 of the packet at `address` if `wanted` holds, else anything.
  /// The fault that makes two accesses of it.
  llvm::SmallVector<Value, 4> loadPacket(Value address, Value wanted,
                                         Fault inTwo = Fault::SingleCopy);
  void storePacket(Value address, llvm::ArrayRef<Value> words,
                   Fault inTwo = Fault::SingleCopy);
  /// The stamp of a packet, looked at once more.
  Value loadStamp(Value address);
  /// Stores a packet in the inbox of every worker of the cluster that has a bit
  /// in `peers`. `address` is the packet's in an inbox.
  void sendPacket(Value address, Value peers, llvm::ArrayRef<Value> words);
  /// Polls one packet until it carries the stamp, unless a fault says not to.
  llvm::SmallVector<Value, 4> pollPacket(Value address, Value stamp,
                                         Value index,
                                         Fault unless = Fault::PacketWait);
  /// What a thread waits for, as it says when it is asked.
  struct Waiting {
    PollKind kind;
    Value missing; ///< i1: whether it waits at all
    Value index;   ///< of the counter or packet
    Value seen;    ///< its value or stamp
  };
  using WaitingFor = llvm::function_ref<Waiting()>;
  /// The first of a batch that has a bit in `left`, looked at once more.
  Waiting firstMissing(const PacketBatch &batch, Value left);
  /// The slow path of a poll: true if it must give up (abort flag, or this
  /// poll ran out of its budget and raises it). `start` is 0 at first; the
  /// second result is its next value.
  std::pair<Value, Value> checkWatchdog(Value start, WaitingFor waiting);
  void recordWait(const Waiting &waiting, Value now);
  /// Runs the watchdog every 1024 spins.
  std::pair<Value, Value> maybeGiveUp(Value spins, Value start,
                                      WaitingFor waiting);

  // Slices.cpp: inputs that are taken by slices.
  bool takesSlices() { return kernel.getShared().getRounds() != 0; }
  void initializeRounds();
  Value roundBarrier(Value round);
  /// The warp arrives at the rounds in which it has no packet to poll.
  void beginRounds(GatherOp op);
  /// Of a batch of rounds from `first` on this lane has waited for the packets
  /// `before`, one bit each, and has yet to wait for `left`: the warp arrives
  /// at the rounds that no lane has left. Returns those that some lane has.
  Value arriveAtRounds(Value first, Value before, Value left);
  /// No round has been waited for.
  void beginSlices(ProductOp op);
  /// Waits for the rounds of a slice that have not been waited for.
  void awaitSlice(ProductOp op, Value slice);

  // Work.cpp
  void lower(ProductOp op);
  /// Multiplies stage `stage` and leaves its rows' sums: from its slot of the
  /// ring, or, with `fromRegisters`, from what this warp holds.
  void consumeStage(ProductOp op, Value stage, Value firstStage, Value rows,
                    bool fromRegisters);
  bool holds() { return kernel.getRing() && kernel.getRing()->getHeld(); }
  /// Takes this warp's next stage into registers if it has landed.
  void tryHold();
  llvm::SmallVector<Value, 4> heldFragment(int64_t fragment);
  void holdFragment(int64_t fragment, llvm::ArrayRef<Value> words);
  /// Says that nothing is held, so that nothing need be kept for it.
  void forgetHeld();
  Value heldWord(int64_t word); ///< its address in the variable
  void multiply(Value (&sums)[4][4], llvm::ArrayRef<Value> a, Value b0,
                Value b1, int which);
  void lower(AttentionOp op);
  void attendHead(AttentionOp op, Value head, Value headInTile);
  void gatherHead(AttentionOp op, Value head, Value kvHead, Value headInTile);
  void attendPast(AttentionOp op, Value kvHead);
  void combineWarps(AttentionOp op, Value headInTile);
  void lower(ArgmaxOp op);

  // SplitAttention.cpp
  void lower(SplitAttentionOp op);

  // Times.cpp: nothing if the kernel records no times.
  bool recordsTimes() { return kernel.getArena().getTraceRows() > 0; }
  Value timeNow();
  Value timeOf(Value point);
  Value timesOfStage(Value stage);
  void lower(StampOp op);
  void stampTime(uint32_t point); ///< of the current row
  /// The same by any one thread, at a point that is not known before; in a
  /// kernel that records times.
  void stampTime(Value isStamper, Value point);
  /// By every thread that comes here: the last one counts.
  void stampLatest(uint32_t point);
  /// A stage is about to be copied, for plan row `at`; has been seen to have
  /// landed, by its warp.
  void stampIssue(Value stage, Value at);
  void stampLanded(Value stage);
  /// Gives the slot of a stage back to the loader. With or without times.
  void releaseSlot(Value slot, Value stage);

  // Elements.cpp
  mlir::LogicalResult lower(ElementsOp op);
  mlir::LogicalResult lowerElement(mlir::Operation *op);
  Value lowerLoad(LoadOp op);
  std::pair<Value, Value> laneElement(Value base, Value count, int64_t packet);
  /// Byte offset, from the row's group of four, of an element of a packed row.
  Value packedBytes(Value rowInGroup, Value column, int64_t slice);
  void lowerStore(StoreOp op);
  void lowerPublish(PublishOp op);
  Value lowerPartial(PartialOp op);
  Value lowerNormScale(NormScaleOp op);
  Value lowerHash(HashOp op);
  void lowerBlockArgmax(BlockArgmaxOp op);

  // Shared helpers.
  Value field(uint32_t word); ///< of the current plan row
  Value map(Value v) { return mapping.lookupOrDefault(v); }
  Value globalPlace(Value place); ///< i64 address of a place
  /// The value at a byte offset from a place in global memory or in the pages.
  Value loadAt(Type type, Value place, bool isShared, Value offset);
  void storeAt(Value value, Value place, bool isShared, Value offset);
  Value staticPlace(uint32_t place);
  Value shared(uint32_t offset) { return d.add(smem, offset); }
  Value fullBarrier(Value slot);
  Value emptyBarrier(Value slot);
  /// Whether the CTAs of a cluster share gathers.
  bool sharesGathers() { return kernel.getShared().getCluster() != 0; }
  bool hasInbox() { return kernel.getShared().getInboxBytes() != 0; }
  /// Whether CTAs write to each other's shared memory.
  bool meetsPeers() { return sharesGathers() || hasInbox(); }
  void syncConsumers() { d.barrier(1, core::kConsumerThreads); }
  /// Larger of two (value, index) pairs; ties to the lower index; a NaN (index
  /// -1) wins.
  std::pair<Value, Value> largerOf(Value v, Value i, Value w, Value j);

  // For tests (Faults.h).
  bool omits(Fault fault) const { return faults.omits(fault); }
  void syncConsumersUnless(Fault fault) {
    if (!omits(fault))
      syncConsumers();
  }
  /// Whether the tile of this class ends without its barrier.
  bool omitsLastBarrier(TaskClassOp op);
  /// Now and then, a sleep of up to 8 microseconds.
  void emitDelay(Value salt, Value salt2);

  KernelOp kernel;
  const Faults faults;
  OpBuilder &b;
  DeviceBuilder d;
  mlir::IRMapping mapping;
  mlir::LLVM::LLVMFuncOp function;

  // Values that hold throughout the kernel.
  Value arena, position, epoch, budget;
  Value smem, tid, warp, lane, worker, rowCount;
  Value splitSize;  ///< positions of a split
  Value liveSplits; ///< splits that have positions
  // Of the consumers' loop.
  Value row;         ///< index of the plan row
  Value rowBase;     ///< its address in shared memory
  Value nextStage;   ///< variable: this warp's next stage
  Value firstStage;  ///< of this tile, counted over the worker's whole step
  Value stages;      ///< of this tile
  Value holdLimit;   ///< first stage that must not be held yet
  Value holding;     ///< variable: whether this warp holds that stage
  Value roundsPhase; ///< of this tile's gather: the parity of its phase
  Value roundsSeen;  ///< variable: of this tile's gather, one bit each
  Value held;        ///< variable: its words
  // Of the `elements` op being lowered.
  struct {
    Value index, relative, live, first, count;
    Value base; ///< first relative index of this warp's round
    int64_t packet = 0;
  } element;
};

} // namespace amk::exec

#endif // AMK_LIB_CONVERSION_AMKEXECTONVVM_KERNELLOWERING_H
