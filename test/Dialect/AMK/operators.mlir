// RUN: amk-opt %s | FileCheck %s
// RUN: amk-opt %s --mlir-print-op-generic | amk-opt | FileCheck %s

// Every operator, in a model of one layer.

// CHECK-LABEL: amk.schedule @layer positions(128)
amk.schedule @layer positions(128) numerics<k_block = 2048, kv_block = 64> {
  %token = amk.buffer input : !amk.buffer<1xi32>
  // CHECK: %rope = amk.buffer constant rope<head_dim = 64, theta = 1.000000e+04> : !f32_128_32_2
  %rope = amk.buffer constant rope<head_dim = 64, theta = 1.0e+04> : !amk.buffer<128x32x2xf32>
  // CHECK: %rope3 = amk.buffer constant rope<head_dim = 64, theta = 5.000000e+05, llama3(factor = 3.200000e+01, low = 1.000000e+00, high = 4.000000e+00, original = 8192)>
  %rope3 = amk.buffer constant rope<head_dim = 64, theta = 5.0e+05, llama3(factor = 32.0, low = 1.0, high = 4.0, original = 8192)> : !amk.buffer<128x32x2xf32>
  // CHECK: %table = amk.weight "embed.weight" : !bf16_32_128
  %table = amk.weight "embed.weight" : !amk.buffer<32x128xbf16>
  // CHECK: %gain = amk.weight "norm.weight" : !bf16_128
  %gain = amk.weight "norm.weight" : !amk.buffer<128xbf16>
  // CHECK: %qkv = amk.weight "q" rows 128 rope_pairs 64, "k" rows 64 rope_pairs 64, "v" rows 64 : !bf16_256_128
  %qkv = amk.weight "q" rows 128 rope_pairs 64, "k" rows 64 rope_pairs 64, "v" rows 64 : !amk.buffer<256x128xbf16>
  // CHECK: %gate_up = amk.weight "gate up" = "gate", "up" interleave : !bf16_256_128
  %w = amk.weight "gate up" = "gate", "up" interleave : !amk.buffer<256x128xbf16>
  %x = amk.buffer activation : !amk.buffer<128xf32>
  %xb = amk.buffer activation : !amk.buffer<128xbf16>
  %y = amk.buffer local : !amk.buffer<128xf32>
  %factor = amk.buffer local : !amk.buffer<1xf32>
  %n = amk.buffer local : !amk.buffer<128xbf16>
  %a0 = amk.buffer local : !amk.buffer<256xf32>
  %a1 = amk.buffer local : !amk.buffer<256xf32>
  %a2 = amk.buffer local : !amk.buffer<256xf32>
  %a = amk.buffer activation : !amk.buffer<256xbf16>
  %cache = amk.buffer kv_cache : !amk.buffer<2x1x128x64xbf16>
  %o = amk.buffer activation : !amk.buffer<128xf32>
  // CHECK: amk.embed %token, %table -> %x : !i32_1, !bf16_32_128, !f32_128
  amk.task @embed {
    amk.embed %token, %table -> %x : !amk.buffer<1xi32>, !amk.buffer<32x128xbf16>, !amk.buffer<128xf32>
    // CHECK-NEXT: amk.round %x -> %xb : !f32_128, !bf16_128
    amk.round %x -> %xb : !amk.buffer<128xf32>, !amk.buffer<128xbf16>
  }
  amk.task @qkv {
    // CHECK: amk.rms_norm prologue %xb, %gain -> %y, %factor {eps = 1.000000e-05}
    amk.rms_norm prologue %xb, %gain -> %y, %factor {eps = 1.0e-05} : !amk.buffer<128xbf16>, !amk.buffer<128xbf16>, !amk.buffer<128xf32>, !amk.buffer<1xf32>
    amk.round prologue %y -> %n : !amk.buffer<128xf32>, !amk.buffer<128xbf16>
    // CHECK: amk.linear %n, %qkv -> %a0
    amk.linear %n, %qkv -> %a0 : !amk.buffer<128xbf16>, !amk.buffer<256x128xbf16>, !amk.buffer<256xf32>
    // CHECK-NEXT: amk.scale %a0, %factor -> %a1
    amk.scale %a0, %factor -> %a1 : !amk.buffer<256xf32>, !amk.buffer<1xf32>, !amk.buffer<256xf32>
    // CHECK-NEXT: amk.rope %a1, %rope -> %a2 {head_dim = 64, rotated_rows = 192}
    amk.rope %a1, %rope -> %a2 {head_dim = 64, rotated_rows = 192} : !amk.buffer<256xf32>, !amk.buffer<128x32x2xf32>, !amk.buffer<256xf32>
    amk.round %a2 -> %a : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
    // CHECK: amk.kv_append %a -> %cache {from = 128, to = 0}
    amk.kv_append %a -> %cache {from = 128, to = 0} : !amk.buffer<256xbf16>, !amk.buffer<2x1x128x64xbf16>
  }
  amk.task @attention {
    // CHECK: amk.attention %a, %a, %a, %cache -> %o {group = 2, head_dim = 64, key_row = 128, query_row = 0, value_row = 192}
    amk.attention %a, %a, %a, %cache -> %o {group = 2, head_dim = 64, key_row = 128, query_row = 0, value_row = 192} : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>, !amk.buffer<256xbf16>, !amk.buffer<2x1x128x64xbf16>, !amk.buffer<128xf32>
  }
  amk.task @add {
    // CHECK: amk.add %x, %o -> %x
    amk.add %x, %o -> %x : !amk.buffer<128xf32>, !amk.buffer<128xf32>, !amk.buffer<128xf32>
  }
  %g = amk.buffer activation : !amk.buffer<256xf32>
  %m = amk.buffer activation : !amk.buffer<128xf32>
  %m2 = amk.buffer activation : !amk.buffer<128xf32>
  %next = amk.buffer output : !amk.buffer<1xi32>
  %other = amk.buffer output : !amk.buffer<1xi32>
  %best = amk.buffer activation : !amk.buffer<8xf32>
  %index = amk.buffer activation : !amk.buffer<8xi32>
  amk.task @gate_up {
    amk.linear %xb, %w -> %g : !amk.buffer<128xbf16>, !amk.buffer<256x128xbf16>, !amk.buffer<256xf32>
    // CHECK: amk.swiglu %g -> %m
    amk.swiglu %g -> %m : !amk.buffer<256xf32>, !amk.buffer<128xf32>
  }
  amk.task @silu_mul {
    // CHECK: amk.silu_mul %m, %x -> %m2
    amk.silu_mul %m, %x -> %m2 : !amk.buffer<128xf32>, !amk.buffer<128xf32>, !amk.buffer<128xf32>
  }
  amk.task @argmax {
    // CHECK: amk.argmax %m2 -> %next
    amk.argmax %m2 -> %next : !amk.buffer<128xf32>, !amk.buffer<1xi32>
  }
  amk.task @argmax_blocks {
    // CHECK: amk.argmax_blocks %m2 -> %best, %index {block = 16}
    amk.argmax_blocks %m2 -> %best, %index {block = 16} : !amk.buffer<128xf32>, !amk.buffer<8xf32>, !amk.buffer<8xi32>
  }
  amk.task @argmax_combine {
    // CHECK: amk.argmax_combine %best, %index -> %other
    amk.argmax_combine %best, %index -> %other : !amk.buffer<8xf32>, !amk.buffer<8xi32>, !amk.buffer<1xi32>
  }
}

