//===- Kernel.cpp - The frame of a persistent kernel ----------------------===//

#include "KernelLowering.h"

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/KernelRoles.h"

#include "llvm/ADT/TypeSwitch.h"

#include <tuple>

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
  if (kernel.getRing() && d.can.bulkCopy)
    d.ifThen(d.eq(warp, d.i32(core::kConsumerWarps)), [&] { emitLoader(); });
  else if (kernel.getRing())
    emitLoader();
  b.setInsertionPoint(end);
  // A peer may store here until it has ended too.
  if (meetsPeers() && !omits(Fault::ClusterEnd))
    d.clusterBarrier();
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
  if (kernel.getCluster() > 1)
    function->setAttr("nvvm.cluster_dim",
                      b.getDenseI32ArrayAttr({int32_t(kernel.getCluster())}));
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
  findSplits();
  SharedAttr shared = kernel.getShared();
  if (auto ring = kernel.getRing()) {
    const int producers = d.can.bulkCopy ? 1 : core::kLoaderThreads;
    d.ifThen(d.ult(tid, d.i32(ring->getSlots())), [&] {
      d.barrierInit(fullBarrier(tid), producers);
      d.barrierInit(emptyBarrier(tid), 1);
      if (d.can.bulkCopy && !omits(Fault::BarrierFence))
        d.ptx("fence.mbarrier_init.release.cluster;", "", {});
    });
  }
  if (takesSlices())
    initializeRounds();
  d.ifThen(d.eq(tid, d.i32(0)), [&] {
    // Progress of the consumers, for the loader's window: none yet.
    d.storeShared(d.i32(-1), this->shared(shared.getMisc() + 64));
    if (sharesGathers())
      initializeCluster();
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
  if (hasInbox() && !omits(Fault::InboxStamps))
    initializeInbox();
  // Peers arrive at this CTA's barriers, and store in its inbox: they must find
  // them, and it.
  if (meetsPeers() && !omits(Fault::ClusterStart))
    d.clusterBarrier();
  else
    d.barrier(0, threads());
}

void KernelLowering::initializeCluster() {
  const uint32_t area = kernel.getShared().getCluster();
  d.barrierInit(shared(area + core::ClusterArea::free),
                int(kernel.getCluster()));
  d.barrierInit(shared(area + core::ClusterArea::arrived), 1);
  d.storeShared(d.i32(0), shared(area + core::ClusterArea::left));
  if (!omits(Fault::BarrierFence))
    d.ptx("fence.mbarrier_init.release.cluster;", "", {});
}

/// Whatever the memory holds, no packet of this launch is there yet.
void KernelLowering::initializeInbox() {
  const SharedAttr area = kernel.getShared();
  Value before = d.sub(stampOf(Value()), d.i32(1)); // of the launch before
  d.forLoop(
      tid, d.i32(area.getInboxBytes() / 16), d.i32(threads()), [&](Value i) {
        d.storeShared(before, d.add(shared(area.getInbox() + 12), d.shl(i, 4)));
      });
}

void KernelLowering::emitStageIssue(Value slot, llvm::ArrayRef<Value> sources,
                                    Value bytes, int64_t stride) {
  RingAttr ring = *kernel.getRing();
  Value to = d.add(smem, d.mul(slot, ring.getBytes()));
  Value full = fullBarrier(slot);
  if (d.can.bulkCopy) {
    d.ifThen(d.eq(lane, d.i32(0)), [&] {
      d.barrierExpect(full, d.mul(bytes, int64_t(sources.size())));
      // What is streamed is read once a step: it must not push activations out
      // of L2.
      Value policy =
          d.ptx("createpolicy.fractional.L2::evict_first.b64 $0, 1.0;", "=l",
                b.getI64Type(), {}, /*sideEffects=*/false);
      Value at = to;
      for (Value source : sources) {
        d.ptx("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
              "bytes.L2::cache_hint [$0], [$1], $2, [$3], $4;",
              "r,l,r,r,l", {at, source, bytes, full, policy});
        at = d.add(at, stride);
      }
    });
    return;
  }
  // A copy is 16 bytes: what a thread spends on one bounds the stream. So all
  // warps of the loader share a stage, several copies to a turn of the loop.
  constexpr int64_t kRound = core::kLoaderThreads * 16, kUnroll = 4;
  Value begin = d.shl(d.sub(tid, d.i32(core::kConsumerThreads)), 4);
  for (Value source : sources) {
    const auto copy = [&](Value at, int64_t rounds) {
      Value target = d.add(to, at), from = d.at(source, at);
      for (int64_t i = 0; i < rounds; ++i) {
        const std::string offset = std::to_string(i * kRound);
        d.ptx("cp.async.cg.shared.global [$0+" + offset + "], [$1+" + offset +
                  "], 16;",
              "r,l", {target, from});
      }
    };
    Value whole = d.band(bytes, ~(kRound * kUnroll - 1));
    d.forLoop(begin, whole, d.i32(kRound * kUnroll),
              [&](Value at) { copy(at, kUnroll); });
    d.forLoop(d.add(whole, begin), bytes, d.i32(kRound),
              [&](Value at) { copy(at, 1); });
    to = d.add(to, stride);
  }
  // Arrives when this thread's copies have landed.
  d.ptx("cp.async.mbarrier.arrive.noinc.shared.b64 [$0];", "r", {full});
}

void KernelLowering::findSplits() {
  if (!kernel.getCaches())
    return;
  CachesAttr caches = *kernel.getCaches();
  const auto ceilDiv = [&](Value x, int64_t y) {
    return d.div(d.add(x, y - 1), y);
  };
  Value blocks = ceilDiv(position, caches.getBlock());
  Value isOne = d.lt(blocks, d.i32(int64_t(caches.getChunk()) + 1));
  Value each = d.select(isOne, d.i32(caches.getChunk()),
                        ceilDiv(blocks, caches.getSplits()));
  splitSize = d.mul(each, caches.getBlock());
  liveSplits = arith::DivUIOp::create(
      b, d.loc, d.sub(d.add(position, splitSize), d.i32(1)), splitSize);
}

Value KernelLowering::cacheStages(Value split) {
  CachesAttr caches = *kernel.getCaches();
  Value left = d.sub(position, d.mul(split, splitSize));
  left = d.select(d.lt(left, d.i32(0)), d.i32(0), left);
  left = d.select(d.lt(splitSize, left), splitSize, left);
  return d.div(d.add(left, int64_t(caches.getRows()) - 1), caches.getRows());
}

std::pair<Value, Value> KernelLowering::cachePositions(Value split,
                                                       Value stage) {
  CachesAttr caches = *kernel.getCaches();
  Value first = d.add(d.mul(split, splitSize), d.mul(stage, caches.getRows()));
  Value left = d.sub(position, first), rows = d.i32(caches.getRows());
  return {first, d.select(d.lt(left, rows), left, rows)};
}

void KernelLowering::emitLoaderStage(Value slot, Value word, Value stage,
                                     Value source, Value bytes) {
  const auto loadWeight = [&] {
    Value offset =
        arith::MulIOp::create(b, d.loc, d.zext64(stage), d.zext64(bytes));
    emitStageIssue(slot, {d.add(source, offset)}, bytes, 0);
  };
  if (!kernel.getCaches()) {
    loadWeight();
    return;
  }
  CachesAttr caches = *kernel.getCaches();
  auto op = scf::IfOp::create(b, d.loc, isCacheTile(word), /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.elseBlock());
  loadWeight();
  b.setInsertionPointToStart(op.thenBlock());
  auto [first, count] = cachePositions(d.band(word, 0x7fffffff), stage);
  Value keys = d.add(
      source, arith::MulIOp::create(b, d.loc, d.zext64(first),
                                    d.i64(int64_t(caches.getRowBytes()))));
  Value values = d.add(keys, d.i64(int64_t(caches.getPlane()) * 128));
  emitStageIssue(slot, {keys, values}, d.mul(count, caches.getRowBytes()),
                 int64_t(caches.getRows()) * caches.getRowBytes());
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
        Value word = field(4);
        // What all stages of a tile share is read once: a stage should cost the
        // loader little.
        Value source = globalPlace(field(3));
        Value bytes = d.shl(d.shr(field(0), 16), 7);
        return d.forLoop(
            zero, stagesOf(word), one, carried, [&](Value t, ValueRange state) {
              Value slot = state[0], phase = state[1], stage = state[2];
              emitDelay(stage, d.i32(core::kConsumerWarps));
              // The slot is free when its stage before was released.
              Value reused = d.ge(stage, slots);
              if (omits(Fault::KvEmpty))
                reused = d.both(reused, d.ge(word, zero));
              if (!omits(Fault::RingEmpty))
                d.ifThen(reused, [&] {
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
              stampIssue(stage, at);
              emitLoaderStage(slot, word, t, source, bytes);
              Value following = d.add(slot, one);
              Value wraps = d.eq(following, slots);
              return llvm::SmallVector<Value>{
                  d.select(wraps, zero, following),
                  d.select(wraps, d.bxor(phase, one), phase),
                  d.add(stage, one)};
            });
      });
}

/// A stage of keys and values is not held: only a product takes it from
/// registers. So a warp may hold what comes before the next tile that streams a
/// cache; if that tile is a later split and has no positions, also what comes
/// behind it, up to the one after.
Value KernelLowering::holdLimitOf(uint32_t rowBytes) {
  Value word = field(5);
  if (!kernel.getCaches())
    return d.add(firstStage, d.band(word, 0xffff));
  // A tile of the first split itself takes what is held for gone.
  Value own = field(4);
  Value isFirst = d.eq(own, d.i32(core::kCacheStages));
  Value limit =
      d.add(firstStage, d.select(isFirst, d.i32(0), d.band(word, 0xffff)));
  limit = d.select(d.both(isCacheTile(own), d.ne(stages, d.i32(0))), firstStage,
                   limit);
  Value rows = d.shr(word, 16);
  Value next = d.add(rowBase, d.mul(rows, rowBytes));
  Value there = d.loadShared(d.i32Type(), d.add(next, 16));
  Value behind = d.loadShared(d.i32Type(), d.add(next, 20));
  Value isLater = d.both(d.both(d.ne(rows, d.i32(0)), isCacheTile(there)),
                         d.ne(there, d.i32(core::kCacheStages)));
  Value isEmpty = d.eq(stagesOf(there), d.i32(0));
  Value mayPass = d.both(d.both(isLater, isEmpty), d.ne(limit, firstStage));
  return d.select(mayPass, d.add(limit, d.band(behind, 0xffff)), limit);
}

Value KernelLowering::stagesOf(Value word) {
  if (!kernel.getCaches())
    return word;
  auto op = scf::IfOp::create(b, d.loc, TypeRange{d.i32Type()},
                              isCacheTile(word), true, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  Value count = cacheStages(d.band(word, 0x7fffffff));
  scf::YieldOp::create(b, d.loc, count);
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, d.loc, word);
  return op.getResult(0);
}

LogicalResult KernelLowering::emitConsumers() {
  const uint32_t rowBytes = kernel.getShared().getRowWords() * 4;
  nextStage = d.variable(d.i32Type());
  d.set(nextStage, warp);
  if (holds()) {
    holding = d.variable(d.i32Type());
    d.set(holding, d.i32(0));
    held = d.variable(LLVM::LLVMArrayType::get(
        d.i32Type(), kernel.getRing()->getBytes() / 512 * 4));
  }
  if (takesSlices())
    roundsSeen = d.variable(d.i32Type());
  auto loop = scf::ForOp::create(b, d.loc, d.i32(0), rowCount, d.i32(1),
                                 ValueRange{d.i32(0)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  // A thread has seven predicates. Those that compare its number are computed
  // once for all rows, where LLVM sees that they can be: six are alive all the
  // time then, and with those that hand-offs in a cluster need, some would be
  // kept in local memory. So there each row computes its own.
  const std::tuple threadNumbers(tid, warp, lane);
  if (meetsPeers())
    for (Value *number : {&tid, &warp, &lane})
      *number = d.opaque(*number);
  row = loop.getInductionVar();
  rowBase = d.add(shared(kernel.getShared().getPlan()), d.mul(row, rowBytes));
  firstStage = loop.getRegionIterArgs()[0];
  stages = stagesOf(field(4));
  holdLimit = holdLimitOf(rowBytes);
  // The bits above say which phase of barriers is next.
  core::SharedLayout layout;
  layout.cluster = kernel.getShared().getCluster();
  layout.rounds = kernel.getShared().getRounds();
  const int64_t classMask = (int64_t(1) << core::classBits(layout)) - 1;
  Value id = arith::IndexCastUIOp::create(b, d.loc, b.getIndexType(),
                                          d.band(field(0), classMask));
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
  b.setInsertionPointAfter(jump);
  scf::YieldOp::create(b, d.loc, d.add(firstStage, stages));
  std::tie(tid, warp, lane) = threadNumbers;
  return success();
}

LogicalResult KernelLowering::lowerClass(TaskClassOp op) {
  emitDelay(row, warp);
  for (Operation &inner : op.getBody().front())
    if (failed(lowerOp(&inner)))
      return failure();
  return success();
}

bool KernelLowering::omitsLastBarrier(TaskClassOp op) {
  const auto isPartial = [](SplitAttentionOp o) { return !o.getKey(); };
  return omits(Fault::RowBarrier) ||
         (omits(Fault::PartialBarrier) &&
          llvm::any_of(op.getOps<SplitAttentionOp>(), isPartial));
}

LogicalResult KernelLowering::lowerOp(Operation *op) {
  d.loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<PollOp, SignalOp, StampOp, GatherOp, ProductOp, AttentionOp,
            SplitAttentionOp, ArgmaxOp>([&](auto o) {
        lower(o);
        return success();
      })
      .Case([&](ElementsOp o) { return lower(o); })
      .Case([&](SyncOp o) {
        if (!omitsLastBarrier(cast<TaskClassOp>(o->getParentOp())))
          syncConsumers();
        return success();
      })
      .Default([&](Operation *o) { return lowerElement(o); });
}

} // namespace amk::exec
