//===- AMKOps.td - Operations of the amk dialect -----------*- tablegen -*-===//

#ifndef AMK_DIALECT_AMK_AMKOPS_TD
#define AMK_DIALECT_AMK_AMKOPS_TD

include "AMK/Dialect/AMK/AMKAttributes.td"
include "AMK/Dialect/AMK/AMKDialect.td"
include "AMK/Dialect/AMK/AMKInterfaces.td"
include "AMK/Dialect/AMK/AMKTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

class AMK_Op<string mnemonic, list<Trait> traits = []>
    : Op<AMK_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def AMK_ScheduleOp : AMK_Op<"schedule", [
    IsolatedFromAbove, NoTerminator, SingleBlock, Symbol, SymbolTable]> {
  let summary = "what one launch does";
  let description = [{
    Buffers, counters and tasks. The order of the tasks is what the schedule
    means; see the dialect's description. The verifier flattens the op and
    checks the rules V1 to V9.

    ```mlir
    amk.schedule @decode positions(4096)
        numerics<k_block = 2048, kv_block = 64> end_tokens [1] { ... }
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    // Queues and hand-offs decide, not the order of the tasks.
    UnitAttr:$concurrent,
    // Length of the KV cache.
    I64Attr:$positions,
    AMK_NumericsAttr:$numerics,
    OptionalAttr<AMK_TargetAttr>:$target,
    OptionalAttr<AMK_RingAttr>:$ring,
    // Tokens that end a generation.
    OptionalAttr<DenseI64ArrayAttr>:$end_tokens);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`concurrent` $concurrent^)? $sym_name `positions` `(` $positions `)`
    `numerics` `` $numerics (`target` `` $target^)? (`ring` `` $ring^)?
    (`end_tokens` $end_tokens^)? attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def AMK_WeightOp : AMK_Op<"weight", [
    HasParent<"ScheduleOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "a view of checkpoint tensors";
  let description = [{
    The rows of the tensors one after the other, or, with `interleave`, in
    turns. The rows of a part with `rope_pairs` d are permuted within every d
    rows so that the two rows of a RoPE pair are side by side. `rows` is left
    out where the result's shape implies it. The bytes are never in the IR: the
    runtime reads the checkpoint.

    ```mlir
    %w = amk.weight "q.weight" rows 2048 rope_pairs 64, "v.weight" rows 512
         : !amk.buffer<2560x2048xbf16>
    %g = amk.weight "gate.weight", "up.weight" interleave
         : !amk.buffer<16384x2048xbf16>
    ```
  }];
  let arguments = (ins
    StrAttr:$name,
    StrArrayAttr:$tensors,
    DenseI64ArrayAttr:$rows,
    DenseI64ArrayAttr:$rope_pairs,
    UnitAttr:$interleave);
  let results = (outs AMK_BufferType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def AMK_BufferOp : AMK_Op<"buffer", [
    HasParent<"ScheduleOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "storage of everything but weights";
  let description = [{
    A `local` buffer is a value inside one task, of which every tile has its
    own copy. `packets` makes an activation data-as-flag; `page` puts a buffer
    into the scratch arena or into the shared memory of each owner, otherwise
    it has storage of its own; `generation` tells packets apart that share a
    page within one launch. A constant says how the host computes it.

    ```mlir
    %x0 = amk.buffer activation packets<6, #cut> page<scratch + 0>
        : !amk.buffer<2048xbf16>
    ```
  }];
  let arguments = (ins
    AMK_BufferKind:$kind,
    StrAttr:$name,
    OptionalAttr<AMK_PacketsAttr>:$packets,
    OptionalAttr<AMK_PageAttr>:$page,
    DefaultValuedAttr<I64Attr, "0">:$generation,
    OptionalAttr<AMK_RopeAttr>:$rope);
  let results = (outs AMK_BufferType:$result);
  let assemblyFormat = [{
    $kind `` custom<NameUnlessResult>($name) (`packets` `` $packets^)?
    (`page` `` $page^)? (`generation` `(` $generation^ `)`)?
    (`rope` `` $rope^)? attr-dict `:` type($result)
  }];
}

def AMK_CounterOp : AMK_Op<"counter", [
    HasParent<"ScheduleOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "an array of counters";
  let description = [{
    Counters only grow; thresholds are scaled by the epoch of the launch, so
    nothing is reset.

    ```mlir
    %heads = amk.counter 8
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$count);
  let results = (outs AMK_CounterType:$result);
  let assemblyFormat = "`` custom<NameUnlessResult>($name) $count attr-dict";
}

def AMK_TaskOp : AMK_Op<"task", [
    AttrSizedOperandSegments, HasParent<"ScheduleOp">, NoTerminator,
    SingleBlock, Symbol]> {
  let summary = "the schedulable shell: in which tiles, where and when";
  let description = [{
    The body says what is computed. `tiles` cuts the parallel dimension of the
    first operator that is no prologue; `on` says which worker runs which tile;
    a tile starts when every counter that it waits for has reached its
    threshold, and adds one to every counter that it signals when its writes
    are visible; `stream` is the shape of the stages that the loader fetches.
    With `cluster_gather` the packets that the tiles read are polled by all
    workers of a cluster, each a part of them, and passed on: the task's tiles
    on one cluster start together.

    ```mlir
    amk.task @L0_o tiles(#cut) on(#place) wait(%heads[#fan] >= 17)
        signal(%done) stream<rows = 4, columns = 2048> { ... }
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    OptionalAttr<AMK_CutAttr>:$tiles,
    OptionalAttr<AMK_PlaceAttr>:$place,
    Variadic<AMK_CounterType>:$wait_counters,
    OptionalAttr<TypedArrayAttrBase<AMK_FanAttr, "fans">>:$wait_fans,
    OptionalAttr<TypedArrayAttrBase<AMK_ThresholdsAttr, "thresholds">>
      :$wait_thresholds,
    Variadic<AMK_CounterType>:$signal_counters,
    OptionalAttr<TypedArrayAttrBase<AMK_FanAttr, "fans">>:$signal_fans,
    OptionalAttr<AMK_StreamAttr>:$stream,
    UnitAttr:$cluster_gather);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name (`tiles` `(` $tiles^ `)`)? (`on` `(` $place^ `)`)?
    (`wait` `(` custom<Waits>($wait_counters, $wait_fans, $wait_thresholds)^
    `)`)?
    (`signal` `(` custom<Signals>($signal_counters, $signal_fans)^ `)`)?
    (`stream` `` $stream^)? (`cluster_gather` $cluster_gather^)?
    attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

// A buffer operand; what it holds goes into the documentation. Shapes and
// element types are checked by the operator's model.
class AMK_Buffer<string what>
    : Type<AMK_BufferType.predicate, "buffer, " # what, "::amk::BufferType">;

// Operands are inputs, then outputs. All operators print alike:
//   amk.NAME prologue? inputs -> outputs {attributes} : types
class AMK_OperatorOp<string mnemonic, dag inputs, dag outputs,
                     dag attributes = (ins)>
    : AMK_Op<mnemonic, [AMK_Operator, HasParent<"TaskOp">]> {
  let arguments = !con(inputs, outputs, attributes,
                       // Computed in full by every tile of the task.
                       (ins UnitAttr:$prologue));
  let hasCustomAssemblyFormat = 1;
  let extraClassDefinition = [{
    ::mlir::ParseResult $cppClass::parse(::mlir::OpAsmParser &parser,
                                         ::mlir::OperationState &result) {
      return ::amk::parseOperator(parser, result);
    }
    void $cppClass::print(::mlir::OpAsmPrinter &printer) {
      ::amk::printOperator(printer, *this);
    }
  }];
}

def AMK_EmbedOp : AMK_OperatorOp<"embed",
    (ins
      AMK_Buffer<"i32[1]: which row">:$token,
      AMK_Buffer<"weight bf16[V, H]">:$table),
    (ins AMK_Buffer<"f32[H]">:$out)> {
  let summary = "a row of a table, to f32";
  let description = "out[i] = table[token][i].";
}

def AMK_RoundOp : AMK_OperatorOp<"round",
    (ins AMK_Buffer<"f32[n]">:$x),
    (ins AMK_Buffer<"bf16[n]">:$out)> {
  let summary = "f32 to bf16, to nearest even";
  let description = [{
    Every rounding is an op, so no pass can move or drop one unseen.
  }];
}

def AMK_RmsNormOp : AMK_OperatorOp<"rms_norm",
    (ins
      AMK_Buffer<"bf16[n]">:$x,
      AMK_Buffer<"bf16[n]">:$gain),
    (ins
      AMK_Buffer<"f32[n]: x * gain">:$out,
      AMK_Buffer<"f32[1]: what a product of it is scaled by">:$scale),
    (ins Arg<F64Attr, "added to the mean of squares">:$eps)> {
  let summary = "RMSNorm in the form whose scale commutes with a product";
  let description = [{
    out = x * gain; scale = 1 / sqrt(mean(x * x) + eps), which `amk.scale`
    applies to the result of the product that follows.
  }];
}

def AMK_LinearOp : AMK_OperatorOp<"linear",
    (ins
      AMK_Buffer<"bf16[K]">:$x,
      AMK_Buffer<"weight bf16[N, K]">:$w),
    (ins AMK_Buffer<"f32[N]">:$out)> {
  let summary = "matrix-vector product";
  let description = [{
    out = w x, summed in float32 in the order that `numerics` fixes.
  }];
}

def AMK_ScaleOp : AMK_OperatorOp<"scale",
    (ins
      AMK_Buffer<"f32[n]">:$x,
      AMK_Buffer<"f32[1]">:$scale),
    (ins AMK_Buffer<"f32[n]">:$out)> {
  let summary = "times one number";
  let description = "out[i] = x[i] * scale[0].";
}

def AMK_RopeOp : AMK_OperatorOp<"rope",
    (ins
      AMK_Buffer<"f32[n]">:$x,
      AMK_Buffer<"constant f32[positions, head_dim / 2, 2]">:$table),
    (ins AMK_Buffer<"f32[n]">:$out),
    (ins
      Arg<I64Attr, "rows of a head">:$head_dim,
      Arg<I64Attr, "how many of the first rows are rotated">:$rotated_rows)> {
  let summary = "rotary position embedding of adjacent rows";
  let description = [{
    Rows 2i and 2i+1 below `rotated_rows` are a pair; the others are copied.
  }];
}

def AMK_KvAppendOp : AMK_OperatorOp<"kv_append",
    (ins AMK_Buffer<"bf16[n]">:$x),
    (ins AMK_Buffer<"bf16[2, KV heads, positions, head_dim]">:$cache),
    (ins
      Arg<I64Attr, "first row that is taken">:$from,
      Arg<I64Attr, "row of the cache that it goes to">:$to)> {
  let summary = "writes the current position of a KV cache";
  let description = [{
    Row r of x, from row `from` on, goes to row `to` + r - `from` of the cache,
    counted over planes, KV heads and head dimension.
  }];
}

def AMK_AttentionOp : AMK_OperatorOp<"attention",
    (ins
      AMK_Buffer<"bf16">:$query,
      AMK_Buffer<"bf16: this position">:$key,
      AMK_Buffer<"bf16: this position">:$value,
      AMK_Buffer<"bf16[2, KV heads, positions, head_dim]">:$cache),
    (ins AMK_Buffer<"f32[heads * head_dim]">:$out),
    (ins
      Arg<I64Attr, "query heads of a KV head">:$group,
      Arg<I64Attr, "rows of a head">:$head_dim,
      Arg<I64Attr, "where the queries start in their operand">:$query_row,
      Arg<I64Attr, "where the keys start in theirs">:$key_row,
      Arg<I64Attr, "where the values start in theirs">:$value_row)> {
  let summary = "grouped-query attention over the cache";
  let description = [{
    `group` query heads share a KV head. Earlier positions come from the cache,
    this one from the operands, each from its row on. The softmax is online, in
    blocks of `numerics.kv_block` positions, and in splits of those blocks (see
    `numerics`), whose results are combined in order. This position belongs to
    the first split.
  }];
}

def AMK_AttentionPartialOp : AMK_OperatorOp<"attention_partial",
    (ins
      AMK_Buffer<"bf16">:$query,
      AMK_Buffer<"bf16[2, KV heads, positions, head_dim]">:$cache),
    (ins AMK_Buffer<"f32[KV heads * (kv_splits - 1) * group * head_dim / 2 * 3]">:$parts),
    (ins
      Arg<I64Attr, "query heads of a KV head">:$group,
      Arg<I64Attr, "rows of a head">:$head_dim,
      Arg<I64Attr, "where the queries start in their operand">:$query_row)> {
  let summary = "attention over one split of the earlier positions";
  let description = [{
    A tile is one KV head, with the query heads that share it, and one split but
    the first. For each of them and each pair of dimensions it gives the
    logarithm of the sum of the split's exponentials and the split's result in
    the two dimensions; minus infinity and zeros if no earlier position belongs
    to the split. `attention_join` makes `attention` of them.
  }];
}

def AMK_AttentionJoinOp : AMK_OperatorOp<"attention_join",
    (ins
      AMK_Buffer<"bf16">:$query,
      AMK_Buffer<"bf16: this position">:$key,
      AMK_Buffer<"bf16: this position">:$value,
      AMK_Buffer<"bf16[2, KV heads, positions, head_dim]">:$cache,
      AMK_Buffer<"f32: of attention_partial">:$parts),
    (ins AMK_Buffer<"f32[heads * head_dim]">:$out),
    (ins
      Arg<I64Attr, "query heads of a KV head">:$group,
      Arg<I64Attr, "rows of a head">:$head_dim,
      Arg<I64Attr, "where the queries start in their operand">:$query_row,
      Arg<I64Attr, "where the keys start in theirs">:$key_row,
      Arg<I64Attr, "where the values start in theirs">:$value_row)> {
  let summary = "attention over the first split, joined with the others";
  let description = [{
    A tile is one KV head with the query heads that share it: attends to the
    earlier positions of the first split and to this position, and combines that
    with the other splits' results. Gives the same bits as `attention`.
  }];
}

def AMK_AddOp : AMK_OperatorOp<"add",
    (ins
      AMK_Buffer<"f32[n]">:$a,
      AMK_Buffer<"f32[n]">:$b),
    (ins AMK_Buffer<"f32[n]">:$out)> {
  let summary = "elementwise sum";
  let description = "out[i] = a[i] + b[i]. The output may be an input.";
}

def AMK_SiluMulOp : AMK_OperatorOp<"silu_mul",
    (ins
      AMK_Buffer<"f32[n]">:$gate,
      AMK_Buffer<"f32[n]">:$up),
    (ins AMK_Buffer<"f32[n]">:$out)> {
  let summary = "silu(gate) * up";
  let description = "out[i] = gate[i] / (1 + exp(-gate[i])) * up[i].";
}

def AMK_SwigluOp : AMK_OperatorOp<"swiglu",
    (ins AMK_Buffer<"f32[2n]">:$x),
    (ins AMK_Buffer<"f32[n]">:$out)> {
  let summary = "silu_mul of interleaved rows";
  let description = "Rows 2i and 2i+1 of the input are gate and up of row i.";
}

def AMK_ArgmaxOp : AMK_OperatorOp<"argmax",
    (ins AMK_Buffer<"f32[n]">:$x),
    (ins AMK_Buffer<"i32[1]">:$out)> {
  let summary = "index of the largest element";
  let description = "Ties go to the lowest index; a NaN gives -1.";
}

def AMK_ArgmaxBlocksOp : AMK_OperatorOp<"argmax_blocks",
    (ins AMK_Buffer<"f32[n]">:$x),
    (ins
      AMK_Buffer<"f32[n / block]">:$values,
      AMK_Buffer<"i32[n / block]">:$indices),
    (ins Arg<I64Attr, "elements of a block">:$block)> {
  let summary = "largest element of every block, and its index";
  let description = "Ties go to the lowest index; a NaN gives -1.";
}

def AMK_ArgmaxCombineOp : AMK_OperatorOp<"argmax_combine",
    (ins
      AMK_Buffer<"f32[b]">:$values,
      AMK_Buffer<"i32[b]">:$indices),
    (ins AMK_Buffer<"i32[1]">:$out)> {
  let summary = "index of the largest over all blocks";
  let description = "The second half of `amk.argmax_blocks`.";
}

def AMK_HashOp : AMK_OperatorOp<"hash",
    (ins AMK_Buffer<"any type">:$x),
    (ins AMK_Buffer<"any type">:$out)> {
  let summary = "for tests: a hash of all input bytes and the index";
  let description = "One wrong byte anywhere shows in every output element.";
}

#endif // AMK_DIALECT_AMK_AMKOPS_TD
