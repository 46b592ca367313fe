// RUN: amk-opt %s -split-input-file -verify-diagnostics

// What cannot even be written down.

// expected-error @+1 {{expected 'even', 'sizes' or 'bounds', found 'odd'}}
module attributes {test.a = #amk.cut<odd 3>} {}

// -----

// expected-error @+1 {{expected at least 2 bounds, found 1}}
module attributes {test.a = #amk.cut<bounds [3]>} {}

// -----

// expected-error @+1 {{expected bounds from 0 to 2^32 - 2, found -4}}
module attributes {test.a = #amk.cut<bounds [-4, 3]>} {}

// -----

// expected-error @+1 {{expected an extent below 2^32 - 1 in at least one tile by a positive granule}}
module attributes {test.a = #amk.cut<even 8 in 0>} {}

// -----

// expected-error @+1 {{expected at least one worker}}
module attributes {test.a = #amk.place<[]>} {}

// -----

// expected-error @+1 {{expected a range that ascends}}
module attributes {test.a = #amk.place<[3 to 1]>} {}

// -----

// expected-error @+1 {{expected 1 to 2097152 entries}}
module attributes {test.a = #amk.place<[0 times 999999999999]>} {}

// -----

// The number of entries is one more than the difference, which fits just so.
// expected-error @+1 {{expected 1 to 2097152 entries}}
module attributes {test.a = #amk.place<[0 to 9223372036854775807]>} {}

// -----

// expected-error @+1 {{expected elements of type f32, bf16 or i32, found 'f64'}}
module attributes {test.a = !amk.buffer<8xf64>} {}

// -----

// expected-error @+1 {{expected at least 1 and at most 2^42 elements}}
module attributes {test.a = !amk.buffer<4294967296x4294967296xf32>} {}

// -----

amk.schedule @s positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{expected a name, as a string or as that of the result}}
  %0 = amk.buffer input : !amk.buffer<8xf32>
}

// -----

amk.schedule @s positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{V1: expected counters from 0 to 2^32 - 2, found -1}}
  %c = amk.counter -1
}

// -----

amk.schedule @s positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-error @+1 {{V1: expected a buffer, weight, counter or task in a schedule}}
  builtin.module {}
}

// -----

amk.schedule @s positions(1) numerics<k_block = 1, kv_block = 1> {
  %x = amk.buffer input : !amk.buffer<8xf32>
  %y = amk.buffer output : !amk.buffer<8xf32>
  // expected-error @+1 {{expects parent op 'amk.task'}}
  amk.hash %x -> %y : !amk.buffer<8xf32>, !amk.buffer<8xf32>
}

// -----

amk.schedule @s positions(1) numerics<k_block = 1, kv_block = 1> {
  // expected-note @+1 {{see existing symbol definition here}}
  amk.task @t {}
  // expected-error @+1 {{redefinition of symbol named 't'}}
  amk.task @t {}
}

// -----

"amk.schedule"() ({
  %c = "amk.counter"() {name = "c", count = 1} : () -> !amk.counter
  // expected-error @+1 {{V1: expected one entry of 'signal_fans' per counter, found 0 for 1}}
  "amk.task"(%c) ({
  ^bb0:
  }) {sym_name = "t", operandSegmentSizes = array<i32: 0, 1>} : (!amk.counter) -> ()
}) {sym_name = "s", positions = 1, numerics = #amk.numerics<k_block = 1, kv_block = 1>} : () -> ()

// -----

amk.schedule @twice positions(4) numerics<k_block = 2048, kv_block = 64> {
  %x = amk.buffer input : !amk.buffer<8xf32>
  %y = amk.buffer output : !amk.buffer<4xf32>
  amk.task @t {
    // expected-error @+1 {{expected attribute 'a' once, found it twice}}
    amk.swiglu %x -> %y {a = 1, a = 2} : !amk.buffer<8xf32>, !amk.buffer<4xf32>
  }
}
