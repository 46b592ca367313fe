// RUN: amk-opt %s --amk-synchronization --split-input-file | FileCheck %s
// RUN: amk-opt %s --amk-synchronization=packets=0 --split-input-file | FileCheck %s --check-prefix=COUNTERS
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-synchronization | FileCheck %s --check-prefix=LAYER
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-synchronization --remarks-filter=amk-synchronization -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not amk-opt %s --amk-synchronization=packets=5 --split-input-file 2>&1 | FileCheck %s --check-prefix=FIVE

// A value that is gathered: packets, cut as their producers are.

// CHECK: #[[$CUT:.*]] = #amk.cut<even 16 in 4>
// CHECK: amk.schedule concurrent @packets
// CHECK: amk.buffer activation packets<6, #[[$CUT]]> : !bf16_16
// CHECK: amk.task @first tiles(#[[$CUT]]) on(#{{[a-z0-9]*}}) {
// CHECK: amk.task @second tiles(#[[$CUT]]) on(#{{[a-z0-9]*}}) {

// COUNTERS: amk.schedule concurrent @packets
// COUNTERS: %[[C:.*]] = amk.counter 1
// COUNTERS: amk.task @first {{.*}} signal(%[[C]])
// COUNTERS: amk.task @second {{.*}} wait(%[[C]] >= 4)

// FIVE: error: amk-synchronization: expected packets of 4 or 6 values (or 0 for none), found 5
#cut = #amk.cut<even 16 in 4>
#on = #amk.place<[0 to 3]>
amk.schedule @packets positions(1) numerics<k_block = 2048, kv_block = 64> target<chip = "sm_90", workers = 4, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<16xf32>
  %y = amk.buffer activation : !amk.buffer<16xbf16>
  %z = amk.buffer output : !amk.buffer<16xf32>
  amk.task @first tiles(#cut) on(#on) {
    amk.hash %x -> %y : !amk.buffer<16xf32>, !amk.buffer<16xbf16>
  }
  amk.task @second tiles(#cut) on(#on) {
    amk.hash %y -> %z : !amk.buffer<16xbf16>, !amk.buffer<16xf32>
  }
}

// -----

// Elementwise, cut otherwise: a counter for every set of producers. The first
// reader needs the first two writers, the second the other two.

// CHECK-LABEL: amk.schedule concurrent @counters
// CHECK: %[[C:.*]] = amk.counter 2
// CHECK: amk.task @first {{.*}} signal(%[[C]][#[[F:.*]]])
// CHECK: amk.task @second {{.*}} wait(%[[C]][#[[G:.*]]] >= 2)
#cut = #amk.cut<even 16 in 4>
#cut2 = #amk.cut<even 16 in 2>
#on = #amk.place<[0 to 3]>
#on2 = #amk.place<[3, 0]>
amk.schedule @counters positions(1) numerics<k_block = 2048, kv_block = 64> target<chip = "sm_90", workers = 4, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<16xf32>
  %y = amk.buffer activation : !amk.buffer<16xf32>
  %z = amk.buffer output : !amk.buffer<16xf32>
  amk.task @first tiles(#cut) on(#on) {
    amk.hash %x -> %y : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @second tiles(#cut2) on(#on2) {
    amk.add %y, %y -> %z : !amk.buffer<16xf32>, !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
}

// -----

// The third task reads what the first wrote; that the second's hand-off
// implies it is seen, and nothing is signalled twice. The last one overwrites
// what the second has read, and waits for that.

// CHECK-LABEL: amk.schedule concurrent @implied
// CHECK: amk.task @first
// CHECK-SAME: signal(%[[A:[a-z_]*]])
// CHECK: amk.task @second
// CHECK-SAME: wait(%[[A]] >= 2) signal(%[[B:[a-z_]*]])
// CHECK: amk.task @third
// CHECK-SAME: wait(%[[B]] >= 2)
// CHECK-NOT: wait
// CHECK: amk.task @again
#cut = #amk.cut<even 16 in 2>
#on = #amk.place<[0 to 1]>
#one = #amk.place<[0]>
amk.schedule @implied positions(1) numerics<k_block = 2048, kv_block = 64> target<chip = "sm_90", workers = 2, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<16xf32>
  %y = amk.buffer activation : !amk.buffer<16xf32>
  %z = amk.buffer activation : !amk.buffer<16xf32>
  %r = amk.buffer output : !amk.buffer<16xf32>
  amk.task @first tiles(#cut) on(#on) {
    amk.hash %x -> %y : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @second tiles(#cut) on(#on) {
    amk.hash %y -> %z : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @third on(#one) {
    amk.add %y, %z -> %r : !amk.buffer<16xf32>, !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
  amk.task @again on(#one) {
    amk.hash %x -> %y : !amk.buffer<16xf32>, !amk.buffer<16xf32>
  }
}

// REMARK: Category:amk-synchronization | Function=decode | cluster gathers=0, cluster packets=0, counter=5, counters=1, counters before=1, dependences={{.*}}, implied=0, inbox bytes=0, packet buffers=6, packets={{[0-9]+}}, polled packets={{[0-9]+}}, polled packets before={{[0-9]+}}, same worker={{.*}}, signals=6, signals before=6, signals removed=0, waits=1, waits before=1, waits removed=0
// LAYER: amk.schedule concurrent @decode
// LAYER: %residual = amk.buffer activation :
// LAYER: %qkv = amk.buffer activation packets<6, #{{.*}}> :
// LAYER: %argmax_in = amk.counter 1
