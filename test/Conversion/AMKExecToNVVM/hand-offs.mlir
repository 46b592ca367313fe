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
