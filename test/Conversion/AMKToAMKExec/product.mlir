// RUN: amk-opt --convert-amk-to-amk-exec %s | FileCheck %s

// Products and what is fused with them. One worker: hand-offs by queue order.

// The schedule stays, with its kernel beside it.
// CHECK: amk.schedule concurrent @products
// CHECK: amk_exec.kernel @products_kernel on "sm_90" workers(1)
// CHECK-SAME: ring<slots = 16, bytes = 2048, window = 4, ahead = 2, held = 1>
amk.schedule concurrent @products positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 1, shared_bytes = 232448>
    ring<slots = 16, bytes = 2048, window = 4, ahead = 2, teams = 8> {
  %x = amk.buffer input : !amk.buffer<512xbf16>
  %gain = amk.weight "gain" : !amk.buffer<512xbf16>
  %rope = amk.buffer constant rope<head_dim = 64, theta = 1.0e+04> : !amk.buffer<16x32x2xf32>
  %w = amk.weight "w" : !amk.buffer<128x512xbf16>
  %plain = amk.buffer activation : !amk.buffer<128xf32>

  // The input is brought to shared memory, the weight comes by the ring: K in
  // slices of a stage's columns, whose sums are added where a value is used.
  // CHECK: amk_exec.task_class @plain id(0) {
  // CHECK-DAG: %[[X:.*]] = amk_exec.field 8{{$}}
  // CHECK-DAG: %[[OUT:.*]] = amk_exec.field 10{{$}}
  // CHECK-NOT: amk_exec.poll
  // CHECK: amk_exec.gather %[[X]] {bytes = 2 : i32, elements = 512 : i32}
  // CHECK-NEXT: amk_exec.product columns(256) slices(2)
  // CHECK: amk_exec.elements %{{.*}} count %{{[^ ]*}} {
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK: %[[SUM:.*]] = amk_exec.partial %[[I]] slices(2)
  // CHECK: amk_exec.store %[[SUM]] to %[[OUT]][%[[I]]] as f32 : f32
  // CHECK: }
  // CHECK-NEXT: amk_exec.sync
  amk.task @plain stream<rows = 4, columns = 256> {
    amk.linear %x, %w -> %plain : !amk.buffer<512xbf16>, !amk.buffer<128x512xbf16>, !amk.buffer<128xf32>
  }

  // RMSNorm before the product: the gain is applied on the way into shared
  // memory, the scale to the product's result.
  %n0 = amk.buffer local : !amk.buffer<512xf32>
  %s = amk.buffer local : !amk.buffer<1xf32>
  %n = amk.buffer local : !amk.buffer<512xbf16>
  %q0 = amk.buffer local : !amk.buffer<128xf32>
  %q1 = amk.buffer local : !amk.buffer<128xf32>
  %q2 = amk.buffer local : !amk.buffer<128xf32>
  %q = amk.buffer activation : !amk.buffer<128xbf16>
  %cache = amk.buffer kv_cache : !amk.buffer<2x1x16x64xbf16>
  // CHECK: amk_exec.task_class @qkv id(1) {
  // Cosine and sine of the lane's element come before the input is awaited.
  // CHECK: %[[LANE:.*]] = amk_exec.lane_element %{{.*}} count %{{.*}}
  // CHECK: arith.remui %[[LANE]]
  // CHECK: %[[POSITION:.*]] = amk_exec.position
  // CHECK: %[[COSINE:.*]] = amk_exec.load %{{.*}}[%{{.*}} + %[[POSITION]] x 64] as f32
  // CHECK: %[[SINE:.*]] = amk_exec.load %{{.*}}[%{{.*}} + %[[POSITION]] x 64] as f32
  // CHECK: amk_exec.gather %{{.*}} gain %{{.*}} squares {bytes = 2 : i32, elements = 512 : i32}
  // CHECK-NEXT: amk_exec.product columns(256) slices(2)
  // CHECK: %[[SCALE:.*]] = amk_exec.norm_scale elements(512) eps(1.000000e-05)
  // CHECK: amk_exec.elements
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK: %[[P:.*]] = amk_exec.partial %[[I]] slices(2)
  // CHECK: %[[SELF:.*]] = arith.mulf %[[P]], %[[SCALE]]
  // The other value of the RoPE pair, in the row beside it.
  // CHECK: %[[J:.*]] = arith.xori %[[I]]
  // CHECK: %[[P2:.*]] = amk_exec.partial %[[J]] slices(2)
  // CHECK: arith.mulf %[[P2]], %[[SCALE]]
  // CHECK-NOT: amk_exec.load
  // CHECK: %[[MINUS:.*]] = arith.negf %[[SINE]]
  // CHECK: arith.select %{{.*}}, %[[MINUS]], %[[SINE]]
  // CHECK: arith.mulf %[[SELF]], %[[COSINE]]
  // CHECK: arith.addf
  // CHECK: %[[R:.*]] = amk_exec.round
  // CHECK: amk_exec.store %[[R]] to %{{.*}}[%[[I]]] as bf16
  // The last 64 rows go to the cache, at the position of the launch.
  // CHECK: %[[IN:.*]] = arith.cmpi sge, %[[I]]
  // CHECK: amk_exec.store %[[R]] to %{{.*}}[%{{.*}}] if %[[IN]] as bf16
  amk.task @qkv stream<rows = 4, columns = 256, held = 1> {
    amk.rms_norm prologue %x, %gain -> %n0, %s {eps = 1.0e-05} : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>, !amk.buffer<512xf32>, !amk.buffer<1xf32>
    amk.round prologue %n0 -> %n : !amk.buffer<512xf32>, !amk.buffer<512xbf16>
    amk.linear %n, %w -> %q0 : !amk.buffer<512xbf16>, !amk.buffer<128x512xbf16>, !amk.buffer<128xf32>
    amk.scale %q0, %s -> %q1 : !amk.buffer<128xf32>, !amk.buffer<1xf32>, !amk.buffer<128xf32>
    amk.rope %q1, %rope -> %q2 {head_dim = 64, rotated_rows = 128} : !amk.buffer<128xf32>, !amk.buffer<16x32x2xf32>, !amk.buffer<128xf32>
    amk.round %q2 -> %q : !amk.buffer<128xf32>, !amk.buffer<128xbf16>
    amk.kv_append %q -> %cache {from = 64, to = 0} : !amk.buffer<128xbf16>, !amk.buffer<2x1x16x64xbf16>
  }

  // A residual, and one half as many results as rows.
  %r = amk.buffer activation page<shared + 0> : !amk.buffer<128xf32>
  %o0 = amk.buffer local : !amk.buffer<128xf32>
  // CHECK: amk_exec.task_class @residual id(2) {
  // CHECK: amk_exec.elements
  // CHECK: %[[OLD:.*]] = amk_exec.load %{{.*}}[%{{.*}}] as f32
  // CHECK: %[[NEW:.*]] = amk_exec.partial
  // CHECK: %[[ADDED:.*]] = arith.addf %[[OLD]], %[[NEW]]
  // CHECK: amk_exec.store shared %[[ADDED]] to %{{.*}} as f32
  amk.task @residual stream<rows = 4, columns = 256> {
    amk.linear %x, %w -> %o0 : !amk.buffer<512xbf16>, !amk.buffer<128x512xbf16>, !amk.buffer<128xf32>
    amk.add %plain, %o0 -> %r : !amk.buffer<128xf32>, !amk.buffer<128xf32>, !amk.buffer<128xf32>
  }

  %gu = amk.buffer local : !amk.buffer<128xf32>
  %m0 = amk.buffer local : !amk.buffer<64xf32>
  %m = amk.buffer output : !amk.buffer<64xbf16>
  // CHECK: amk_exec.task_class @gate_up id(3) {
  // CHECK: amk_exec.elements
  // CHECK: %[[EVEN:.*]] = arith.muli
  // CHECK: %[[GATE:.*]] = amk_exec.partial %[[EVEN]] slices(2)
  // CHECK: %[[ODD:.*]] = arith.addi %[[EVEN]]
  // CHECK: %[[UP:.*]] = amk_exec.partial %[[ODD]] slices(2)
  // CHECK: %[[SILU:.*]] = amk_exec.silu %[[GATE]]
  // CHECK: arith.mulf %[[SILU]], %[[UP]]
  // CHECK: amk_exec.round
  amk.task @gate_up stream<rows = 4, columns = 256> {
    amk.linear %x, %w -> %gu : !amk.buffer<512xbf16>, !amk.buffer<128x512xbf16>, !amk.buffer<128xf32>
    amk.swiglu %gu -> %m0 : !amk.buffer<128xf32>, !amk.buffer<64xf32>
    amk.round %m0 -> %m : !amk.buffer<64xf32>, !amk.buffer<64xbf16>
  }

  // The same body with other operands is the same class.
  %again = amk.buffer activation : !amk.buffer<128xf32>
  // CHECK-NOT: @again
  amk.task @again stream<rows = 4, columns = 256> {
    amk.linear %x, %w -> %again : !amk.buffer<512xbf16>, !amk.buffer<128x512xbf16>, !amk.buffer<128xf32>
  }
}
