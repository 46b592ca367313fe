//===- ClusterGather.h - A gather shared in a cluster -----------*- C++ -*-===//
//
// Lowers a gather whose packets the CTAs of a cluster poll together.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_CONVERSION_AMKEXECTONVVM_CLUSTERGATHER_H
#define AMK_LIB_CONVERSION_AMKEXECTONVVM_CLUSTERGATHER_H

#include "KernelLowering.h"

namespace amk::exec {

class ClusterGather {
public:
  ClusterGather(KernelLowering &kernel, GatherOp op);

  void lower();
  /// What the warps of all CTAs have left, added in one order everywhere.
  static Value sumOfSquares(KernelLowering &kernel, uint32_t shares);

  // For who polls the packets (HandOffs.cpp).
  /// This thread's packet of round 0, and packets from round to round.
  Value firstPacket() const { return first; }
  int64_t packetsOfRound() const;
  /// To be called when the loads of a turn of the loop are on their way, with
  /// the number of turns before: waits until all CTAs may be stored to. The
  /// packets that are `wanted`, a bit for each, or none if it has given up.
  Value waitForFree(Value turns, Value wanted);
  /// As KernelLowering's, in all CTAs.
  void scatterPacket(llvm::ArrayRef<Value> words, Value target,
                     llvm::ArrayRef<Value> gain, Value squares);

private:
  void gather();
  Value place(uint32_t offset) const; ///< in the cluster area
  void announce();
  /// Waits for this CTA's barrier; i32, not 0 if it has given up.
  Value wait(uint32_t which, Fault unless);
  Value unlessGivenUp(Value wanted);
  void sendSquares(Value squares);
  /// Whether some CTA has no packets to send.
  bool sendsTokens() const { return int64_t(shares) < ctas; }
  void sendToken();
  void sendToAll(Value value, Value address); ///< 32 bits, by one thread

  KernelLowering &k;
  DeviceBuilder &d;
  GatherOp op;
  const int64_t ctas;    ///< of the cluster
  const uint32_t shares; ///< warps of the cluster that have packets
  Value rank;
  Value share; ///< of this warp: its turn, of those of all CTAs
  Value first, parity;
  Value givenUp; ///< variable
};

} // namespace amk::exec

#endif // AMK_LIB_CONVERSION_AMKEXECTONVVM_CLUSTERGATHER_H
