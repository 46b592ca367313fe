// Eight hashes in a row, handed over by counters, each through one of two pages:
// what a stage reads too early, or from a stale copy, is what a stage two before
// has left there. Small tiles of odd sizes; every byte of the output depends on
// every byte of every stage.
#cut = #amk.cut<sizes [100, 36, 88, 32]>
#at0 = #amk.place<[0 to 3]>
#at1 = #amk.place<[1, 2, 3, 0]>
#at2 = #amk.place<[2, 3, 0, 1]>
#at3 = #amk.place<[3, 0, 1, 2]>
amk.schedule concurrent @counters positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 4, shared_bytes = 65536> {
  %in = amk.buffer input : !amk.buffer<48xi32>
  %b0 = amk.buffer activation page<scratch + 0> : !amk.buffer<256xi32>
  %b1 = amk.buffer activation page<scratch + 1024> : !amk.buffer<256xi32>
  %b2 = amk.buffer activation page<scratch + 0> : !amk.buffer<256xi32>
  %b3 = amk.buffer activation page<scratch + 1024> : !amk.buffer<256xi32>
  %b4 = amk.buffer activation page<scratch + 0> : !amk.buffer<256xi32>
  %b5 = amk.buffer activation page<scratch + 1024> : !amk.buffer<256xi32>
  %b6 = amk.buffer activation page<scratch + 0> : !amk.buffer<256xi32>
  %out = amk.buffer output : !amk.buffer<256xi32>
  %c0 = amk.counter 1
  %c1 = amk.counter 1
  %c2 = amk.counter 1
  %c3 = amk.counter 1
  %c4 = amk.counter 1
  %c5 = amk.counter 1
  %c6 = amk.counter 1
  amk.task @t0 tiles(#cut) on(#at0) signal(%c0) {
    amk.hash %in -> %b0 : !amk.buffer<48xi32>, !amk.buffer<256xi32>
  }
  amk.task @t1 tiles(#cut) on(#at1) wait(%c0 >= 4) signal(%c1) {
    amk.hash %b0 -> %b1 : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
  amk.task @t2 tiles(#cut) on(#at2) wait(%c1 >= 4) signal(%c2) {
    amk.hash %b1 -> %b2 : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
  amk.task @t3 tiles(#cut) on(#at3) wait(%c2 >= 4) signal(%c3) {
    amk.hash %b2 -> %b3 : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
  amk.task @t4 tiles(#cut) on(#at0) wait(%c3 >= 4) signal(%c4) {
    amk.hash %b3 -> %b4 : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
  amk.task @t5 tiles(#cut) on(#at1) wait(%c4 >= 4) signal(%c5) {
    amk.hash %b4 -> %b5 : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
  amk.task @t6 tiles(#cut) on(#at2) wait(%c5 >= 4) signal(%c6) {
    amk.hash %b5 -> %b6 : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
  amk.task @t7 tiles(#cut) on(#at3) wait(%c6 >= 4) {
    amk.hash %b6 -> %out : !amk.buffer<256xi32>, !amk.buffer<256xi32>
  }
}
