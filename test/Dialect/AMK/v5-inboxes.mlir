// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V5: the inboxes of each worker are memory of their own: what conflicts there
// happens in program order.

// Worker 3 reads 'p', then 'q' in the same place. Who writes 'q' waits.
!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
amk.schedule concurrent @in_order positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %p = amk.buffer activation packets<6> page<cluster + 32 room 2> : !b
  %q = amk.buffer activation packets<6> page<cluster + 48 room 2> generation(1) : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  %c = amk.counter 1
  amk.task @write_p on(#amk.place<[2]>) {
    amk.round %x -> %p : !f, !b
  }
  amk.task @read_p on(#amk.place<[3]>) signal(%c) {
    amk.hash %p -> %y : !b, !f
  }
  amk.task @write_q on(#amk.place<[2]>) wait(%c >= 1) {
    amk.round %x -> %q : !f, !b
  }
  amk.task @read_q on(#amk.place<[3]>) {
    amk.hash %q -> %z : !b, !f
  }
}

// -----

// It does not.
!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
amk.schedule concurrent @after_read positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %p = amk.buffer activation packets<6> page<cluster + 32 room 2> : !b
  %q = amk.buffer activation packets<6> page<cluster + 48 room 2> generation(1) : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @write_p on(#amk.place<[2]>) {
    amk.round %x -> %p : !f, !b
  }
  amk.task @read_p on(#amk.place<[3]>) {
    // expected-note @+1 {{task 'read_p' tile 0 reads inbox bytes [16, 32) of 'p'}}
    amk.hash %p -> %y : !b, !f
  }
  amk.task @write_q on(#amk.place<[2]>) {
    // expected-note @+2 {{the hand-offs allow task 'write_q' tile 0 on worker 2, after what has to run first, while task 'read_p' tile 0 has not run}}
    // expected-error @+1 {{V5: tile 0: race: writes inbox bytes [0, 16) of 'q' on worker 2, but no hand-off puts the read by task 'read_p' tile 0 on worker 3 before it}}
    amk.round %x -> %q : !f, !b
  }
  amk.task @read_q on(#amk.place<[3]>) {
    amk.hash %q -> %z : !b, !f
  }
}

// -----

// The same bytes of another worker's inbox are other bytes.
!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
amk.schedule concurrent @elsewhere positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %p = amk.buffer activation packets<6> page<cluster + 32 room 2> : !b
  %q = amk.buffer activation packets<6> page<cluster + 48 room 2> generation(1) : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @write_p on(#amk.place<[2]>) {
    amk.round %x -> %p : !f, !b
  }
  amk.task @read_p on(#amk.place<[3]>) {
    amk.hash %p -> %y : !b, !f
  }
  amk.task @write_q on(#amk.place<[2]>) {
    amk.round %x -> %q : !f, !b
  }
  amk.task @read_q on(#amk.place<[2]>) {
    amk.hash %q -> %z : !b, !f
  }
}

// -----

// One operator reads and writes the same bytes at worker 3.
!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
amk.schedule concurrent @within positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %p = amk.buffer activation packets<6> page<cluster + 32 room 2> : !b
  // expected-note @+1 {{the other buffer}}
  %q = amk.buffer activation packets<6> page<cluster + 48 room 2> generation(1) : !b
  %z = amk.buffer output : !f
  amk.task @write_p on(#amk.place<[3]>) {
    amk.round %x -> %p : !f, !b
  }
  amk.task @pass_on on(#amk.place<[3]>) {
    // expected-error @+1 {{V5: tile 0: touches 'p' and 'q' at once, which share bytes of a page}}
    amk.hash %p -> %q : !b, !b
  }
  amk.task @read_q on(#amk.place<[3]>) {
    amk.hash %q -> %z : !b, !f
  }
}
