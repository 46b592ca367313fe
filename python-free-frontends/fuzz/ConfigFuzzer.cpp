//===- ConfigFuzzer.cpp - Fuzzes the readers of JSON and config.json ------===//
//
// The input is config.json, optionally followed by a NUL and
// generation_config.json.
//
//===----------------------------------------------------------------------===//

#include "AMK/Frontends/HuggingFaceConfig.h"

#include <cstdlib>

using namespace amk::frontends;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

static void checkLine(const Error &error) {
  check(!error.message.empty() &&
        error.message.find('\n') == std::string::npos);
}

// The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  size_t split = text.find('\0');
  Expected<json::Value> root = json::parse(text.substr(0, split), "config");
  if (!root) {
    checkLine(root.error());
    return 0;
  }
  const json::Value *generation = nullptr;
  Expected<json::Value> second = json::Value();
  if (split != std::string_view::npos) {
    second = json::parse(text.substr(split + 1), "generation");
    if (second)
      generation = &*second;
    else
      checkLine(second.error());
  }
  Expected<LlamaConfig> config =
      parseLlamaConfig(*root, "config", generation, "generation");
  if (!config) {
    checkLine(config.error());
    return 0;
  }
  check(config->heads % config->kvHeads == 0 && config->headDim % 2 == 0);
  // Few layers: the list of tensors is as long as there are layers.
  config->layers = 1;
  for (const TensorSpec &spec : llamaTensors(*config)) {
    int64_t bytes = 2;
    for (int64_t extent : spec.shape)
      check(extent > 0 && !__builtin_mul_overflow(bytes, extent, &bytes));
  }
  return 0;
}
