// RUN: amk-opt %s --split-input-file --verify-diagnostics

// Inputs that are taken by slices: what gather and product have to agree on.
// Two slices in two rounds, of which the first has packets of both.

amk_exec.kernel @right on "sm_90" workers(1)
    shared<barriers = 4096, plan = 4224, row_words = 12, vector = 4800, partial = 5824, misc = 6848, pages = 7120, total = 8128, arrived = 7104, rounds = 2>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 2> {
  amk_exec.task_class @product id(0) {
    %x = amk_exec.field 8
    amk_exec.gather by_slice %x generation %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
    amk_exec.product columns(1024) slices(2) rounds [1, 3]
  }
}

// -----

amk_exec.kernel @barriers on "sm_90" workers(1)
    shared<barriers = 4096, plan = 4224, row_words = 12, vector = 4800, partial = 5824, misc = 6848, pages = 7120, total = 8128, arrived = 7104, rounds = 1>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 2> {
  amk_exec.task_class @product id(0) {
    %x = amk_exec.field 8
    // expected-error @+1 {{by_slice: expected packets for at most 1 rounds, the barriers of the shared memory, found 2}}
    amk_exec.gather by_slice %x generation %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
    amk_exec.product columns(1024) slices(2) rounds [1, 3]
  }
}

// -----

%x = arith.constant 0 : i32
// expected-error @+1 {{by_slice: expected packets that the worker polls itself, found none}}
amk_exec.gather by_slice %x {bytes = 2 : i32, elements = 2048 : i32}

// -----

%x = arith.constant 0 : i32
// expected-error @+1 {{by_slice: expected packets that the worker polls itself, found a gather shared in the cluster}}
amk_exec.gather cluster by_slice %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}

// -----

%x = arith.constant 0 : i32
// expected-error @+1 {{by_slice: expected a product that waits for the rounds after it, found none}}
amk_exec.gather by_slice %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
amk_exec.product columns(1024) slices(2)

// -----

// expected-error @+1 {{rounds: expected a gather by_slice before it, found none}}
amk_exec.product columns(1024) slices(2) rounds [1, 3]

// -----

%x = arith.constant 0 : i32
amk_exec.gather %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
// expected-error @+1 {{rounds: expected a gather by_slice before it, found another}}
amk_exec.product columns(1024) slices(2) rounds [1, 3]

// -----

%x = arith.constant 0 : i32
amk_exec.gather by_slice %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
// expected-error @+1 {{rounds: expected a set for each of 2 slices, found 1}}
amk_exec.product columns(1024) slices(2) rounds [3]

// -----

%x = arith.constant 0 : i32
amk_exec.gather by_slice %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
// expected-error @+1 {{rounds: expected a set of 2 rounds for slice 1, found 4}}
amk_exec.product columns(1024) slices(2) rounds [3, 4]

// -----

%x = arith.constant 0 : i32
amk_exec.gather by_slice %x packets<elements = 6, count = 342, table = 20, locate = 22> {bytes = 2 : i32, elements = 2048 : i32}
// expected-error @+1 {{rounds: expected the slices to wait for all of 2 rounds, found 1}}
amk_exec.product columns(1024) slices(2) rounds [1, 1]

// -----

%x = arith.constant 0 : i32
amk_exec.gather by_slice %x packets<elements = 1, count = 8448, table = 20, locate = 22> {bytes = 2 : i32, elements = 8448 : i32}
// expected-error @+1 {{rounds: expected a gather of 1 to 32 rounds, found 33}}
amk_exec.product columns(4224) slices(2) rounds [1, 3]
