// Products of slices: of a vector with six of them in three rounds of packets, and
// of one with four in one round, in turns. Packets of the round before stand
// where those of this one are to come, and the vector area has the other input.
// All values are finite, so that a wrong one makes another sum.
#wide = #amk.cut<sizes [500, 288, 612, 100, 700, 372, 400, 100]>
#cut = #amk.cut<sizes [100, 36, 88, 32, 60, 68, 96, 32]>
#at0 = #amk.place<[0 to 7]>
amk.schedule concurrent @slices positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 8, shared_bytes = 65536>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 2, teams = 8> {
  %token = amk.buffer input : !amk.buffer<1xi32>
  %table = amk.weight "table" : !amk.buffer<1024x3072xbf16>
  %w = amk.weight "w" : !amk.buffer<512x3072xbf16>
  %v = amk.weight "v" : !amk.buffer<512x512xbf16>
  %u = amk.weight "u" : !amk.buffer<3072x512xbf16>
  %p0 = amk.buffer activation packets<6, #wide> page<scratch + 0> generation(0) : !amk.buffer<3072xbf16>
  %q0 = amk.buffer activation packets<6, #cut> page<scratch + 16384> generation(0) : !amk.buffer<512xbf16>
  %r0 = amk.buffer activation packets<6, #cut> page<scratch + 32768> generation(0) : !amk.buffer<512xbf16>
  %p1 = amk.buffer activation packets<6, #wide> page<scratch + 0> generation(1) : !amk.buffer<3072xbf16>
  %q1 = amk.buffer activation packets<6, #cut> page<scratch + 16384> generation(1) : !amk.buffer<512xbf16>
  %x = amk.buffer local : !amk.buffer<3072xf32>
  %l0 = amk.buffer local : !amk.buffer<512xf32>
  %l1 = amk.buffer local : !amk.buffer<512xf32>
  %l2 = amk.buffer local : !amk.buffer<3072xf32>
  %l3 = amk.buffer local : !amk.buffer<512xf32>
  %y = amk.buffer output : !amk.buffer<512xf32>
  amk.task @t0 tiles(#wide) on(#at0) {
    amk.embed %token, %table -> %x : !amk.buffer<1xi32>, !amk.buffer<1024x3072xbf16>, !amk.buffer<3072xf32>
    amk.round %x -> %p0 : !amk.buffer<3072xf32>, !amk.buffer<3072xbf16>
  }
  amk.task @t1 tiles(#cut) on(#at0) stream<rows = 4, columns = 512, held = 1, by_slice = true> {
    amk.linear %p0, %w -> %l0 : !amk.buffer<3072xbf16>, !amk.buffer<512x3072xbf16>, !amk.buffer<512xf32>
    amk.round %l0 -> %q0 : !amk.buffer<512xf32>, !amk.buffer<512xbf16>
  }
  amk.task @t2 tiles(#cut) on(#at0) stream<rows = 4, columns = 128, held = 1, by_slice = true> {
    amk.linear %q0, %v -> %l1 : !amk.buffer<512xbf16>, !amk.buffer<512x512xbf16>, !amk.buffer<512xf32>
    amk.round %l1 -> %r0 : !amk.buffer<512xf32>, !amk.buffer<512xbf16>
  }
  amk.task @t3 tiles(#wide) on(#at0) stream<rows = 4, columns = 512, held = 1> {
    amk.linear %r0, %u -> %l2 : !amk.buffer<512xbf16>, !amk.buffer<3072x512xbf16>, !amk.buffer<3072xf32>
    amk.round %l2 -> %p1 : !amk.buffer<3072xf32>, !amk.buffer<3072xbf16>
  }
  amk.task @t4 tiles(#cut) on(#at0) stream<rows = 4, columns = 512, held = 1, by_slice = true> {
    amk.linear %p1, %w -> %l3 : !amk.buffer<3072xbf16>, !amk.buffer<512x3072xbf16>, !amk.buffer<512xf32>
    amk.round %l3 -> %q1 : !amk.buffer<512xf32>, !amk.buffer<512xbf16>
  }
  amk.task @t5 tiles(#cut) on(#at0) stream<rows = 4, columns = 128, held = 1, by_slice = true> {
    amk.linear %q1, %v -> %y : !amk.buffer<512xbf16>, !amk.buffer<512x512xbf16>, !amk.buffer<512xf32>
  }
}
