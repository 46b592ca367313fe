//===- AMKInterfaces.td - What can be asked of an operator -*- tablegen -*-===//

#ifndef AMK_DIALECT_AMK_AMKINTERFACES_TD
#define AMK_DIALECT_AMK_AMKINTERFACES_TD

include "mlir/IR/Interfaces.td"

def AMK_Operator : OpInterface<"OperatorOp"> {
  let cppNamespace = "::amk";
  let description = [{
    Everything that a pass asks of an operator. The answers come from the
    operator's `core::OperatorModel`, the one place where a fact about an
    operator stands, so an op that implements the interface need not define
    any method.

    Accesses name buffers by operand number.
  }];
  let methods = [
    InterfaceMethod<"Name under which the model is registered.",
      "::llvm::StringRef", "getOperatorName", (ins), "", [{
        return $_op->getName().stripDialect();
      }]>,
    InterfaceMethod<"The model, or null if none is registered.",
      "const ::amk::core::OperatorModel *", "getModel", (ins), "", [{
        ::llvm::StringRef name =
            ::llvm::cast<::amk::OperatorOp>($_op.getOperation())
                .getOperatorName();
        return ::amk::core::lookupOperator({name.data(), name.size()});
      }]>,
    InterfaceMethod<"Whether every tile of the task computes it in full.",
      "bool", "isPrologue", (ins), "", [{
        return $_op->hasAttr("prologue");
      }]>,
    InterfaceMethod<"Operands that are read.",
      "::mlir::OperandRange", "getInputs", (ins), "", [{
        return ::amk::detail::operatorInputs($_op.getOperation());
      }]>,
    InterfaceMethod<"Operands that are written.",
      "::mlir::OperandRange", "getOutputs", (ins), "", [{
        return ::amk::detail::operatorOutputs($_op.getOperation());
      }]>,
    InterfaceMethod<"Size of the parallel dimension.",
      "int64_t", "getExtent", (ins), "", [{
        return ::amk::detail::operatorExtent($_op.getOperation());
      }]>,
    InterfaceMethod<"A cut may only fall on multiples of this.",
      "int64_t", "getGranule", (ins), "", [{
        return ::amk::detail::operatorGranule($_op.getOperation());
      }]>,
    InterfaceMethod<"Bytes that a tile reads and writes.",
      "::std::vector<::amk::core::Access>", "getAccesses",
      (ins "::amk::core::Range":$tile), "", [{
        return ::amk::detail::operatorAccesses($_op.getOperation(), tile);
      }]>,
    InterfaceMethod<"The range of the next operator that a tile feeds.",
      "::amk::core::Range", "mapTile", (ins "::amk::core::Range":$tile), "", [{
        return ::amk::detail::operatorMapTile($_op.getOperation(), tile);
      }]>,
    InterfaceMethod<"What a tile costs.",
      "::amk::core::Cost", "getCost", (ins "::amk::core::Range":$tile), "", [{
        return ::amk::detail::operatorCost($_op.getOperation(), tile);
      }]>,
  ];
}

#endif // AMK_DIALECT_AMK_AMKINTERFACES_TD
