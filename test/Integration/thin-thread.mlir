// RUN: amk-translate --amk-to-program %s -o %t.amkp
// RUN: amk-translate --program-to-text %t.amkp | FileCheck %s
// RUN: amk-run %t.amkp --check
// RUN: amk-translate --amk-to-ptx %s -o %t.sm_90.ptx
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.sm_90.ptx
// RUN: sed s/sm_90/sm_80/ %s | amk-translate --amk-to-ptx -o %t.sm_80.ptx
// RUN: sed s/sm_90/sm_100/ %s | amk-translate --amk-to-ptx -o %t.sm_100.ptx
// RUN: %if ptxas %{ env PTXAS=%ptxas %root/scripts/assemble.sh %t.sm_80.ptx %t.sm_90.ptx %t.sm_100.ptx %}

// The thinnest thread through everything, written by hand: three hashes on two
// workers, the first handed over by packets, the second by a counter. A byte
// that is wrong, late or in the wrong place changes every byte of the output.
// unittests/Integration/ThinThreadTest.cpp runs it and knows what must come out.

// CHECK: schedule
// CHECK: kernel "thin_thread_kernel" chip "sm_90

// Packets are polled and published; the counter is released and acquired.
// PTX: .visible .entry thin_thread_kernel(
// PTX-DAG: ld.relaxed.gpu.global.b128
// PTX-DAG: st.relaxed.gpu.global.b128
// PTX-DAG: red.release.gpu.global.add.u32
// PTX-DAG: ld.acquire.gpu.global.u32

#cut = #amk.cut<sizes [40, 24]>
#both = #amk.place<[0 to 1]>
#swapped = #amk.place<[1, 0]>
amk.schedule concurrent @thin_thread positions(16) numerics<k_block = 2048, kv_block = 64>
    target<chip = "sm_90", workers = 2, shared_bytes = 65536> {
  %in = amk.buffer input : !amk.buffer<48xi32>
  %packets = amk.buffer activation packets<6, #cut> page<scratch + 0> : !amk.buffer<64xbf16>
  %plain = amk.buffer activation page<scratch + 512> : !amk.buffer<64xf32>
  %out = amk.buffer output : !amk.buffer<64xi32>
  %done = amk.counter 1
  amk.task @first tiles(#cut) on(#both) {
    amk.hash %in -> %packets : !amk.buffer<48xi32>, !amk.buffer<64xbf16>
  }
  amk.task @second tiles(#cut) on(#swapped) signal(%done) {
    amk.hash %packets -> %plain : !amk.buffer<64xbf16>, !amk.buffer<64xf32>
  }
  amk.task @third tiles(#cut) on(#both) wait(%done >= 2) {
    amk.hash %plain -> %out : !amk.buffer<64xf32>, !amk.buffer<64xi32>
  }
}
