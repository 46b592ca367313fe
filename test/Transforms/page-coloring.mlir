// RUN: amk-opt %s --amk-synchronization --amk-page-coloring --split-input-file | FileCheck %s
// RUN: amk-opt %s --amk-synchronization --amk-page-coloring --remarks-filter=amk-page-coloring --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: amk-opt %s --amk-synchronization --amk-page-coloring=policy=linear --split-input-file | FileCheck %s --check-prefix=LINEAR
// RUN: amk-opt %s --amk-synchronization --amk-page-coloring=policy=none --split-input-file | FileCheck %s --check-prefix=NONE
// RUN: amk-opt %s --amk-synchronization --amk-page-coloring=shared-bytes=0 --split-input-file | FileCheck %s --check-prefix=SMALL
// RUN: not amk-opt %s --amk-page-coloring --split-input-file 2>&1 | FileCheck %s --check-prefix=EARLY

// A chain of hashes, each read by all workers: y and w are never alive at
// once. The counters between make one's accesses happen before the other's.

// REMARK: buffers=0{{.*}} space=shared
// REMARK: bound bytes=256, buffers=3, generations=1, peak bytes=256, space=scratch, unshared bytes=384
// CHECK-LABEL: amk.schedule concurrent @chain
// CHECK: %y = amk.buffer activation page<scratch + 0>
// CHECK: %z = amk.buffer activation page<scratch + 128>
// CHECK: %w = amk.buffer activation page<scratch + 0>

// LINEAR-LABEL: amk.schedule concurrent @chain
// LINEAR: %y = amk.buffer activation page<scratch + 0>
// LINEAR: %z = amk.buffer activation page<scratch + 128>
// LINEAR: %w = amk.buffer activation page<scratch + 256>

// NONE-NOT: page<

// EARLY: error: amk-page-coloring: expected a concurrent schedule: lifetimes come from hand-offs
#cut = #amk.cut<even 16 in 4>
#on = #amk.place<[0 to 3]>
amk.schedule @chain positions(1) numerics<k_block = 2048, kv_block = 64> target<chip = "sm_90", workers = 4, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<16xf32>
  %y = amk.buffer activation : !amk.buffer<16xf32>
  %z = amk.buffer activation : !amk.buffer<16xf32>
  %w = amk.buffer activation : !amk.buffer<16xf32>
  %r = amk.buffer output : !amk.buffer<16xf32>
  amk.task @first tiles(#cut) on(#on) {
    amk.hash %x -> %y : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @second tiles(#cut) on(#on) {
    amk.hash %y -> %z : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @third tiles(#cut) on(#on) {
    amk.hash %z -> %w : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @fourth tiles(#cut) on(#on) {
    amk.hash %w -> %r : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
}

// -----

// Every element stays with one worker: shared memory, and the queue alone
// orders the lifetimes.

// CHECK-LABEL: amk.schedule concurrent @owned
// CHECK: %y = amk.buffer activation page<shared + 0>
// CHECK: %z = amk.buffer activation page<shared + 128>
// CHECK: %w = amk.buffer activation page<shared + 0>

// Without room there, scratch.
// SMALL-LABEL: amk.schedule concurrent @owned
// SMALL: %y = amk.buffer activation page<scratch + 0>
#cut = #amk.cut<even 16 in 4>
#on = #amk.place<[0 to 3]>
amk.schedule @owned positions(1) numerics<k_block = 2048, kv_block = 64> target<chip = "sm_90", workers = 4, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<16xf32>
  %y = amk.buffer activation : !amk.buffer<16xf32>
  %z = amk.buffer activation : !amk.buffer<16xf32>
  %w = amk.buffer activation : !amk.buffer<16xf32>
  %r = amk.buffer output : !amk.buffer<16xf32>
  amk.task @first tiles(#cut) on(#on) {
    amk.hash %x -> %y : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @second tiles(#cut) on(#on) {
    amk.add %y, %y -> %z : !amk.buffer<16xf32>, !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @third tiles(#cut) on(#on) {
    amk.add %z, %z -> %w : !amk.buffer<16xf32>, !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @fourth tiles(#cut) on(#on) {
    amk.add %w, %w -> %r : !amk.buffer<16xf32>, !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
}
