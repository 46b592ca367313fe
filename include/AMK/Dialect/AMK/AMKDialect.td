//===- AMKDialect.td - The dialect itself ------------------*- tablegen -*-===//

#ifndef AMK_DIALECT_AMK_AMKDIALECT_TD
#define AMK_DIALECT_AMK_AMKDIALECT_TD

include "mlir/IR/DialectBase.td"

def AMK_Dialect : Dialect {
  let name = "amk";
  let cppNamespace = "::amk";
  let summary = "one decode step of a model as a schedule of tasks";
  let description = [{
    An `amk.schedule` holds the buffers, counters and tasks of one launch. It
    is the textual counterpart of `core::Schedule`, op by op and in the same
    order, and its verifier is that of the core: the rules V1 to V9 hold from
    import on and after every pass.

    Until a schedule is `concurrent`, the order of its tasks is the order in
    which they run. From then on queues and hand-offs alone decide, and the
    order of the tasks says what the result must be.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
  }];
}

#endif // AMK_DIALECT_AMK_AMKDIALECT_TD
