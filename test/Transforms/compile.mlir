// RUN: amk-translate --import-hf %models/tiny-llama -o %t.mlir
// RUN: amk-opt %t.mlir --amk-compile | FileCheck %s --check-prefixes=CHECK,H200
// RUN: amk-opt %t.mlir --amk-compile="target=sm_80 workers=17 positions=32" | FileCheck %s --check-prefixes=CHECK,A100
// RUN: amk-opt %t.mlir --amk-compile=target=sm_100 | FileCheck %s --check-prefixes=CHECK,B200
// RUN: amk-opt %t.mlir --amk-compile=target=sm_120 | FileCheck %s --check-prefixes=CHECK,RTX
// RUN: amk-opt %t.mlir --amk-compile=workers=1 | FileCheck %s --check-prefixes=CHECK,ONE
// The pipeline is its passes, and twice the same.
// RUN: amk-opt %t.mlir --amk-compile=workers=31 -o %t.1
// RUN: amk-opt %t.mlir --amk-fusion-grouping --amk-tiling=workers=31 --amk-sm-assignment --amk-synchronization --amk-page-coloring --amk-pipelining -o %t.2
// RUN: cmp %t.1 %t.2
// Not fused, it is legal too.
// RUN: amk-opt %t.mlir --amk-tiling=workers=31 --amk-sm-assignment=policy=round-robin --amk-synchronization=packets=4 --amk-page-coloring --amk-pipelining -o /dev/null
// RUN: amk-opt %t.mlir --amk-tiling=workers=7 --amk-sm-assignment=policy=load-balanced --amk-synchronization=packets=0 --amk-page-coloring --amk-pipelining -o /dev/null
// RUN: not amk-opt %t.mlir --amk-compile=positions=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not amk-opt %t.mlir --amk-compile=positions=2049 2>&1 | FileCheck %s --check-prefix=LONG

// CHECK: amk.schedule concurrent @decode
// H200-SAME: positions(2048) {{.*}} target<chip = "sm_90", workers = 132, shared_bytes = 232448> ring<
// A100-SAME: positions(32) {{.*}} target<chip = "sm_80", workers = 17, shared_bytes = 166912> ring<
// B200-SAME: target<chip = "sm_100", workers = 148, shared_bytes = 232448> ring<
// RTX-SAME: target<chip = "sm_120", workers = 188, shared_bytes = 101376> ring<
// ONE-SAME: workers = 1,
// CHECK: %residual = amk.buffer activation page<shared + {{[0-9]+}}>
// A100: amk.buffer constant rope<head_dim = 64, {{.*}} : !f32_32_32_2
// A100: amk.buffer kv_cache : !bf16_2_2_32_64
// ONE-NOT: amk.counter

// NEGATIVE: error: amk-set-positions: positions: expected 1 to 2048, found -1
// LONG: error: amk-set-positions: positions: expected 1 to 2048, found 2049
