//===- AMKExecOps.td - What a persistent kernel does -------*- tablegen -*-===//

#ifndef AMK_DIALECT_AMKEXEC_OPS_TD
#define AMK_DIALECT_AMKEXEC_OPS_TD

include "AMK/Dialect/AMKExec/AMKExecAttributes.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class AMKExec_Op<string mnemonic, list<Trait> traits = []>
    : Op<AMKExec_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def AMKExec_KernelOp : AMKExec_Op<"kernel",
    [IsolatedFromAbove, Symbol, SymbolTable, SingleBlock, NoTerminator]> {
  let summary = "a persistent kernel: one CTA per worker";
  let description = [{
    Nine warps: eight consumers and one loader. `chip` names the target of the
    lowering. Without a ring there is nothing to load. `cluster` CTAs in turn
    are launched as a cluster.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$chip,
    I32Attr:$workers, AMKExec_Shared:$shared, AMKExec_Arena:$arena,
    OptionalAttr<AMKExec_Ring>:$ring, OptionalAttr<AMKExec_Caches>:$caches,
    DefaultValuedAttr<I32Attr, "1">:$cluster);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `on` $chip `workers` `(` $workers `)` (`cluster` `(` $cluster^ `)`)?
    `shared` `` $shared `arena` `` $arena
    (`ring` `` $ring^)? (`caches` `` $caches^)? attr-dict-with-keyword $body
  }];
}

def AMKExec_TaskClassOp : AMKExec_Op<"task_class",
    [HasParent<"KernelOp">, Symbol, SingleBlock, NoTerminator]> {
  let summary = "what the consumers of a worker do for a tile of this class";
  let arguments = (ins SymbolNameAttr:$sym_name, I32Attr:$id);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `id` `(` $id `)` attr-dict-with-keyword $body";
}

def AMKExec_FieldOp : AMKExec_Op<"field", [Pure]> {
  let summary = "a word of this tile's plan row";
  let arguments = (ins I32Attr:$word);
  let results = (outs I32:$result);
  let assemblyFormat = "$word attr-dict";
}

