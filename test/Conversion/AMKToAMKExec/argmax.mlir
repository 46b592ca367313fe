// RUN: amk-opt --convert-amk-to-amk-exec %s | FileCheck %s

#cut = #amk.cut<even 128 in 2>
amk.schedule concurrent @argmax positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 2, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<128xf32>
  %values = amk.buffer activation : !amk.buffer<8xf32>
  %indices = amk.buffer activation : !amk.buffer<8xi32>
  %done = amk.counter 1

  // Both results of a block are stored by its first lane.
  // CHECK: amk_exec.task_class @blocks id(0) {
  // CHECK: amk_exec.elements
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK: %[[X:.*]] = amk_exec.load
  // CHECK: %[[BEST:.*]], %[[AT:.*]] = amk_exec.block_argmax %[[X]] at %[[I]] block(16)
  // CHECK: %[[BLOCK:.*]] = arith.divui %[[I]]
  // CHECK: %[[FIRST:.*]] = arith.cmpi eq
  // CHECK: amk_exec.store %[[BEST]] to %{{.*}}[%[[BLOCK]]] if %[[FIRST]] as f32
  // CHECK: amk_exec.store %[[AT]] to %{{.*}}[%[[BLOCK]]] if %[[FIRST]] as i32
  // CHECK: amk_exec.signal
  amk.task @blocks tiles(#cut) on(#amk.place<[0 to 1]>) signal(%done) {
    amk.argmax_blocks %x -> %values, %indices {block = 16} : !amk.buffer<128xf32>, !amk.buffer<8xf32>, !amk.buffer<8xi32>
  }

  %next = amk.buffer output : !amk.buffer<1xi32>
  // CHECK: amk_exec.task_class @combine id(1) {
  // CHECK: amk_exec.poll
  // CHECK-NEXT: amk_exec.argmax %{{.*}} indices %{{.*}} -> %{{.*}} count(8)
  // CHECK-NEXT: amk_exec.sync
  amk.task @combine wait(%done >= 2) {
    amk.argmax_combine %values, %indices -> %next : !amk.buffer<8xf32>, !amk.buffer<8xi32>, !amk.buffer<1xi32>
  }

  %whole = amk.buffer output : !amk.buffer<1xi32>
  // CHECK: amk_exec.task_class @whole id(2) {
  // CHECK-NOT: amk_exec.poll
  // CHECK: amk_exec.argmax %{{[^ ]*}} -> %{{.*}} count(128)
  amk.task @whole {
    amk.argmax %x -> %whole : !amk.buffer<128xf32>, !amk.buffer<1xi32>
  }
}
