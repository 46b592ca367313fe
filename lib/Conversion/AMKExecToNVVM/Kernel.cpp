//===- Kernel.cpp - The frame of a persistent kernel ----------------------===//

#include "KernelLowering.h"

#include "AMK/Schedule/KernelRoles.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace amk::exec {

int KernelLowering::threads() const {
  return int(core::kernelRoles(d.can.registerPools).threads);
}

KernelLowering::KernelLowering(KernelOp kernel, OpBuilder &builder,
                               Capabilities capabilities, Faults faults)
    : kernel(kernel), faults(faults), b(builder),
      d(builder, kernel.getLoc(), capabilities) {}

void KernelLowering::emitDelay(Value salt, Value salt2) {
  if (faults.delays == 0)
    return;
  Value x = d.add(d.mul(epoch, 0x9e3779b1), int64_t(faults.delays));
  x = d.bxor(x, d.mul(worker, 0x85ebca6b));
  x = d.bxor(x, d.mul(salt, 0xc2b2ae35));
  x = d.bxor(x, d.mul(salt2, 0x27d4eb2f));
  for (int64_t factor : {0x2c1b3c6d, 0x297a2d39})
    x = d.mul(d.bxor(x, d.shr(x, 15)), factor);
  d.ifThen(d.eq(d.shr(x, 30), d.i32(0)), [&] {
    d.ptx("nanosleep.u32 $0;", "r", {d.band(d.shr(x, 8), 0x1fff)});
  });
}

Value KernelLowering::field(uint32_t word) {
  return d.loadShared(d.i32Type(), d.add(rowBase, word * 4));
}
Value KernelLowering::globalPlace(Value place) {
  Value bytes = arith::ShLIOp::create(b, d.loc, d.zext64(place), d.i64(7));
  return d.add(arena, bytes);
}
Value KernelLowering::loadAt(Type type, Value place, bool isShared,
                             Value offset) {
  if (isShared)
    return d.loadShared(type, d.add(shared(kernel.getShared().getPages()),
                                    d.add(place, offset)));
  return d.loadGlobal(type, d.at(globalPlace(place), offset));
}
void KernelLowering::storeAt(Value value, Value place, bool isShared,
                             Value offset) {
  if (isShared)
    d.storeShared(value, d.add(shared(kernel.getShared().getPages()),
                               d.add(place, offset)));
  else
    d.storeGlobal(value, d.at(globalPlace(place), offset));
}
Value KernelLowering::staticPlace(uint32_t place) {
  return d.add(arena, d.i64(int64_t(place) * 128));
}
Value KernelLowering::fullBarrier(Value slot) {
  return d.add(shared(kernel.getShared().getBarriers()), d.shl(slot, 3));
}
Value KernelLowering::emptyBarrier(Value slot) {
  const uint32_t slots = kernel.getRing()->getSlots();
  return d.add(shared(kernel.getShared().getBarriers() + slots * 8),
               d.shl(slot, 3));
}

LogicalResult KernelLowering::run() {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(kernel);
  auto module =
      gpu::GPUModuleOp::create(b, kernel.getLoc(), kernel.getSymName());
  createFunction(module);
  setUp();
  Value isConsumer = d.ult(warp, d.i32(core::kConsumerWarps));
  auto role = scf::IfOp::create(b, d.loc, isConsumer, /*withElse=*/true);
  Operation *end = LLVM::ReturnOp::create(b, d.loc, ValueRange{});
  b.setInsertionPointToStart(role.thenBlock());
  const core::KernelRoles roles = core::kernelRoles(d.can.registerPools);
  if (d.can.registerPools)
    d.ptx("setmaxnreg.inc.sync.aligned.u32 " +
              std::to_string(roles.consumerRegisters) + ";",
          "", {});
  if (failed(emitConsumers()))
    return failure();
  b.setInsertionPointToStart(role.elseBlock());
  if (d.can.registerPools)
    d.ptx("setmaxnreg.dec.sync.aligned.u32 " +
              std::to_string(roles.loaderRegisters) + ";",
          "", {});
  if (kernel.getRing())
    d.ifThen(d.eq(warp, d.i32(core::kConsumerWarps)), [&] { emitLoader(); });
  b.setInsertionPoint(end);
  return success();
}

