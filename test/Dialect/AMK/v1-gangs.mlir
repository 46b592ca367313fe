// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V1: a gather can be shared if every worker of a cluster takes part in it,
// once, and all want the same packets.

!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @no_clusters positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+1 {{V1: cluster_gather: expected a target with clusters of 2 or more workers, found 1}}
  amk.task @product tiles(#cut) on(#all) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @no_target positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+1 {{V1: cluster_gather: expected a target with clusters, found no target}}
  amk.task @product tiles(#cut) on(#amk.place<[0, 0]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

// A worker of the cluster has no tile: it would not poll its part.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @missing positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+2 {{V1: tile 0: cluster_gather: expected one tile on each of the workers 0 to 1 of a cluster, found none on worker 1}}
  // expected-error @+1 {{V1: tile 1: cluster_gather: expected one tile on each of the workers 2 to 3 of a cluster, found none on worker 3}}
  amk.task @product tiles(#cut) on(#amk.place<[0, 2]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @twice positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+1 {{V1: tile 2: cluster_gather: expected one tile on each of the workers 0 to 1 of a cluster, found tile 0 and tile 2 on worker 0}}
  amk.task @product tiles(#amk.cut<bounds [0, 2, 4, 8]>) on(#amk.place<[0, 1, 0]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @plain positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation : !b
  %y = amk.buffer output : !f
  %c = amk.counter 1
  amk.task @vector signal(%c) {
    amk.round %x -> %v : !f, !b
  }
  // expected-error @+1 {{V1: tile 0: cluster_gather: expected to read packets, found no read of any}}
  amk.task @product tiles(#cut) on(#all) wait(%c >= 1) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

// Every tile reads its own part of the packets: there is nothing to share.
!f = !amk.buffer<8xf32>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @others positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<3, #cut> : !f
  %y = amk.buffer output : !f
  amk.task @vector tiles(#cut) on(#all) {
    amk.hash %x -> %v : !f, !f
  }
  // expected-note @+1 {{the other tile}}
  amk.task @sum tiles(#cut) on(#all) cluster_gather {
    // expected-error @+1 {{V1: tile 1: cluster_gather: expected all tiles of a cluster to read the same packets, found a read of bytes [16, 32) of 'v' that tile 0 does not have}}
    amk.add %v, %v -> %y : !f, !f, !f
  }
}

// -----

// Who polls for a tile would wait for what that tile writes later.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @own positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6, #cut> : !b
  %y = amk.buffer output : !f
  amk.task @product tiles(#cut) on(#all) cluster_gather {
    // expected-error @+1 {{V1: tile 0: cluster_gather: expected to write other buffers than those whose packets it reads, found a write of 'v'}}
    amk.hash %x -> %v : !f, !b
    amk.hash %v -> %y : !b, !f
  }
}

// -----

// At the edge: a task on one of two clusters, in any order of its workers, and
// one on both.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @edge positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  amk.task @product tiles(#cut) on(#amk.place<[3, 2]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
  amk.task @both tiles(#amk.cut<even 8 in 4>) on(#amk.place<[1, 2, 3, 0]>) cluster_gather {
    amk.hash %v -> %z : !b, !f
  }
}

// -----

// At the edge: inert in program order, as the place is.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule @sequential positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  amk.task @product tiles(#cut) on(#amk.place<[0, 2]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
}

// -----

// At the edge: what the tile has written itself it reads on without a poll.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @own positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer activation packets<3, #cut> : !f
  %z = amk.buffer output : !b
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  amk.task @product tiles(#cut) on(#all) cluster_gather {
    amk.hash %v -> %y : !b, !f
    amk.round %y -> %z : !f, !b
  }
}

// -----

// But not what its mate has written: that is a packet of another tile, which
// only comes after they have met.
!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
#cut = #amk.cut<even 8 in 2>
#all = #amk.place<[0 to 1]>
amk.schedule concurrent @of_a_mate positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 4, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %y = amk.buffer activation packets<3, #cut> : !f
  %z = amk.buffer output : !f
  amk.task @vector {
    amk.round %x -> %v : !f, !b
  }
  amk.task @product tiles(#cut) on(#all) cluster_gather {
    // expected-error @+1 {{V1: tile 0: cluster_gather: expected to write other buffers than those whose packets it reads, found a write of 'y'}}
    amk.hash %v -> %y : !b, !f
    amk.hash %y -> %z : !f, !f
  }
}
