//===- AMKTypes.td - Types of the amk dialect --------------*- tablegen -*-===//

#ifndef AMK_DIALECT_AMK_AMKTYPES_TD
#define AMK_DIALECT_AMK_AMKTYPES_TD

include "AMK/Dialect/AMK/AMKDialect.td"
include "mlir/IR/AttrTypeBase.td"

class AMK_Type<string name, string typeMnemonic>
    : TypeDef<AMK_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def AMK_BufferType : AMK_Type<"Buffer", "buffer"> {
  let summary = "a handle to storage: a shape and an element type";
  let description = [{
    Where the storage lives is said by the op that defines the handle, so that
    a pass can move a buffer without touching its users.

    ```mlir
    !amk.buffer<2x8x4096x64xbf16>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t", "sizes of the dimensions">:$shape,
    TypeParameter<"::mlir::Type", "f32, bf16 or i32">:$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def AMK_CounterType : AMK_Type<"Counter", "counter"> {
  let summary = "an array of counters in global scratch, which only grow";
}

#endif // AMK_DIALECT_AMK_AMKTYPES_TD