void KernelLowering::createFunction(gpu::GPUModuleOp module) {
  b.setInsertionPointToStart(module.getBody());
  // The dynamic shared memory of the CTA. gpu.dynamic_shared_memory lowers to
  // an undefined global in MLIR 22, so it is spelled out.
  LLVM::GlobalOp::create(b, d.loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                         /*isConstant=*/false, LLVM::Linkage::External,
                         "amk_shared", Attribute(),
                         /*alignment=*/1024, /*addrSpace=*/3);
  Type i64 = b.getI64Type(), i32 = d.i32Type();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), {i64, i32, i32, i64});
  function = LLVM::LLVMFuncOp::create(b, d.loc, kernel.getSymName(), type);
  function->setAttr("nvvm.kernel", b.getUnitAttr());
  function->setAttr("nvvm.reqntid", b.getDenseI32ArrayAttr({threads()}));
  function->setAttr("nvvm.minctasm", b.getI32IntegerAttr(1));
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  arena = entry->getArgument(0);
  position = entry->getArgument(1);
  epoch = entry->getArgument(2);
  budget = entry->getArgument(3);
}

void KernelLowering::setUp() {
  Value base = LLVM::AddressOfOp::create(
      b, d.loc, LLVM::LLVMPointerType::get(b.getContext(), 3), "amk_shared");
  smem = LLVM::PtrToIntOp::create(b, d.loc, d.i32Type(), base);
  tid = NVVM::ThreadIdXOp::create(b, d.loc, d.i32Type());
  worker = NVVM::BlockIdXOp::create(b, d.loc, d.i32Type());
  // Uniform over the warp, and said so, so that branches on it are uniform.
  warp = d.shuffle(d.shr(tid, 5), d.i32(0));
  lane = d.band(tid, 31);
  SharedAttr shared = kernel.getShared();
  if (auto ring = kernel.getRing()) {
    const int producers = d.can.bulkCopy ? 1 : 32;
    d.ifThen(d.ult(tid, d.i32(ring->getSlots())), [&] {
      d.barrierInit(fullBarrier(tid), producers);
      d.barrierInit(emptyBarrier(tid), 1);
      if (d.can.bulkCopy && !omits(Fault::BarrierFence))
        d.ptx("fence.mbarrier_init.release.cluster;", "", {});
    });
  }
  d.ifThen(d.eq(tid, d.i32(0)), [&] {
    // Progress of the consumers, for the loader's window: none yet.
    d.storeShared(d.i32(-1), this->shared(shared.getMisc() + 64));
  });
  // This worker's rows of the plan, once: a row read from global memory
  // between tiles would cost a loaded round trip each.
  ArenaAttr places = kernel.getArena();
  Value plan = staticPlace(places.getPlan());
  Value header = d.at(plan, d.shl(worker, 3));
  Value firstRow = d.loadGlobal(d.i32Type(), header);
  rowCount = d.loadGlobal(d.i32Type(), d.add(header, d.i64(4)));
  Value words = d.mul(rowCount, shared.getRowWords());
  Value from = d.add(d.mul(firstRow, shared.getRowWords()), places.getRowsAt());
  d.forLoop(tid, words, d.i32(threads()), [&](Value i) {
    Value word =
        d.loadGlobal(d.i32Type(), d.at(plan, d.shl(d.add(from, i), 2)));
    d.storeShared(word, d.add(this->shared(shared.getPlan()), d.shl(i, 2)));
  });
  d.barrier(0, threads());
}

void KernelLowering::emitStageIssue(Value slot, Value source, Value bytes) {
  RingAttr ring = *kernel.getRing();
  Value to = d.add(smem, d.mul(slot, ring.getBytes()));
  Value full = fullBarrier(slot);
  if (d.can.bulkCopy) {
    d.ifThen(d.eq(lane, d.i32(0)), [&] {
      d.barrierExpect(full, bytes);
      // Weights are read once a step: they must not push activations out of L2.
      Value policy =
          d.ptx("createpolicy.fractional.L2::evict_first.b64 $0, 1.0;", "=l",
                b.getI64Type(), {}, /*sideEffects=*/false);
      d.ptx("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes."
            "L2::cache_hint [$0], [$1], $2, [$3], $4;",
            "r,l,r,r,l", {to, source, bytes, full, policy});
    });
    return;
  }
  d.forLoop(d.shl(lane, 4), bytes, d.i32(512), [&](Value i) {
    d.ptx("cp.async.cg.shared.global [$0], [$1], 16;", "r,l",
          {d.add(to, i), d.at(source, i)});
  });
  // Arrives when this lane's copies have landed.
  d.ptx("cp.async.mbarrier.arrive.noinc.shared.b64 [$0];", "r", {full});
}

