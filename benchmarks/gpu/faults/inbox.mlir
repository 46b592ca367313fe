// As packets.mlir, in the inboxes of one cluster of four workers.
#cut = #amk.cut<sizes [100, 36, 88, 32]>
#at0 = #amk.place<[0 to 3]>
amk.schedule concurrent @inbox positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 65536, cluster = 4> {
  %in = amk.buffer input : !amk.buffer<48xi32>
  %b0 = amk.buffer activation packets<6, #cut> page<cluster + 0 room 44> generation(0) : !amk.buffer<256xbf16>
  %b1 = amk.buffer activation packets<6, #cut> page<cluster + 704 room 44> generation(1) : !amk.buffer<256xbf16>
  %b2 = amk.buffer activation packets<6, #cut> page<cluster + 0 room 44> generation(2) : !amk.buffer<256xbf16>
  %b3 = amk.buffer activation packets<6, #cut> page<cluster + 704 room 44> generation(3) : !amk.buffer<256xbf16>
  %b4 = amk.buffer activation packets<6, #cut> page<cluster + 0 room 44> generation(4) : !amk.buffer<256xbf16>
  %b5 = amk.buffer activation packets<6, #cut> page<cluster + 704 room 44> generation(5) : !amk.buffer<256xbf16>
  %b6 = amk.buffer activation packets<6, #cut> page<cluster + 0 room 44> generation(6) : !amk.buffer<256xbf16>
  %out = amk.buffer output : !amk.buffer<256xi32>
  amk.task @t0 tiles(#cut) on(#at0) {
    amk.hash %in -> %b0 : !amk.buffer<48xi32>, !amk.buffer<256xbf16>
  }
  amk.task @t1 tiles(#cut) on(#at0) {
    amk.hash %b0 -> %b1 : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>
  }
  amk.task @t2 tiles(#cut) on(#at0) {
    amk.hash %b1 -> %b2 : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>
  }
  amk.task @t3 tiles(#cut) on(#at0) {
    amk.hash %b2 -> %b3 : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>
  }
  amk.task @t4 tiles(#cut) on(#at0) {
    amk.hash %b3 -> %b4 : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>
  }
  amk.task @t5 tiles(#cut) on(#at0) {
    amk.hash %b4 -> %b5 : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>
  }
  amk.task @t6 tiles(#cut) on(#at0) {
    amk.hash %b5 -> %b6 : !amk.buffer<256xbf16>, !amk.buffer<256xbf16>
  }
  amk.task @t7 tiles(#cut) on(#at0) {
    amk.hash %b6 -> %out : !amk.buffer<256xbf16>, !amk.buffer<256xi32>
  }
}
