//===- LlamaSchedule.h - The schedule of a Llama as imported ----*- C++ -*-===//

#ifndef AMK_LIB_TARGET_HUGGINGFACE_LLAMASCHEDULE_H
#define AMK_LIB_TARGET_HUGGINGFACE_LLAMASCHEDULE_H

#include "AMK/Dialect/AMK/Flatten.h"
#include "AMK/Frontends/HuggingFaceConfig.h"

namespace amk {

/// The sequential schedule of a model, one operator per task. Every op's
/// location is given the name of the tensor that it uses or whose product it
/// finishes. `kvSplits` 0: as many splits as suit a GPU.
core::Schedule buildLlamaSchedule(const frontends::LlamaConfig &config,
                                  int64_t positions, int64_t kvSplits,
                                  LocationMap &locations,
                                  mlir::MLIRContext *context);

} // namespace amk

#endif // AMK_LIB_TARGET_HUGGINGFACE_LLAMASCHEDULE_H
