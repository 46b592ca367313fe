// RUN: amk-opt --convert-amk-to-amk-exec --split-input-file --verify-diagnostics %s | FileCheck %s

// Gathers that a cluster shares: the kernel's cluster, its area in shared memory
// (24 bytes and a sum of squares for each of the three warps that have packets),
// the gathers, and how many sums a norm has. Tasks that differ in that only are
// of two classes.

// CHECK: amk_exec.kernel @shared_kernel on "sm_90" workers(4) cluster(2)
// CHECK-SAME: misc = [[#MISC:]],
// CHECK-SAME: pages = [[#MISC + 304]], total = [[#MISC + 304]], cluster = [[#MISC + 256]]>
#cut = #amk.cut<even 512 in 4>
#all = #amk.place<[0 to 3]>
amk.schedule concurrent @shared positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 232448, cluster = 2>
    ring<slots = 16, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %x = amk.buffer input : !amk.buffer<48xi32>
  %p = amk.buffer activation packets<6, #cut> : !amk.buffer<512xbf16>
  %gain = amk.weight "gain" : !amk.buffer<512xbf16>
  %w = amk.weight "w" : !amk.buffer<512x512xbf16>
  %normed = amk.buffer local : !amk.buffer<512xf32>
  %factor = amk.buffer local : !amk.buffer<1xf32>
  %rounded = amk.buffer local : !amk.buffer<512xbf16>
  %product = amk.buffer local : !amk.buffer<512xf32>
  %y = amk.buffer output : !amk.buffer<512xf32>
  %u = amk.buffer output : !amk.buffer<512xi32>
  %v = amk.buffer output : !amk.buffer<512xi32>
  // CHECK: amk_exec.task_class @first id(0) {
  // CHECK-NOT: cluster
  amk.task @first tiles(#cut) on(#all) {
    amk.hash %x -> %p : !amk.buffer<48xi32>, !amk.buffer<512xbf16>
  }
  // CHECK: amk_exec.task_class @normed id(1) {
  // CHECK: amk_exec.gather cluster %{{.*}} generation %{{.*}} gain %{{.*}} packets<elements = 6, count = 88, table = {{[0-9]+}}, locate = {{[0-9]+}}> squares {bytes = 2 : i32, elements = 512 : i32}
  // CHECK-NEXT: amk_exec.product
  // CHECK: amk_exec.norm_scale elements(512) eps(1.000000e-05) shares(3)
  amk.task @normed tiles(#cut) on(#all) stream<rows = 4, columns = 512> cluster_gather {
    amk.rms_norm prologue %p, %gain -> %normed, %factor {eps = 1.000000e-05} : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>, !amk.buffer<512xf32>, !amk.buffer<1xf32>
    amk.round prologue %normed -> %rounded : !amk.buffer<512xf32>, !amk.buffer<512xbf16>
    amk.linear %rounded, %w -> %product : !amk.buffer<512xbf16>, !amk.buffer<512x512xbf16>, !amk.buffer<512xf32>
    amk.scale %product, %factor -> %y : !amk.buffer<512xf32>, !amk.buffer<1xf32>, !amk.buffer<512xf32>
  }
  // CHECK: amk_exec.task_class @hashed id(2) {
  // CHECK: amk_exec.gather cluster
  amk.task @hashed tiles(#cut) on(#all) cluster_gather {
    amk.hash %p -> %u : !amk.buffer<512xbf16>, !amk.buffer<512xi32>
  }
  // CHECK: amk_exec.task_class @alone id(3) {
  // CHECK: amk_exec.gather %
  amk.task @alone tiles(#cut) on(#all) {
    amk.hash %p -> %v : !amk.buffer<512xbf16>, !amk.buffer<512xi32>
  }
}

// -----

// Clusters, and nothing shared in them: no area.
// CHECK: amk_exec.kernel @none_kernel on "sm_90" workers(4) cluster(4)
// CHECK-SAME: misc = [[#MISC:]],
// CHECK-SAME: pages = [[#MISC + 256]], total = [[#MISC + 256]]>
amk.schedule concurrent @none positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 232448, cluster = 4> {
  %x = amk.buffer input : !amk.buffer<48xi32>
  %y = amk.buffer output : !amk.buffer<512xi32>
  amk.task @t {
    amk.hash %x -> %y : !amk.buffer<48xi32>, !amk.buffer<512xi32>
  }
}
