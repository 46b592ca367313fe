// Attention by positions, twice on the same pages: a query is handed to two other
// splits, whose results are joined. Ten heads are two columns of the tensor cores,
// so the results of one column make room for those of the next. Tile 0 of a split
// is followed by one that gathers a vector over what it leaves. At the first
// positions splits are empty: nothing but their packets says that they have read
// the query before the next one overwrites it.
#cut = #amk.cut<even 2 in 2>
#whole = #amk.cut<sizes [768]>
#parts = #amk.cut<even 1920 in 2>
#at0 = #amk.place<[0]>
#at1 = #amk.place<[1]>
#at12 = #amk.place<[1, 2]>
!token = !amk.buffer<1xi32>
!table = !amk.buffer<1024x768xbf16>
!x = !amk.buffer<768xf32>
!q = !amk.buffer<768xbf16>
!kv = !amk.buffer<2x1x128x64xbf16>
!p = !amk.buffer<1920xf32>
!a = !amk.buffer<640xf32>
!out = !amk.buffer<640xbf16>
!in = !amk.buffer<1024xi32>
!h = !amk.buffer<8xi32>
amk.schedule concurrent @parts positions(128) numerics<k_block = 2048, kv_block = 16, kv_chunk = 1, kv_splits = 3>
    target<chip = "sm_90", workers = 3, shared_bytes = 131072>
    ring<slots = 8, bytes = 4096, window = 4, ahead = 3, teams = 8> {
  %token = amk.buffer input : !token
  %in = amk.buffer input : !in
  %table0 = amk.weight "table0" : !table
  %table1 = amk.weight "table1" : !table
  %kv0 = amk.buffer kv_cache : !kv
  %kv1 = amk.buffer kv_cache : !kv
  %x0 = amk.buffer local : !x
  %x1 = amk.buffer local : !x
  %q0 = amk.buffer activation packets<4, #whole> page<scratch + 0> generation(0) : !q
  %q1 = amk.buffer activation packets<4, #whole> page<scratch + 0> generation(1) : !q
  %p0 = amk.buffer activation packets<3, #parts> page<scratch + 8192> generation(0) : !p
  %p1 = amk.buffer activation packets<3, #parts> page<scratch + 8192> generation(1) : !p
  %a0 = amk.buffer local : !a
  %a1 = amk.buffer local : !a
  %out0 = amk.buffer output : !out
  %out1 = amk.buffer output : !out
  %h = amk.buffer output : !h
  amk.task @q0 on(#at0) {
    amk.embed %token, %table0 -> %x0 : !token, !table, !x
    amk.round %x0 -> %q0 : !x, !q
  }
  amk.task @p0 tiles(#cut) on(#at12) stream<rows = 16, columns = 64> {
    amk.attention_partial %q0, %kv0 -> %p0 {group = 10, head_dim = 64, query_row = 0} : !q, !kv, !p
  }
  amk.task @h on(#at1) {
    amk.hash %in -> %h : !in, !h
  }
  amk.task @j0 on(#at0) stream<rows = 16, columns = 64> {
    amk.attention_join %q0, %q0, %q0, %kv0, %p0 -> %a0 {group = 10, head_dim = 64, key_row = 640, query_row = 0, value_row = 704} : !q, !q, !q, !kv, !p, !a
    amk.round %a0 -> %out0 : !a, !out
  }
  amk.task @q1 on(#at0) {
    amk.embed %token, %table1 -> %x1 : !token, !table, !x
    amk.round %x1 -> %q1 : !x, !q
  }
  amk.task @p1 tiles(#cut) on(#at12) stream<rows = 16, columns = 64> {
    amk.attention_partial %q1, %kv1 -> %p1 {group = 10, head_dim = 64, query_row = 0} : !q, !kv, !p
  }
  amk.task @j1 on(#at0) stream<rows = 16, columns = 64> {
    amk.attention_join %q1, %q1, %q1, %kv1, %p1 -> %a1 {group = 10, head_dim = 64, key_row = 640, query_row = 0, value_row = 704} : !q, !q, !q, !kv, !p, !a
    amk.round %a1 -> %out1 : !a, !out
  }
}
