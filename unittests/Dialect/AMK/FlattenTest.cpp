//===- FlattenTest.cpp - Between amk.schedule and the flat schedule -------===//

#include "AMK/Dialect/AMK/Flatten.h"

#include "AMK/Schedule/ProgramFile.h"
#include "AMK/Target/HuggingFace.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace {

std::string bytes(const amk::core::Schedule &schedule) {
  amk::core::Program program;
  program.schedule = schedule;
  return amk::core::writeProgram(program);
}

OwningOpRef<ModuleOp> importTinyLlama(MLIRContext &context) {
  return amk::importHuggingFace(AMK_TEST_INPUTS "/tiny-llama", &context);
}

amk::ScheduleOp schedule(ModuleOp module) {
  return *module.getOps<amk::ScheduleOp>().begin();
}

TEST(FlattenTest, UnflattenGivesTheSameScheduleBack) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module = importTinyLlama(context);
  ASSERT_TRUE(module);
  FailureOr<amk::core::Schedule> flat = amk::flatten(schedule(*module));
  ASSERT_TRUE(succeeded(flat));
  OwningOpRef<ModuleOp> again = amk::unflattenModule(
      *flat, &context, amk::LocationMap(schedule(*module)));
  ASSERT_TRUE(again && succeeded(verify(*again)));
  FailureOr<amk::core::Schedule> flatAgain = amk::flatten(schedule(*again));
  ASSERT_TRUE(succeeded(flatAgain));
  EXPECT_EQ(bytes(*flat), bytes(*flatAgain));
}

TEST(FlattenTest, MapFindsTheOpOfEverything) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module = importTinyLlama(context);
  ASSERT_TRUE(module);
  amk::FlattenMap map;
  FailureOr<amk::core::Schedule> flat = amk::flatten(schedule(*module), map);
  ASSERT_TRUE(succeeded(flat));
  ASSERT_EQ(map.tasks.size(), flat->tasks.size());
  ASSERT_EQ(map.buffers.size(), flat->buffers.size());
  for (size_t t = 0; t < map.tasks.size(); ++t) {
    EXPECT_EQ(cast<amk::TaskOp>(map.tasks[t]).getSymName().str(),
              flat->tasks[t].name);
    EXPECT_EQ(map.ops[t].size(), flat->tasks[t].ops.size());
  }
  amk::core::Place place;
  EXPECT_EQ(map.lookup(place), schedule(*module).getOperation());
  place.task = 1;
  EXPECT_EQ(map.lookup(place), map.tasks[1]);
  place.op = 0;
  EXPECT_EQ(map.lookup(place), map.ops[1][0]);
}

TEST(FlattenTest, LocationsOutliveARewrite) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module = importTinyLlama(context);
  ASSERT_TRUE(module);
  amk::ScheduleOp op = schedule(*module);
  auto location = [&] {
    amk::FlattenMap map;
    FailureOr<amk::core::Schedule> flat = amk::flatten(op, map);
    for (auto [i, task] : llvm::enumerate(flat->tasks))
      if (task.name == "L1_k")
        return map.ops[i][0]->getLoc();
    return op.getLoc();
  };
  const Location before = location();
  EXPECT_EQ(before, Location(NameLoc::get(StringAttr::get(
                        &context, "model.layers.1.self_attn.k_proj.weight"))));
  FailureOr<amk::core::Schedule> flat = amk::flatten(op);
  ASSERT_TRUE(succeeded(flat));
  // Other tables and another order of the unrelated do not matter.
  flat->tables.insert(flat->tables.begin(), {1, 2, 3});
  ASSERT_TRUE(succeeded(amk::rewriteSchedule(op, *flat, amk::LocationMap(op))));
  EXPECT_EQ(location(), before);
}

TEST(FlattenTest, RefusesAnOperatorWithoutOp) {
  MLIRContext context;
  unsigned errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
    ++errors;
    EXPECT_EQ(d.str(), "V1: no op for operator 'unheard_of'");
    return success();
  });
  amk::core::Schedule flat;
  flat.name = "s";
  flat.tasks.resize(1);
  flat.tasks[0].name = "t";
  flat.tasks[0].ops.resize(1);
  flat.tasks[0].ops[0].name = "unheard_of";
  EXPECT_FALSE(amk::unflattenModule(
      flat, &context, amk::LocationMap(UnknownLoc::get(&context))));
  EXPECT_EQ(errors, 1u);
}

} // namespace
