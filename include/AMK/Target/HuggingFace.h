//===- HuggingFace.h - Importing Hugging Face checkpoints -------*- C++ -*-===//

#ifndef AMK_TARGET_HUGGINGFACE_H
#define AMK_TARGET_HUGGINGFACE_H

#include "AMK/Schedule/Schedule.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace amk {

struct HuggingFaceImportOptions {
  /// Length of the KV cache; 0: max_position_embeddings, but at most 4096.
  int64_t positions = 0;
  /// Splits of the earlier positions of a KV head at most (the schedule's
  /// numerics: other bits), 1 to 1024; 0: as many as give a GPU's workers one
  /// each.
  int64_t kvSplits = 0;
  /// Read config.json only. Otherwise the headers of the checkpoint's files
  /// must have every tensor of the model.
  bool configOnly = false;
};

/// Imports the model in `directory` as a sequential schedule of one operator
/// per task. Null, with one error, if it cannot be read or is not supported.
mlir::OwningOpRef<mlir::ModuleOp>
importHuggingFace(llvm::StringRef directory, mlir::MLIRContext *context,
                  const HuggingFaceImportOptions &options = {});

/// Registers `--import-hf`.
void registerFromHuggingFaceTranslation();

} // namespace amk

#endif // AMK_TARGET_HUGGINGFACE_H
