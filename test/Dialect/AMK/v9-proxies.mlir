// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V9: what an operator streams was not written before in the same launch, since
// the loader waits for nobody and no fence stands between.
//
// The operators of this dialect cannot break it: `linear` streams weights only,
// `attention_partial` and `attention_join` the earlier positions of a cache only,
// and V1, which comes first, sees to it that nothing writes either. So every way
// to write in IR what V9 forbids ends at another rule, which is what this file
// has, beside what is legal. An operator from outside the tree may stream what it
// likes; V9 itself is tested with such operators in
// unittests/Schedule/V9Test.cpp, and in mutants of whole models ("missing proxy
// fence" in unittests/Integration/mutants).

// At the edge: worker 0 appends this position to the cache while the loaders of
// workers 1 and 2 stream it, with no hand-off between. They copy what is before
// this position, which earlier launches have written.
!x = !amk.buffer<192xbf16>
!kv = !amk.buffer<2x1x64x64xbf16>
!p = !amk.buffer<96xf32>
!y = !amk.buffer<64xf32>
amk.schedule concurrent @append positions(64) numerics<k_block = 128, kv_block = 16, kv_chunk = 1, kv_splits = 2>
    target<chip = "sm_90", workers = 3, shared_bytes = 131072>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %x = amk.buffer input : !x
  %kv = amk.buffer kv_cache : !kv
  %p = amk.buffer activation packets<3, #amk.cut<sizes [96]>> : !p
  %y = amk.buffer output : !y
  amk.task @append on(#amk.place<[0]>) {
    amk.kv_append %x -> %kv {from = 64, to = 0} : !x, !kv
  }
  amk.task @partial on(#amk.place<[1]>) stream<rows = 16, columns = 64> {
    amk.attention_partial %x, %kv -> %p {group = 1, head_dim = 64, query_row = 0} : !x, !kv, !p
  }
  amk.task @join on(#amk.place<[2]>) stream<rows = 16, columns = 64> {
    amk.attention_join %x, %x, %x, %kv, %p -> %y {group = 1, head_dim = 64, key_row = 64, query_row = 0, value_row = 128} : !x, !x, !x, !kv, !p, !y
  }
}

// -----

// The same on one worker: append, then stream.
!x = !amk.buffer<192xbf16>
!kv = !amk.buffer<2x1x64x64xbf16>
!p = !amk.buffer<96xf32>
amk.schedule concurrent @one_worker positions(64) numerics<k_block = 128, kv_block = 16, kv_chunk = 1, kv_splits = 2>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %x = amk.buffer input : !x
  %kv = amk.buffer kv_cache : !kv
  %p = amk.buffer output : !p
  amk.task @append on(#amk.place<[0]>) {
    amk.kv_append %x -> %kv {from = 64, to = 0} : !x, !kv
  }
  amk.task @partial on(#amk.place<[0]>) stream<rows = 16, columns = 64> {
    amk.attention_partial %x, %kv -> %p {group = 1, head_dim = 64, query_row = 0} : !x, !kv, !p
  }
}

// -----

// What is not streamed may be written in the same launch, with a hand-off: the
// input of a product, whose weight is streamed.
!v = !amk.buffer<128xbf16>
!w = !amk.buffer<8x128xbf16>
!y = !amk.buffer<8xf32>
amk.schedule concurrent @input positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 131072>
    ring<slots = 8, bytes = 1024, window = 2, ahead = 2, teams = 8> {
  %x = amk.buffer input : !v
  %v = amk.buffer activation : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  %c = amk.counter 1
  amk.task @write on(#amk.place<[0]>) signal(%c) {
    amk.hash %x -> %v : !v, !v
  }
  amk.task @product on(#amk.place<[1]>) wait(%c >= 1) stream<rows = 4, columns = 128> {
    amk.linear %v, %w -> %y : !v, !w, !y
  }
}

// -----

// A streamed activation: `linear` takes none, with a stream or without.
!v = !amk.buffer<128xbf16>
!w = !amk.buffer<8x128xbf16>
!y = !amk.buffer<8xf32>
amk.schedule concurrent @activation positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 1024, window = 2, ahead = 2, teams = 8> {
  %x = amk.buffer input : !v
  %m = amk.buffer activation : !w
  %y = amk.buffer output : !y
  amk.task @product stream<rows = 4, columns = 128> {
    // expected-error @+1 {{V1: weight 'm': expected a weight buffer, found activation}}
    amk.linear %x, %m -> %y : !v, !w, !y
  }
}

