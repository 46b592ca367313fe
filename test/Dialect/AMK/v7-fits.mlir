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

// -----

// At the edge: pages and ring fill the shared memory to the byte.
amk.schedule @full positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 2080>
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

// A warp has no registers to hold a stage of this size on sm_80; on sm_90, where
// the loader's go to the consumers, it would.
!v = !amk.buffer<3072xbf16>
!w = !amk.buffer<8x3072xbf16>
!y = !amk.buffer<8xf32>
amk.schedule @registers positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_80", workers = 1, shared_bytes = 166912>
    ring<slots = 3, bytes = 24576, window = 2, ahead = 1, teams = 3> {
  %x = amk.buffer input : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  // expected-error @+1 {{V7: stream: expected slots of at most 18944 bytes to hold one in the 168 registers of a thread on sm_80, found 24576}}
  amk.task @product stream<rows = 4, columns = 3072, held = 1> {
    amk.linear %x, %w -> %y : !v, !w, !y
  }
}
