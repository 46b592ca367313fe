// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V7: what one worker reads of a buffer lies apart in its inbox, packets that
// share a page look different, and all fits shared memory.

// Worker 1 reads packets 0 and 1, worker 0 packets 2 and 3: room for two.
!f = !amk.buffer<12xf32>
!h = !amk.buffer<12xbf16>
#four = #amk.cut<even 12 in 4>
#two = #amk.cut<even 12 in 2>
amk.schedule concurrent @good positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<3, #four> page<cluster + 992 room 2> : !f
  %y = amk.buffer output : !h
  amk.task @write tiles(#four) on(#amk.place<[0, 1, 0, 1]>) {
    amk.add %x, %x -> %v : !f, !f, !f
  }
  amk.task @read tiles(#two) on(#amk.place<[1, 0]>) {
    amk.round %v -> %y : !f, !h
  }
}

// -----

!f = !amk.buffer<12xf32>
!h = !amk.buffer<12xbf16>
#four = #amk.cut<even 12 in 4>
#two = #amk.cut<even 12 in 2>
amk.schedule concurrent @one_place positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  // expected-error @+1 {{V7: expected room at worker 1 for all packets that it reads, found 2: task 'write' tile 0 and task 'write' tile 2 both write place 0}}
  %v = amk.buffer activation packets<3, #four> page<cluster + 0 room 2> : !f
  %y = amk.buffer output : !h
  // expected-note @+1 {{by task 'write' tile 2}}
  amk.task @write tiles(#four) on(#amk.place<[0, 1, 0, 1]>) {
    amk.add %x, %x -> %v : !f, !f, !f
  }
  amk.task @read tiles(#two) on(#amk.place<[1, 1]>) {
    amk.round %v -> %y : !f, !h
  }
}

// -----

!f = !amk.buffer<12xf32>
!h = !amk.buffer<12xbf16>
#two = #amk.cut<even 12 in 2>
amk.schedule concurrent @one_tile positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  // expected-note @+1 {{the buffer}}
  %v = amk.buffer activation packets<2, #two> page<cluster + 0 room 2> : !f
  %y = amk.buffer output : !h
  amk.task @write tiles(#two) on(#amk.place<[0, 1]>) {
    // expected-error @+1 {{V7: tile 0: writes 3 packets of 'v': expected at most 2, for which worker 1 has room}}
    amk.add %x, %x -> %v : !f, !f, !f
  }
  amk.task @read tiles(#two) on(#amk.place<[1, 0]>) {
    amk.round %v -> %y : !f, !h
  }
}

// -----

!b = !amk.buffer<12xbf16>
amk.schedule concurrent @pages positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  // expected-note @+1 {{the other buffer}}
  %p = amk.buffer activation packets<6> page<cluster + 0 room 2> generation(3) : !b
  // expected-error @+1 {{V7: shares bytes of its page with 'p': expected different generations}}
  %q = amk.buffer activation packets<6> page<cluster + 16 room 2> generation(3) : !b
  // The same offset in scratch is another page.
  %r = amk.buffer activation packets<6> page<scratch + 16> generation(3) : !b
}

// -----

!b = !amk.buffer<12xbf16>
amk.schedule concurrent @aligned positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  // expected-error @+1 {{V7: expected a page offset that is a multiple of 16, found 8}}
  %p = amk.buffer activation packets<6> page<cluster + 8 room 2> : !b
}

// -----

!b = !amk.buffer<12xbf16>
// expected-error @+1 {{V7: shared memory of a worker: expected at most 1024 bytes, found 1064 of pages and 0 of ring}}
amk.schedule concurrent @fits positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %mine = amk.buffer activation page<shared + 0> : !b
  %p = amk.buffer activation packets<6> page<cluster + 1008 room 2> : !b
}
