// RUN: amk-translate --import-hf %models/tiny-llama -o %t.mlir
// RUN: amk-opt %t.mlir --amk-compile=workers=6 --amk-estimate=position=3 -o /dev/null 2>&1 | FileCheck %s
// RUN: amk-opt %t.mlir --amk-estimate="target=h100 position=3" -o /dev/null 2>&1 | FileCheck %s --check-prefix=SEQUENTIAL
// RUN: amk-opt %t.mlir --amk-compile=workers=6 --amk-estimate="json position=3" -o /dev/null 2>&1 | python3 -c "import json, sys; d = json.load(sys.stdin); print(d['simulated'], d['device'], sum(t['bytes'] for t in d['tasks']) == d['bytes'], d['microseconds'] > d['stream_limit'], [t['name'] for t in d['tasks']])" | FileCheck %s --check-prefix=JSON
// The schedule stays as it is.
// RUN: amk-opt %t.mlir --amk-compile=workers=6 -o %t.1
// RUN: amk-opt %t.1 --amk-estimate -o %t.2 2>/dev/null
// RUN: cmp %t.1 %t.2
// A record from a file: half the memory bandwidth of its own board.
// RUN: echo '{"name": "half", "chip": "sm_90", "workers": 6, "clock_ghz": 1.98, "shared_bytes": 232448, "memory_gbs": {"value": 2400, "source": "half of it"}}' > %t.json
// RUN: amk-opt %t.1 --amk-estimate=target=%t.json -o /dev/null 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not amk-opt %t.1 --amk-estimate=target=v100 -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: echo '{"name": "half", "chip": "sm_90", "speed": 6}' > %t.bad.json
// RUN: not amk-opt %t.1 --amk-estimate=target=%t.bad.json -o /dev/null 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: amk-opt %t.mlir --amk-compile -o %t.3
// RUN: not amk-opt %t.3 --amk-estimate=target=a100 -o /dev/null 2>&1 | FileCheck %s --check-prefix=MANY

// A board or a record as the target of the schedule.
// RUN: amk-opt %t.mlir --amk-compile="target=rtx5090 workers=5" -o %t.4
// RUN: FileCheck %s --check-prefix=BOARD --input-file %t.4
// RUN: amk-opt %t.4 --amk-estimate -o /dev/null 2>&1 | FileCheck %s --check-prefix=BOARDTIME
// RUN: amk-opt %t.mlir --amk-compile=target=%t.json -o %t.5
// RUN: FileCheck %s --check-prefix=RECORD --input-file %t.5
// RUN: amk-opt %t.5 --amk-estimate -o /dev/null 2>&1 | FileCheck %s --check-prefix=RECORDTIME
// RUN: not amk-opt %t.mlir --amk-compile=target=%t.bad.json -o /dev/null 2>&1 | FileCheck %s --check-prefix=BADTARGET
// RUN: sed -e 's/memory_gbs = /memory_gbps = /' %t.5 | not amk-opt --amk-estimate 2>&1 | FileCheck %s --check-prefix=FIGURE
// RUN: sed -e 's/amk.device = "rtx5090"/amk.device = "rtx50"/' %t.4 | not amk-opt --amk-estimate 2>&1 | FileCheck %s --check-prefix=NAME
// A chip says nothing of the board.
// RUN: amk-opt %t.mlir --amk-tiling=target=h100 --amk-tiling=target=sm_90 | FileCheck %s --check-prefix=CHIP

// CHECK: decode on h200 at position 3: {{[0-9]+\.[0-9]}} us
// CHECK-NEXT: MB from memory, {{[0-9.]+}} us at full rate; {{[0-9.]+}} % of 4800 GB/s reached
// CHECK-NEXT: a worker waits {{[0-9.]+}} us for inputs, {{[0-9.]+}} of them with nothing in flight
// CHECK-NEXT: task tasks tiles MB wait exposed work publish us a tile
// CHECK-NEXT: embed 1 6 0.000
// CHECK-NEXT: L0_qkv 4 24
// CHECK-NEXT: L0_attention_partial 4
// CHECK-NEXT: L0_attention 4
// CHECK: argmax 1 1 0.000

// SEQUENTIAL: decode on h100 at position 3: {{[0-9.]+}} us (not concurrent: costs added up)
// JSON: True h200 True True ['embed', 'L0_qkv', 'L0_attention_partial', 'L0_attention', 'L0_o', 'L0_gateup', 'L0_down', 'lm_head', 'argmax']
// FILE: decode on half at position {{[0-9]+}}: {{.*}} us
// FILE: of 2400 GB/s reached
// UNKNOWN: error: amk-estimate: target: expected one of sm_80, sm_90, sm_100, sm_120, a100, h100, h200, b200, rtxpro6000, rtx5090 or a .json file, found 'v100'
// BAD: error: amk-estimate: {{.*}}.bad.json: 'speed': no such figure
// BOARD: target<chip = "sm_120", workers = 5, shared_bytes = 101376>{{.*}} attributes {{.*}}amk.device = "rtx5090"
// BOARDTIME: decode on rtx5090 at
// RECORD: target<chip = "sm_90", workers = 6, shared_bytes = 232448>{{.*}} attributes {{.*}}amk.device = {{.*}}memory_gbs = 2.400000e+03 : f64,{{.*}}name = "half"
// RECORDTIME: decode on half at
// BADTARGET: error: amk-tiling: {{.*}}.bad.json: 'speed': no such figure
// FIGURE: error: amk.device: 'memory_gbps': no such figure
// NAME: error: amk.device: expected one of a100, {{.*}}, found 'rtx50'
// CHIP-NOT: amk.device
// MANY: error: amk-estimate: workers: expected at most the 108 of a100, found 132
