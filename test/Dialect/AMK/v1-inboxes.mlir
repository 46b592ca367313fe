// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V1: packets in cluster memory are read in the cluster of who writes them, and
// there is room for one at least.

// All is well: each worker of the second cluster reads what both write.
!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
#cut = #amk.cut<even 12 in 2>
amk.schedule concurrent @good positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6, #cut> page<cluster + 16 room 2> : !b
  %y = amk.buffer output : !f
  amk.task @write tiles(#cut) on(#amk.place<[2, 3]>) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @read tiles(#cut) on(#amk.place<[3, 2]>) {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
#cut = #amk.cut<even 12 in 2>
amk.schedule concurrent @other_cluster positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6, #cut> page<cluster + 0 room 2> : !b
  %y = amk.buffer output : !f
  // expected-note @+1 {{task 'write' tile 0 on worker 2 writes them}}
  amk.task @write tiles(#cut) on(#amk.place<[2, 3]>) {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+1 {{V1: tile 1: reads packets of 'v' in cluster memory: expected a tile on workers 2 to 3, the cluster of task 'write' tile 0, which writes them, found worker 1}}
  amk.task @read tiles(#cut) on(#amk.place<[3, 1]>) {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

!f = !amk.buffer<12xf32>
!b = !amk.buffer<12xbf16>
amk.schedule concurrent @no_room positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  // expected-error @+1 {{V1: expected room for 1 to 3 packets in cluster memory, found 0}}
  %none = amk.buffer activation packets<4> page<cluster + 0> : !b
  // expected-error @+1 {{V1: expected room for 1 to 3 packets in cluster memory, found 4}}
  %most = amk.buffer activation packets<4> page<cluster + 0 room 4> : !b
  // expected-error @+1 {{V1: expected room for packets in cluster memory only, found room for 3 in scratch memory}}
  %scratch = amk.buffer activation packets<4> page<scratch + 0 room 3> : !b
  // expected-error @+1 {{V1: expected packets in cluster memory, found plain values}}
  %plain = amk.buffer activation page<cluster + 0> : !b
}

// -----

!b = !amk.buffer<12xbf16>
amk.schedule concurrent @no_clusters positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024> {
  // expected-error @+1 {{V1: packets in cluster memory: expected a target with clusters of 2 or more workers, found 1}}
  %v = amk.buffer activation packets<6> page<cluster + 0 room 2> : !b
}

// -----

!b = !amk.buffer<12xbf16>
amk.schedule concurrent @no_target positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{V1: packets in cluster memory: expected a target with clusters of 2 or more workers, found no target}}
  %v = amk.buffer activation packets<6> page<cluster + 0 room 2> : !b
}

// -----

!b = !amk.buffer<12xbf16>
amk.schedule @program_order positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  // expected-error @+1 {{V1: expected a concurrent schedule for packets in cluster memory}}
  %v = amk.buffer activation packets<6> page<cluster + 0 room 2> : !b
}

// -----

!b = !amk.buffer<12xbf16>
amk.schedule concurrent @negative positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  // expected-error @+1 {{room for packets}}
  %v = amk.buffer activation packets<6> page<cluster + 0 room -1> : !b
}