def AMKExec_PositionOp : AMKExec_Op<"position", [Pure]> {
  let summary = "the position of this launch";
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Hand-offs
//===----------------------------------------------------------------------===//

def AMKExec_PollOp : AMKExec_Op<"poll"> {
  let summary = "wait for the counters that this tile's plan row lists";
  let description = [{
    Thread i polls wait i with acquire loads; a consumer barrier follows. The
    comparison is by signed difference to (epoch - 1) x signals per launch +
    threshold. A poll that outlasts the launch's budget raises the abort flag.
  }];
  let assemblyFormat = "attr-dict";
}

def AMKExec_SignalOp : AMKExec_Op<"signal"> {
  let summary = "add one to the counters that this tile's plan row lists";
  let description = [{
    A consumer barrier, then thread i signals counter i with a release add: all
    stores of the tile are visible before.
  }];
  let assemblyFormat = "attr-dict";
}

def AMKExec_SyncOp : AMKExec_Op<"sync"> {
  let summary = "a barrier of the consumer warps";
  let assemblyFormat = "attr-dict";
}

def AMKExec_StampOp : AMKExec_Op<"stamp"> {
  let summary = "record the time, if the kernel is traced";
  let description = [{
    Thread 0 stores the global timer (nanoseconds) as point `point` of this
    tile's plan row; see `core::TraceLayout`. Nothing in a kernel without a trace.
  }];
  let arguments = (ins I32Attr:$point);
  let assemblyFormat = "$point attr-dict";
}

def AMKExec_GatherOp : AMKExec_Op<"gather", [AttrSizedOperandSegments]> {
  let summary = "bring a vector into shared memory";
  let description = [{
    Copies `elements` values of `bytes` bytes each from the buffer at `place`
    to the vector area. With `packets` every packet is polled until it carries
    the stamp of `generation` in this launch. With `gain` (bf16) the values are
    multiplied by it and rounded to bf16 on the way. With `squares` every warp's
    sum of squares of the values (before the gain) is left in the misc area. A
    consumer barrier follows. With `shared`, `place` is bytes from the start of
    the shared pages.

    With `cluster` the CTAs of a cluster gather the same vector together: each
    polls a part of the packets and stores what it gets in the vector area of
    all. None begins to store before all have come here, and all have everything
    when one goes on, in place of the barrier; the sums of squares, of the warps
    of all CTAs that have packets, are left in the `cluster` area.

    With `by_slice` a consumer thread polls a packet in each round, packet 256 r
    + i in round r, and a warp arrives at the barrier of a round when its packets
    of it are there (or it has none). No consumer barrier follows: the `product`
    says which rounds it waits for.
  }];
  let arguments = (ins I32:$place, Optional<I32>:$generation,
    Optional<I32>:$gain, I32Attr:$elements, I32Attr:$bytes,
    OptionalAttr<AMKExec_Packets>:$packets, UnitAttr:$squares,
    UnitAttr:$shared, UnitAttr:$cluster, UnitAttr:$by_slice);
  let assemblyFormat = [{
    (`cluster` $cluster^)? (`by_slice` $by_slice^)? (`shared` $shared^)? $place (`generation` $generation^)? (`gain` $gain^)?
    (`packets` `` $packets^)? (`squares` $squares^)? attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// The work of a tile
//===----------------------------------------------------------------------===//

def AMKExec_ProductOp : AMKExec_Op<"product"> {
  let summary = "multiply this tile's stages with the vector";
  let description = [{
    The tile's stages (4 rows x `columns`, packed as tensor-core fragments) go
    round robin over the consumer warps, counted over the worker's whole step.
    Row r of slice s leaves its sum at partial[s * rows + r], rows being the
    tile's rows rounded up to 4. A consumer barrier follows.

    With `rounds`, one set of bits for every slice, the vector comes from a
    `gather` that is `by_slice`: a stage is multiplied when the rounds of its
    slice are complete.
  }];
  let arguments = (ins I32Attr:$columns, I32Attr:$slices,
    OptionalAttr<DenseI32ArrayAttr>:$rounds);
  let assemblyFormat = "`columns` `(` $columns `)` `slices` `(` $slices `)` (`rounds` $rounds^)? attr-dict";
  let hasVerifier = 1;
}

def AMKExec_AttentionOp : AMKExec_Op<"attention", [AttrSizedOperandSegments]> {
  let summary = "attention of this tile's query heads over the cache";
  let description = [{
    For each head of the tile's range: gathers its query, key and value (first
    rows `query_row`, `key_row`, `value_row` of their buffers), attends to the
    positions of the cache before this launch's and to the key and value of
    this one, and leaves head_dim float32 values in the result area. A source
    that is `shared` has its place in the shared pages.
  }];
  let arguments = (ins I32:$query, I32:$key, I32:$value,
    Optional<I32>:$query_generation, Optional<I32>:$key_generation,
    Optional<I32>:$value_generation, I32:$cache,
    I32Attr:$head_dim, I32Attr:$group, I32Attr:$kv_heads, I32Attr:$positions,
    I32Attr:$query_row, I32Attr:$key_row, I32Attr:$value_row,
    OptionalAttr<AMKExec_Packets>:$query_packets,
    OptionalAttr<AMKExec_Packets>:$key_packets,
    OptionalAttr<AMKExec_Packets>:$value_packets,
    UnitAttr:$query_shared, UnitAttr:$key_shared, UnitAttr:$value_shared);
  let assemblyFormat = [{
    `query` $query (`generation` $query_generation^)?
    `key` $key (`generation` $key_generation^)?
    `value` $value (`generation` $value_generation^)?
    `cache` $cache attr-dict
  }];
}

def AMKExec_SplitAttentionOp : AMKExec_Op<"split_attention",
    [AttrSizedOperandSegments]> {
  let summary = "attention of a KV head's query heads over one split";
  let description = [{
    Gathers the queries of the tile's KV head (first row `query_row`), and takes
    the tile's stages, which hold the split's earlier keys and values, round
    robin over the consumer warps, as `product` does.

    Without `key` the tile is one split but the first: index KV head x
    (`splits` - 1) + split - 1. For each query head and pair of dimensions it
    stores three float32 values at `parts`: the logarithm of the sum of the
    exponentials, and the two results. A split without positions says so before
    it waits for the queries.

    With `key` and `value` the tile is the first split, by KV head: this
    launch's position is attended to too, the parts of the other splits are
    waited for and joined, and the result area gets group x `head_dim` float32
    values.

    With `parts_room` the parts are packets in the inboxes of the workers of the
    cluster, with room for so many; `peers` says which workers they are written
    to (see `publish`).
  }];
  let arguments = (ins I32:$query, Optional<I32>:$key, Optional<I32>:$value,
    Optional<I32>:$query_generation, Optional<I32>:$key_generation,
    Optional<I32>:$value_generation, I32:$parts,
    Optional<I32>:$parts_generation, Optional<I32>:$peers,
    I32Attr:$head_dim, I32Attr:$group, I32Attr:$splits,
    I32Attr:$query_row, I32Attr:$key_row, I32Attr:$value_row,
    OptionalAttr<AMKExec_Packets>:$query_packets,
    OptionalAttr<AMKExec_Packets>:$key_packets,
    OptionalAttr<AMKExec_Packets>:$value_packets,
    UnitAttr:$query_shared, UnitAttr:$key_shared, UnitAttr:$value_shared,
    UnitAttr:$parts_shared, DefaultValuedAttr<I32Attr, "0">:$parts_room);
  let assemblyFormat = [{
    `query` $query (`generation` $query_generation^)?
    (`key` $key^)? (`generation` $key_generation^)?
    (`value` $value^)? (`generation` $value_generation^)?
    `parts` $parts (`generation` $parts_generation^)?
    (`room` `(` $parts_room^ `)`)? (`peers` $peers^)? attr-dict
  }];
}

def AMKExec_ArgmaxOp : AMKExec_Op<"argmax"> {
  let summary = "index of the largest of `count` float32 values";
  let description = [{
    Ties go to the lowest index; -1 if there is a NaN. With `indices` the result
    is the index stored beside the largest value (-1 there stands for a NaN).
    Thread 0 stores it at `out`. What is `shared` has its place in the shared
    pages.
  }];
  let arguments = (ins I32:$values, Optional<I32>:$indices, I32:$out,
    I32Attr:$count, UnitAttr:$values_shared, UnitAttr:$indices_shared,
    UnitAttr:$out_shared);
  let assemblyFormat = "$values (`indices` $indices^)? `->` $out `count` `(` $count `)` attr-dict";
}

def AMKExec_ElementsOp : AMKExec_Op<"elements", [SingleBlock, NoTerminator]> {
  let summary = "compute and store the tile's result, one lane an element";
  let description = [{
    Runs the region for every index in [`first`, `first` + `count`); the block
    argument is the index. All lanes of a warp run it together; `store` and
    `publish` take place for lanes that have an index. With `packet` p, lanes
    are dealt so that the values of one packet of p lie in one warp; with
    `block` b, so that b consecutive elements do.
  }];
  let arguments = (ins I32:$first, I32:$count,
    DefaultValuedAttr<I32Attr, "0">:$packet);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $first `count` $count (`packet` `(` $packet^ `)`)? attr-dict-with-keyword $body
  }];
}

def AMKExec_LaneElementOp : AMKExec_Op<"lane_element"> {
  let summary = "the element that a lane has in the first round of `elements`";
  let description = [{
    Of an `elements` op with the same `first`, `count` and `packet`; the last
    one for a lane that has none. What is loaded for that element before the
    tile's input is awaited is there when the element is computed.
  }];
  let arguments = (ins I32:$first, I32:$count,
    DefaultValuedAttr<I32Attr, "0">:$packet);
  let results = (outs I32:$result);
  let assemblyFormat = "$first `count` $count (`packet` `(` $packet^ `)`)? attr-dict";
}

//===----------------------------------------------------------------------===//
// Inside `elements`
//===----------------------------------------------------------------------===//

def AMKExec_PartialOp : AMKExec_Op<"partial"> {
  let summary = "the sum of a row's partial sums";
  let arguments = (ins I32:$row, I32Attr:$slices);
  let results = (outs F32:$result);
  let assemblyFormat = "$row `slices` `(` $slices `)` attr-dict";
}

def AMKExec_NormScaleOp : AMKExec_Op<"norm_scale"> {
  let summary = "1 / sqrt(sum of squares / elements + eps)";
  let description = [{
    The sum is that of what the body's `gather` has left; `shares`, if it is not
    0: in a cluster, by so many of its warps.
  }];
  let arguments = (ins I32Attr:$elements, F64Attr:$eps,
    DefaultValuedAttr<I32Attr, "0">:$shares);
  let results = (outs F32:$result);
  let assemblyFormat = "`elements` `(` $elements `)` `eps` `(` $eps `)` (`shares` `(` $shares^ `)`)? attr-dict";
}

def AMKExec_VectorOp : AMKExec_Op<"vector"> {
  let summary = "an element of the gathered bf16 vector";
  let arguments = (ins I32:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$index attr-dict";
}

def AMKExec_ResultOp : AMKExec_Op<"result"> {
  let summary = "an element of attention's result, by index in the tile";
  let description = "The results begin `offset` bytes into the vector area.";
  let arguments = (ins I32:$index, I32Attr:$offset);
  let results = (outs F32:$result);
  let assemblyFormat = "$index `offset` `(` $offset `)` attr-dict";
}

def AMKExec_HashOp : AMKExec_Op<"hash"> {
  let summary = "hash of the vector's bytes and an index (test operator)";
  let arguments = (ins I32:$index, I32Attr:$bytes);
  let results = (outs I32:$result);
  let assemblyFormat = "$index `bytes` `(` $bytes `)` attr-dict";
}

def AMKExec_LoadOp : AMKExec_Op<"load"> {
  let summary = "an element of a buffer in global memory, or of a shared page";
  let description = [{
    Element `index` + `row` x `columns` of the buffer at `place` (units of 128
    bytes; with `shared`, bytes from the start of the pages). bf16 becomes f32.
    With `slice`, the buffer is a weight packed in stages of 4 rows x `slice`
    columns (see WeightPacking.h).
  }];
  let arguments = (ins I32:$place, I32:$index, Optional<I32>:$row,
    TypeAttr:$type, DefaultValuedAttr<I32Attr, "0">:$columns,
    DefaultValuedAttr<I32Attr, "0">:$slice, UnitAttr:$shared);
  let results = (outs AnyTypeOf<[F32, I32]>:$result);
  let assemblyFormat = [{
    (`shared` $shared^)? $place `[` $index (`+` $row^ `x` $columns)? `]`
    `as` $type (`packed` `(` $slice^ `)`)? attr-dict `:` type($result)
  }];
}

def AMKExec_StoreOp : AMKExec_Op<"store"> {
  let summary = "store an element; f32 to bf16 rounds to nearest even";
  let description = [{
    As `load`; lanes without an index, or whose `condition` is false, do not
    store.
  }];
  let arguments = (ins AnyTypeOf<[F32, I32]>:$value, I32:$place, I32:$index,
    Optional<I1>:$condition, TypeAttr:$type, UnitAttr:$shared);
  let assemblyFormat = [{
    (`shared` $shared^)? $value `to` $place `[` $index `]` (`if` $condition^)? `as` $type
    attr-dict `:` type($value)
  }];
}

def AMKExec_PublishOp : AMKExec_Op<"publish"> {
  let summary = "publish an element in a packet (data-as-flag)";
  let description = [{
    The values of a packet are collected in one lane, which stores them with
    this launch's stamp as one 16-byte relaxed store. `first_packet` is the
    packet of the tile's first element. With `peers` the packet is stored in the
    inbox of each worker of the cluster whose bit is set there, which has room
    for `room` packets of the buffer, at `place` bytes from its start.
  }];
  let arguments = (ins AnyTypeOf<[F32, I32]>:$value, I32:$place,
    I32:$generation, I32:$first_packet, Optional<I32>:$peers,
    DefaultValuedAttr<I32Attr, "0">:$room);
  let assemblyFormat = [{
    $value `to` $place `generation` $generation `packet` $first_packet
    (`peers` $peers^ `room` `(` $room `)`)? attr-dict `:` type($value)
  }];
}

def AMKExec_RoundOp : AMKExec_Op<"round", [Pure]> {
  let summary = "round to bf16 and back, to nearest even";
  let arguments = (ins F32:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}

def AMKExec_SiluOp : AMKExec_Op<"silu", [Pure]> {
  let summary = "x / (1 + exp(-x)), by the target's approximate exp2";
  let arguments = (ins F32:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}

def AMKExec_BlockArgmaxOp : AMKExec_Op<"block_argmax"> {
  let summary = "largest value and its index over blocks of lanes";
  let description = [{
    Over each `block` consecutive elements (a power of two, at most 32), which
    the enclosing `elements` must deal to consecutive lanes. Every lane of the
    block has the result; a NaN gives index -1.
  }];
  let arguments = (ins F32:$value, I32:$index, I32Attr:$block);
  let results = (outs F32:$largest, I32:$at);
  let assemblyFormat = "$value `at` $index `block` `(` $block `)` attr-dict";
}

#endif // AMK_DIALECT_AMKEXEC_OPS_TD
