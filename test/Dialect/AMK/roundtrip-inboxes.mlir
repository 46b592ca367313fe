// RUN: amk-opt %s | FileCheck %s
// RUN: amk-opt %s | amk-opt | FileCheck %s
// RUN: amk-opt %s --mlir-print-op-generic | amk-opt | FileCheck %s
// RUN: amk-opt %s --emit-bytecode | amk-opt | FileCheck %s
// RUN: amk-translate --amk-to-program %s -o %t.amkp
// RUN: amk-translate --program-to-amk %t.amkp | FileCheck %s
// RUN: amk-translate --amk-to-program %s | amk-translate --program-to-text - | FileCheck %s --check-prefix=TEXT

// Packets in cluster memory: a page in the shared memory of every worker that
// reads them.

#cut = #amk.cut<even 32 in 4>
#place = #amk.place<[0 to 3]>

// CHECK-LABEL: amk.schedule concurrent @inboxes
amk.schedule concurrent @inboxes positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 2048, cluster = 4> {
  %x = amk.buffer input : !amk.buffer<32xf32>
  // CHECK: %v = amk.buffer activation packets<6, #{{[a-z0-9]+}}> page<cluster + 64 room 8> generation(1) :
  // TEXT: "v"{{.*}} page cluster + 64 room 8 packets of 6
  %v = amk.buffer activation packets<6, #cut> page<cluster + 64 room 8> generation(1) : !amk.buffer<32xbf16>
  %y = amk.buffer output : !amk.buffer<32xf32>
  amk.task @vector tiles(#cut) on(#place) {
    amk.round %x -> %v : !amk.buffer<32xf32>, !amk.buffer<32xbf16>
  }
  amk.task @use tiles(#cut) on(#place) {
    amk.hash %v -> %y : !amk.buffer<32xbf16>, !amk.buffer<32xf32>
  }
}
