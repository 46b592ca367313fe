// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V4: happens-before is exact. A wait for two of two signals orders both
// producers; a wait for one of two orders neither.

!v = !amk.buffer<8xf32>
amk.schedule concurrent @all positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 3, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %y = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @halves tiles(#amk.cut<even 8 in 2>) on(#amk.place<[0, 1]>) signal(%c) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @reader on(#amk.place<[2]>) wait(%c >= 2) {
    amk.hash %b -> %y : !v, !v
  }
}

// -----

!v = !amk.buffer<8xf32>
amk.schedule concurrent @one_of_two positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 3, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %y = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @halves tiles(#amk.cut<even 8 in 2>) on(#amk.place<[0, 1]>) signal(%c) {
    // expected-note @+1 {{task 'halves' tile 0 writes bytes [0, 16) of 'b'}}
    amk.hash %x -> %b : !v, !v
  }
  amk.task @reader on(#amk.place<[2]>) wait(%c >= 1) {
    // expected-note @+2 {{the hand-offs allow task 'halves' tile 1 on worker 1, then task 'reader' tile 0 on worker 2 while task 'halves' tile 0 has not run}}
    // expected-error @+1 {{V5: tile 0: race: reads bytes [0, 16) of 'b' on worker 2, but no hand-off makes visible the write by task 'halves' tile 0 on worker 0}}
    amk.hash %b -> %y : !v, !v
  }
}

// -----

// Packets make nothing visible but their own bytes: the reader of the packets
// has not acquired the plain buffer that the same task wrote.
!v = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
amk.schedule concurrent @packets positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %plain = amk.buffer activation : !v
  %stamped = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !b
  %z = amk.buffer output : !v
  amk.task @writer on(#amk.place<[0]>) {
    // expected-note @+1 {{task 'writer' tile 0 writes bytes [0, 32) of 'plain'}}
    amk.hash %x -> %plain : !v, !v
    amk.round %plain -> %stamped : !v, !b
  }
  amk.task @reader on(#amk.place<[1]>) {
    amk.hash %stamped -> %y : !b, !b
  }
  amk.task @late on(#amk.place<[1]>) {
    // expected-note @+2 {{task 'reader' tile 0 waits for packets of 'stamped', which order it after task 'writer' tile 0 but make nothing visible but their own bytes}}
    // expected-error @+1 {{V5: tile 0: race: reads bytes [0, 32) of 'plain' on worker 1, but no hand-off makes visible the write by task 'writer' tile 0 on worker 0}}
    amk.hash %plain -> %z : !v, !v
  }
}
