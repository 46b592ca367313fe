// RUN: amk-opt %s | FileCheck %s
// RUN: amk-opt %s | amk-opt | FileCheck %s
// RUN: amk-opt %s --mlir-print-op-generic | amk-opt | FileCheck %s
// RUN: amk-opt %s --emit-bytecode | amk-opt | FileCheck %s

// Every operation of the dialect.

// CHECK: amk_exec.kernel @all on "sm_90" workers(4)
// CHECK-SAME: shared<barriers = 4096, plan = 4224, row_words = 12, vector = 4800, partial = 5824, misc = 6848, pages = 7104, total = 8128>
// CHECK-SAME: arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 2>
// CHECK-SAME: ring<slots = 4, bytes = 1024, window = 2, ahead = 1, held = 1>
amk_exec.kernel @all on "sm_90" workers(4)
    shared<barriers = 4096, plan = 4224, row_words = 12, vector = 4800, partial = 5824, misc = 6848, pages = 7104, total = 8128>
    arena<plan = 40, rows_at = 8, waits = 10, signals = 11, counters = 0, report = 1, generations = 2>
    ring<slots = 4, bytes = 1024, window = 2, ahead = 1, held = 1> {
  // CHECK: amk_exec.task_class @product id(0) {
  amk_exec.task_class @product id(0) {
    // CHECK-NEXT: %[[FIRST:.*]] = amk_exec.field 1
    %first = amk_exec.field 1
    // CHECK-NEXT: %[[COUNT:.*]] = amk_exec.field 2
    %count = amk_exec.field 2
    %x = amk_exec.field 8
    %generation = amk_exec.field 9
    %gain = amk_exec.field 10
    %out = amk_exec.field 11
    // CHECK: amk_exec.stamp 0
    amk_exec.stamp 0
    // CHECK-NEXT: amk_exec.lane_element %[[FIRST]] count %[[COUNT]] packet(6)
    %early = amk_exec.lane_element %first count %count packet(6)
    // CHECK-NEXT: amk_exec.poll
    amk_exec.poll
    // CHECK-NEXT: amk_exec.gather %{{.*}} generation %{{.*}} gain %{{.*}} packets<elements = 6, count = 43, table = 20, locate = 22> squares {bytes = 2 : i32, elements = 256 : i32}
    amk_exec.gather %x generation %generation gain %gain packets<elements = 6, count = 43, table = 20, locate = 22> squares {bytes = 2 : i32, elements = 256 : i32}
    // CHECK-NEXT: amk_exec.product columns(256) slices(1)
    amk_exec.product columns(256) slices(1)
    // CHECK-NEXT: %[[SCALE:.*]] = amk_exec.norm_scale elements(256) eps(1.000000e-05)
    %scale = amk_exec.norm_scale elements(256) eps(1.000000e-05)
    // CHECK-NEXT: amk_exec.elements %[[FIRST]] count %[[COUNT]] packet(6) {
    amk_exec.elements %first count %count packet(6) {
    // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
    ^bb0(%i: i32):
      // CHECK-NEXT: %[[P:.*]] = amk_exec.partial %[[I]] slices(1)
      %p = amk_exec.partial %i slices(1)
      %y = arith.mulf %p, %scale : f32
      // CHECK: %[[S:.*]] = amk_exec.silu %
      %s = amk_exec.silu %y
      // CHECK-NEXT: %[[R:.*]] = amk_exec.round %[[S]]
      %r = amk_exec.round %s
      // CHECK-NEXT: amk_exec.publish %[[R]] to %{{.*}} generation %{{.*}} packet %[[FIRST]] : f32
      amk_exec.publish %r to %out generation %generation packet %first : f32
    }
    // CHECK: amk_exec.signal
    amk_exec.signal
  }
  // CHECK: amk_exec.task_class @attention id(1) {
  amk_exec.task_class @attention id(1) {
    %first = amk_exec.field 1
    %count = amk_exec.field 2
    %q = amk_exec.field 8
    %g = amk_exec.field 9
    %cache = amk_exec.field 10
    // CHECK: amk_exec.attention query %[[Q:.*]] generation %[[G:.*]] key %[[Q]] value %[[Q]] cache %{{.*}} {
    // CHECK-SAME: key_shared
    amk_exec.attention query %q generation %g key %q value %q cache %cache {
      group = 2 : i32, head_dim = 64 : i32, kv_heads = 2 : i32, positions = 128 : i32,
      query_row = 0 : i32, key_row = 256 : i32, value_row = 384 : i32,
      query_packets = #amk_exec.packets<elements = 6, count = 44, table = 30, locate = 32>,
      key_shared, value_shared}
    // CHECK: amk_exec.elements %{{.*}} count %{{[^ ]*}} {
    amk_exec.elements %first count %count {
    ^bb0(%i: i32):
      // CHECK: amk_exec.result %{{.*}} offset(2880)
      %v = amk_exec.result %i offset(2880)
      %c = arith.constant true
      // CHECK: amk_exec.store shared %{{.*}} to %{{.*}}[%{{.*}}] if %{{.*}} as bf16 : f32
      amk_exec.store shared %v to %q[%i] if %c as bf16 : f32
    }
    // CHECK: amk_exec.sync
    amk_exec.sync
  }
  // CHECK: amk_exec.task_class @others id(2) {
  amk_exec.task_class @others id(2) {
    %first = amk_exec.field 1
    %count = amk_exec.field 2
    %a = amk_exec.field 8
    // CHECK: amk_exec.gather shared %{{[^ ]*}} {bytes = 4 : i32, elements = 64 : i32}
    amk_exec.gather shared %a {bytes = 4 : i32, elements = 64 : i32}
    amk_exec.elements %first count %count {
    ^bb0(%i: i32):
      // CHECK: amk_exec.position
      %position = amk_exec.position
      // CHECK-NEXT: amk_exec.load %{{.*}}[%{{.*}} + %{{.*}} x 64] as f32 : f32
      %t = amk_exec.load %a[%i + %position x 64] as f32 : f32
      // CHECK-NEXT: amk_exec.load %{{.*}}[%{{.*}} + %{{.*}} x 256] as bf16 packed(256) : f32
      %w = amk_exec.load %a[%i + %position x 256] as bf16 packed(256) : f32
      // CHECK-NEXT: amk_exec.load shared %{{.*}}[%{{[^ ]*}}] as i32 : i32
      %n = amk_exec.load shared %a[%i] as i32 : i32
      // CHECK-NEXT: amk_exec.vector %
      %v = amk_exec.vector %i
      // CHECK-NEXT: amk_exec.hash %{{.*}} bytes(256)
      %h = amk_exec.hash %i bytes(256)
      // CHECK-NEXT: %{{.*}}, %{{.*}} = amk_exec.block_argmax %{{.*}} at %{{.*}} block(16)
      %largest, %at = amk_exec.block_argmax %v at %i block(16)
      // CHECK-NEXT: amk_exec.store %{{.*}} to %{{.*}}[%{{[^ ]*}}] as i32 : i32
      amk_exec.store %at to %a[%i] as i32 : i32
    }
    // CHECK: amk_exec.argmax %[[A:.*]] indices %{{.*}} -> %{{.*}} count(8)
    amk_exec.argmax %a indices %a -> %a count(8)
    // CHECK-NEXT: amk_exec.argmax %{{.*}} -> %{{.*}} count(64) {values_shared}
    amk_exec.argmax %a -> %a count(64) {values_shared}
    amk_exec.sync
  }
}

// Without a ring there is nothing to load.
// CHECK: amk_exec.kernel @small on "sm_80"
// CHECK-NOT: ring<
amk_exec.kernel @small on "sm_80" workers(1)
    shared<barriers = 0, plan = 0, row_words = 8, vector = 128, partial = 256, misc = 256, pages = 512, total = 512>
    arena<plan = 4, rows_at = 4, waits = 2, signals = 3, counters = 0, report = 1, generations = 1, trace = 9, trace_rows = 3> {
}
