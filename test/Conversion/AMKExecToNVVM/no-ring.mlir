// RUN: amk-opt --convert-amk-exec-to-nvvm %s | FileCheck %s --implicit-check-not=mbarrier --implicit-check-not=cp.async --implicit-check-not=setmaxnreg

// Without a ring: no loader, no barriers.

// CHECK: gpu.module @k {
// CHECK: llvm.func @k(
// CHECK: nvvm.barrier
// CHECK: scf.index_switch
amk_exec.kernel @k on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 8, vector = 128, partial = 256, misc = 256, pages = 512, total = 512>
    arena<plan = 4, rows_at = 4, waits = 2, signals = 3, counters = 0, report = 1, generations = 1> {
  amk_exec.task_class @nothing id(0) {
    amk_exec.sync
  }
}
