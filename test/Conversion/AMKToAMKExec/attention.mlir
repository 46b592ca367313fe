// RUN: amk-opt --convert-amk-to-amk-exec %s | FileCheck %s

amk.schedule concurrent @attention positions(128) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 2, shared_bytes = 232448> {
  %q = amk.buffer input : !amk.buffer<256xbf16>
  %k = amk.buffer input : !amk.buffer<64xbf16>
  %v = amk.buffer input : !amk.buffer<64xbf16>
  %cache = amk.buffer kv_cache : !amk.buffer<2x1x128x64xbf16>
  %o0 = amk.buffer local : !amk.buffer<256xf32>
  %o = amk.buffer output : !amk.buffer<256xbf16>

  // A tile is a number of query heads; its result lies by index in the tile.
  // CHECK: amk_exec.task_class @heads id(0) {
  // CHECK-DAG: %[[FIRST:.*]] = amk_exec.field 1{{$}}
  // CHECK-DAG: %[[Q:.*]] = amk_exec.field 8{{$}}
  // CHECK-DAG: %[[K:.*]] = amk_exec.field 9{{$}}
  // CHECK-DAG: %[[V:.*]] = amk_exec.field 10{{$}}
  // CHECK-DAG: %[[CACHE:.*]] = amk_exec.field 11{{$}}
  // CHECK: amk_exec.attention query %[[Q]] key %[[K]] value %[[V]] cache %[[CACHE]]
  // CHECK-SAME: group = 4 : i32, head_dim = 64 : i32
  // CHECK-SAME: kv_heads = 1 : i32, positions = 128 : i32
  // CHECK: amk_exec.elements
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK: %[[BEFORE:.*]] = arith.muli %[[FIRST]]
  // CHECK: %[[IN:.*]] = arith.subi %[[I]], %[[BEFORE]]
  // CHECK: %[[O:.*]] = amk_exec.result %[[IN]] offset(2880)
  // CHECK: %[[R:.*]] = amk_exec.round %[[O]]
  // CHECK: amk_exec.store %[[R]] to %{{.*}}[%[[I]]] as bf16
  amk.task @heads tiles(#amk.cut<even 4 in 2>) on(#amk.place<[0 to 1]>) {
    amk.attention %q, %k, %v, %cache -> %o0 {group = 4, head_dim = 64, query_row = 0, key_row = 0, value_row = 0} : !amk.buffer<256xbf16>, !amk.buffer<64xbf16>, !amk.buffer<64xbf16>, !amk.buffer<2x1x128x64xbf16>, !amk.buffer<256xf32>
    amk.round %o0 -> %o : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
  }
}
