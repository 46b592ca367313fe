// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V8: nobody can come to wait for a phase of a slot's barrier before the phase
// before it is complete, and nobody needs more stages than there is room for.

// At the edge: slots are no multiple of the teams, so two of five may be in
// flight. The stage is a slot, and the one that a warp can hold is held.
!v = !amk.buffer<128xbf16>
!w = !amk.buffer<8x128xbf16>
!y = !amk.buffer<8xf32>
amk.schedule concurrent @edge positions(1) numerics<k_block = 128, kv_block = 1>
    target<chip = "sm_90", workers = 1, shared_bytes = 232448>
    ring<slots = 5, bytes = 1024, window = 2, ahead = 2, teams = 3> {
  %x = amk.buffer input : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  amk.task @product stream<rows = 4, columns = 128, held = 1> {
    amk.linear %x, %w -> %y : !v, !w, !y
  }
}

// -----

// Team 0 has taken stage 3 and waits for stage 6, in slot 1. Stage 1, which was
// in that slot, may still be in flight: stage 3 was issued when stage 0 had
// landed, and copies land in any order.
// expected-error @+1 {{V8: ring: expected a window of 1 to 2 with 5 slots and 3 teams, found 3: a wait for a slot could run two phases ahead}}
amk.schedule @window positions(1) numerics<k_block = 1, kv_block = 1>
    ring<slots = 5, bytes = 1024, window = 3, ahead = 2, teams = 3> {
}

// -----

// The loader waits for the stage `window` back: its slot must not have been
// filled again.
// expected-error @+1 {{V8: ring: expected a window of 1 to 6 with 6 slots and 3 teams, found 7: a wait for a slot could run two phases ahead}}
amk.schedule @loader positions(1) numerics<k_block = 1, kv_block = 1>
    ring<slots = 6, bytes = 1024, window = 7, ahead = 2, teams = 3> {
}

// -----

// expected-error @+1 {{V8: ring: expected at least as many slots as teams, 3, found 2}}
amk.schedule @slots positions(1) numerics<k_block = 1, kv_block = 1>
    ring<slots = 2, bytes = 1024, window = 1, ahead = 1, teams = 3> {
}

// -----

// expected-error @+1 {{V8: ring: expected 1 to 2 stages ahead, the window, found 3}}
amk.schedule @ahead positions(1) numerics<k_block = 1, kv_block = 1>
    ring<slots = 6, bytes = 1024, window = 2, ahead = 3, teams = 3> {
}

// -----

!v = !amk.buffer<256xbf16>
!w = !amk.buffer<8x256xbf16>
!y = !amk.buffer<8xf32>
amk.schedule @stage positions(1) numerics<k_block = 128, kv_block = 1>
    ring<slots = 3, bytes = 1024, window = 2, ahead = 1, teams = 3> {
  %x = amk.buffer input : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  // expected-error @+1 {{V8: stream: expected stages of at most 1024 bytes, a slot of the ring, found 2048}}
  amk.task @product stream<rows = 4, columns = 256> {
    amk.linear %x, %w -> %y : !v, !w, !y
  }
}

// -----

!v = !amk.buffer<128xbf16>
!w = !amk.buffer<8x128xbf16>
!y = !amk.buffer<8xf32>
amk.schedule @held positions(1) numerics<k_block = 128, kv_block = 1>
    ring<slots = 3, bytes = 1024, window = 2, ahead = 1, teams = 3> {
  %x = amk.buffer input : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  // expected-error @+1 {{V8: stream: expected a warp to hold at most 1 stage, found 2}}
  amk.task @product stream<rows = 4, columns = 128, held = 2> {
    amk.linear %x, %w -> %y : !v, !w, !y
  }
}

// -----

!v = !amk.buffer<256xbf16>
!w = !amk.buffer<8x256xbf16>
!y = !amk.buffer<8xf32>
amk.schedule @slices positions(1) numerics<k_block = 128, kv_block = 1>
    ring<slots = 3, bytes = 2048, window = 2, ahead = 1, teams = 3> {
  %x = amk.buffer input : !v
  %w = amk.weight "w" : !w
  %y = amk.buffer output : !y
  %z = amk.buffer output : !y
  // expected-error @+1 {{V8: stream: expected an input in packets to take by slices, found none}}
  amk.task @plain stream<rows = 4, columns = 128, by_slice = true> {
    amk.linear %x, %w -> %y : !v, !w, !y
  }
  // expected-error @+1 {{V8: stream: expected more than one slice of a row to take one by one, found one of 256 columns}}
  amk.task @one stream<rows = 4, columns = 256, by_slice = true> {
    amk.linear %x, %w -> %z : !v, !w, !y
  }
}
