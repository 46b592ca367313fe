//===- LowerByPasses.cpp - The importer and the passes --------------------===//

#include "Lowering.h"

#include "../../Frontends/TempFolder.h"
#include "AMK/Dialect/AMK/Flatten.h"
#include "AMK/InitAll.h"
#include "AMK/Target/HuggingFace.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace amk::mutants {

namespace {

constexpr const char *kRope =
    R"("rope_scaling":{"factor":32.0,"high_freq_factor":4.0,)"
    R"("low_freq_factor":1.0,"original_max_position_embeddings":16,)"
    R"("rope_type":"llama3"},)";

std::string configOf(const ModelShape &m) {
  const auto size = [](const char *key, int64_t value) {
    return "\"" + std::string(key) + "\":" + std::to_string(value) + ",";
  };
  return R"({"architectures":["LlamaForCausalLM"],"model_type":"llama",)" +
         size("hidden_size", m.hidden) + size("intermediate_size", m.inter) +
         size("num_attention_heads", m.heads) +
         size("num_key_value_heads", m.kvHeads) + size("head_dim", m.headDim) +
         size("num_hidden_layers", m.layers) + size("vocab_size", m.vocab) +
         size("max_position_embeddings", m.positions()) +
         (m.llama3 ? kRope : "") + R"("tie_word_embeddings":)" +
         (m.tied ? "true" : "false") +
         R"(,"rms_norm_eps":1e-05,"hidden_act":"silu","rope_theta":10000.0,)"
         R"("torch_dtype":"bfloat16"})";
}

std::vector<std::string> passes(const Choice &choice) {
  return {"amk-fusion-grouping",
          "amk-tiling{target=sm_90 workers=" + std::to_string(choice.workers) +
              (choice.split ? "}" : " split-attention=false}"),
          std::string("amk-sm-assignment{policy=") + choice.policy +
              " cluster=" + std::to_string(choice.cluster) + "}",
          "amk-synchronization{packets=" + std::to_string(choice.packets) +
              " inbox-bytes=" + std::to_string(choice.inboxes) + "}",
          "amk-page-coloring",
          "amk-pipelining"};
}

} // namespace

std::vector<core::Schedule> lower(const ModelShape &shape,
                                  const Choice &choice) {
  static const bool registered = [] {
    registerAllPasses();
    return true;
  }();
  (void)registered;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  test::TempFolder folder;
  folder.write("config.json", configOf(shape));
  HuggingFaceImportOptions options;
  options.configOnly = true;
  OwningOpRef<ModuleOp> module =
      importHuggingFace(folder / "", &context, options);
  if (!module)
    return {};
  ScheduleOp schedule = *(*module).getOps<ScheduleOp>().begin();
  const core::Numerics &n = shape.numerics;
  const NumericsAttr numerics =
      NumericsAttr::get(&context, n.kBlock, n.kvBlock, n.kvChunk, n.kvSplits);
  if (shape.large && schedule.getNumerics() != numerics) {
    llvm::errs() << shape.name << ": expected the importer to give " << numerics
                 << ", found " << schedule.getNumerics() << "\n";
    return {};
  }
  schedule.setNumericsAttr(numerics);
  std::vector<core::Schedule> stages;
  const auto record = [&] {
    FailureOr<core::Schedule> flat =
        flatten(*(*module).getOps<ScheduleOp>().begin());
    if (failed(flat))
      return false;
    stages.push_back(std::move(*flat));
    return true;
  };
  if (!record())
    return {};
  if (shape.throughCache) {
    // There is no op of this operator: the solvers that the passes call.
    if (!shape.split)
      readThroughCache(stages[0]);
    return lowerBySolvers(std::move(stages[0]), choice);
  }
  for (const std::string &pass : passes(choice)) {
    PassManager manager(&context);
    if (failed(parsePassPipeline("amk.schedule(" + pass + ")", manager)) ||
        failed(manager.run(*module)) || !record())
      return {};
  }
  return stages;
}

} // namespace amk::mutants
