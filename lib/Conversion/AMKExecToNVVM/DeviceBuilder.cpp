//===- DeviceBuilder.cpp - Building device code ---------------------------===//

#include "DeviceBuilder.h"

using namespace mlir;

namespace amk::exec {

Value DeviceBuilder::i32(int64_t v) {
  return arith::ConstantOp::create(b, loc,
                                   b.getI32IntegerAttr(int32_t(uint32_t(v))));
}
Value DeviceBuilder::i64(int64_t v) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(v));
}
Value DeviceBuilder::f32(double v) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(v)));
}
Value DeviceBuilder::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value DeviceBuilder::sub(Value x, Value y) {
  return arith::SubIOp::create(b, loc, x, y);
}
Value DeviceBuilder::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}
Value DeviceBuilder::div(Value x, int64_t y) {
  return y == 1 ? x : Value(arith::DivUIOp::create(b, loc, x, i32(y)));
}
Value DeviceBuilder::rem(Value x, int64_t y) {
  return y == 1 ? i32(0) : Value(arith::RemUIOp::create(b, loc, x, i32(y)));
}
Value DeviceBuilder::band(Value x, Value y) {
  return arith::AndIOp::create(b, loc, x, y);
}
Value DeviceBuilder::bor(Value x, Value y) {
  return arith::OrIOp::create(b, loc, x, y);
}
Value DeviceBuilder::bxor(Value x, Value y) {
  return arith::XOrIOp::create(b, loc, x, y);
}
Value DeviceBuilder::shl(Value x, int64_t y) {
  return arith::ShLIOp::create(b, loc, x, i32(y));
}
Value DeviceBuilder::shr(Value x, Value y) {
  return arith::ShRUIOp::create(b, loc, x, y);
}
Value DeviceBuilder::eq(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
}
Value DeviceBuilder::ne(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, x, y);
}
Value DeviceBuilder::lt(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
}
Value DeviceBuilder::ult(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y);
}
Value DeviceBuilder::ge(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, x, y);
}
Value DeviceBuilder::both(Value x, Value y) {
  return arith::AndIOp::create(b, loc, x, y);
}
Value DeviceBuilder::select(Value c, Value x, Value y) {
  return arith::SelectOp::create(b, loc, c, x, y);
}
Value DeviceBuilder::zext64(Value x) {
  return arith::ExtUIOp::create(b, loc, b.getI64Type(), x);
}
Value DeviceBuilder::asFloat(Value bits) {
  return arith::BitcastOp::create(b, loc, b.getF32Type(), bits);
}
Value DeviceBuilder::asBits(Value f) {
  return arith::BitcastOp::create(b, loc, b.getI32Type(), f);
}
Value DeviceBuilder::fadd(Value x, Value y) {
  return arith::AddFOp::create(b, loc, x, y);
}
Value DeviceBuilder::fsub(Value x, Value y) {
  return arith::SubFOp::create(b, loc, x, y);
}
Value DeviceBuilder::fmul(Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}
Value DeviceBuilder::fma(Value x, Value y, Value z) {
  return LLVM::FMAOp::create(b, loc, x, y, z);
}
Value DeviceBuilder::fmax(Value x, Value y) {
  return arith::MaxNumFOp::create(b, loc, x, y);
}

Value DeviceBuilder::pack(Value even, Value odd) {
  // The first source becomes the upper half.
  return ptx("cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,f,f", i32Type(), {odd, even},
             /*sideEffects=*/false);
}
Value DeviceBuilder::exp2(Value x) {
  return ptx("ex2.approx.ftz.f32 $0, $1;", "=f,f", f32Type(), {x}, false);
}
Value DeviceBuilder::divide(Value x, Value y) {
  return ptx("div.full.f32 $0, $1, $2;", "=f,f,f", f32Type(), {x, y}, false);
}
Value DeviceBuilder::rsqrt(Value x) {
  Value root = ptx("sqrt.rn.f32 $0, $1;", "=f,f", f32Type(), {x}, false);
  return ptx("rcp.rn.f32 $0, $1;", "=f,f", f32Type(), {root}, false);
}

