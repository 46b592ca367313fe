// RUN: amk-opt --convert-amk-to-amk-exec %s | FileCheck %s

// What an element needs of read-only memory is loaded before its tile waits for
// anything, if no lane has a second element: eight warps have 256.
#cut = #amk.cut<even 512 in 2>
#both = #amk.place<[0 to 1]>
amk.schedule concurrent @ahead positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_80", workers = 2, shared_bytes = 166912> {
  %rope = amk.buffer constant rope<head_dim = 64, theta = 1.0e+04> : !amk.buffer<16x32x2xf32>
  %x = amk.buffer input : !amk.buffer<512xf32>
  %y = amk.buffer activation : !amk.buffer<512xf32>
  %z = amk.buffer output : !amk.buffer<512xf32>
  %made = amk.counter 1

  // CHECK: amk_exec.task_class @two_tiles id(0) {
  // CHECK: %[[LANE:.*]] = amk_exec.lane_element %{{.*}} count %
  // CHECK-COUNT-2: amk_exec.load %{{.*}}[%{{.*}} + %{{.*}} x 64] as f32
  // CHECK: amk_exec.elements
  // CHECK-NOT: x 64] as f32
  // CHECK: amk_exec.signal
  amk.task @two_tiles tiles(#cut) on(#both) signal(%made) {
    amk.rope %x, %rope -> %y {head_dim = 64, rotated_rows = 512} : !amk.buffer<512xf32>, !amk.buffer<16x32x2xf32>, !amk.buffer<512xf32>
  }
  // CHECK: amk_exec.task_class @one_tile id(1) {
  // CHECK-NOT: amk_exec.lane_element
  // CHECK: amk_exec.poll
  // CHECK: amk_exec.elements
  // CHECK-COUNT-2: amk_exec.load %{{.*}}[%{{.*}} + %{{.*}} x 64] as f32
  amk.task @one_tile wait(%made >= 2) {
    amk.rope %y, %rope -> %z {head_dim = 64, rotated_rows = 512} : !amk.buffer<512xf32>, !amk.buffer<16x32x2xf32>, !amk.buffer<512xf32>
  }
}
