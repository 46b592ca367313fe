// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V4: what comes before a tile of a gang in its queue is done when a mate
// starts, and visible to it. So the meeting alone orders @plain before @reader.

!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
amk.schedule concurrent @meeting positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %p = amk.buffer activation : !f
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @vector on(#amk.place<[1]>) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @plain on(#amk.place<[0]>) {
    amk.hash %x -> %p : !f, !f
  }
  amk.task @product tiles(#cut) on(#amk.place<[0, 1]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
  amk.task @reader on(#amk.place<[1]>) {
    amk.hash %p -> %z : !f, !f
  }
}

// -----

// Without it nothing does.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
amk.schedule concurrent @alone positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %p = amk.buffer activation : !f
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @vector on(#amk.place<[1]>) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @plain on(#amk.place<[0]>) {
    // expected-note @+1 {{task 'plain' tile 0 writes bytes [0, 32) of 'p'}}
    amk.hash %x -> %p : !f, !f
  }
  amk.task @product tiles(#cut) on(#amk.place<[0, 1]>) {
    amk.hash %v -> %y : !b, !f
  }
  amk.task @reader on(#amk.place<[1]>) {
    // expected-error @+2 {{V5: tile 0: race: reads bytes [0, 32) of 'p' on worker 1, but no hand-off makes visible the write by task 'plain' tile 0 on worker 0}}
    // expected-note @+1 {{the hand-offs allow task 'vector' tile 0 on worker 1, then task 'reader' tile 0 on worker 1, after what has to run first, while task 'plain' tile 0 has not run}}
    amk.hash %p -> %z : !f, !f
  }
}

// -----

// A mate is reached, not done: what it writes nobody may read yet.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
amk.schedule concurrent @reached positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %p = amk.buffer activation : !f
  %z = amk.buffer output : !f
  amk.task @vector on(#amk.place<[1]>) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @product tiles(#cut) on(#amk.place<[0, 1]>) cluster_gather {
    // expected-note @+1 {{task 'product' tile 0 writes bytes [0, 16) of 'p'}}
    amk.hash %v -> %p : !b, !f
  }
  amk.task @reader on(#amk.place<[1]>) {
    // expected-error @+2 {{V5: tile 0: race: reads bytes [0, 16) of 'p' on worker 1, but no hand-off makes visible the write by task 'product' tile 0 on worker 0}}
    // expected-note @+1 {{the hand-offs allow task 'reader' tile 0 on worker 1, after what has to run first, while task 'product' tile 0 has not run}}
    amk.hash %p -> %z : !f, !f
  }
}
