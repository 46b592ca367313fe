// RUN: amk-opt %s | FileCheck %s
// RUN: amk-opt %s | amk-opt | FileCheck %s
// RUN: amk-opt %s --mlir-print-op-generic | amk-opt | FileCheck %s
// RUN: amk-opt %s --emit-bytecode | amk-opt | FileCheck %s
// RUN: amk-translate --amk-to-program %s -o %t.amkp
// RUN: amk-translate --program-to-amk %t.amkp | FileCheck %s
// RUN: amk-translate --amk-to-program %s | amk-translate --program-to-text - | FileCheck %s --check-prefix=TEXT

// A target with clusters, and a gather that is shared in one.

#cut = #amk.cut<even 32 in 4>
#place = #amk.place<[0 to 3]>

// CHECK-LABEL: amk.schedule concurrent @clusters
// CHECK-SAME: target<chip = "sm_90", workers = 4, shared_bytes = 2048, cluster = 2>
// TEXT: target "sm_90" workers 4 shared 2048 cluster 2
amk.schedule concurrent @clusters positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 2048, cluster = 2> {
  %x = amk.buffer input : !amk.buffer<32xf32>
  %v = amk.buffer activation packets<6, #cut> : !amk.buffer<32xbf16>
  %w = amk.weight "w" : !amk.buffer<32x32xbf16>
  %y = amk.buffer output : !amk.buffer<32xf32>
  // CHECK: amk.task @vector
  // CHECK-NOT: cluster_gather
  // CHECK: {
  amk.task @vector tiles(#cut) on(#place) {
    amk.round %x -> %v : !amk.buffer<32xf32>, !amk.buffer<32xbf16>
  }
  // CHECK: amk.task @product tiles({{.*}}) on({{.*}}) cluster_gather {
  // TEXT: task "product" bounds table {{[0-9]+}} workers table {{[0-9]+}} cluster_gather
  amk.task @product tiles(#cut) on(#place) cluster_gather {
    amk.linear %v, %w -> %y : !amk.buffer<32xbf16>, !amk.buffer<32x32xbf16>, !amk.buffer<32xf32>
  }
}
