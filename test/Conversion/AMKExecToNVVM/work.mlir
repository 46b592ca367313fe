// RUN: amk-opt --convert-amk-exec-to-nvvm --split-input-file %s | FileCheck %s

// The work of a tile.

// CHECK-LABEL: gpu.module @elements
// CHECK: case 0
// Tables in global memory, pages in shared memory.
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> i32
// 1 / (1 + exp(-x)) by the target's approximate exp2; a rounding to bf16.
// CHECK: "ex2.approx.ftz.f32 $0, $1;"
// CHECK: llvm.store %{{.*}} : i16, !llvm.ptr<1>
amk_exec.kernel @elements on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 12, vector = 256, partial = 512, misc = 512, pages = 768, total = 1024>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 1> {
  amk_exec.task_class @t id(0) {
    %first = amk_exec.field 1
    %count = amk_exec.field 2
    %x = amk_exec.field 8
    %page = arith.constant 128 : i32
    amk_exec.elements %first count %count {
    ^bb0(%i: i32):
      %position = amk_exec.position
      %v = amk_exec.load %x[%i + %position x 64] as f32 : f32
      %n = amk_exec.load shared %page[%i] as i32 : i32
      %f = arith.sitofp %n : i32 to f32
      %s = amk_exec.silu %v
      %y = arith.mulf %s, %f : f32
      amk_exec.store %y to %x[%i] as bf16 : f32
    }
    amk_exec.sync
  }
}

// -----

// CHECK-LABEL: gpu.module @attention
// CHECK: case 0
// Sums over a warp, in a fixed order; the softmax online.
// CHECK: nvvm.shfl.sync
// CHECK: "ex2.approx.ftz.f32 $0, $1;"
// CHECK: case 1
// Largest value and lowest index over the lanes.
// CHECK: nvvm.shfl.sync
// CHECK: llvm.store %{{.*}} : i32, !llvm.ptr<1>
amk_exec.kernel @attention on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 12, vector = 256, partial = 2048, misc = 8192, pages = 16384, total = 16384>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 1> {
  amk_exec.task_class @heads id(0) {
    %q = amk_exec.field 8
    %cache = amk_exec.field 9
    amk_exec.attention query %q key %q value %q cache %cache {
      group = 2 : i32, head_dim = 64 : i32, kv_heads = 2 : i32, positions = 128 : i32,
      query_row = 0 : i32, key_row = 256 : i32, value_row = 384 : i32}
    amk_exec.sync
  }
  amk_exec.task_class @argmax id(1) {
    %values = amk_exec.field 8
    %out = amk_exec.field 9
    amk_exec.argmax %values -> %out count(1024)
    amk_exec.sync
  }
}
