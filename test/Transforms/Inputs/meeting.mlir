!f = !amk.buffer<8xf32>
!b = !amk.buffer<8xbf16>
amk.schedule concurrent @meeting positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 2, shared_bytes = 1024, cluster = 2> {
  %x = amk.buffer input : !f
  %v = amk.buffer activation packets<6> : !b
  %mid = amk.buffer activation : !f
  %y = amk.buffer output : !f
  %z = amk.buffer output : !f
  amk.task @vector on(#amk.place<[1]>) {
    amk.round %x -> %v : !f, !b
  }
  amk.task @first on(#amk.place<[0]>) {
    amk.hash %x -> %mid : !f, !f
  }
  amk.task @gang tiles(#amk.cut<even 8 in 2>) on(#amk.place<[0, 1]>) cluster_gather {
    amk.hash %v -> %y : !b, !f
  }
  amk.task @second on(#amk.place<[1]>) {
    amk.hash %mid -> %z : !f, !f
  }
}
