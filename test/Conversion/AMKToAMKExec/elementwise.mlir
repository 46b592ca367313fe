// RUN: amk-opt --convert-amk-to-amk-exec %s | FileCheck %s

// What is computed element by element, without a product. Nothing is streamed:
// no ring.

// CHECK: amk_exec.kernel @elementwise_kernel on "sm_80" workers(2)
// CHECK-NOT: ring<
#cut = #amk.cut<even 128 in 2>
#both = #amk.place<[0 to 1]>
amk.schedule concurrent @elementwise positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_80", workers = 2, shared_bytes = 166912> {
  %token = amk.buffer input : !amk.buffer<1xi32>
  %table = amk.weight "table" : !amk.buffer<32x128xbf16>
  %x = amk.buffer activation : !amk.buffer<128xf32>
  %xb = amk.buffer activation : !amk.buffer<128xbf16>

  // Each of two tiles: its range is in the plan row.
  // CHECK: amk_exec.task_class @embed id(0) {
  // CHECK-DAG: %[[FIRST:.*]] = amk_exec.field 1{{$}}
  // CHECK-DAG: %[[SIZE:.*]] = amk_exec.field 2{{$}}
  // CHECK: amk_exec.elements
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK: %[[TOKEN:.*]] = amk_exec.load %{{.*}}[%{{.*}}] as i32 : i32
  // A table that no product streams is not packed.
  // CHECK: %[[X:.*]] = amk_exec.load %{{.*}}[%[[I]] + %[[TOKEN]] x 128] as bf16 : f32
  // CHECK: amk_exec.store %[[X]] to %{{.*}}[%[[I]]] as f32 : f32
  // CHECK: %[[R:.*]] = amk_exec.round %[[X]]
  // CHECK: amk_exec.store %[[R]] to %{{.*}}[%[[I]]] as bf16 : f32
  amk.task @embed tiles(#cut) on(#both) {
    amk.embed %token, %table -> %x : !amk.buffer<1xi32>, !amk.buffer<32x128xbf16>, !amk.buffer<128xf32>
    amk.round %x -> %xb : !amk.buffer<128xf32>, !amk.buffer<128xbf16>
  }

  %y = amk.buffer activation : !amk.buffer<128xf32>
  // CHECK: amk_exec.task_class @silu id(1) {
  // CHECK: %[[GATE:.*]] = amk_exec.load
  // CHECK: %[[UP:.*]] = amk_exec.load
  // CHECK: %[[SILU:.*]] = amk_exec.silu %[[GATE]]
  // CHECK: %[[Y:.*]] = arith.mulf %[[SILU]], %[[UP]]
  // CHECK: amk_exec.store %[[Y]]
  amk.task @silu tiles(#cut) on(#both) {
    amk.silu_mul %x, %x -> %y : !amk.buffer<128xf32>, !amk.buffer<128xf32>, !amk.buffer<128xf32>
  }

  // Half as many elements.
  %half = amk.buffer output : !amk.buffer<64xf32>
  // CHECK: amk_exec.task_class @swiglu id(2) {
  // CHECK: arith.divui
  // CHECK: amk_exec.elements
  // CHECK: amk_exec.silu
  amk.task @swiglu tiles(#cut) on(#both) {
    amk.swiglu %y -> %half : !amk.buffer<128xf32>, !amk.buffer<64xf32>
  }

  %sum = amk.buffer output : !amk.buffer<128xf32>
  // CHECK: amk_exec.task_class @add id(3) {
  // CHECK: arith.addf
  // CHECK: amk_exec.store
  amk.task @add tiles(#cut) on(#both) {
    amk.add %x, %y -> %sum : !amk.buffer<128xf32>, !amk.buffer<128xf32>, !amk.buffer<128xf32>
  }

  // RMSNorm by itself: every tile gathers all of the input for the sum.
  %gain = amk.weight "gain" : !amk.buffer<128xbf16>
  %n = amk.buffer output : !amk.buffer<128xf32>
  %s = amk.buffer output : !amk.buffer<1xf32>
  %in = amk.buffer input : !amk.buffer<128xbf16>
  // CHECK: amk_exec.task_class @norm id(4) {
  // CHECK: amk_exec.gather %{{[^ ]*}} squares {bytes = 2 : i32, elements = 128 : i32}
  // CHECK: amk_exec.vector
  amk.task @norm {
    amk.rms_norm %in, %gain -> %n, %s {eps = 1.0e-05} : !amk.buffer<128xbf16>, !amk.buffer<128xbf16>, !amk.buffer<128xf32>, !amk.buffer<1xf32>
  }
}
