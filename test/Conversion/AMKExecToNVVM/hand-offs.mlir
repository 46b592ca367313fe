// RUN: amk-opt --convert-amk-exec-to-nvvm --split-input-file %s | FileCheck %s

// Counters: acquire loads until the difference is not negative, then the
// barrier of the consumers; before a release add, the barrier.

// CHECK-LABEL: gpu.module @counters
// CHECK: case 0
// CHECK: "ld.acquire.gpu.global.u32 $0, [$1];"
// By signed difference.
// CHECK: arith.subi
// CHECK: arith.cmpi s{{lt|ge}}
// A poll that is over its budget looks at the clock and at the abort flag.
// CHECK: globaltimer
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads
// CHECK: "red.release.gpu.global.add.u32 [$0], $1;"
amk_exec.kernel @counters on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 12, vector = 256, partial = 512, misc = 512, pages = 768, total = 1024>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 1> {
  amk_exec.task_class @t id(0) {
    amk_exec.poll
    amk_exec.signal
  }
}

// -----

// Packets: 16 bytes with a stamp in the last word, by one relaxed store; polled
// by relaxed loads of 16 bytes.

// CHECK-LABEL: gpu.module @packets
// CHECK: case 0
// CHECK: ld.relaxed.gpu.global.b128
// CHECK: nvvm.shfl.sync
// CHECK: st.relaxed.gpu.global.b128
// CHECK-NOT: red.release
amk_exec.kernel @packets on "sm_80" workers(2)
    shared<barriers = 0, plan = 0, row_words = 12, vector = 256, partial = 512, misc = 512, pages = 768, total = 1024>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 2> {
  amk_exec.task_class @t id(0) {
    %first = amk_exec.field 1
    %count = amk_exec.field 2
    %x = amk_exec.field 8
    %g = amk_exec.field 9
    %out = amk_exec.field 10
    %packet = amk_exec.field 11
    amk_exec.gather %x generation %g packets<elements = 6, count = 11, table = 20, locate = 22> {bytes = 2 : i32, elements = 64 : i32}
    amk_exec.elements %first count %count packet(6) {
    ^bb0(%i: i32):
      %h = amk_exec.hash %i bytes(128)
      amk_exec.publish %h to %out generation %g packet %packet : i32
    }
    amk_exec.sync
  }
}

// -----

// A thread polls no more packets at once than it has registers for: six of six
// values; three if each comes with a gain and a sum of squares. Up to two
// batches are code of their own, more are a loop, and so are two that sum up
// squares. 3000 packets are 12 to a thread, 3328 are 13: three batches of five.

// CHECK-LABEL: gpu.module @batches
// CHECK: case 0
// CHECK-COUNT-12: ld.relaxed.gpu.global.b128
// CHECK-NOT: ld.relaxed.gpu.global.b128
// CHECK: case 1
// CHECK: %[[ROUNDS:.*]] = arith.constant 13 : i32
// CHECK: %[[BATCH:.*]] = arith.constant 5 : i32
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[ROUNDS]] step %[[BATCH]]
// CHECK-COUNT-5: ld.relaxed.gpu.global.b128
// CHECK-NOT: ld.relaxed.gpu.global.b128
// CHECK: case 2
// CHECK: %[[ROUNDS:.*]] = arith.constant 6 : i32
// CHECK: %[[BATCH:.*]] = arith.constant 3 : i32
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[ROUNDS]] step %[[BATCH]]
// CHECK-COUNT-3: ld.relaxed.gpu.global.b128
// CHECK-NOT: ld.relaxed.gpu.global.b128
amk_exec.kernel @batches on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 12, vector = 256, partial = 65792, misc = 65792, pages = 66048, total = 66304>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 2> {
  amk_exec.task_class @two id(0) {
    %x = amk_exec.field 8
    %g = amk_exec.field 9
    amk_exec.gather %x generation %g packets<elements = 6, count = 3000, table = 50, locate = 150> {bytes = 2 : i32, elements = 18000 : i32}
    amk_exec.sync
  }
  amk_exec.task_class @three id(1) {
    %x = amk_exec.field 8
    %g = amk_exec.field 9
    amk_exec.gather %x generation %g packets<elements = 6, count = 3328, table = 50, locate = 150> {bytes = 2 : i32, elements = 19968 : i32}
    amk_exec.sync
  }
  amk_exec.task_class @norm id(2) {
    %x = amk_exec.field 8
    %g = amk_exec.field 9
    %gain = amk_exec.field 10
    amk_exec.gather %x generation %g gain %gain packets<elements = 6, count = 1388, table = 50, locate = 150> squares {bytes = 2 : i32, elements = 8192 : i32}
    amk_exec.sync
  }
}

// -----

// Times are stored if there is a place for them.

// CHECK-LABEL: gpu.module @traced
// CHECK: case 0
// CHECK: "mov.u64 $0, %globaltimer;"
// CHECK: case 1
amk_exec.kernel @traced on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 8, vector = 128, partial = 256, misc = 256, pages = 512, total = 512>
    arena<plan = 4, rows_at = 4, waits = 2, signals = 3, counters = 0, report = 1, generations = 1, trace = 9, trace_rows = 3> {
  amk_exec.task_class @t id(0) {
    amk_exec.stamp 0
    amk_exec.sync
  }
  amk_exec.task_class @u id(1) {
    amk_exec.sync
  }
}

// -----

// CHECK-LABEL: gpu.module @untraced
// CHECK-NOT: globaltimer
amk_exec.kernel @untraced on "sm_90" workers(2)
    shared<barriers = 0, plan = 0, row_words = 8, vector = 128, partial = 256, misc = 256, pages = 512, total = 512>
    arena<plan = 4, rows_at = 4, waits = 2, signals = 3, counters = 0, report = 1, generations = 1> {
  amk_exec.task_class @t id(0) {
    amk_exec.stamp 0
    amk_exec.sync
  }
}
