// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V5: conflicting accesses happen in program order.

// Read after write on another worker, without a hand-off.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @raw positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %y = amk.buffer output : !v
  amk.task @writer on(#amk.place<[0]>) {
    // expected-note @+1 {{task 'writer' tile 0 writes bytes [0, 32) of 'b'}}
    amk.hash %x -> %b : !v, !v
  }
  amk.task @reader on(#amk.place<[1]>) {
    // expected-note @+2 {{the hand-offs allow task 'reader' tile 0 on worker 1 while task 'writer' tile 0 has not run}}
    // expected-error @+1 {{V5: tile 0: race: reads bytes [0, 32) of 'b' on worker 1, but no hand-off makes visible the write by task 'writer' tile 0 on worker 0}}
    amk.hash %b -> %y : !v, !v
  }
}

// -----

// Write after read: the writer of the shared page does not wait for the reader
// of what was there.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @war positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %a = amk.buffer activation page<scratch + 0> : !v
  %b = amk.buffer activation page<scratch + 16> : !v
  %y = amk.buffer output : !v
  %z = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @a on(#amk.place<[0]>) signal(%c) {
    amk.hash %x -> %a : !v, !v
  }
  amk.task @y on(#amk.place<[1]>) wait(%c >= 1) {
    // expected-note @+1 {{task 'y' tile 0 reads bytes [16, 32) of 'a'}}
    amk.hash %a -> %y : !v, !v
  }
  amk.task @b on(#amk.place<[0]>) {
    // expected-note @+2 {{the hand-offs allow task 'b' tile 0 on worker 0, after what has to run first, while task 'y' tile 0 has not run}}
    // expected-error @+1 {{V5: tile 0: race: writes bytes [0, 16) of 'b' on worker 0, but no hand-off puts the read by task 'y' tile 0 on worker 1 before it}}
    amk.hash %x -> %b : !v, !v
  }
  amk.task @z on(#amk.place<[0]>) {
    amk.hash %b -> %z : !v, !v
  }
}

// -----

// At the edge: the two pages touch. 'b' is written while 'a' is read, without
// any hand-off.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @edge positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %a = amk.buffer activation page<scratch + 0> : !v
  %b = amk.buffer activation page<scratch + 32> : !v
  %y = amk.buffer output : !v
  %z = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @a on(#amk.place<[0]>) signal(%c) {
    amk.hash %x -> %a : !v, !v
  }
  amk.task @y on(#amk.place<[1]>) wait(%c >= 1) {
    amk.hash %a -> %y : !v, !v
  }
  amk.task @b on(#amk.place<[0]>) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @z on(#amk.place<[0]>) {
    amk.hash %b -> %z : !v, !v
  }
}
