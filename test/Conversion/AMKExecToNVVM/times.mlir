// RUN: amk-opt --convert-amk-exec-to-nvvm %s | FileCheck %s
// RUN: sed "s/, trace = 50.*trace_stages = 9>/>/" %s | amk-opt --convert-amk-exec-to-nvvm | FileCheck %s --check-prefix=NONE

// A kernel with a place for them records the times of every stage: lane 0 of a
// warp stores them, and the plan row and the launch's epoch with the first.

// CHECK: gpu.module @k
// A stage that is taken into registers: landed as soon as it is seen to have,
// and released when it was read.
// CHECK: case 0
// CHECK: vote.sync.all
// CHECK: %[[LANDED:.*]] = llvm.inline_asm {{.*}}"mov.u64 $0, %globaltimer;"
// CHECK: llvm.store %[[LANDED]]
// CHECK: %[[HELD:.*]] = llvm.inline_asm {{.*}}"mov.u64 $0, %globaltimer;"
// CHECK: llvm.store %[[HELD]]
// CHECK: mbarrier.arrive
// The others: after the wait for the slot, and before it is given back.
// CHECK: mma.sync
// CHECK: mbarrier.try_wait.parity
// CHECK: %[[FULL:.*]] = llvm.inline_asm {{.*}}"mov.u64 $0, %globaltimer;"
// CHECK: llvm.store %[[FULL]]
// CHECK: mma.sync
// CHECK: %[[EMPTY:.*]] = llvm.inline_asm {{.*}}"mov.u64 $0, %globaltimer;"
// CHECK: llvm.store %[[EMPTY]]
// CHECK: mbarrier.arrive
// The loader: once the slot is free and the window has room.
// CHECK: setmaxnreg.dec
// CHECK: mbarrier.try_wait.parity
// CHECK: mbarrier.try_wait.parity
// CHECK: %[[ISSUED:.*]] = llvm.inline_asm {{.*}}"mov.u64 $0, %globaltimer;"
// CHECK: llvm.store %[[ISSUED]]
// CHECK: llvm.store
// CHECK: llvm.store
// CHECK: cp.async.bulk

// NONE: gpu.module @k
// NONE: case 0
// NONE-NOT: globaltimer
// NONE: mbarrier.arrive
// Between these, the watchdog's.
// NONE: mma.sync
// NONE-NOT: globaltimer
// NONE: cp.async.bulk
amk_exec.kernel @k on "sm_90" workers(4)
    shared<barriers = 4096, plan = 4224, row_words = 12, vector = 4800, partial = 5824, misc = 6848, pages = 7104, total = 8128>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 1, trace = 50, trace_rows = 3, trace_points = 4, stages = 53, trace_stages = 9>
    ring<slots = 4, bytes = 1024, window = 2, ahead = 1, held = 1> {
  amk_exec.task_class @product id(0) {
    %x = amk_exec.field 8
    %g = amk_exec.field 9
    amk_exec.gather %x generation %g packets<elements = 4, count = 64, table = 20, locate = 22> {bytes = 2 : i32, elements = 256 : i32}
    amk_exec.product columns(128) slices(2)
    amk_exec.sync
  }
}
