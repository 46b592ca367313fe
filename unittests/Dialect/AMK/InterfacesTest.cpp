//===- InterfacesTest.cpp - Ops and models say the same -------------------===//

#include "AMK/Dialect/AMK/AMKOps.h"
#include "AMK/Target/HuggingFace.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace {

/// Every operator op has a model; every model a test knows has an op.
TEST(InterfacesTest, EveryOperatorHasItsModel) {
  MLIRContext context;
  context.loadDialect<amk::AMKDialect>();
  unsigned operators = 0;
  for (RegisteredOperationName name :
       context.getRegisteredOperationsByDialect("amk")) {
    if (!name.hasInterface<amk::OperatorOp>())
      continue;
    ++operators;
    EXPECT_TRUE(amk::core::lookupOperator(name.stripDialect().str()))
        << name.getStringRef().str();
  }
  EXPECT_EQ(operators, 17u);
}

TEST(InterfacesTest, AnswersComeFromTheModel) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module =
      amk::importHuggingFace(AMK_TEST_INPUTS "/tiny-llama", &context);
  ASSERT_TRUE(module);
  amk::OperatorOp rope, linear;
  module->walk([&](amk::OperatorOp op) {
    if (!rope && op.getOperatorName() == "rope")
      rope = op;
    if (!linear && op.getOperatorName() == "linear")
      linear = op;
  });
  ASSERT_TRUE(rope && linear);
  EXPECT_EQ(rope.getExtent(), 256);
  EXPECT_EQ(rope.getGranule(), 2);
  EXPECT_EQ(rope.getInputs().size(), 2u);
  EXPECT_EQ(rope.getOutputs().size(), 1u);
  EXPECT_FALSE(rope.isPrologue());
  EXPECT_EQ(linear.getGranule(), 1);
  // Four rows of 256 bf16 values.
  EXPECT_EQ(linear.getCost({8, 12}).bytes, 4u * 256 * 2);
  std::vector<amk::core::Access> accesses = linear.getAccesses({8, 12});
  ASSERT_EQ(accesses.size(), 3u);
  EXPECT_EQ(accesses[1].buffer, 1u); // by operand number
  EXPECT_EQ(accesses[1].region.offset, 8u * 256 * 2);
  EXPECT_TRUE(accesses[2].write);
}

} // namespace
