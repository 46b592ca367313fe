//===- AMKAttributes.td - Attributes of the amk dialect ----*- tablegen -*-===//
//
// Whatever has one entry per tile is an attribute, so it is uniqued: all layers
// share it, and it is printed once, as an alias.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_DIALECT_AMK_AMKATTRIBUTES_TD
#define AMK_DIALECT_AMK_AMKATTRIBUTES_TD

include "AMK/Dialect/AMK/AMKDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

// The values are those of core::BufferKind. A weight has an op of its own.
def AMK_BufferKind : I32EnumAttr<"BufferKind", "what a buffer is", [
    I32EnumAttrCase<"Activation", 0, "activation">,
    I32EnumAttrCase<"Local", 1, "local">,
    I32EnumAttrCase<"Input", 2, "input">,
    I32EnumAttrCase<"Output", 3, "output">,
    I32EnumAttrCase<"KvCache", 4, "kv_cache">,
    I32EnumAttrCase<"Constant", 5, "constant">]> {
  let cppNamespace = "::amk";
}

// The values are those of core::Space.
def AMK_PageSpace : I32EnumAttr<"PageSpace", "where a page lies", [
    I32EnumAttrCase<"Scratch", 1, "scratch">,
    I32EnumAttrCase<"Shared", 2, "shared">,
    I32EnumAttrCase<"Cluster", 3, "cluster">]> {
  let cppNamespace = "::amk";
  let genSpecializedAttr = 0;
}

