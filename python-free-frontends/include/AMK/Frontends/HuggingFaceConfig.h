//===- HuggingFaceConfig.h - config.json of a Llama model -------*- C++ -*-===//
//
// Part of AMK's front ends. No LLVM in here.
//
//===----------------------------------------------------------------------===//
//
// Reads what `transformers` writes for LlamaForCausalLM, from 4.30 to 5.x. A
// value that is not implemented, or a key that is not known, is refused: a
// config that changes the computation must not be compiled as if it did not.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_FRONTENDS_HUGGINGFACECONFIG_H
#define AMK_FRONTENDS_HUGGINGFACECONFIG_H

#include "AMK/Frontends/Error.h"
#include "AMK/Frontends/Json.h"
#include "AMK/Frontends/Safetensors.h"

#include <cstdint>
#include <string>
#include <vector>

namespace amk::frontends {

/// Rotary position embedding.
struct Rope {
  enum class Type {
    Default, ///< frequencies theta^(-2i/headDim)
    Llama3,  ///< low ones divided by `factor`, with a smooth transition
  };

  Type type = Type::Default;
  double theta = 10000.0;

  // The rest is for Llama3 only.
  double factor = 1.0;
  double lowFreqFactor = 1.0;
  double highFreqFactor = 1.0;
  int64_t originalMaxPositions = 0;

  bool operator==(const Rope &other) const;
  bool operator!=(const Rope &other) const { return !(*this == other); }
};

/// The defaults are those of transformers' LlamaConfig.
struct LlamaConfig {
  int64_t hiddenSize = 4096;
  int64_t intermediateSize = 11008;
  int64_t layers = 32;
  int64_t heads = 32;
  int64_t kvHeads = 32;
  int64_t headDim = 128;
  int64_t vocabSize = 32000;
  double rmsNormEps = 1e-6;
  bool tieWordEmbeddings = false;
  int64_t maxPositionEmbeddings = 2048;
  Rope rope;
  /// Tokens that end a text, in the order of the file; empty if none is given.
  std::vector<int64_t> endTokens;
};

/// Reads config.json and, if it is there, generation_config.json (whose end
/// tokens come before those of config.json) in `directory`.
Expected<LlamaConfig> readLlamaConfig(const std::string &directory);

/// The same from parsed files; `generation` may be null. The paths name the
/// files in errors.
Expected<LlamaConfig> parseLlamaConfig(const json::Value &config,
                                       const std::string &configPath,
                                       const json::Value *generation,
                                       const std::string &generationPath);

/// A tensor that a model needs.
struct TensorSpec {
  std::string name;
  Shape shape;
};

/// Every tensor that the model needs, in the order in which it is used.
/// `lm_head.weight` is absent if the embeddings are tied.
std::vector<TensorSpec> llamaTensors(const LlamaConfig &config);

/// Whether the checkpoint has every tensor that the model needs, as BF16 and in
/// the right shape. Other tensors are ignored, as transformers does.
Expected<void> validateCheckpoint(const LlamaConfig &config,
                                  const Checkpoint &checkpoint);

} // namespace amk::frontends

#endif // AMK_FRONTENDS_HUGGINGFACECONFIG_H
