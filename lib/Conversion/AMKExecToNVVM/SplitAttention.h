//===- SplitAttention.h - Lowers one split_attention ------------*- C++ -*-===//
//
// SplitAttention.cpp has what comes in and the stages, SplitAttentionParts.cpp
// what the warps and the splits hand to each other.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_CONVERSION_AMKEXECTONVVM_SPLITATTENTION_H
#define AMK_LIB_CONVERSION_AMKEXECTONVVM_SPLITATTENTION_H

#include "KernelLowering.h"

namespace amk::exec {

constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;
/// Below every score: the maximum of a warp without positions.
constexpr double kNoScore = -1e30;
/// Packets that a thread polls at once.
constexpr int64_t kMostAtOnce = 16;

using Values = llvm::SmallVector<Value>;

/// Lowers one split_attention.
class SplitAttention {
public:
  SplitAttention(KernelLowering &kernel, SplitAttentionOp op)
      : k(kernel), d(kernel.d), op(op), area(op.getGroup(), op.getHeadDim()),
        dim(op.getHeadDim()), group(op.getGroup()),
        others(int64_t(op.getSplits()) - 1),
        columns((group + core::kHeadColumn - 1) / core::kHeadColumn),
        rows(kernel.kernel.getCaches()->getRows()),
        rowBytes(kernel.kernel.getCaches()->getRowBytes()) {}

  void lower();

private:
  /// Heads that the tile gathers: of the query, the key or the value.
  struct Source {
    Value place, generation;
    std::optional<PacketsAttr> packets;
    bool isShared;
    Value first;              ///< element in the buffer
    int64_t count;            ///< elements
    int64_t to;               ///< byte in the vector area
    int64_t skew;             ///< bytes between heads there, beyond their own
    Value firstPacket, items; ///< what threads take one each
  };

  bool joins() { return bool(op.getKey()); }
  bool partsInPackets() { return bool(op.getPartsGeneration()); }
  Value vector(int64_t offset) {
    return k.shared(k.kernel.getShared().getVector() + uint32_t(offset));
  }
  int64_t headsOf(int64_t column) const {
    return std::min<int64_t>(group - column * core::kHeadColumn,
                             core::kHeadColumn);
  }
  int64_t columnHeads() const {
    return std::min<int64_t>(group, core::kHeadColumn);
  }
  int64_t pairs() const { return group * dim / 2; }
  /// Values that a column carries from stage to stage: maxima and sums of two
  /// heads, and the output.
  int64_t stateWords() const { return 4 + dim / 4; }

  // Inputs.
  void gather(bool mayHold);
  Source source(Value place, Value generation,
                std::optional<PacketsAttr> packets, bool isShared, Value first,
                int64_t count, int64_t to, int64_t skew);
  void gatherPlain(const Source &s);
  void gatherPackets(llvm::ArrayRef<Source> sources, bool mayHold);
  void scatter(const Source &s, Value entry, llvm::ArrayRef<Value> words);
  void storePair(const Source &s, Value word, Value element);
  void scoreNow();

  // Stages.
  void attend();
  Values queryFragments();
  Values attendStage(Value stage, ValueRange state, const Values &query);
  Values scoresOf(Value slot, const Values &query);
  void weigh(Values &scores, Value valid, int64_t column, Values &state);
  Values transposed(const Values &scores);
  void addValues(Value slot, const Values &weights, Values &state);
  void zeroRows(Value slot, Value valid);
  Values loadMatrices(Value address, bool transpose);
  void multiply(llvm::MutableArrayRef<Value> c, const Values &a, Value b0,
                Value b1);

  // Results.
  void storeColumn(int64_t column, llvm::ArrayRef<Value> state);
  void combineColumn(int64_t column);
  std::pair<Value, Value> loadTwo(Value address); ///< float32, in shared memory
  Values combinePair(int64_t column, Value head, Value pairInHead);
  Values joinOthers(Value pair, const Values &own);
  Values pollParts(Value firstSplit, Value pair, int64_t batch);
  void storePart(Value pair, Value log, Value even, Value odd);
  void storeEmpty();
  void waitForEmpty();
  void stampAttended();
  /// The warp that comes last with its stages.
  Value lastWarp() {
    return d.band(d.sub(k.firstStage, d.i32(1)), core::kConsumerWarps - 1);
  }
  /// The packet (or triple of values) of a pair; `split` counts from 0 without
  /// the first.
  Value partIndex(Value split, Value pair) {
    return d.add(d.mul(d.add(d.mul(kvHead, others), split), pairs()), pair);
  }

  KernelLowering &k;
  DeviceBuilder &d;
  SplitAttentionOp op;
  const core::SplitArea area;
  const int64_t dim, group, others, columns, rows, rowBytes;
  Value kvHead, split; ///< `split`: 0 for the first
  Value live;          ///< splits besides the first that have positions
};

} // namespace amk::exec

#endif // AMK_LIB_CONVERSION_AMKEXECTONVVM_SPLITATTENTION_H