// CHECK-LABEL: amk.schedule @splits positions(2048) numerics<k_block = 2048, kv_block = 64, kv_chunk = 4, kv_splits = 8>
amk.schedule @splits positions(2048) numerics<k_block = 2048, kv_block = 64, kv_chunk = 4, kv_splits = 8> {
  %qkv = amk.buffer input : !amk.buffer<512xbf16>
  %cache = amk.buffer kv_cache : !amk.buffer<2x2x2048x64xbf16>
  %parts = amk.buffer activation : !amk.buffer<2688xf32>
  %o = amk.buffer output : !amk.buffer<256xf32>
  amk.task @partial {
    // CHECK: amk.attention_partial %qkv, %cache -> %parts {group = 2, head_dim = 64, query_row = 0}
    amk.attention_partial %qkv, %cache -> %parts {group = 2, head_dim = 64, query_row = 0} : !amk.buffer<512xbf16>, !amk.buffer<2x2x2048x64xbf16>, !amk.buffer<2688xf32>
  }
  amk.task @join {
    // CHECK: amk.attention_join %qkv, %qkv, %qkv, %cache, %parts -> %o {group = 2, head_dim = 64, key_row = 256, query_row = 0, value_row = 384}
    amk.attention_join %qkv, %qkv, %qkv, %cache, %parts -> %o {group = 2, head_dim = 64, key_row = 256, query_row = 0, value_row = 384} : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>, !amk.buffer<512xbf16>, !amk.buffer<2x2x2048x64xbf16>, !amk.buffer<2688xf32>, !amk.buffer<256xf32>
  }
}
