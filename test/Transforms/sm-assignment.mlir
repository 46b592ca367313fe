// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment | FileCheck %s
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=132 --amk-sm-assignment | FileCheck %s --check-prefix=SPREAD
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=round-robin | FileCheck %s --check-prefix=ROUND
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=load-balanced | FileCheck %s --check-prefix=BALANCED
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=load-balanced --remarks-filter=amk-sm-assignment -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-sm-assignment 2>&1 | FileCheck %s --check-prefix=EARLY

// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=policy=locality | FileCheck %s --check-prefix=LOCAL
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="policy=explicit map=attention=5:3:1-2,a*max=4" | FileCheck %s --check-prefix=MAP
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="policy=explicit map=attention=0-2" 2>&1 | FileCheck %s --check-prefix=FEW
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="policy=explicit map=argmax=6" 2>&1 | FileCheck %s --check-prefix=BELOW
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="policy=explicit map=softmax=0" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="policy=explicit map=argmax=x" 2>&1 | FileCheck %s --check-prefix=SYNTAX
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="policy=explicit map=o=5:4:3:2:1:0,down=0-5" 2>&1 | FileCheck %s --check-prefix=OWNERS
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment="map=argmax=0" 2>&1 | FileCheck %s --check-prefix=POLICY
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=132 --amk-sm-assignment=cluster=4 --remarks-filter=amk-sm-assignment 2>&1 | FileCheck %s --check-prefix=CLUSTER
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=cluster=2 --amk-sm-assignment | FileCheck %s --check-prefix=NOCLUSTER
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=cluster=4 2>&1 | FileCheck %s --check-prefix=DIVIDE
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment=cluster=3 2>&1 | FileCheck %s --check-prefix=THREE
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling="target=sm_80 workers=6" --amk-sm-assignment=cluster=2 2>&1 | FileCheck %s --check-prefix=OLD

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

// REMARK: Category:amk-sm-assignment | Function=decode | least over mean=0.9{{.*}}, mean bytes={{.*}}, most over mean=1.0{{.*}}, most weights over mean=1.{{.*}}, tiles=41, workers of a cluster=1, workers used=6
// BALANCED: amk.task @embed tiles(#{{.*}}) on(#[[OWN:.*]]) {
// BALANCED: amk.task @o tiles(#{{.*}}) on(#[[OWN]]) {
// BALANCED: amk.task @down tiles(#{{.*}}) on(#[[OWN]]) {

// Head 1 (rows 16 to 31, and key and value rows 64 to 79, 96 to 111) finds most
// of them in tile 3 of QKV (rows 64 to 87), head 2 in tile 5.
// LOCAL: #[[$QUERY:.*]] = #amk.place<[0, 3, 5, 2]>
// LOCAL: amk.task @attention tiles(#{{.*}}) on(#[[$QUERY]]) {

// MAP-DAG: #[[$HEADS:.*]] = #amk.place<[5, 3, 1, 2]>
// MAP-DAG: #[[$LAST:.*]] = #amk.place<[4]>
// MAP: amk.task @attention tiles(#{{.*}}) on(#[[$HEADS]]) {
// MAP: amk.task @argmax on(#[[$LAST]]) {

// FEW: error: amk-sm-assignment: map: task 'attention': expected 1 or 4 workers, found 3
// BELOW: error: amk-sm-assignment: map: task 'argmax': expected workers below 6, found 6
// NAME: error: amk-sm-assignment: map: expected the name of a task, found 'softmax'
// SYNTAX: error: amk-sm-assignment: map: expected TASK=WORKER:WORKER-WORKER:..., found 'argmax=x'
// OWNERS: error: amk-sm-assignment: map: tasks 'o' and 'down' update the same buffer in place: expected the same workers for both (or keep-owners off)
// POLICY: error: amk-sm-assignment: map: expected the policy 'explicit' beside it
// Four workers in turn are a cluster. 64 tiles of a product fill whole ones,
// every second; heads are spread as ever.
// CLUSTER-DAG: workers of a cluster=4
// CLUSTER-DAG: #[[$WHOLE:.*]] = #amk.place<[0 to 3, 8 to 11, 16 to 19, {{.*}}, 120 to 123]>
// CLUSTER-DAG: #amk.place<[0 to 99 by 33]>
// CLUSTER-DAG: target<chip = "sm_90", workers = 132, shared_bytes = 232448, cluster = 4>
// CLUSTER-DAG: amk.task @o tiles(#{{.*}}) on(#[[$WHOLE]]) {
// NOCLUSTER: target<chip = "sm_90", workers = 6, shared_bytes = 232448>
// DIVIDE: error: amk-sm-assignment: cluster: expected a size that divides the 6 workers, found 4
// THREE: error: amk-sm-assignment: cluster: expected 1, 2, 4 or 8, found 3
// OLD: error: amk-sm-assignment: cluster: expected 1, since sm_80 has no clusters, found 2
// EARLY: error: amk-sm-assignment: expected a target (run amk-tiling first)
