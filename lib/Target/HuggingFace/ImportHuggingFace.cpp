//===- ImportHuggingFace.cpp - Importing Hugging Face checkpoints ---------===//

#include "AMK/Target/HuggingFace.h"

#include "AMK/Frontends/HuggingFaceConfig.h"
#include "LlamaSchedule.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace amk;

/// The longest cache that is made unless asked for.
static constexpr int64_t kDefaultPositions = 4096;

OwningOpRef<ModuleOp>
amk::importHuggingFace(StringRef directory, MLIRContext *context,
                       const HuggingFaceImportOptions &options) {
  // What is wrong is said by the message: it names the file.
  Location nowhere = UnknownLoc::get(context);
  frontends::Expected<frontends::LlamaConfig> config =
      frontends::readLlamaConfig(directory.str());
  if (!config) {
    emitError(nowhere) << config.error().message;
    return {};
  }
  if (!options.configOnly) {
    frontends::Expected<frontends::Checkpoint> checkpoint =
        frontends::Checkpoint::open(directory.str(),
                                    frontends::Checkpoint::Open::HeadersOnly);
    if (!checkpoint) {
      emitError(nowhere) << checkpoint.error().message;
      return {};
    }
    frontends::Expected<void> valid =
        frontends::validateCheckpoint(*config, *checkpoint);
    if (!valid) {
      emitError(nowhere) << valid.error().message;
      return {};
    }
  }
  const int64_t longest = config->maxPositionEmbeddings;
  if (options.positions < 0 || options.positions > longest) {
    emitError(nowhere) << directory << ": positions: expected 1 to "
                       << "max_position_embeddings (" << longest << "), found "
                       << options.positions;
    return {};
  }
  constexpr int64_t kMostSplits = 1024;
  if (options.kvSplits < 0 || options.kvSplits > kMostSplits) {
    emitError(nowhere) << directory << ": kv-splits: expected 1 to "
                       << kMostSplits << ", found " << options.kvSplits;
    return {};
  }
  const int64_t positions = options.positions
                                ? options.positions
                                : std::min(longest, kDefaultPositions);
  LocationMap locations(NameLoc::get(StringAttr::get(context, directory)));
  core::Schedule schedule = buildLlamaSchedule(
      *config, positions, options.kvSplits, locations, context);
  OwningOpRef<ModuleOp> module = unflattenModule(schedule, context, locations);
  // For those who change the length of the cache later.
  if (module)
    for (ScheduleOp op : module->getOps<ScheduleOp>())
      op->setDiscardableAttr("amk.max_positions",
                             Builder(context).getI64IntegerAttr(longest));
  return module;
}

void amk::registerFromHuggingFaceTranslation() {
  static llvm::cl::opt<int64_t> positions(
      "positions", llvm::cl::init(0),
      llvm::cl::desc("--import-hf: length of the KV cache (by default "
                     "max_position_embeddings, but at most 4096)"));
  static llvm::cl::opt<int64_t> kvSplits(
      "kv-splits", llvm::cl::init(0),
      llvm::cl::desc(
          "--import-hf: splits of the earlier positions of a KV head, "
          "at most (by default as many as make 128 with all heads)"));
  static llvm::cl::opt<bool> configOnly(
      "config-only", llvm::cl::init(false),
      llvm::cl::desc("--import-hf: read config.json only, to compile a shape "
                     "without its weights"));
  TranslateToMLIRRegistration registration(
      "import-hf",
      "import a Hugging Face checkpoint: a directory, or its config.json",
      [](llvm::SourceMgr &sources,
         MLIRContext *context) -> OwningOpRef<Operation *> {
        // Without a place in the input, MLIR would print one all the same.
        ScopedDiagnosticHandler plain(context, [](Diagnostic &diagnostic) {
          if (!isa<UnknownLoc>(diagnostic.getLocation()))
            return failure();
          llvm::errs() << "error: " << diagnostic << "\n";
          return success();
        });
        StringRef path = sources.getMemoryBuffer(sources.getMainFileID())
                             ->getBufferIdentifier();
        StringRef directory = llvm::sys::path::parent_path(path);
        return importHuggingFace(directory.empty() ? "." : directory, context,
                                 {positions, kvSplits, configOnly});
      },
      [](DialectRegistry &registry) { registry.insert<AMKDialect>(); });
}
