// Eight hashes in a row over two clusters of four workers, which share what they
// gather; but for one, so that the vector is also filled by its own worker. As in
// packets.mlir, packets of another stage stand where those of this one are to
// come.
#cut = #amk.cut<sizes [100, 36, 88, 32, 60, 68, 96, 32]>
#at0 = #amk.place<[0 to 7]>
amk.schedule concurrent @cluster positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 8, shared_bytes = 65536, cluster = 4> {
  %in = amk.buffer input : !amk.buffer<48xi32>
  %b0 = amk.buffer activation packets<6, #cut> page<scratch + 0> generation(0) : !amk.buffer<512xbf16>
  %b1 = amk.buffer activation packets<6, #cut> page<scratch + 2048> generation(1) : !amk.buffer<512xbf16>
  %b2 = amk.buffer activation packets<6, #cut> page<scratch + 0> generation(2) : !amk.buffer<512xbf16>
  %b3 = amk.buffer activation packets<6, #cut> page<scratch + 2048> generation(3) : !amk.buffer<512xbf16>
  %b4 = amk.buffer activation packets<6, #cut> page<scratch + 0> generation(4) : !amk.buffer<512xbf16>
  %b5 = amk.buffer activation packets<6, #cut> page<scratch + 2048> generation(5) : !amk.buffer<512xbf16>
  %b6 = amk.buffer activation packets<6, #cut> page<scratch + 0> generation(6) : !amk.buffer<512xbf16>
  %out = amk.buffer output : !amk.buffer<512xi32>
  amk.task @t0 tiles(#cut) on(#at0) {
    amk.hash %in -> %b0 : !amk.buffer<48xi32>, !amk.buffer<512xbf16>
  }
  amk.task @t1 tiles(#cut) on(#at0) cluster_gather {
    amk.hash %b0 -> %b1 : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>
  }
  amk.task @t2 tiles(#cut) on(#at0) cluster_gather {
    amk.hash %b1 -> %b2 : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>
  }
  amk.task @t3 tiles(#cut) on(#at0) cluster_gather {
    amk.hash %b2 -> %b3 : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>
  }
  amk.task @t4 tiles(#cut) on(#at0) {
    amk.hash %b3 -> %b4 : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>
  }
  amk.task @t5 tiles(#cut) on(#at0) cluster_gather {
    amk.hash %b4 -> %b5 : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>
  }
  amk.task @t6 tiles(#cut) on(#at0) cluster_gather {
    amk.hash %b5 -> %b6 : !amk.buffer<512xbf16>, !amk.buffer<512xbf16>
  }
  amk.task @t7 tiles(#cut) on(#at0) cluster_gather {
    amk.hash %b6 -> %out : !amk.buffer<512xbf16>, !amk.buffer<512xi32>
  }
}