Value DeviceBuilder::ptx(llvm::StringRef text, llvm::StringRef constraints,
                         Type result, ValueRange operands, bool sideEffects) {
  std::string all = constraints.str();
  if (sideEffects)
    all += ",~{memory}";
  auto op = LLVM::InlineAsmOp::create(
      b, loc, result ? TypeRange{result} : TypeRange{}, operands, text, all,
      sideEffects, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  return result ? op.getResult(0) : Value();
}
void DeviceBuilder::ptx(llvm::StringRef text, llvm::StringRef constraints,
                        ValueRange operands) {
  std::string all = constraints.str();
  all += all.empty() ? "~{memory}" : ",~{memory}";
  LLVM::InlineAsmOp::create(
      b, loc, TypeRange{}, operands, text, all, /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
}

Value DeviceBuilder::opaque(Value x) {
  return ptx("mov.b32 $0, $1;", "=r,r", i32Type(), {x});
}

static unsigned widthOf(Type type) { return type.getIntOrFloatBitWidth() / 8; }

/// A pointer into global (1) or shared (3) memory.
static Value pointer(DeviceBuilder &d, Value address, unsigned space) {
  return LLVM::IntToPtrOp::create(
      d.b, d.loc, LLVM::LLVMPointerType::get(d.b.getContext(), space), address);
}
static Value load(DeviceBuilder &d, Type type, Value address, unsigned space) {
  return LLVM::LoadOp::create(d.b, d.loc, type, pointer(d, address, space),
                              widthOf(type));
}
static void store(DeviceBuilder &d, Value value, Value address,
                  unsigned space) {
  LLVM::StoreOp::create(d.b, d.loc, value, pointer(d, address, space),
                        widthOf(value.getType()));
}

Value DeviceBuilder::loadShared(Type type, Value address) {
  return load(*this, type, address, 3);
}
void DeviceBuilder::storeShared(Value value, Value address) {
  store(*this, value, address, 3);
}
Value DeviceBuilder::loadGlobal(Type type, Value address) {
  return load(*this, type, address, 1);
}
void DeviceBuilder::storeGlobal(Value value, Value address) {
  store(*this, value, address, 1);
}
llvm::SmallVector<Value, 4> DeviceBuilder::loadShared4(Value address) {
  auto type = VectorType::get({4}, i32Type());
  Value p = pointer(*this, address, 3);
  Value v = LLVM::LoadOp::create(b, loc, type, p, /*alignment=*/16);
  llvm::SmallVector<Value, 4> words;
  for (int i = 0; i < 4; ++i)
    words.push_back(LLVM::ExtractElementOp::create(b, loc, v, i32(i)));
  return words;
}

Value DeviceBuilder::variable(Type type) {
  // Allocas belong in the entry block, where the optimizer finds them.
  OpBuilder::InsertionGuard guard(b);
  Operation *function = b.getInsertionBlock()->getParentOp();
  while (!isa<LLVM::LLVMFuncOp>(function))
    function = function->getParentOp();
  b.setInsertionPointToStart(
      &cast<LLVM::LLVMFuncOp>(function).getBody().front());
  Value one = i32(1);
  return LLVM::AllocaOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), type, one);
}
Value DeviceBuilder::get(Type type, Value variable) {
  return LLVM::LoadOp::create(b, loc, type, variable);
}
void DeviceBuilder::set(Value variable, Value value) {
  LLVM::StoreOp::create(b, loc, value, variable);
}

static Value shuffleOp(DeviceBuilder &d, Value x, Value distance, int clamp,
                       NVVM::ShflKind kind) {
  return NVVM::ShflOp::create(d.b, d.loc, x.getType(), d.i32(-1), x, distance,
                              d.i32(clamp), kind, UnitAttr());
}
Value DeviceBuilder::shuffleXor(Value x, int distance) {
  return shuffleOp(*this, x, i32(distance), 31, NVVM::ShflKind::bfly);
}
Value DeviceBuilder::shuffleDown(Value x, int distance) {
  return shuffleOp(*this, x, i32(distance), 31, NVVM::ShflKind::down);
}
Value DeviceBuilder::shuffle(Value x, Value lane) {
  return shuffleOp(*this, x, lane, 31, NVVM::ShflKind::idx);
}
void DeviceBuilder::syncWarp() { NVVM::SyncWarpOp::create(b, loc, i32(-1)); }
static Value vote(DeviceBuilder &d, Value condition, llvm::StringRef mode) {
  Value wide = arith::ExtUIOp::create(d.b, d.loc, d.i32Type(), condition);
  std::string text = "{.reg .pred p, q; setp.ne.u32 p, $1, 0; vote.sync." +
                     mode.str() +
                     ".pred q, p, 0xffffffff; selp.u32 $0, 1, 0, q;}";
  return d.ne(d.ptx(text, "=r,r", d.i32Type(), {wide}), d.i32(0));
}
Value DeviceBuilder::warpAll(Value condition) {
  return vote(*this, condition, "all");
}
Value DeviceBuilder::warpAny(Value condition) {
  return vote(*this, condition, "any");
}
void DeviceBuilder::barrier(int id, int threads) {
  NVVM::BarrierOp::create(b, loc, TypeRange{}, i32(id), i32(threads),
                          NVVM::BarrierReductionAttr(), Value());
}

