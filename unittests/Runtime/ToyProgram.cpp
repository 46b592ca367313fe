//===- ToyProgram.cpp - Programs to run in tests --------------------------===//

#include "ToyProgram.h"

#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

namespace amk::runtime::test {

ToyOptions oddLlama() {
  ToyOptions options;
  options.shape.hidden = 72;
  options.shape.inter = 88;
  options.shape.heads = 6;
  options.shape.kvHeads = 3;
  options.shape.headDim = 14;
  options.shape.vocab = 101;
  options.shape.layers = 2;
  options.shape.positions = 12;
  options.shape.argmaxBlock = 8;
  return options;
}

core::Program toyProgram(const ToyOptions &options, Stage stage) {
  core::Program program;
  core::Schedule &s = program.schedule;
  s = scheduling::test::toyLlama(options.shape, stage >= Stage::Fused);
  // Several blocks in every sum and every softmax.
  s.numerics.kBlock = 48;
  s.numerics.kvBlock = 4;
  // A vector is a tensor of one row.
  for (const core::Buffer &b : s.buffers)
    if (b.kind == core::BufferKind::Weight && b.shape.size() == 1)
      s.views[b.view].parts[0].rows = 1;
  const uint32_t workers = options.workers;
  if (stage >= Stage::Cut) {
    s.target = core::Target{"sm_90", workers, 232448};
    EXPECT_EQ(scheduling::cutTasks(s, {workers}), "");
  }
  if (stage >= Stage::Placed) {
    scheduling::AssignmentOptions assignment;
    assignment.workers = workers;
    EXPECT_EQ(scheduling::assignWorkers(s, assignment), "");
  }
  if (stage >= Stage::Synchronized)
    EXPECT_EQ(scheduling::synchronize(s, {options.packetElements}), "");
  if (stage >= Stage::Colored) {
    scheduling::PageColoringOptions pages;
    pages.sharedLimit = 100000;
    EXPECT_EQ(scheduling::colorPages(s, pages), "");
  }
  if (stage >= Stage::Streamed)
    EXPECT_EQ(scheduling::makeStreams(s, {}), "");
  EXPECT_EQ(scheduling::test::check(s), "") << "stage " << int(stage);
  return program;
}

std::vector<std::vector<float>> runTokens(const core::Program &program,
                                          Device &device,
                                          const std::vector<int32_t> &tokens) {
  TokenBuffers buffers;
  EXPECT_OK(findTokenBuffers(program.schedule, buffers));
  std::vector<std::vector<float>> all;
  for (size_t p = 0; p < tokens.size(); ++p) {
    double ms = 0;
    EXPECT_OK(device.write(buffers.token, &tokens[p], sizeof(int32_t)));
    EXPECT_OK(device.launch(int64_t(p), ms));
    all.emplace_back(program.schedule.buffers[buffers.logits].elements());
    EXPECT_OK(device.read(buffers.logits, all.back().data(),
                          all.back().size() * sizeof(float)));
  }
  return all;
}

std::vector<std::vector<float>> runOnCpu(const core::Program &program,
                                         const CpuOptions &options,
                                         const std::vector<int32_t> &tokens) {
  auto weights = randomWeights(7);
  auto device = createCpuDevice(options);
  EXPECT_OK(device->load(program, *weights, {}));
  return runTokens(program, *device, tokens);
}

} // namespace amk::runtime::test
