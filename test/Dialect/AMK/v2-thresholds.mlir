// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V2: every wait can be satisfied.

!v = !amk.buffer<8xf32>
amk.schedule concurrent @never positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %y = amk.buffer output : !v
  // expected-note @+1 {{the counters}}
  %c = amk.counter 1
  amk.task @first on(#amk.place<[0]>) signal(%c) {
    amk.hash %x -> %b : !v, !v
  }
  // expected-error @+1 {{V2: tile 0: waits for 'c'[0] to reach 2: expected 1 to 1, the number of its signals}}
  amk.task @second on(#amk.place<[1]>) wait(%c >= 2) {
    amk.hash %b -> %y : !v, !v
  }
}

// -----

// Without hand-offs in force a threshold is inert.
!v = !amk.buffer<8xf32>
amk.schedule @sequential positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !v
  %y = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @first wait(%c >= 2) {
    amk.hash %x -> %y : !v, !v
  }
}

// -----

// At the edge: the threshold is the number of signals.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @edge positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 3, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %y = amk.buffer output : !v
  %c = amk.counter 1
  amk.task @first tiles(#amk.cut<even 8 in 2>) on(#amk.place<[0, 1]>) signal(%c) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @second on(#amk.place<[2]>) wait(%c >= 2) {
    amk.hash %b -> %y : !v, !v
  }
}