void DeviceBuilder::barrierInit(Value address, int count) {
  ptx("mbarrier.init.shared.b64 [$0], $1;", "r,r", {address, i32(count)});
}
void DeviceBuilder::barrierArrive(Value address) {
  ptx("{.reg .b64 t; mbarrier.arrive.shared.b64 t, [$0];}", "r", {address});
}
void DeviceBuilder::barrierExpect(Value address, Value bytes) {
  ptx("mbarrier.arrive.expect_tx.shared.b64 _, [$0], $1;", "r,r",
      {address, bytes});
}
Value DeviceBuilder::barrierTest(Value address, Value parity) {
  return ptx("{.reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [$1], $2; "
             "selp.u32 $0, 1, 0, p;}",
             "=r,r,r", i32Type(), {address, parity});
}
void DeviceBuilder::barrierWait(Value address, Value parity) {
  llvm::StringRef text =
      can.bulkCopy
          ? "{.reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [$1], $2; "
            "selp.u32 $0, 1, 0, p;}"
          : "{.reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [$1], $2; "
            "selp.u32 $0, 1, 0, p;}";
  if (can.boundedWaits) {
    const auto clock = [&] {
      return ptx("mov.u64 $0, %globaltimer;", "=l", b.getI64Type(), {});
    };
    Value start = clock();
    doWhile({}, [&](ValueRange) {
      Value missing =
          eq(ptx(text, "=r,r,r", i32Type(), {address, parity}), i32(0));
      Value early = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                          sub(clock(), start), i64(1000000));
      return std::make_pair(both(missing, early), llvm::SmallVector<Value>());
    });
    return;
  }
  doWhile({}, [&](ValueRange) {
    Value ok = ptx(text, "=r,r,r", i32Type(), {address, parity});
    return std::make_pair(eq(ok, i32(0)), llvm::SmallVector<Value>());
  });
}

Value DeviceBuilder::clusterRank() {
  return ptx("mov.u32 $0, %cluster_ctarank;", "=r", i32Type(), {},
             /*sideEffects=*/false);
}
Value DeviceBuilder::clusterAddress(Value address, Value rank) {
  return ptx("mapa.shared::cluster.u32 $0, $1, $2;", "=r,r,r", i32Type(),
             {address, rank}, /*sideEffects=*/false);
}
Value DeviceBuilder::clusterSize() {
  return ptx("mov.u32 $0, %cluster_nctarank;", "=r", i32Type(), {},
             /*sideEffects=*/false);
}
void DeviceBuilder::storeAsync(Value value, Value address, int64_t offset,
                               Value barrier) {
  if (value.getType().isF32())
    value = asBits(value);
  ptx("st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [$0+" +
          std::to_string(offset) + "], $1, [$2];",
      "r,r,r", {address, value, barrier});
}
void DeviceBuilder::barrierArriveCluster(Value address, bool relaxed) {
  const std::string order = relaxed ? "relaxed" : "release";
  ptx("mbarrier.arrive." + order + ".cluster.shared::cluster.b64 _, [$0];", "r",
      {address});
}
Value DeviceBuilder::barrierTestCluster(Value address, Value parity, bool waits,
                                        bool relaxed) {
  const std::string text = std::string("{.reg .pred p; mbarrier.") +
                           (waits ? "try_wait" : "test_wait") + ".parity." +
                           (relaxed ? "relaxed" : "acquire") +
                           ".cluster.shared::cta.b64 p, [$1], $2; "
                           "selp.u32 $0, 1, 0, p;}";
  return ptx(text, "=r,r,r", i32Type(), {address, parity});
}
void DeviceBuilder::clusterBarrier() {
  ptx("barrier.cluster.arrive.release; barrier.cluster.wait.acquire;", "", {});
}

void DeviceBuilder::ifThen(Value condition, llvm::function_ref<void()> then) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  then();
}
void DeviceBuilder::forLoop(Value from, Value to, Value step,
                            llvm::function_ref<void(Value)> body) {
  forLoop(from, to, step, {}, [&](Value i, ValueRange) {
    body(i);
    return llvm::SmallVector<Value>();
  });
}
llvm::SmallVector<Value> DeviceBuilder::forLoop(
    Value from, Value to, Value step, ValueRange init,
    llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(b, loc, from, to, step, init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  llvm::SmallVector<Value> next =
      body(op.getInductionVar(), op.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(b, loc, next);
  return llvm::SmallVector<Value>(op.getResults());
}
llvm::SmallVector<Value> DeviceBuilder::doWhile(
    ValueRange init,
    llvm::function_ref<std::pair<Value, llvm::SmallVector<Value>>(ValueRange)>
        body) {
  auto op = scf::WhileOp::create(
      b, loc, init.getTypes(), init,
      [&](OpBuilder &nested, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(nested.getInsertionBlock(),
                            nested.getInsertionPoint());
        auto [again, next] = body(args);
        scf::ConditionOp::create(b, loc, again, next);
      },
      [&](OpBuilder &nested, Location at, ValueRange args) {
        scf::YieldOp::create(nested, at, args);
      });
  return llvm::SmallVector<Value>(op.getResults());
}

} // namespace amk::exec
