// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V6: everything read was written, by the right writer; outputs are whole.

!v = !amk.buffer<8xf32>
amk.schedule @unwritten positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-note @+1 {{the buffer}}
  %b = amk.buffer activation : !v
  %y = amk.buffer output : !v
  amk.task @t {
    // expected-error @+1 {{V6: tile 0: reads bytes [0, 32) of 'b', which nothing has written}}
    amk.hash %b -> %y : !v, !v
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule @output positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  // expected-error @+1 {{V6: expected an output to be fully written, found nothing to write bytes [0, 32)}}
  %z = amk.buffer output : !v
  amk.task @t {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

// Shared memory is each worker's own: the reader sees nobody's bytes.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @worker positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  // expected-note @+1 {{the buffer}}
  %b = amk.buffer activation page<shared + 0> : !v
  %y = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @writer on(#amk.place<[0]>) signal(%c) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @reader on(#amk.place<[1]>) wait(%c >= 1) {
    // expected-error @+1 {{V6: tile 0: reads bytes [0, 32) of 'b', which nothing has written at worker 1}}
    amk.hash %b -> %y : !v, !v
  }
}

// -----

// Two buffers that share a page, whose lifetimes overlap.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @page positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %a = amk.buffer activation page<scratch + 0> : !v
  %b = amk.buffer activation page<scratch + 16> : !v
  %y = amk.buffer output : !v
  %z = amk.buffer output : !v
  amk.task @a on(#amk.place<[0]>) {
    amk.hash %x -> %a : !v, !v
  }
  // expected-note @+1 {{by task 'b' tile 0}}
  amk.task @b on(#amk.place<[0]>) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @y on(#amk.place<[0]>) {
    // expected-error @+1 {{V6: tile 0: reads bytes [16, 32) of 'a', but the last write there was to 'b'}}
    amk.hash %a -> %y : !v, !v
  }
  amk.task @z on(#amk.place<[0]>) {
    amk.hash %b -> %z : !v, !v
  }
}

// -----

// At the edge: 'b' takes the bytes of 'a' right after the last read of 'a'.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @edge positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %a = amk.buffer activation page<scratch + 0> : !v
  %b = amk.buffer activation page<scratch + 16> : !v
  %y = amk.buffer output : !v
  %z = amk.buffer output : !v
  amk.task @a on(#amk.place<[0]>) {
    amk.hash %x -> %a : !v, !v
  }
  amk.task @y on(#amk.place<[0]>) {
    amk.hash %a -> %y : !v, !v
  }
  amk.task @b on(#amk.place<[0]>) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @z on(#amk.place<[0]>) {
    amk.hash %b -> %z : !v, !v
  }
}
