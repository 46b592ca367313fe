// RUN: amk-opt --convert-amk-to-amk-exec --split-input-file --verify-diagnostics %s

// Legal schedules that have no kernel.

amk.schedule concurrent @no_stream positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 1, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<256xbf16>
  %w = amk.weight "w" : !amk.buffer<8x256xbf16>
  %y = amk.buffer output : !amk.buffer<8xf32>
  // expected-error @below {{expected a stream of 4 rows for the product, found 0 rows (run the pipelining pass)}}
  amk.task @t {
    amk.linear %x, %w -> %y : !amk.buffer<256xbf16>, !amk.buffer<8x256xbf16>, !amk.buffer<8xf32>
  }
}

// -----

amk.schedule concurrent @heads_of_16 positions(128) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 1, shared_bytes = 232448> {
  %q = amk.buffer input : !amk.buffer<32xbf16>
  %k = amk.buffer input : !amk.buffer<16xbf16>
  %cache = amk.buffer kv_cache : !amk.buffer<2x1x128x16xbf16>
  %o = amk.buffer output : !amk.buffer<32xf32>
  // expected-error @below {{task 't', operator 'attention': expected a head dimension that is a multiple of 64, found 16}}
  amk.task @t {
    amk.attention %q, %k, %k, %cache -> %o {group = 2, head_dim = 16, query_row = 0, key_row = 0, value_row = 0} : !amk.buffer<32xbf16>, !amk.buffer<16xbf16>, !amk.buffer<16xbf16>, !amk.buffer<2x1x128x16xbf16>, !amk.buffer<32xf32>
  }
}

// -----

// Two operators that bring their input to the one vector area.
amk.schedule concurrent @two_gathers positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 1, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<64xf32>
  %y = amk.buffer output : !amk.buffer<64xf32>
  %z = amk.buffer output : !amk.buffer<64xf32>
  // expected-error @below {{expected the only operator of its task that gathers its input, found another before it}}
  amk.task @t {
    amk.hash %x -> %y : !amk.buffer<64xf32>, !amk.buffer<64xf32>
    amk.hash %x -> %z : !amk.buffer<64xf32>, !amk.buffer<64xf32>
  }
}

// -----

amk.schedule concurrent @large_block positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 1, shared_bytes = 232448> {
  %x = amk.buffer input : !amk.buffer<128xf32>
  %values = amk.buffer output : !amk.buffer<2xf32>
  %indices = amk.buffer output : !amk.buffer<2xi32>
  // expected-error @below {{expected a block of 1 to 32, a power of two, found 64}}
  amk.task @t {
    amk.argmax_blocks %x -> %values, %indices {block = 64} : !amk.buffer<128xf32>, !amk.buffer<2xf32>, !amk.buffer<2xi32>
  }
}

// -----

// What is not concurrent has no kernel, and is no error.
amk.schedule @sequential positions(16) numerics<k_block = 2048, kv_block = 64> {
  %x = amk.buffer input : !amk.buffer<64xf32>
  %y = amk.buffer output : !amk.buffer<64xf32>
  amk.task @t {
    amk.hash %x -> %y : !amk.buffer<64xf32>, !amk.buffer<64xf32>
  }
}
