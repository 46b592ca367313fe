//===- FusionTest.cpp -----------------------------------------------------===//

#include "AMK/Scheduling/Fusion.h"

#include "ToyLlama.h"

#include <gtest/gtest.h>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

std::vector<std::string> operators(const Schedule &s, std::string_view task) {
  std::vector<std::string> names;
  for (const Task &t : s.tasks)
    if (t.name == task)
      for (const Operator &op : t.ops)
        names.push_back(op.prologue ? "(" + op.name + ")" : op.name);
  return names;
}

using Names = std::vector<std::string>;

std::string fuse(Schedule &s, std::vector<TaskGroup> groups = {}) {
  FusionOrigins origins;
  std::string error = groupOperators(s, groups, origins);
  if (!error.empty())
    return error;
  EXPECT_EQ(origins.size(), s.tasks.size());
  return check(s);
}

TEST(Fusion, FiveTasksALayer) {
  Schedule s = toyLlama({}, /*fused=*/false);
  ASSERT_EQ(fuse(s), "");
  // Two layers, the embedding, the head and the end of the argmax.
  EXPECT_EQ(s.tasks.size(), 13u);
  EXPECT_EQ(operators(s, "L0_o"), (Names{"linear", "add", "round"}));
  EXPECT_EQ(operators(s, "L0_attention"), (Names{"attention", "round"}));
  EXPECT_EQ(operators(s, "embed"), (Names{"embed", "round"}));
}

/// Splitting it is for amk-tiling to do.
TEST(Fusion, LeavesAttentionWhole) {
  Schedule s = toyLlama({}, /*fused=*/false);
  s.numerics.kvSplits = 8;
  ASSERT_EQ(fuse(s), "");
  EXPECT_EQ(s.tasks.size(), 13u);
  EXPECT_EQ(operators(s, "L0_attention"), (Names{"attention", "round"}));
}

TEST(Fusion, TwiceTheHandOffsWithoutIt) {
  Schedule s = toyLlama({}, /*fused=*/false);
  const FusionReport before = countHandOffs(s);
  ASSERT_EQ(fuse(s), "");
  const FusionReport after = countHandOffs(s);
  EXPECT_EQ(before.layers, 2u);
  EXPECT_EQ(after.layers, 2u);
  EXPECT_GT(before.handOffs, 2 * after.handOffs);
  EXPECT_GT(before.crossingPerLayer, 2 * after.crossingPerLayer);
  EXPECT_GE(before.crossingPerLayer, 12);
  EXPECT_EQ(after.crossingPerLayer, 5);
  EXPECT_EQ(after.chainPerLayer, 5) << "one after the other";
  EXPECT_GE(before.chainPerLayer, 2 * after.chainPerLayer);
}

/// Appends a task that reads a buffer.
void alsoRead(Schedule &s, std::string_view buffer) {
  for (uint32_t b = 0; b < s.buffers.size(); ++b) {
    if (s.buffers[b].name != buffer)
      continue;
    Buffer out;
    out.name = "hash";
    out.kind = BufferKind::Output;
    out.shape = {4};
    s.buffers.push_back(out);
    Task &task = s.tasks.emplace_back();
    task.name = "hash";
    task.ops.emplace_back();
    task.ops[0].name = "hash";
    task.ops[0].operands = {b, uint32_t(s.buffers.size() - 1)};
    return;
  }
  FAIL() << "no buffer " << buffer;
}

TEST(Fusion, WhatAnotherTaskReadsIsNotLocal) {
  Schedule s = toyLlama({}, /*fused=*/false);
  alsoRead(s, "L0_o_f");
  ASSERT_EQ(fuse(s), "");
  EXPECT_EQ(operators(s, "L0_o"), (Names{"linear", "add", "round"}));
  for (const Buffer &b : s.buffers)
    if (b.name == "L0_o_f")
      EXPECT_EQ(b.kind, BufferKind::Activation);
}

TEST(Fusion, ANormThatTwoTasksReadIsATaskOfItsOwn) {
  Schedule s = toyLlama({}, /*fused=*/false);
  alsoRead(s, "L0_n2");
  ASSERT_EQ(fuse(s), "");
  for (const Task &t : s.tasks)
    for (const Operator &op : t.ops)
      for (uint32_t b : op.operands)
        if (s.buffers[b].name == "L0_n2")
          EXPECT_FALSE(op.prologue);
}

TEST(Fusion, OneHeadIsOneTile) {
  ToyShape shape;
  shape.heads = shape.kvHeads = 1;
  Schedule s = toyLlama(shape, /*fused=*/false);
  ASSERT_EQ(fuse(s), "");
  EXPECT_EQ(s.tasks.size(), 13u);
  EXPECT_EQ(operators(s, "L0_attention"), (Names{"attention", "round"}));
}

TEST(Fusion, ExplicitGroups) {
  Schedule s = toyLlama({}, /*fused=*/false);
  const size_t before = s.tasks.size();
  ASSERT_EQ(fuse(s, {{"L0_o", "L0_o_2"}}), "");
  EXPECT_EQ(s.tasks.size(), before - 2);
  EXPECT_EQ(operators(s, "L0_o"), (Names{"linear", "add", "round"}));
}

TEST(Fusion, RefusesWhatIsNotImported) {
  Schedule s = toyLlama({}, /*fused=*/true);
  EXPECT_NE(fuse(s), "");
  Schedule cut = toyLlama({}, /*fused=*/false);
  cut.tasks[0].bounds = cut.addTable({0, 128, 256});
  EXPECT_NE(fuse(cut), "");
  Schedule concurrent = toyLlama({}, /*fused=*/false);
  concurrent.concurrent = true;
  EXPECT_NE(fuse(concurrent), "");
}

} // namespace
