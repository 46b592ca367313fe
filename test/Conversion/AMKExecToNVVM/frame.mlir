// RUN: sed s/CHIP/sm_80/ %s | amk-opt --convert-amk-exec-to-nvvm | FileCheck %s --check-prefixes=CHECK,OLD --implicit-check-not=cp.async.bulk --implicit-check-not=try_wait --implicit-check-not=setmaxnreg --implicit-check-not=expect_tx
// RUN: sed s/CHIP/sm_90/ %s | amk-opt --convert-amk-exec-to-nvvm | FileCheck %s --check-prefixes=CHECK,NEW --implicit-check-not=cp.async.cg
// RUN: sed s/CHIP/sm_100/ %s | amk-opt --convert-amk-exec-to-nvvm | FileCheck %s --check-prefixes=CHECK,NEW --implicit-check-not=cp.async.cg

// The frame of a kernel: set-up, the consumers' loop over the plan with a branch
// per task class, and the loader. The chip decides the instructions.

// CHECK: gpu.module @k {
// CHECK: llvm.mlir.global external @amk_shared() {addr_space = 3 : i32
// Arena, position, epoch, budget.
// CHECK: llvm.func @k(%{{.*}}: i64, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i64)
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.reqntid
// The worker is the block's index.
// CHECK-DAG: nvvm.read.ptx.sreg.tid.x
// CHECK-DAG: nvvm.read.ptx.sreg.ctaid.x
// CHECK: "mbarrier.init.shared.b64
// NEW: "fence.mbarrier_init.release.cluster;"
// CHECK: nvvm.barrier
// Registers go from the loader to the consumers, which hold stages in them.
// NEW: "setmaxnreg.inc.sync.aligned.u32
// CHECK: scf.index_switch
// CHECK-NEXT: case 0
// Stages as they land: full and empty barriers.
// OLD: "{{.*}}mbarrier.test_wait.parity.shared.b64
// NEW: "{{.*}}mbarrier.try_wait.parity.shared.b64
// CHECK: "{{.*}}mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK: case 1
// CHECK: default
// NEW: "setmaxnreg.dec.sync.aligned.u32
// OLD: "{{.*}}cp.async.cg.shared.global
// OLD: "{{.*}}cp.async.mbarrier.arrive.noinc.shared.b64
// NEW: "{{.*}}mbarrier.arrive.expect_tx.shared.b64
// NEW: "{{.*}}cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes
// CHECK-NOT: amk_exec.
amk_exec.kernel @k on "CHIP" workers(4)
    shared<barriers = 4096, plan = 4224, row_words = 12, vector = 4800, partial = 5824, misc = 6848, pages = 7104, total = 8128>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 1>
    ring<slots = 4, bytes = 1024, window = 2, ahead = 1, held = 1> {
  amk_exec.task_class @product id(0) {
    %x = amk_exec.field 8
    amk_exec.gather %x {bytes = 2 : i32, elements = 256 : i32}
    amk_exec.product columns(128) slices(2)
    amk_exec.sync
  }
  amk_exec.task_class @nothing id(1) {
    amk_exec.sync
  }
}