void KernelLowering::emitLoader() {
  RingAttr ring = *kernel.getRing();
  const uint32_t rowBytes = kernel.getShared().getRowWords() * 4;
  Value slots = d.i32(ring.getSlots()), zero = d.i32(0), one = d.i32(1);
  d.forLoop(
      zero, rowCount, one, {zero, zero, zero},
      [&](Value at, ValueRange carried) {
        rowBase =
            d.add(shared(kernel.getShared().getPlan()), d.mul(at, rowBytes));
        Value stages = field(4);
        Value source = globalPlace(field(3));
        Value bytes = d.shl(d.shr(field(0), 16), 7);
        return d.forLoop(
            zero, stages, one, carried, [&](Value t, ValueRange state) {
              Value slot = state[0], phase = state[1], stage = state[2];
              emitDelay(stage, d.i32(core::kConsumerWarps));
              // The slot is free when its stage before was released.
              if (!omits(Fault::RingEmpty))
                d.ifThen(d.ge(stage, slots), [&] {
                  d.barrierWait(emptyBarrier(slot), d.bxor(phase, one));
                });
              // Bytes in flight beyond what bandwidth needs only delay the
              // hand-offs of others: fewer for operators that nobody waits for
              // yet.
              Value progress =
                  d.ptx("ld.volatile.shared.u32 $0, [$1];", "=r,r", d.i32Type(),
                        {shared(kernel.getShared().getMisc() + 64)});
              Value window =
                  d.select(d.lt(progress, at), d.i32(ring.getAhead()),
                           d.i32(ring.getWindow()));
              d.ifThen(d.ge(stage, window), [&] {
                Value back = d.sub(slot, window);
                Value wrapped = d.lt(back, zero);
                Value before = d.select(wrapped, d.add(back, slots), back);
                Value parity = d.select(wrapped, d.bxor(phase, one), phase);
                d.barrierWait(fullBarrier(before), parity);
              });
              Value offset =
                  arith::MulIOp::create(b, d.loc, d.zext64(t), d.zext64(bytes));
              emitStageIssue(slot, d.add(source, offset), bytes);
              Value following = d.add(slot, one);
              Value wraps = d.eq(following, slots);
              return llvm::SmallVector<Value>{
                  d.select(wraps, zero, following),
                  d.select(wraps, d.bxor(phase, one), phase),
                  d.add(stage, one)};
            });
      });
}

LogicalResult KernelLowering::emitConsumers() {
  const uint32_t rowBytes = kernel.getShared().getRowWords() * 4;
  nextStage = d.variable(d.i32Type());
  d.set(nextStage, warp);
  if (holds()) {
    rowBase = d.add(shared(kernel.getShared().getPlan()),
                    d.mul(d.sub(rowCount, d.i32(1)), rowBytes));
    // A worker without tiles has no last row; it holds nothing either.
    Value any = d.lt(d.i32(0), rowCount);
    rowBase = d.select(any, rowBase, shared(kernel.getShared().getPlan()));
    stageCount = d.select(any, d.add(field(4), field(5)), d.i32(0));
    holding = d.variable(d.i32Type());
    d.set(holding, d.i32(0));
    held = d.variable(LLVM::LLVMArrayType::get(
        d.i32Type(), kernel.getRing()->getBytes() / 512 * 4));
  }
  auto loop = scf::ForOp::create(b, d.loc, d.i32(0), rowCount, d.i32(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  row = loop.getInductionVar();
  rowBase = d.add(shared(kernel.getShared().getPlan()), d.mul(row, rowBytes));
  Value id = arith::IndexCastUIOp::create(b, d.loc, b.getIndexType(),
                                          d.band(field(0), 0xffff));
  llvm::SmallVector<TaskClassOp> classes(kernel.getOps<TaskClassOp>());
  llvm::SmallVector<int64_t> cases;
  for (TaskClassOp c : classes)
    cases.push_back(c.getId());
  auto jump = scf::IndexSwitchOp::create(b, d.loc, TypeRange{}, id, cases,
                                         unsigned(cases.size()));
  Region &otherwise = jump.getDefaultRegion();
  b.setInsertionPointToStart(&otherwise.emplaceBlock());
  scf::YieldOp::create(b, d.loc);
  for (auto [c, region] : llvm::zip(classes, jump.getCaseRegions())) {
    b.setInsertionPointToStart(&region.emplaceBlock());
    if (failed(lowerClass(c)))
      return failure();
    scf::YieldOp::create(b, d.loc);
  }
  return success();
}

LogicalResult KernelLowering::lowerClass(TaskClassOp op) {
  emitDelay(row, warp);
  for (Operation &inner : op.getBody().front())
    if (failed(lowerOp(&inner)))
      return failure();
  return success();
}

LogicalResult KernelLowering::lowerOp(Operation *op) {
  d.loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<PollOp, SignalOp, StampOp, GatherOp, ProductOp, AttentionOp,
            ArgmaxOp>([&](auto o) {
        lower(o);
        return success();
      })
      .Case([&](ElementsOp o) { return lower(o); })
      .Case([&](SyncOp) {
        syncConsumersUnless(Fault::RowBarrier);
        return success();
      })
      .Default([&](Operation *o) { return lowerElement(o); });
}

} // namespace amk::exec