class AMK_Attr<string name, string attrMnemonic>
    : AttrDef<AMK_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def AMK_CutAttr : AMK_Attr<"Cut", "cut"> {
  let summary = "bounds of the tiles of one dimension";
  let description = [{
    Tile i is [bounds[i], bounds[i+1]). An even cut is one in granules; the
    first tiles are one granule longer where it does not come out even. The
    printer takes the first of these forms that fits:

    ```mlir
    #amk.cut<even 3072 in 132 by 2>
    #amk.cut<sizes [22 times 48, 24 times 84]>
    #amk.cut<bounds [16, 32]>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t", "one more than there are tiles">:$bounds);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// `tiles` tiles of [0, extent) that differ by at most `granule`.
    static CutAttr getEven(::mlir::MLIRContext *context, int64_t extent,
                           int64_t tiles, int64_t granule = 1);
    int64_t getTileCount() const { return getBounds().size() - 1; }
  }];
}

def AMK_PlaceAttr : AMK_Attr<"Place", "place"> {
  let summary = "the worker of every tile";
  let description = [{
    `slots`, if given, is the tile's place in its worker's queue; otherwise
    queues are in program order.

    ```mlir
    #amk.place<[0 to 131]>
    #amk.place<[0, 0, 1] slots [1, 0, 0]>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t", "one entry per tile, or one for all">:$workers,
    OptionalArrayRefParameter<"int64_t", "as many, or none">:$slots);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def AMK_FanAttr : AMK_Attr<"Fan", "fan"> {
  let summary = "for every tile a range of counters, first to last";
  let description = [{
    ```mlir
    #amk.fan<[0 times 11, 1 times 11]>              // one counter per tile
    #amk.fan<[0 times 11, 1] through [0, 2 times 11]>  // first through last
    #amk.fan<>                                      // counter 0
    ```
  }];
  let parameters = (ins
    OptionalArrayRefParameter<"int64_t", "first counter of a tile">:$first,
    OptionalArrayRefParameter<"int64_t", "last, if not the first">:$last);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def AMK_ThresholdsAttr : AMK_Attr<"Thresholds", "thresholds"> {
  let summary = "what a tile's counters must have reached before it starts";
  let parameters = (ins
    ArrayRefParameter<"int64_t", "one entry per tile, or one for all">:$values);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def AMK_StreamAttr : AMK_Attr<"Stream", "stream"> {
  let summary = "how the weight of a task's product is cut into ring stages";
  let parameters = (ins
    "int64_t":$rows, "int64_t":$columns,
    // Stages that a warp may take into registers before its input is there.
    DefaultValuedParameter<"int64_t", "0">:$held,
    // A stage is multiplied when its slice of the input's columns is there.
    DefaultValuedParameter<"bool", "false">:$by_slice);
  let assemblyFormat = "`<` struct(params) `>`";
}

def AMK_RingAttr : AMK_Attr<"Ring", "ring"> {
  let summary = "the ring of stages that every worker's loader fills";
  let description = [{
    `slots` of `bytes` each; at most `window` stages are in flight for the
    operator being consumed and `ahead` for a later one; `teams` of consumers
    take stages round robin.
  }];
  let parameters = (ins "int64_t":$slots, "int64_t":$bytes, "int64_t":$window,
                        "int64_t":$ahead, "int64_t":$teams);
  let assemblyFormat = "`<` struct(params) `>`";
}

def AMK_PacketsAttr : AMK_Attr<"Packets", "packets"> {
  let summary = "data-as-flag: packets of 16 bytes that carry a stamp";
  let description = [{
    A packet holds up to `elements` values; reading it is waiting for it.
    `tiles` are the bounds at which packets start anew, one group per producer.
  }];
  let parameters = (ins "int64_t":$elements,
                        OptionalParameter<"CutAttr">:$tiles);
  let assemblyFormat = "`<` $elements (`,` $tiles^)? `>`";
}

def AMK_PageAttr : AMK_Attr<"Page", "page"> {
  let summary = "where a buffer lives: bytes from the start of a space";
  let description = [{
    `scratch` is global memory, `shared` the shared memory of each worker, for
    itself. `cluster` is shared memory of each worker too, for the packets that
    the workers of its cluster write there: a worker has `room` for so many
    packets of the buffer, and packet p lies at p mod `room` with each worker
    that reads it.
  }];
  let parameters = (ins EnumParameter<AMK_PageSpace>:$space, "int64_t":$offset,
                        DefaultValuedParameter<"int64_t", "0">:$room);
  let assemblyFormat = "`<` $space `+` $offset (`room` $room^)? `>`";
}

def AMK_TargetAttr : AMK_Attr<"Target", "target"> {
  let summary = "the device: its chip, its workers, their shared memory";
  let description = [{
    `cluster` workers in turn, from worker 0 on, are a cluster: they see each
    other's shared memory. 1: none do.
  }];
  let parameters = (ins StringRefParameter<"as in sm_90">:$chip,
                        "int64_t":$workers, "int64_t":$shared_bytes,
                        DefaultValuedParameter<"int64_t", "1">:$cluster);
  let assemblyFormat = "`<` struct(params) `>`";
}

def AMK_NumericsAttr : AMK_Attr<"Numerics", "numerics"> {
  let summary = "the reduction trees, which every pass keeps";
  let description = [{
    `k_block` elements are added into one partial sum; `kv_block` positions
    make one block of the online softmax. The blocks of the earlier positions are
    cut into at most `kv_splits` splits, each with a softmax of its own, and the
    splits' results are combined in order. Up to `kv_chunk` blocks are one split;
    n blocks, if there are more, are splits of ceil(n / `kv_splits`).
  }];
  let parameters = (ins "int64_t":$k_block, "int64_t":$kv_block,
    DefaultValuedParameter<"int64_t", "1">:$kv_chunk,
    DefaultValuedParameter<"int64_t", "1">:$kv_splits);
  let assemblyFormat = "`<` struct(params) `>`";
}

def AMK_RopeAttr : AMK_Attr<"Rope", "rope"> {
  let summary = "how the host computes a table of rotary embeddings";
  let description = [{
    The table has shape [positions, head_dim / 2, 2]: cosine, sine. Without
    `llama3` it is the default rope; with it, that scaling.

    ```mlir
    #amk.rope<head_dim = 64, theta = 5.0e+05,
              llama3(factor = 32.0, low = 1.0, high = 4.0, original = 8192)>
    ```
  }];
  let parameters = (ins
    "int64_t":$head_dim, "::mlir::FloatAttr":$theta,
    "::mlir::FloatAttr":$factor, "::mlir::FloatAttr":$low_freq_factor,
    "::mlir::FloatAttr":$high_freq_factor, "int64_t":$original_positions);
  let hasCustomAssemblyFormat = 1;
}

#endif // AMK_DIALECT_AMK_AMKATTRIBUTES_TD
