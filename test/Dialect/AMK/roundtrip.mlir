// RUN: amk-opt %s | FileCheck %s
// RUN: amk-opt %s | amk-opt | FileCheck %s
// RUN: amk-opt %s --mlir-print-op-generic | amk-opt | FileCheck %s
// RUN: amk-opt %s --emit-bytecode | amk-opt | FileCheck %s

// Everything that the structure of a schedule can say.

// CHECK-DAG: #[[$CUT:.*]] = #amk.cut<even 64 in 4>
// CHECK-DAG: #[[$ODD:.*]] = #amk.cut<sizes [32, 8 times 4]>
// CHECK-DAG: #[[$FAN:.*]] = #amk.fan<[0 times 2, 1 times 2]>
// CHECK-DAG: #[[$FAN2:.*]] = #amk.fan<[0] through [1]>
// CHECK-DAG: #[[$PLACE2:.*]] = #amk.place<[0 to 3, 0]>
// CHECK-DAG: #[[$PLACE:.*]] = #amk.place<[0 to 3]>
#cut = #amk.cut<even 64 in 4>
#fan = #amk.fan<[0, 0, 1, 1]>
#place = #amk.place<[0 to 3]>

// CHECK-LABEL: amk.schedule concurrent @handoffs positions(16)
// CHECK-SAME: numerics<k_block = 2048, kv_block = 64>
// CHECK-SAME: target<chip = "sm_90", workers = 4, shared_bytes = 2048>
// CHECK-SAME: ring<slots = 2, bytes = 256, window = 1, ahead = 1, teams = 2>
// CHECK-SAME: end_tokens [1, 2]
amk.schedule concurrent @handoffs positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 2048>
    ring<slots = 2, bytes = 256, window = 1, ahead = 1, teams = 2> end_tokens [1, 2] {
  // CHECK: %x = amk.buffer input : !f32_64
  %x = amk.buffer input : !amk.buffer<64xf32>
  // CHECK: %bytes = amk.buffer activation page<scratch + 256> : !f32_64
  %bytes = amk.buffer activation page<scratch + 256> : !amk.buffer<64xf32>
  // CHECK: %mine = amk.buffer activation page<shared + 0> : !f32_64
  %mine = amk.buffer activation page<shared + 0> : !amk.buffer<64xf32>
  // CHECK: %stamped = amk.buffer activation packets<6, #[[$CUT]]> page<scratch + 512> generation(1) : !bf16_64
  %stamped = amk.buffer activation packets<6, #cut> page<scratch + 512> generation(1) : !amk.buffer<64xbf16>
  // A name that is no SSA name.
  // CHECK: %a_name = amk.buffer output "a name" : !f32_64
  %out = amk.buffer output "a name" : !amk.buffer<64xf32>
  // CHECK: %done = amk.counter 2
  %done = amk.counter 2
  // CHECK: amk.task @first tiles(#[[$CUT]]) on(#[[$PLACE]]) signal(%done[#[[$FAN]]])
  amk.task @first tiles(#cut) on(#place) signal(%done[#fan]) {
    // CHECK-NEXT: amk.hash %x -> %bytes : !f32_64, !f32_64
    amk.hash %x -> %bytes : !amk.buffer<64xf32>, !amk.buffer<64xf32>
  }
  // CHECK: amk.task @second tiles(#[[$CUT]]) on(#[[$PLACE]]) wait(%done[#[[$FAN2]]] >= 2)
  amk.task @second tiles(#cut) on(#place) wait(%done[#amk.fan<[0] through [1]>] >= 2) {
    // CHECK-NEXT: amk.hash %bytes -> %mine
    amk.hash %bytes -> %mine : !amk.buffer<64xf32>, !amk.buffer<64xf32>
    // CHECK-NEXT: amk.round %mine -> %stamped : !f32_64, !bf16_64
    amk.round %mine -> %stamped : !amk.buffer<64xf32>, !amk.buffer<64xbf16>
  }
  // CHECK: amk.task @third tiles(#[[$ODD]]) on(#[[$PLACE2]])
  amk.task @third tiles(#amk.cut<bounds [0, 32, 40, 48, 56, 64]>) on(#amk.place<[0 to 3, 0]>) {
    amk.hash %stamped -> %out : !amk.buffer<64xbf16>, !amk.buffer<64xf32>
  }
}
