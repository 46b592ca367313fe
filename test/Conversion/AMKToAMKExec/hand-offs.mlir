// RUN: amk-opt --convert-amk-to-amk-exec %s | FileCheck %s

// Hand-offs: packets, counters, the same worker; and the test operator.

// Two generations of packets share a page.
// CHECK: amk_exec.kernel @handoffs_kernel on "sm_90" workers(2)
// CHECK-SAME: generations = 2
#cut = #amk.cut<even 64 in 2>
#both = #amk.place<[0 to 1]>
amk.schedule concurrent @handoffs positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 2, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<64xi32>
  %p0 = amk.buffer activation packets<6, #cut> page<scratch + 0> : !amk.buffer<64xbf16>
  %p1 = amk.buffer activation packets<6, #cut> page<scratch + 0> generation(1) : !amk.buffer<64xbf16>
  %y = amk.buffer activation : !amk.buffer<64xf32>
  %z = amk.buffer output : !amk.buffer<64xf32>
  %read = amk.counter 1
  %done = amk.counter 1

  // A packet buffer that is written: its place, and in one word generation and
  // first packet, are in the plan row.
  // CHECK: amk_exec.task_class @first id(0) {
  // CHECK-DAG: %[[X:.*]] = amk_exec.field 8{{$}}
  // CHECK-DAG: %[[P:.*]] = amk_exec.field 9{{$}}
  // CHECK-DAG: %[[W:.*]] = amk_exec.field 10{{$}}
  // CHECK-DAG: %[[G:.*]] = arith.andi %[[W]], %{{.*}} : i32
  // CHECK-DAG: %[[N:.*]] = arith.shrui %[[W]], %{{.*}} : i32
  // CHECK: amk_exec.gather %[[X]] {bytes = 4 : i32, elements = 64 : i32}
  // CHECK: amk_exec.elements %{{.*}} count %{{.*}} packet(6) {
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK: %[[H:.*]] = amk_exec.hash %[[I]] bytes(256)
  // CHECK: amk_exec.publish %[[H]] to %[[P]] generation %[[G]] packet %[[N]] : i32
  amk.task @first tiles(#cut) on(#both) {
    amk.hash %x -> %p0 : !amk.buffer<64xi32>, !amk.buffer<64xbf16>
  }
  // Reading a packet is waiting for it: no poll.
  // CHECK: amk_exec.task_class @second id(1) {
  // CHECK-NOT: amk_exec.poll
  // CHECK: amk_exec.gather %{{.*}} generation %{{.*}} packets<elements = 6, count = 12, table = {{[0-9]+}}, locate = {{[0-9]+}}> {bytes = 2 : i32, elements = 64 : i32}
  // CHECK: amk_exec.store
  // CHECK: amk_exec.signal
  amk.task @second tiles(#cut) on(#both) signal(%read) {
    amk.hash %p0 -> %y : !amk.buffer<64xbf16>, !amk.buffer<64xf32>
  }
  // CHECK: amk_exec.task_class @third id(2) {
  // CHECK: amk_exec.poll
  // CHECK: amk_exec.gather
  // CHECK: amk_exec.publish
  // CHECK: amk_exec.sync
  amk.task @third tiles(#cut) on(#both) wait(%read >= 2) {
    amk.hash %y -> %p1 : !amk.buffer<64xf32>, !amk.buffer<64xbf16>
  }
  amk.task @fourth tiles(#cut) on(#both) signal(%done) {
    amk.hash %p1 -> %z : !amk.buffer<64xbf16>, !amk.buffer<64xf32>
  }
}
