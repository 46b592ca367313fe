//===- AMKExecAttributes.td - Attributes -------------------*- tablegen -*-===//

#ifndef AMK_DIALECT_AMKEXEC_ATTRIBUTES_TD
#define AMK_DIALECT_AMKEXEC_ATTRIBUTES_TD

include "AMK/Dialect/AMKExec/AMKExecDialect.td"
include "mlir/IR/AttrTypeBase.td"

class AMKExec_Attr<string name, string mnemonicName>
    : AttrDef<AMKExec_Dialect, name> {
  let mnemonic = mnemonicName;
  let assemblyFormat = "`<` struct(params) `>`";
}

def AMKExec_Shared : AMKExec_Attr<"Shared", "shared"> {
  let summary = "byte offsets in a worker's dynamic shared memory";
  let description = [{
    The ring of stages is at 0; `barriers` are full[slots] then empty[slots];
    `plan` this worker's plan rows; `vector` the gathered input; `partial` the
    partial sums; `misc` sums of squares and progress; `pages` the pages of
    shared buffers. `cluster`, if it is not 0: what the workers of a cluster
    share a gather with. `inbox`: `inbox_bytes` for packets that the workers of
    the cluster write, if there are any. `arrived`: barriers of the `rounds`
    rounds of gathers `by_slice`, if there are any. See `core::SharedLayout`.
  }];
  let parameters = (ins "uint32_t":$barriers, "uint32_t":$plan,
    "uint32_t":$row_words, "uint32_t":$vector, "uint32_t":$partial,
    "uint32_t":$misc, "uint32_t":$pages, "uint32_t":$total,
    DefaultValuedParameter<"uint32_t", "0">:$cluster,
    DefaultValuedParameter<"uint32_t", "0">:$inbox,
    DefaultValuedParameter<"uint32_t", "0">:$inbox_bytes,
    DefaultValuedParameter<"uint32_t", "0">:$arrived,
    DefaultValuedParameter<"uint32_t", "0">:$rounds);
}

def AMKExec_Arena : AMKExec_Attr<"Arena", "arena"> {
  let summary = "places of the kernel's own tables in the arena (128 bytes)";
  let description = [{
    `plan`: per worker {first row, rows}, then, `rows_at` words later, the plan
    rows. `waits`: {counter, threshold, signals per launch}. `signals`: counter.
    `report`: the watchdog's record. `generations`: stamps per launch. `trace`:
    times of `trace_rows` plan rows per worker, `trace_points` each, if they are
    recorded; `stages`: those of `trace_stages` stages per worker. See
    `core::TraceLayout`.
  }];
  let parameters = (ins "uint32_t":$plan, "uint32_t":$rows_at,
    "uint32_t":$waits, "uint32_t":$signals, "uint32_t":$counters,
    "uint32_t":$report, "uint32_t":$generations,
    DefaultValuedParameter<"uint32_t", "0">:$trace,
    DefaultValuedParameter<"uint32_t", "0">:$trace_rows,
    DefaultValuedParameter<"uint32_t", "0">:$trace_points,
    DefaultValuedParameter<"uint32_t", "0">:$stages,
    DefaultValuedParameter<"uint32_t", "0">:$trace_stages);
}

def AMKExec_Ring : AMKExec_Attr<"Ring", "ring"> {
  let summary = "stages that the loader fills and the consumers drain";
  let description = [{
    `slots` of `bytes` bytes; at most `window` stages in flight for the tile at
    hand and `ahead` for later ones. With `held`, a warp that waits for an input
    takes its next stage into registers, so that the slot is free for the
    loader: that much more than the ring holds can be fetched meanwhile.
  }];
  let parameters = (ins "uint32_t":$slots, "uint32_t":$bytes,
    "uint32_t":$window, "uint32_t":$ahead,
    DefaultValuedParameter<"uint32_t", "0">:$held);
}

def AMKExec_Caches : AMKExec_Attr<"Caches", "caches"> {
  let summary = "how KV caches are streamed";
  let description = [{
    A stage holds the keys, then the values, of up to `rows` positions (a power
    of two) of one KV head, `row_bytes` each; the values lie `plane` x 128 bytes
    behind the keys. Only positions before this launch's are copied. They are
    cut into at most `splits` splits as the schedule's numerics say: of blocks of
    `block` positions, up to `chunk` blocks in one split.
  }];
  let parameters = (ins "uint32_t":$rows, "uint32_t":$row_bytes,
    "uint32_t":$plane, "uint32_t":$block, "uint32_t":$chunk,
    "uint32_t":$splits);
}

def AMKExec_Packets : AMKExec_Attr<"Packets", "packets"> {
  let summary = "a packet layout and the places of its tables";
  let description = [{
    `elements` values a packet at most, `count` packets. `table`: per packet,
    first element | count << 16. `locate`: per element, packet | place << 16.
    With `room` the packets are in the worker's inbox: packet p at p mod `room`,
    16 bytes each, from the buffer's place on, which is in bytes then.
  }];
  let parameters = (ins "uint32_t":$elements, "uint32_t":$count,
    "uint32_t":$table, "uint32_t":$locate,
    DefaultValuedParameter<"uint32_t", "0">:$room);
}

#endif // AMK_DIALECT_AMKEXEC_ATTRIBUTES_TD
