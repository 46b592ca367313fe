// One layer of a small Llama, fused: hidden 256, four heads of 16, two KV heads.
module {
  amk.schedule @decode positions(64) numerics<k_block = 2048, kv_block = 64> {
    %rope = amk.buffer constant rope<head_dim = 16, theta = 1.0e+04> : !amk.buffer<64x8x2xf32>
    %token = amk.buffer input : !amk.buffer<1xi32>
    %embed = amk.weight "embed.weight" : !amk.buffer<128x256xbf16>
    %residual = amk.buffer activation : !amk.buffer<256xf32>
    %x0 = amk.buffer activation : !amk.buffer<256xbf16>
    amk.task @embed {
      amk.embed %token, %embed -> %residual : !amk.buffer<1xi32>, !amk.buffer<128x256xbf16>, !amk.buffer<256xf32>
      amk.round %residual -> %x0 : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
    }
    %gain1 = amk.weight "norm1.weight" : !amk.buffer<256xbf16>
    %wqkv = amk.weight "qkv.weight" : !amk.buffer<128x256xbf16>
    %kv = amk.buffer kv_cache : !amk.buffer<2x2x64x16xbf16>
    %n1_f32 = amk.buffer local : !amk.buffer<256xf32>
    %n1_factor = amk.buffer local : !amk.buffer<1xf32>
    %n1 = amk.buffer local : !amk.buffer<256xbf16>
    %qkv0 = amk.buffer local : !amk.buffer<128xf32>
    %qkv1 = amk.buffer local : !amk.buffer<128xf32>
    %qkv2 = amk.buffer local : !amk.buffer<128xf32>
    %qkv = amk.buffer activation : !amk.buffer<128xbf16>
    amk.task @qkv {
      amk.rms_norm prologue %x0, %gain1 -> %n1_f32, %n1_factor {eps = 1.0e-05} : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>, !amk.buffer<256xf32>, !amk.buffer<1xf32>
      amk.round prologue %n1_f32 -> %n1 : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
      amk.linear %n1, %wqkv -> %qkv0 : !amk.buffer<256xbf16>, !amk.buffer<128x256xbf16>, !amk.buffer<128xf32>
      amk.scale %qkv0, %n1_factor -> %qkv1 : !amk.buffer<128xf32>, !amk.buffer<1xf32>, !amk.buffer<128xf32>
      amk.rope %qkv1, %rope -> %qkv2 {head_dim = 16, rotated_rows = 96} : !amk.buffer<128xf32>, !amk.buffer<64x8x2xf32>, !amk.buffer<128xf32>
      amk.round %qkv2 -> %qkv : !amk.buffer<128xf32>, !amk.buffer<128xbf16>
      amk.kv_append %qkv -> %kv {from = 64, to = 0} : !amk.buffer<128xbf16>, !amk.buffer<2x2x64x16xbf16>
    }
    %a0 = amk.buffer local : !amk.buffer<64xf32>
    %a = amk.buffer activation : !amk.buffer<64xbf16>
    amk.task @attention {
      amk.attention %qkv, %qkv, %qkv, %kv -> %a0 {group = 2, head_dim = 16, query_row = 0, key_row = 64, value_row = 96} : !amk.buffer<128xbf16>, !amk.buffer<128xbf16>, !amk.buffer<128xbf16>, !amk.buffer<2x2x64x16xbf16>, !amk.buffer<64xf32>
      amk.round %a0 -> %a : !amk.buffer<64xf32>, !amk.buffer<64xbf16>
    }
    %wo = amk.weight "o.weight" : !amk.buffer<256x64xbf16>
    %o0 = amk.buffer local : !amk.buffer<256xf32>
    %x1 = amk.buffer activation : !amk.buffer<256xbf16>
    amk.task @o {
      amk.linear %a, %wo -> %o0 : !amk.buffer<64xbf16>, !amk.buffer<256x64xbf16>, !amk.buffer<256xf32>
      amk.add %residual, %o0 -> %residual : !amk.buffer<256xf32>, !amk.buffer<256xf32>, !amk.buffer<256xf32>
      amk.round %residual -> %x1 : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
    }
    %gain2 = amk.weight "norm2.weight" : !amk.buffer<256xbf16>
    %wgu = amk.weight "gate.weight", "up.weight" interleave : !amk.buffer<768x256xbf16>
    %n2_f32 = amk.buffer local : !amk.buffer<256xf32>
    %n2_factor = amk.buffer local : !amk.buffer<1xf32>
    %n2 = amk.buffer local : !amk.buffer<256xbf16>
    %gu0 = amk.buffer local : !amk.buffer<768xf32>
    %gu1 = amk.buffer local : !amk.buffer<768xf32>
    %m0 = amk.buffer local : !amk.buffer<384xf32>
    %m = amk.buffer activation : !amk.buffer<384xbf16>
    amk.task @gate_up {
      amk.rms_norm prologue %x1, %gain2 -> %n2_f32, %n2_factor {eps = 1.0e-05} : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>, !amk.buffer<256xf32>, !amk.buffer<1xf32>
      amk.round prologue %n2_f32 -> %n2 : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
      amk.linear %n2, %wgu -> %gu0 : !amk.buffer<256xbf16>, !amk.buffer<768x256xbf16>, !amk.buffer<768xf32>
      amk.scale %gu0, %n2_factor -> %gu1 : !amk.buffer<768xf32>, !amk.buffer<1xf32>, !amk.buffer<768xf32>
      amk.swiglu %gu1 -> %m0 : !amk.buffer<768xf32>, !amk.buffer<384xf32>
      amk.round %m0 -> %m : !amk.buffer<384xf32>, !amk.buffer<384xbf16>
    }
    %wd = amk.weight "down.weight" : !amk.buffer<256x384xbf16>
    %d0 = amk.buffer local : !amk.buffer<256xf32>
    %x2 = amk.buffer activation : !amk.buffer<256xbf16>
    amk.task @down {
      amk.linear %m, %wd -> %d0 : !amk.buffer<384xbf16>, !amk.buffer<256x384xbf16>, !amk.buffer<256xf32>
      amk.add %residual, %d0 -> %residual : !amk.buffer<256xf32>, !amk.buffer<256xf32>, !amk.buffer<256xf32>
      amk.round %residual -> %x2 : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
    }
    %gain3 = amk.weight "norm.weight" : !amk.buffer<256xbf16>
    %n3_f32 = amk.buffer local : !amk.buffer<256xf32>
    %n3_factor = amk.buffer local : !amk.buffer<1xf32>
    %n3 = amk.buffer local : !amk.buffer<256xbf16>
    %logits0 = amk.buffer local : !amk.buffer<128xf32>
    %logits = amk.buffer output : !amk.buffer<128xf32>
    %values = amk.buffer activation : !amk.buffer<8xf32>
    %indices = amk.buffer activation : !amk.buffer<8xi32>
    amk.task @lm_head {
      amk.rms_norm prologue %x2, %gain3 -> %n3_f32, %n3_factor {eps = 1.0e-05} : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>, !amk.buffer<256xf32>, !amk.buffer<1xf32>
      amk.round prologue %n3_f32 -> %n3 : !amk.buffer<256xf32>, !amk.buffer<256xbf16>
      amk.linear %n3, %embed -> %logits0 : !amk.buffer<256xbf16>, !amk.buffer<128x256xbf16>, !amk.buffer<128xf32>
      amk.scale %logits0, %n3_factor -> %logits : !amk.buffer<128xf32>, !amk.buffer<1xf32>, !amk.buffer<128xf32>
      amk.argmax_blocks %logits -> %values, %indices {block = 16} : !amk.buffer<128xf32>, !amk.buffer<8xf32>, !amk.buffer<8xi32>
    }
    %next = amk.buffer output : !amk.buffer<1xi32>
    amk.task @argmax {
      amk.argmax_combine %values, %indices -> %next : !amk.buffer<8xf32>, !amk.buffer<8xi32>, !amk.buffer<1xi32>
    }
  }
}