// -----

// A value that the tile itself makes.
!v = !amk.buffer<128xbf16>
!w = !amk.buffer<8x128xbf16>
!y = !amk.buffer<8xf32>
amk.schedule concurrent @local positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 1024, window = 2, ahead = 2, teams = 8> {
  %x = amk.buffer input : !v
  %m = amk.buffer local : !w
  %y = amk.buffer output : !y
  amk.task @product stream<rows = 4, columns = 128> {
    // expected-error @+1 {{V1: weight 'm': expected a weight buffer, found local}}
    amk.linear %x, %m -> %y : !v, !w, !y
  }
}

// -----

// A weight that is written and then streamed. A streamed weight is a matrix, and
// what operators write are vectors; a weight that is a vector may not be written
// either.
!v = !amk.buffer<128xbf16>
!w = !amk.buffer<8x128xbf16>
!y = !amk.buffer<8xf32>
amk.schedule concurrent @weight positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 1024, window = 2, ahead = 2, teams = 8> {
  %x = amk.buffer input : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  amk.task @write {
    // expected-error @+1 {{V1: output 'w': expected 8xbf16, found 8x128xbf16}}
    amk.hash %x -> %w : !v, !w
  }
  amk.task @product stream<rows = 4, columns = 128> {
    amk.linear %x, %w -> %y : !v, !w, !y
  }
}

// -----

!v = !amk.buffer<128xbf16>
amk.schedule concurrent @vector positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072> {
  %x = amk.buffer input : !v
  // expected-note @+1 {{the buffer}}
  %w = amk.weight "w" : !v
  amk.task @write {
    // expected-error @+1 {{V1: writes 'w', which is weight and never written}}
    amk.hash %x -> %w : !v, !v
  }
}

// -----

// A cache that shares its page with what is written.
!x = !amk.buffer<192xbf16>
!kv = !amk.buffer<2x1x64x64xbf16>
!p = !amk.buffer<96xf32>
amk.schedule concurrent @page positions(64) numerics<k_block = 128, kv_block = 16, kv_chunk = 1, kv_splits = 2>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %x = amk.buffer input : !x
  %a = amk.buffer activation page<scratch + 0> : !x
  // expected-error @+1 {{V1: expected storage of its own for kv_cache, found a page of scratch}}
  %kv = amk.buffer kv_cache page<scratch + 0> : !kv
  %p = amk.buffer output : !p
  amk.task @write {
    amk.hash %x -> %a : !x, !x
  }
  amk.task @partial stream<rows = 16, columns = 64> {
    amk.attention_partial %a, %kv -> %p {group = 1, head_dim = 64, query_row = 0} : !x, !kv, !p
  }
}

// -----

// A cache whose earlier positions are written: `kv_append` writes this one only,
// and no other operator writes a cache.
!x = !amk.buffer<192xbf16>
!kv = !amk.buffer<2x1x64x64xbf16>
!p = !amk.buffer<96xf32>
amk.schedule concurrent @past positions(64) numerics<k_block = 128, kv_block = 16, kv_chunk = 1, kv_splits = 2>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %x = amk.buffer input : !x
  %kv = amk.buffer kv_cache : !kv
  %p = amk.buffer output : !p
  amk.task @write {
    // expected-error @+1 {{V1: output 'kv': expected 2xbf16, found 2x1x64x64xbf16}}
    amk.hash %x -> %kv : !x, !kv
  }
  amk.task @partial stream<rows = 16, columns = 64> {
    amk.attention_partial %x, %kv -> %p {group = 1, head_dim = 64, query_row = 0} : !x, !kv, !p
  }
}

// -----

// An activation in the place of a cache.
!x = !amk.buffer<192xbf16>
!kv = !amk.buffer<2x1x64x64xbf16>
!p = !amk.buffer<96xf32>
amk.schedule concurrent @no_cache positions(64) numerics<k_block = 128, kv_block = 16, kv_chunk = 1, kv_splits = 2>
    target<chip = "sm_90", workers = 1, shared_bytes = 131072>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %x = amk.buffer input : !x
  %kv = amk.buffer activation : !kv
  %p = amk.buffer output : !p
  amk.task @partial stream<rows = 16, columns = 64> {
    // expected-error @+1 {{V1: cache 'kv': expected a kv_cache buffer, found activation}}
    amk.attention_partial %x, %kv -> %p {group = 1, head_dim = 64, query_row = 0} : !x, !kv, !p
  }
}
