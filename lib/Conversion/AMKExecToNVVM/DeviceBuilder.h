//===- DeviceBuilder.h - Building device code -------------------*- C++ -*-===//
//
// Small functions over OpBuilder for the arithmetic, memory accesses and PTX
// instructions of the kernel. Addresses in shared memory are i32 bytes of the
// shared window; global addresses are i64.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_LIB_CONVERSION_AMKEXECTONVVM_DEVICEBUILDER_H
#define AMK_LIB_CONVERSION_AMKEXECTONVVM_DEVICEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

namespace amk::exec {

using mlir::Location;
using mlir::OpBuilder;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// What the target can do, as far as the lowering chooses by it.
struct Capabilities {
  bool bulkCopy = false;      ///< cp.async.bulk and mbarrier.try_wait (sm_90)
  bool registerPools = false; ///< setmaxnreg (sm_90a)
  /// For tests: waits on barriers end after a millisecond, come what may.
  bool boundedWaits = false;
};

class DeviceBuilder {
public:
  DeviceBuilder(OpBuilder &builder, Location loc, Capabilities capabilities)
      : b(builder), loc(loc), can(capabilities) {}

  // Constants and arithmetic.
  Value i32(int64_t v);
  Value i64(int64_t v);
  Value f32(double v);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y) { return y == 0 ? x : add(x, i32(y)); }
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y) { return y == 1 ? x : mul(x, i32(y)); }
  Value div(Value x, int64_t y); ///< unsigned
  Value rem(Value x, int64_t y); ///< unsigned
  Value band(Value x, Value y);
  Value band(Value x, int64_t y) { return band(x, i32(y)); }
  Value bor(Value x, Value y);
  Value bxor(Value x, Value y);
  Value shl(Value x, int64_t y);
  Value shr(Value x, Value y); ///< logical
  Value shr(Value x, int64_t y) { return shr(x, i32(y)); }
  Value eq(Value x, Value y);
  Value ne(Value x, Value y);
  Value lt(Value x, Value y);  ///< signed
  Value ult(Value x, Value y); ///< unsigned
  Value ge(Value x, Value y);  ///< signed
  Value both(Value x, Value y);
  Value select(Value c, Value x, Value y);
  Value zext64(Value x);
  Value asFloat(Value bits);
  Value asBits(Value f);
  Value fadd(Value x, Value y);
  Value fsub(Value x, Value y);
  Value fmul(Value x, Value y);
  Value fma(Value x, Value y, Value z);
  Value fmax(Value x, Value y);

  // bf16 in pairs: the low half is the even element.
  Value low(Value pair) { return asFloat(shl(pair, 16)); }
  Value high(Value pair) { return asFloat(band(pair, 0xffff0000)); }
  Value pack(Value even, Value odd); ///< two f32 to bf16x2, nearest even
  Value exp2(Value x);               ///< approximate
  Value divide(Value x, Value y);    ///< within 2 ulp
  Value rsqrt(Value x);              ///< 1 / sqrt, correctly rounded steps

  // Inline PTX. `$0` and on are the results, then the operands.
  Value ptx(llvm::StringRef text, llvm::StringRef constraints, Type result,
            ValueRange operands, bool sideEffects = true);
  void ptx(llvm::StringRef text, llvm::StringRef constraints,
           ValueRange operands);

  /// The same 32 bits, as no optimization knows them: what is computed from
  /// them stays behind this.
  Value opaque(Value x);

  // Memory. `type` decides the width.
  Value loadShared(Type type, Value address);
  void storeShared(Value value, Value address);
  Value loadGlobal(Type type, Value address);
  void storeGlobal(Value value, Value address);
  /// Four words, 16-byte aligned.
  llvm::SmallVector<Value, 4> loadShared4(Value address);
  Value at(Value base, Value bytes) { return add(base, zext64(bytes)); }

  // Variables: allocas that the optimizer turns into registers.
  Value variable(Type type);
  Value get(Type type, Value variable);
  void set(Value variable, Value value);

  // Threads.
  Value shuffleXor(Value x, int distance);
  Value shuffleDown(Value x, int distance);
  Value shuffle(Value x, Value lane);
  void syncWarp();
  Value warpAll(Value condition); ///< i1 in, i1 out
  Value warpAny(Value condition);
  void barrier(int id, int threads);

  // mbarriers.
  void barrierInit(Value address, int count);
  void barrierArrive(Value address);
  void barrierExpect(Value address, Value bytes);
  void barrierWait(Value address, Value parity);
  /// One look, without waiting: i32, not 0 if the phase is complete.
  Value barrierTest(Value address, Value parity);

  // Clusters: addresses in the shared memory of all CTAs of a cluster.
  Value clusterRank(); ///< of this CTA
  Value clusterSize(); ///< as no optimization knows it
  /// What lies at `address` in the CTA of rank `rank`.
  Value clusterAddress(Value address, Value rank);
  /// Stores 32 bits; `barrier`, of the same CTA, counts them when they are
  /// there.
  void storeAsync(Value value, Value address, int64_t offset, Value barrier);
  /// Arrives at a barrier of any CTA of the cluster, at its scope.
  void barrierArriveCluster(Value address, bool relaxed);
  /// One look at a barrier of this CTA, at the cluster's scope; with `waits`
  /// the thread may be suspended for a while.
  Value barrierTestCluster(Value address, Value parity, bool waits,
                           bool relaxed);
  void clusterBarrier(); ///< of all threads of the cluster

  // Control flow.
  void ifThen(Value condition, llvm::function_ref<void()> then);
  void forLoop(Value from, Value to, Value step,
               llvm::function_ref<void(Value)> body);
  llvm::SmallVector<Value>
  forLoop(Value from, Value to, Value step, ValueRange init,
          llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body);
  /// Runs `body` until it gives a false condition (first result); the rest are
  /// the carried values.
  llvm::SmallVector<Value> doWhile(
      ValueRange init,
      llvm::function_ref<std::pair<Value, llvm::SmallVector<Value>>(ValueRange)>
          body);

  Type i32Type() { return b.getI32Type(); }
  Type f32Type() { return b.getF32Type(); }

  OpBuilder &b;
  Location loc;
  const Capabilities can;
};

} // namespace amk::exec

#endif // AMK_LIB_CONVERSION_AMKEXECTONVVM_DEVICEBUILDER_H
