// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V3: the tiles of a gang meet. Two gangs in another order on two workers of a
// cluster wait for each other, though no counter is in the way.

!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
amk.schedule concurrent @crosswise positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @vector on(#amk.place<[0] slots [0]>) {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+2 {{V3: tile 0: deadlock: never runs; 2 workers wait for each other}}
  // expected-note @+1 {{worker 0 is stuck at task 'first' tile 0, waiting for the 2 tiles of its gang to be reached (1 is); task 'first' tile 1 in the queue of worker 1 is not}}
  amk.task @first tiles(#cut) on(#amk.place<[0, 1] slots [1, 2]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
  // expected-note @+1 {{worker 1 is stuck at task 'second' tile 1, waiting for the 2 tiles of its gang to be reached (1 is); task 'second' tile 0 in the queue of worker 0 is not}}
  amk.task @second tiles(#cut) on(#amk.place<[0, 1] slots [2, 1]>) cluster_gather {
    amk.hash %v -> %z : !b, !f
  }
}

// -----

// At the edge: the same order on both.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
amk.schedule concurrent @same positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @vector on(#amk.place<[0] slots [0]>) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @first tiles(#cut) on(#amk.place<[0, 1] slots [1, 2]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
  amk.task @second tiles(#cut) on(#amk.place<[0, 1] slots [2, 3]>) cluster_gather {
    amk.hash %v -> %z : !b, !f
  }
}

// -----

// A mate that stands at a counter is not reached. Here it stands there for good:
// the counter is signaled behind the gang.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
amk.schedule concurrent @counter positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  %c = amk.counter 2
  amk.task @vector on(#amk.place<[0] slots [0]>) signal(%c[#amk.fan<[0]>]) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @late on(#amk.place<[0] slots [5]>) signal(%c[#amk.fan<[1]>]) {
    amk.hash %x -> %z : !f, !f
  }
  // expected-error @+3 {{V3: tile 0: deadlock: never runs; 2 workers wait for each other}}
  // expected-note @+2 {{tile 0: worker 0 is stuck at task 'product' tile 0, waiting for the 2 tiles of its gang to be reached (1 is); task 'product' tile 1 in the queue of worker 1 is not}}
  // expected-note @+1 {{tile 1: worker 1 is stuck at task 'product' tile 1, waiting for counter 'c'[1] to reach 1 (it is at 0); the next signal is of task 'late' tile 0 in the queue of worker 0}}
  amk.task @product tiles(#cut) on(#amk.place<[0, 1] slots [1, 1]>) wait(%c[#amk.fan<[0, 1]>] >= 1) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}
