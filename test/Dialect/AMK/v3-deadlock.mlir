// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V3: no deadlock. Each queue waits at its head for what stands behind the
// other's head. Program order is fine, the queues are not.

!v = !amk.buffer<8xf32>
amk.schedule concurrent @crosswise positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %d = amk.buffer activation : !v
  %oa = amk.buffer output : !v
  %oc = amk.buffer output : !v
  %cb = amk.counter 1
  %cd = amk.counter 1
  amk.task @B on(#amk.place<[0] slots [1]>) signal(%cb) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @D on(#amk.place<[1] slots [1]>) signal(%cd) {
    amk.hash %x -> %d : !v, !v
  }
  // expected-error @+2 {{V3: tile 0: deadlock: never runs; 2 workers wait for each other}}
  // expected-note @+1 {{worker 0 is stuck at}}
  amk.task @A on(#amk.place<[0] slots [0]>) wait(%cd >= 1) {
    amk.hash %d -> %oa : !v, !v
  }
  // expected-note @+1 {{worker 1 is stuck at}}
  amk.task @C on(#amk.place<[1] slots [0]>) wait(%cb >= 1) {
    amk.hash %b -> %oc : !v, !v
  }
}

// -----

// At the edge: one of the two may wait first.
!v = !amk.buffer<8xf32>
amk.schedule concurrent @edge positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024> {
  %x = amk.buffer input : !v
  %b = amk.buffer activation : !v
  %d = amk.buffer activation : !v
  %oa = amk.buffer output : !v
  %oc = amk.buffer output : !v
  %cb = amk.counter 1
  %cd = amk.counter 1
  amk.task @B on(#amk.place<[0] slots [0]>) signal(%cb) {
    amk.hash %x -> %b : !v, !v
  }
  amk.task @D on(#amk.place<[1] slots [1]>) signal(%cd) {
    amk.hash %x -> %d : !v, !v
  }
  amk.task @A on(#amk.place<[0] slots [1]>) wait(%cd >= 1) {
    amk.hash %d -> %oa : !v, !v
  }
  amk.task @C on(#amk.place<[1] slots [0]>) wait(%cb >= 1) {
    amk.hash %b -> %oc : !v, !v
  }
}
