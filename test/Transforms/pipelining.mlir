// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-pipelining | FileCheck %s
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-pipelining --remarks-filter=amk-pipelining -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-pipelining="columns=128 slots=13 window=6 held=0" | FileCheck %s --check-prefix=SMALL
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-pipelining=slots=11 | FileCheck %s --check-prefix=SHALLOW
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling="target=sm_80 workers=6" --amk-sm-assignment --amk-pipelining | FileCheck %s --check-prefix=THREADS
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-synchronization --amk-pipelining=columns=128 | FileCheck %s --check-prefix=SLICES
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-synchronization --amk-pipelining="columns=128 slices=whole" | FileCheck %s --check-prefix=WHOLE --implicit-check-not=by_slice
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-pipelining 2>&1 | FileCheck %s --check-prefix=EARLY
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling --amk-pipelining=columns=64 2>&1 | FileCheck %s --check-prefix=NARROW

// The output projection's rows of 64 are no multiple of 128: direct loads.
// REMARK: direct=1, other bytes={{.*}}, ring bytes=49152, slots=16, stage bytes=3072, stages=320, streams=4, window=4
// CHECK: ring<slots = 16, bytes = 3072, window = 4, ahead = 3, teams = 8>
// CHECK: amk.task @embed tiles(#{{.*}}) on(#{{[a-z0-9]*}}) {
// CHECK: amk.task @qkv {{.*}} stream<rows = 4, columns = 256, held = 1>
// CHECK: amk.task @attention tiles(#{{.*}}) on(#{{[a-z0-9]*}}) {
// CHECK: amk.task @o tiles(#{{.*}}) on(#{{[a-z0-9]*}}) {
// CHECK: amk.task @gate_up {{.*}} stream<rows = 4, columns = 256, held = 1>
// CHECK: amk.task @down {{.*}} stream<rows = 4, columns = 384, held = 1>
// CHECK: amk.task @lm_head {{.*}} stream<rows = 4, columns = 256, held = 1>

// 13 slots are no multiple of 8 teams: a window of at most 5 (V8).
// SMALL: ring<slots = 13, bytes = 1024, window = 5, ahead = 3, teams = 8>
// SMALL: amk.task @down {{.*}} stream<rows = 4, columns = 128>

// Where threads copy, the whole ring may be in flight: it is less than 64 KB.
// THREADS: ring<slots = 16, bytes = 3072, window = 16, ahead = 16, teams = 8>

// Fewer than three slots for two teams: fewer stages ahead.
// SHALLOW: ring<slots = 11, bytes = 3072, window = 3, ahead = 2, teams = 8>

// EARLY: error: amk-pipelining: expected a target
// NARROW: error: amk-pipelining: expected stages of at least 128 columns, found 64

// An input in packets is taken slice by slice, unless told otherwise.
// SLICES: amk.task @down {{.*}} stream<rows = 4, columns = 128, held = 1, by_slice = true>
// WHOLE: amk.task @down {{.*}} stream<rows = 4, columns = 128, held = 1>
