// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V7: it fits.

// expected-error @+1 {{V7: shared memory of a worker: expected at most 1024 bytes, found 32 of pages and 2048 of ring}}
amk.schedule @shared positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 1024>
    ring<slots = 8, bytes = 256, window = 1, ahead = 1, teams = 1> {
  %x = amk.buffer input : !amk.buffer<8xf32>
  %b = amk.buffer activation page<shared + 0> : !amk.buffer<8xf32>
  %y = amk.buffer output : !amk.buffer<8xf32>
  amk.task @b {
    amk.hash %x -> %b : !amk.buffer<8xf32>, !amk.buffer<8xf32>
  }
  amk.task @y {
    amk.hash %b -> %y : !amk.buffer<8xf32>, !amk.buffer<8xf32>
  }
}

// -----

// expected-error @+1 {{V7: target: expected one of sm_80, sm_90, sm_100, sm_120, found 'sm_75'}}
amk.schedule @chip positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_75", workers = 1, shared_bytes = 1024> {
}

// -----

amk.schedule @page positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{V7: expected a page offset that is a multiple of 4, found 2}}
  %b = amk.buffer activation page<scratch + 2> : !amk.buffer<8xf32>
}
