// Eight hashes in a row on each of two workers, handed over by nothing but the
// order of the queue, through two pages of the worker's shared memory.
amk.schedule concurrent @worker positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 2, shared_bytes = 65536> {
  %in = amk.buffer input : !amk.buffer<48xi32>
  %w0b0 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %w0b1 = amk.buffer activation page<shared + 1024> : !amk.buffer<250xi32>
  %w0b2 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %w0b3 = amk.buffer activation page<shared + 1024> : !amk.buffer<250xi32>
  %w0b4 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %w0b5 = amk.buffer activation page<shared + 1024> : !amk.buffer<250xi32>
  %w0b6 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %out0 = amk.buffer output : !amk.buffer<250xi32>
  %w1b0 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %w1b1 = amk.buffer activation page<shared + 1024> : !amk.buffer<250xi32>
  %w1b2 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %w1b3 = amk.buffer activation page<shared + 1024> : !amk.buffer<250xi32>
  %w1b4 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %w1b5 = amk.buffer activation page<shared + 1024> : !amk.buffer<250xi32>
  %w1b6 = amk.buffer activation page<shared + 0> : !amk.buffer<250xi32>
  %out1 = amk.buffer output : !amk.buffer<250xi32>
  amk.task @w0t0 on(#amk.place<[0]>) {
    amk.hash %in -> %w0b0 : !amk.buffer<48xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t0 on(#amk.place<[1]>) {
    amk.hash %in -> %w1b0 : !amk.buffer<48xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t1 on(#amk.place<[0]>) {
    amk.hash %w0b0 -> %w0b1 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t1 on(#amk.place<[1]>) {
    amk.hash %w1b0 -> %w1b1 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t2 on(#amk.place<[0]>) {
    amk.hash %w0b1 -> %w0b2 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t2 on(#amk.place<[1]>) {
    amk.hash %w1b1 -> %w1b2 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t3 on(#amk.place<[0]>) {
    amk.hash %w0b2 -> %w0b3 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t3 on(#amk.place<[1]>) {
    amk.hash %w1b2 -> %w1b3 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t4 on(#amk.place<[0]>) {
    amk.hash %w0b3 -> %w0b4 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t4 on(#amk.place<[1]>) {
    amk.hash %w1b3 -> %w1b4 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t5 on(#amk.place<[0]>) {
    amk.hash %w0b4 -> %w0b5 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t5 on(#amk.place<[1]>) {
    amk.hash %w1b4 -> %w1b5 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t6 on(#amk.place<[0]>) {
    amk.hash %w0b5 -> %w0b6 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t6 on(#amk.place<[1]>) {
    amk.hash %w1b5 -> %w1b6 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w0t7 on(#amk.place<[0]>) {
    amk.hash %w0b6 -> %out0 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
  amk.task @w1t7 on(#amk.place<[1]>) {
    amk.hash %w1b6 -> %out1 : !amk.buffer<250xi32>, !amk.buffer<250xi32>
  }
}
