// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment | FileCheck %s
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=132 --amk-sm-assignment | FileCheck %s --check-prefix=SPREAD
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=round-robin | FileCheck %s --check-prefix=ROUND
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=load-balanced | FileCheck %s --check-prefix=BALANCED
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=load-balanced --remarks-filter=amk-sm-assignment -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-sm-assignment 2>&1 | FileCheck %s --check-prefix=EARLY

// CHECK-DAG: #[[$ALL:.*]] = #amk.place<[0 to 5]>
// CHECK-DAG: #[[$FOUR:.*]] = #amk.place<[0 to 3]>
// CHECK-DAG: #[[$ONE:.*]] = #amk.place<[0]>
// CHECK: amk.task @embed tiles(#{{.*}}) on(#[[$ALL]]) {
// CHECK: amk.task @attention tiles(#{{.*}}) on(#[[$FOUR]]) {
// CHECK: amk.task @down tiles(#{{.*}}) on(#[[$ALL]]) {
// CHECK: amk.task @argmax on(#[[$ONE]]) {

// Four heads over 132 workers: every 33rd. 64 tiles: every second.
// SPREAD-DAG: #amk.place<[0 to 99 by 33]>
// SPREAD-DAG: #amk.place<[0 to 126 by 2]>

// The LM head goes on where the task before it ended; what updates the
// residual stays with its owners.
// ROUND-DAG: #[[$ALL:.*]] = #amk.place<[0 to 5]>
// ROUND-DAG: #[[$ON:.*]] = #amk.place<[4, 5, 0 to 3]>
// ROUND: amk.task @attention
// ROUND: amk.task @o tiles(#{{.*}}) on(#[[$ALL]]) {
// ROUND: amk.task @gate_up tiles(#{{.*}}) on(#[[$ON]]) {
// ROUND: amk.task @down tiles(#{{.*}}) on(#[[$ALL]]) {

// REMARK: Category:amk-sm-assignment | Function=decode | least over mean=0.9{{.*}}, mean bytes={{.*}}, most over mean=1.0{{.*}}, tiles=41, workers used=6
// BALANCED: amk.task @embed tiles(#{{.*}}) on(#[[OWN:.*]]) {
// BALANCED: amk.task @o tiles(#{{.*}}) on(#[[OWN]]) {
// BALANCED: amk.task @down tiles(#{{.*}}) on(#[[OWN]]) {

// EARLY: error: amk-sm-assignment: expected a target (run amk-tiling first)
