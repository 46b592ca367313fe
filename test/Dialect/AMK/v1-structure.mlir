// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V1: every name resolves; regions lie inside their buffers; element types,
// arities and granules fit the operator.

!v = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
amk.schedule @type positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  amk.task @t {
    // expected-error @+1 {{V1: output 'y': expected 8xbf16, found 8xf32}}
    amk.round %x -> %y : !v, !v
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @written positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-note @+1 {{the buffer}}
  %x = amk.buffer input : !v
  amk.task @t {
    // expected-error @+1 {{V1: writes 'x', which is input and never written}}
    amk.hash %x -> %x : !v, !v
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @names positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-note @+1 {{the other one}}
  %x = amk.buffer input : !v
  // expected-error @+1 {{V1: expected buffer names to be unique, found 'x' twice}}
  %y = amk.buffer output "x" : !v
  amk.task @t {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

// A cut may not split a gate from its up.
amk.schedule @granule positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !amk.buffer<16xf32>
  %y = amk.buffer output : !amk.buffer<8xf32>
  amk.task @t tiles(#amk.cut<bounds [0, 3, 16]>) {
    // expected-error @+1 {{V1: tile 1: expected a bound that is a multiple of 2, found 3}}
    amk.swiglu %x -> %y : !amk.buffer<16xf32>, !amk.buffer<8xf32>
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @bounds positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  // expected-error @+1 {{V1: expected bounds from 0 to 8, found 0 to 6}}
  amk.task @t tiles(#amk.cut<even 6 in 2>) {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @worker positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  // expected-error @+1 {{V1: tile 1: expected a worker below 2, found 2}}
  amk.task @t tiles(#amk.cut<even 8 in 2>) on(#amk.place<[0, 2]>) {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @local positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %l = amk.buffer local : !v
  %y = amk.buffer output : !v
  // expected-note @+1 {{the other task}}
  amk.task @first {
    amk.hash %x -> %l : !v, !v
  }
  amk.task @second {
    // expected-error @+1 {{V1: uses 'l', which is local to another task}}
    amk.hash %l -> %y : !v, !v
  }
}

// -----

amk.schedule @rows positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{V1: expected 8 rows, found 6 in its tensors}}
  %w = amk.weight "a" rows 4, "b" rows 2 : !amk.buffer<8x8xbf16>
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @fan positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  // expected-note @+1 {{the counters}}
  %c = amk.counter 2
  // expected-error @+1 {{V1: tile 0: signal: expected counters within 0 to 1 of 'c', found 2 to 2}}
  amk.task @t signal(%c[#amk.fan<[2]>]) {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

// A number that is none: it could not be read back either.
!v = !amk.buffer<8xbf16>
!f = !amk.buffer<8xf32>
!s = !amk.buffer<1xf32>
amk.schedule @eps positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %gain = amk.weight "gain" : !v
  %y = amk.buffer output : !f
  %scale = amk.buffer output : !s
  amk.task @t {
    // expected-error @+1 {{V1: attribute 'eps': expected a positive, finite number}}
    amk.rms_norm %x, %gain -> %y, %scale {eps = 1.0e705} : !v, !v, !f, !s
  }
}

// -----

amk.schedule @theta positions(4) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{V1: RoPE table: expected a positive, finite theta, found inf}}
  %rope = amk.buffer constant rope<head_dim = 4, theta = 1.0e705> : !amk.buffer<4x2x2xf32>
}

// -----

// Stages without rows.
!v = !amk.buffer<8xf32>
amk.schedule @stages positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  // expected-error @+1 {{V1: stream: expected rows of at least 1 or no stream, found 0 rows of 256 columns, 0 held}}
  amk.task @t stream<rows = 0, columns = 256> {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

// At the edge: the last worker, the last counter, a cut at a granule.
!v = !amk.buffer<8xf32>
!h = !amk.buffer<4xf32>
amk.schedule concurrent @edge positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !h
  %c = amk.counter 2
  amk.task @t tiles(#amk.cut<bounds [0, 2, 8]>) on(#amk.place<[0, 1]>) signal(%c[#amk.fan<[0, 1]>]) {
    amk.swiglu %x -> %y : !v, !h
  }
}
