//===- AMKExec.cpp - The amk_exec dialect ---------------------------------===//

#include "AMK/Dialect/AMKExec/AMKExec.h"
#include "AMK/Schedule/SharedLayout.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace amk::exec;

#include "AMK/Dialect/AMKExec/AMKExecDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "AMK/Dialect/AMKExec/AMKExecAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "AMK/Dialect/AMKExec/AMKExecOps.cpp.inc"

void AMKExecDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "AMK/Dialect/AMKExec/AMKExecAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "AMK/Dialect/AMKExec/AMKExecOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Inputs taken by slices
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::verify() {
  if (!getBySlice())
    return success();
  if (!getPackets() || getCluster())
    return emitOpError("by_slice: expected packets that the worker polls "
                       "itself, found ")
           << (getCluster() ? "a gather shared in the cluster" : "none");
  const uint32_t rounds = amk::core::gatherRounds(getPackets()->getCount());
  if (auto kernel = (*this)->getParentOfType<KernelOp>();
      kernel && rounds > kernel.getShared().getRounds())
    return emitOpError("by_slice: expected packets for at most ")
           << kernel.getShared().getRounds()
           << " rounds, the barriers of the shared memory, found " << rounds;
  for (Operation *next = (*this)->getNextNode(); next;
       next = next->getNextNode())
    if (auto product = dyn_cast<ProductOp>(next); product)
      if (product.getRounds())
        return success();
  return emitOpError("by_slice: expected a product that waits for the rounds "
                     "after it, found none");
}

LogicalResult ProductOp::verify() {
  if (!getRounds())
    return success();
  llvm::ArrayRef<int32_t> slices = *getRounds();
  if (slices.size() != getSlices())
    return emitOpError("rounds: expected a set for each of ")
           << getSlices() << " slices, found " << slices.size();
  GatherOp gather;
  for (Operation *at = (*this)->getPrevNode(); at && !gather;
       at = at->getPrevNode())
    gather = dyn_cast<GatherOp>(at);
  if (!gather || !gather.getBySlice() || !gather.getPackets())
    return emitOpError("rounds: expected a gather by_slice before it, found ")
           << (gather ? "another" : "none");
  const uint32_t count =
      amk::core::gatherRounds(gather.getPackets()->getCount());
  if (count < 1 || count > amk::core::kMostSliceRounds)
    return emitOpError("rounds: expected a gather of 1 to ")
           << amk::core::kMostSliceRounds << " rounds, found " << count;
  const uint32_t all = ~uint32_t(0) >> (32 - count);
  uint32_t awaited = 0;
  for (auto [i, bits] : llvm::enumerate(slices)) {
    if (bits == 0 || (uint32_t(bits) & ~all))
      return emitOpError("rounds: expected a set of ")
             << count << " rounds for slice " << i << ", found "
             << uint32_t(bits);
    awaited |= uint32_t(bits);
  }
  if (awaited != all)
    return emitOpError("rounds: expected the slices to wait for all of ")
           << count << " rounds, found " << awaited;
  return success();
}
