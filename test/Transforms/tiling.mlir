// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 | FileCheck %s
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling="workers=6 balance=0" | FileCheck %s --check-prefix=FIRST
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling="target=sm_80" | FileCheck %s --check-prefix=ALL
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling="workers=63 fewest" | FileCheck %s --check-prefix=FEWEST
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --remarks-filter=amk-tiling -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=1 | FileCheck %s --check-prefix=ONE
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=133 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=target=sm_75 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not amk-opt %S/Inputs/one-layer.mlir --amk-tiling=workers=6 --amk-sm-assignment --amk-synchronization --amk-tiling 2>&1 | FileCheck %s --check-prefix=LATE

// 256 rows in groups of four over six workers: 64 groups are 4 x 11 + 2 x 10.
// The LM head's blocks weigh most, and the first two workers have one more of
// them; so the other four get the groups left over here, and of those of QKV
// two of them again.
// CHECK-DAG: #[[$OWN:.*]] = #amk.cut<sizes [40 times 2, 44 times 4]>
// CHECK-DAG: #[[$QKV:.*]] = #amk.cut<sizes [20 times 2, 24 times 2, 20 times 2]>
// CHECK-DAG: #[[$HEADS:.*]] = #amk.cut<even 4 in 4>
// CHECK-DAG: #[[$GU:.*]] = #amk.cut<even 768 in 6>
// The argmax's blocks of 16 rows stay whole.
// CHECK-DAG: #[[$HEAD:.*]] = #amk.cut<even 128 in 6 by 16>
// CHECK: amk.schedule @decode {{.*}} target<chip = "sm_90", workers = 6, shared_bytes = 232448>
// CHECK: amk.task @embed tiles(#[[$OWN]]) {
// CHECK: amk.task @qkv tiles(#[[$QKV]]) {
// CHECK: amk.task @attention tiles(#[[$HEADS]]) {
// CHECK: amk.task @o tiles(#[[$OWN]]) {
// CHECK: amk.task @gate_up tiles(#[[$GU]]) {
// CHECK: amk.task @down tiles(#[[$OWN]]) {
// CHECK: amk.task @lm_head tiles(#[[$HEAD]]) {
// CHECK: amk.task @argmax {

// No more tiles than granules: 64 groups of four rows.
// ALL: #amk.cut<even 256 in 64>
// ALL: target<chip = "sm_80", workers = 108, shared_bytes = 166912>

// Of 63 workers 32 do as well: the longest tile has two groups either way.
// FEWEST: #amk.cut<even 256 in 32>

// FIRST-DAG: #amk.cut<even 256 in 6 by 4>
// FIRST-DAG: #amk.cut<even 128 in 6 by 4>

// One split of the positions: nothing to split.
// REMARK: Category:amk-tiling | Function=decode | attention_ranges=1, attention_workers=4, attention_workers_before=4, chain_per_layer=[[CHAIN:[0-9.]+]], chain_per_layer_before=[[CHAIN]], crossing_per_layer=[[CROSSING:[0-9.]+]], crossing_per_layer_before=[[CROSSING]], imbalance={{.*}}, most over mean=1.0{{[0-9]*}}, tasks=8, tiles=41, workers=6

// ONE-NOT: tiles(#amk.cut<{{.*}}256
// ONE: amk.task @embed {
// Heads are tiles of their own all the same.
// ONE: amk.task @attention tiles(
// ONE: amk.task @down {

// MANY: error: amk-tiling: workers: expected 1 to 132 on sm_90, found 133
// CHIP: error: amk-tiling: target: expected one of sm_80, sm_90, sm_100, sm_120, a100, {{.*}} or a .json file, found 'sm_75'
// LATE: error: amk-tiling: expected a sequential schedule, found a concurrent one
