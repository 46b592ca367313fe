// Passes from a library that is built outside the tree.
// RUN: amk-opt --load-pass-plugin=%plugins/AMKTaskCensus.so --pass-pipeline='builtin.module(example-task-census)' %S/../Transforms/Inputs/one-layer.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=CENSUS
// RUN: amk-opt --load-pass-plugin=%plugins/AMKTaskCensus.so --pass-pipeline='builtin.module(amk.schedule(amk-tiling{workers=6},amk-sm-assignment,amk-synchronization,example-hand-off-chain))' %S/../Transforms/Inputs/one-layer.mlir -o /dev/null 2>&1 | FileCheck %s
// RUN: amk-opt --load-pass-plugin=%plugins/AMKTaskCensus.so --pass-pipeline='builtin.module(amk.schedule(example-hand-off-chain))' %S/../Transforms/Inputs/one-layer.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=SEQUENTIAL

// CENSUS: remark: 8 tasks with 29 operators
// CHECK: remark: longest chain: 7 hand-offs, to qkv, attention, o, gate_up, down, lm_head, argmax
// SEQUENTIAL: remark: sequential: no hand-offs
