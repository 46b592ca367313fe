// Kernels that are wrong on purpose, for the tests on the GPU: each fault takes
// away what it names, and without one nothing is different.

// RUN: amk-opt --convert-amk-exec-to-nvvm %s -o %t.good
// RUN: FileCheck %s --input-file=%t.good --check-prefix=GOOD --implicit-check-not=nanosleep.u32\ $0
// GOOD: fence.mbarrier_init
// GOOD: ld.relaxed.gpu.global.b128
// GOOD: st.relaxed.gpu.global.b128
// GOOD: ld.acquire.gpu.global.u32
// GOOD: red.release.gpu.global.add.u32

// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=acquire %s | FileCheck %s --check-prefix=ACQUIRE --implicit-check-not=ld.acquire
// ACQUIRE: "ld.relaxed.gpu.global.u32 $0, [$1];"
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=release %s | FileCheck %s --check-prefix=RELEASE --implicit-check-not=red.release
// RELEASE: "red.relaxed.gpu.global.add.u32 [$0], $1;"
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=single-copy %s | FileCheck %s --check-prefix=SINGLE --implicit-check-not=b128
// SINGLE: ld.relaxed.gpu.global.b64
// SINGLE: st.relaxed.gpu.global.b64
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=barrier-fence %s | FileCheck %s --check-prefix=FENCE --implicit-check-not=fence.
// FENCE: mbarrier.init

// Waits of the ring: two of the loader (slot, window), one of the consumers, the
// look before a stage is held.
// RUN: grep -c mbarrier.try_wait %t.good | FileCheck %s --check-prefix=THREE
// RUN: grep -c mbarrier.test_wait %t.good | FileCheck %s --check-prefix=ONE
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=ring-full %s | grep -c mbarrier.try_wait | FileCheck %s --check-prefix=TWO
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=ring-empty %s | grep -c mbarrier.try_wait | FileCheck %s --check-prefix=TWO
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=hold-full %s | not grep mbarrier.test_wait
// ONE: {{^1$}}
// TWO: {{^2$}}
// THREE: {{^3$}}
// Such kernels may wait for what never comes; then each wait of the ring ends.
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=ring-full %s | FileCheck %s --check-prefix=BOUNDED
// BOUNDED: default
// BOUNDED: globaltimer
// BOUNDED: mbarrier.try_wait
// BOUNDED: globaltimer

// Barriers of the consumers.
// RUN: grep -c nvvm.barrier %t.good | FileCheck %s --check-prefix=SEVEN
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=poll-barrier %s | grep -c nvvm.barrier | FileCheck %s --check-prefix=SIX
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=signal-barrier %s | grep -c nvvm.barrier | FileCheck %s --check-prefix=SIX
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=gather-barrier %s | grep -c nvvm.barrier | FileCheck %s --check-prefix=FIVE
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=product-barrier %s | grep -c nvvm.barrier | FileCheck %s --check-prefix=SIX
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=row-barrier %s | grep -c nvvm.barrier | FileCheck %s --check-prefix=SIX
// RUN: amk-opt --convert-amk-exec-to-nvvm="test-omit=row-barrier,poll-barrier" %s | grep -c nvvm.barrier | FileCheck %s --check-prefix=FIVE
// SEVEN: {{^7$}}
// SIX: {{^6$}}
// FIVE: {{^5$}}

// A slot is released before it is read instead of after.
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=hold-release %s | FileCheck %s --check-prefix=HOLD
// HOLD: vote.sync.all
// HOLD: "{.reg .b64 t; mbarrier.arrive.shared.b64 t, [$0];}"
// HOLD: vector<4xi32>
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=stage-release %s | FileCheck %s --check-prefix=STAGE
// STAGE: mbarrier.try_wait
// STAGE: "{.reg .b64 t; mbarrier.arrive.shared.b64 t, [$0];}"
// STAGE: mma.sync

// What a wait finds no longer matters.
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=counter-wait -o %t.counter %s
// RUN: not cmp -s %t.good %t.counter
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-omit=packet-wait -o %t.packet %s
// RUN: not cmp -s %t.good %t.packet
// RUN: amk-opt --convert-amk-exec-to-nvvm=test-silent-at=5 -o %t.silent %s
// RUN: not cmp -s %t.good %t.silent

// RUN: amk-opt --convert-amk-exec-to-nvvm=test-delays=3 %s | FileCheck %s --check-prefix=DELAYS
// DELAYS: case 0
// DELAYS: "nanosleep.u32 $0;"
// DELAYS: case 1
// DELAYS: "nanosleep.u32 $0;"
// DELAYS: default
// DELAYS: "nanosleep.u32 $0;"
// DELAYS: cp.async.bulk

// RUN: not amk-opt --convert-amk-exec-to-nvvm=test-omit=wait %s 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: test-omit: expected one of counter-wait, {{.*}}, product-barrier, {{.*}}, partial-barrier, cluster-start, {{.*}}, cluster-end, {{.*}}found 'wait'

// Users are not offered any of it.
// RUN: amk-translate --help | not grep amk-test
// RUN: not amk-run --amk-test-omit=acquire %s

amk_exec.kernel @k on "sm_90" workers(4)
    shared<barriers = 4096, plan = 4224, row_words = 16, vector = 4800, partial = 5824, misc = 6848, pages = 7104, total = 8128>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 1>
    ring<slots = 4, bytes = 1024, window = 2, ahead = 1, held = 1> {
  amk_exec.task_class @product id(0) {
    %first = amk_exec.field 1
    %count = amk_exec.field 2
    %x = amk_exec.field 8
    %g = amk_exec.field 9
    %out = amk_exec.field 10
    %packet = amk_exec.field 11
    amk_exec.gather %x generation %g packets<elements = 4, count = 64, table = 20, locate = 22> {bytes = 2 : i32, elements = 256 : i32}
    amk_exec.product columns(128) slices(2)
    amk_exec.elements %first count %count packet(4) {
    ^bb0(%i: i32):
      %h = amk_exec.hash %i bytes(128)
      amk_exec.publish %h to %out generation %g packet %packet : i32
    }
    amk_exec.sync
  }
  amk_exec.task_class @counter id(1) {
    %x = amk_exec.field 8
    amk_exec.poll
    amk_exec.gather %x {bytes = 2 : i32, elements = 256 : i32}
    amk_exec.signal
  }
}
