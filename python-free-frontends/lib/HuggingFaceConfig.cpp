//===- HuggingFaceConfig.cpp - config.json of a Llama model ---------------===//

#include "AMK/Frontends/HuggingFaceConfig.h"
#include "AMK/Frontends/File.h"
#include "ConfigKeys.h"

#include <algorithm>
#include <cmath>

namespace amk::frontends {

bool Rope::operator==(const Rope &other) const {
  return type == other.type && theta == other.theta && factor == other.factor &&
         lowFreqFactor == other.lowFreqFactor &&
         highFreqFactor == other.highFreqFactor &&
         originalMaxPositions == other.originalMaxPositions;
}

namespace {

/// The largest sizes that are accepted: far above any model, and small enough
/// that no product of them overflows 64 bits.
constexpr int64_t maxHidden = int64_t(1) << 20;
constexpr int64_t maxIntermediate = int64_t(1) << 24;
constexpr int64_t maxLayers = int64_t(1) << 14;
constexpr int64_t maxHeads = int64_t(1) << 14;
constexpr int64_t maxHeadDim = int64_t(1) << 14;
constexpr int64_t maxVocab = int64_t(1) << 26;
constexpr int64_t maxPositions = int64_t(1) << 30;
constexpr size_t maxEndTokens = 1024;
constexpr size_t maxConfigBytes = size_t(16) << 20;

/// Takes values out of one JSON object. After the first error everything else
/// does nothing, so a reader can be written as a list of the keys it wants.
class ObjectReader {
public:
  ObjectReader(const json::Value &object, std::string file,
               std::string prefix = "")
      : object(object), file(std::move(file)), prefix(std::move(prefix)) {}

  std::optional<Error> error;

  const json::Value *find(std::string_view key) const {
    return object.find(key);
  }

  /// The value unless it is absent or null.
  const json::Value *findSet(std::string_view key) const {
    const json::Value *value = find(key);
    return value && !value->isNull() ? value : nullptr;
  }

  void fail(std::string_view key, const std::string &text) {
    if (!error)
      error = makeError(file, prefix + std::string(key), text);
  }

  void readSize(std::string_view key, int64_t limit, int64_t &out);
  void readPositive(std::string_view key, double &out);
  void readBool(std::string_view key, bool &out);
  void readToken(const json::Value &value, std::string_view key, int64_t vocab,
                 std::vector<int64_t> &out);

private:
  const json::Value &object;
  std::string file;
  std::string prefix;
};

/// Reads one model's config.
class ConfigReader {
public:
  ConfigReader(const json::Value &root, const std::string &path)
      : root(root), path(path), top(root, path) {}

  Expected<LlamaConfig> read();

private:
  const json::Value &root;
  const std::string &path;
  ObjectReader top;
  LlamaConfig config;

  void checkArchitecture();
  void checkKeys();
  void readSizes();
  void readHeads();
  void checkLayerTypes();
  void readRope();
  Rope readRopeObject(std::string_view key, const json::Value &value,
                      double theta);
  void readLlama3(ObjectReader &reader, Rope &rope);
};

} // namespace

void ObjectReader::readSize(std::string_view key, int64_t limit, int64_t &out) {
  const json::Value *value = find(key);
  if (!value)
    return;
  const int64_t *size = value->asInt();
  if (!size || *size < 1 || *size > limit)
    return fail(key, "expected an integer from 1 to " + std::to_string(limit) +
                         ", found " + json::describe(*value));
  out = *size;
}

void ObjectReader::readPositive(std::string_view key, double &out) {
  const json::Value *value = find(key);
  if (!value)
    return;
  std::optional<double> number = value->asNumber();
  // The models compute in float: what is not positive and finite there would
  // become a division by zero or a NaN.
  if (!number || !(static_cast<float>(*number) > 0) ||
      !std::isfinite(static_cast<float>(*number)))
    return fail(key,
                "expected a positive number that a float can hold, found " +
                    json::describe(*value));
  out = *number;
}

void ObjectReader::readBool(std::string_view key, bool &out) {
  const json::Value *value = find(key);
  if (!value)
    return;
  const bool *flag = value->asBool();
  if (!flag)
    return fail(key, "expected true or false, found " + json::describe(*value));
  out = *flag;
}

void ObjectReader::readToken(const json::Value &value, std::string_view key,
                             int64_t vocab, std::vector<int64_t> &out) {
  const int64_t *token = value.asInt();
  if (!token || *token < 0 || *token >= vocab)
    return fail(key, "expected token ids from 0 to " +
                         std::to_string(vocab - 1) + ", found " +
                         json::describe(value));
  if (std::find(out.begin(), out.end(), *token) == out.end())
    out.push_back(*token);
}

/// The name of a kind of model in the words of an error line.
static std::string describeNames(const json::Value *value) {
  if (!value)
    return "none";
  const json::Array *list = value->asArray();
  if (!list || list->size() != 1)
    return json::describe(*value);
  return "[" + json::describe(list->front()) + "]";
}

void ConfigReader::checkArchitecture() {
  const json::Value *type = top.find("model_type");
  if (!type || !type->asString() || *type->asString() != "llama")
    top.fail("model_type", "expected \"llama\", the only model type that is "
                           "supported, found " +
                               describeNames(type));
  const json::Value *names = top.find("architectures");
  const json::Array *list = names ? names->asArray() : nullptr;
  if (!list || list->size() != 1 || !list->front().asString() ||
      *list->front().asString() != "LlamaForCausalLM")
    top.fail("architectures", "expected [\"LlamaForCausalLM\"], the only "
                              "architecture that is supported, found " +
                                  describeNames(names));
}

void ConfigReader::checkKeys() {
  for (const json::Member &member : *root.asObject())
    if (std::optional<std::string> problem =
            configKeyProblem(member.key, member.value))
      return top.fail(member.key, *problem);
}

void ConfigReader::readSizes() {
  top.readSize("hidden_size", maxHidden, config.hiddenSize);
  top.readSize("intermediate_size", maxIntermediate, config.intermediateSize);
  top.readSize("num_hidden_layers", maxLayers, config.layers);
  top.readSize("vocab_size", maxVocab, config.vocabSize);
  top.readSize("max_position_embeddings", maxPositions,
               config.maxPositionEmbeddings);
  top.readPositive("rms_norm_eps", config.rmsNormEps);
  top.readBool("tie_word_embeddings", config.tieWordEmbeddings);
}

void ConfigReader::readHeads() {
  top.readSize("num_attention_heads", maxHeads, config.heads);
  if (top.error)
    return;
  config.kvHeads = config.heads;
  if (top.findSet("num_key_value_heads"))
    top.readSize("num_key_value_heads", maxHeads, config.kvHeads);
  if (top.error)
    return;
  if (config.heads % config.kvHeads != 0)
    top.fail("num_key_value_heads",
             "expected a divisor of num_attention_heads = " +
                 std::to_string(config.heads) + ", found " +
                 std::to_string(config.kvHeads));
  if (top.findSet("head_dim")) {
    top.readSize("head_dim", maxHeadDim, config.headDim);
  } else if (config.hiddenSize % config.heads != 0) {
    return top.fail("hidden_size",
                    "expected a multiple of num_attention_heads = " +
                        std::to_string(config.heads) +
                        " where head_dim is not given, found " +
                        std::to_string(config.hiddenSize));
  } else {
    config.headDim = config.hiddenSize / config.heads;
  }
  // RoPE rotates pairs.
  if (config.headDim % 2 != 0)
    top.fail("head_dim", "expected an even number, found " +
                             std::to_string(config.headDim));
}

/// Some exporters write the kind of each layer even where all are the same.
void ConfigReader::checkLayerTypes() {
  const json::Value *value = top.findSet("layer_types");
  if (!value)
    return;
  const json::Array *list = value->asArray();
  if (!list || list->size() != static_cast<size_t>(config.layers))
    return top.fail("layer_types",
                    "expected a list of " + std::to_string(config.layers) +
                        " layers, found " + json::describe(*value));
  for (const json::Value &layer : *list)
    if (!layer.asString() || *layer.asString() != "full_attention")
      return top.fail("layer_types",
                      "expected \"full_attention\", the only kind that is "
                      "supported, found " +
                          json::describe(layer));
}

void ConfigReader::readLlama3(ObjectReader &reader, Rope &rope) {
  for (const char *key : {"factor", "low_freq_factor", "high_freq_factor"})
    if (!reader.find(key))
      reader.fail(key, "expected a number, found no such key");
  reader.readPositive("factor", rope.factor);
  reader.readPositive("low_freq_factor", rope.lowFreqFactor);
  reader.readPositive("high_freq_factor", rope.highFreqFactor);
  rope.originalMaxPositions = config.maxPositionEmbeddings;
  reader.readSize("original_max_position_embeddings", maxPositions,
                  rope.originalMaxPositions);
  if (rope.factor < 1)
    reader.fail("factor", "expected 1 or more, found " +
                              json::describe(json::Value(rope.factor)));
  // The width of the transition is a divisor.
  if (!(rope.highFreqFactor > rope.lowFreqFactor))
    reader.fail("high_freq_factor",
                "expected more than low_freq_factor = " +
                    json::describe(json::Value(rope.lowFreqFactor)) +
                    ", found " +
                    json::describe(json::Value(rope.highFreqFactor)));
}

/// `type` is the older name; where there are both they must agree, since which
/// of them holds depends on the version of transformers.
static Rope::Type readRopeType(ObjectReader &reader) {
  Rope::Type result = Rope::Type::Default;
  const std::string *first = nullptr;
  for (const char *key : {"rope_type", "type"}) {
    const json::Value *given = reader.findSet(key);
    if (!given)
      continue;
    const std::string *name = given->asString();
    if (!name || (*name != "default" && *name != "llama3")) {
      reader.fail(key,
                  "expected \"default\" or \"llama3\", the only types that "
                  "are supported, found " +
                      json::describe(*given));
      break;
    }
    if (first && *first != *name)
      reader.fail(key, "expected the same as rope_type = " + quoted(*first) +
                           ", found " + json::describe(*given));
    first = name;
    if (*name == "llama3")
      result = Rope::Type::Llama3;
  }
  return result;
}

static void checkRopeKeys(ObjectReader &reader, const json::Object &object,
                          Rope::Type type) {
  auto isOneOf = [](std::string_view key,
                    std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  for (const json::Member &member : object) {
    if (isOneOf(member.key, {"rope_type", "type", "rope_theta"}))
      continue;
    if (isOneOf(member.key, {"factor", "low_freq_factor", "high_freq_factor",
                             "original_max_position_embeddings"})) {
      if (type != Rope::Type::Llama3 && !member.value.isNull())
        reader.fail(member.key, "expected no such key for rope_type "
                                "\"default\", found " +
                                    json::describe(member.value));
      continue;
    }
    if (std::optional<std::string> problem =
            ropeKeyProblem(member.key, member.value))
      reader.fail(member.key, *problem);
  }
}

/// `theta` holds unless the object has its own.
Rope ConfigReader::readRopeObject(std::string_view key,
                                  const json::Value &value, double theta) {
  Rope rope;
  rope.theta = theta;
  if (!value.asObject()) {
    top.fail(key, "expected an object, found " + json::describe(value));
    return rope;
  }
  ObjectReader reader(value, path, std::string(key) + ".");
  rope.type = readRopeType(reader);
  checkRopeKeys(reader, *value.asObject(), rope.type);
  reader.readPositive("rope_theta", rope.theta);
  // With rope_theta inside and outside, which of them holds depends on the
  // version of transformers.
  if (top.find("rope_theta") && rope.theta != theta)
    reader.fail("rope_theta", "expected the same as the outer rope_theta = " +
                                  json::describe(json::Value(theta)) +
                                  ", found " +
                                  json::describe(json::Value(rope.theta)));
  if (rope.type == Rope::Type::Llama3)
    readLlama3(reader, rope);
  if (reader.error && !top.error)
    top.error = reader.error;
  return rope;
}

/// transformers 5 writes `rope_parameters` with everything in it; versions
/// before it `rope_theta` and, for scaled frequencies, `rope_scaling`.
void ConfigReader::readRope() {
  double theta = config.rope.theta;
  top.readPositive("rope_theta", theta);
  config.rope.theta = theta;
  const json::Value *scaling = top.findSet("rope_scaling");
  // An empty object is what transformers takes for none.
  if (scaling && scaling->asObject() && scaling->asObject()->empty())
    scaling = nullptr;
  if (scaling)
    config.rope = readRopeObject("rope_scaling", *scaling, theta);
  const json::Value *parameters = top.findSet("rope_parameters");
  if (!parameters || top.error)
    return;
  Rope rope = readRopeObject("rope_parameters", *parameters, theta);
  // Where a config has both layouts, which of them holds depends on the
  // version of transformers.
  if (scaling && rope != config.rope)
    top.fail("rope_parameters",
             "expected the same as in rope_scaling, found something else");
  config.rope = rope;
}

Expected<LlamaConfig> ConfigReader::read() {
  if (!root.asObject())
    return makeError(path, "",
                     "expected an object, found " + json::describe(root));
  checkArchitecture();
  if (!top.error)
    checkKeys();
  readSizes();
  if (!top.error)
    readHeads();
  if (!top.error)
    checkLayerTypes();
  if (!top.error)
    readRope();
  if (top.error)
    return *top.error;
  return config;
}

/// The end tokens of one file. Nothing if it does not say.
static Expected<std::vector<int64_t>>
readEndTokens(const json::Value &root, const std::string &path, int64_t vocab) {
  std::vector<int64_t> tokens;
  if (!root.asObject())
    return makeError(path, "",
                     "expected an object, found " + json::describe(root));
  constexpr std::string_view key = "eos_token_id";
  ObjectReader reader(root, path);
  const json::Value *value = reader.findSet(key);
  if (!value)
    return tokens;
  const json::Array *list = value->asArray();
  if (!list)
    reader.readToken(*value, key, vocab, tokens);
  else if (list->size() > maxEndTokens)
    reader.fail(key, "expected at most " + std::to_string(maxEndTokens) +
                         " end tokens, found " + std::to_string(list->size()));
  else
    for (const json::Value &element : *list)
      reader.readToken(element, key, vocab, tokens);
  if (reader.error)
    return *reader.error;
  return tokens;
}

Expected<LlamaConfig> parseLlamaConfig(const json::Value &config,
                                       const std::string &configPath,
                                       const json::Value *generation,
                                       const std::string &generationPath) {
  Expected<LlamaConfig> result = ConfigReader(config, configPath).read();
  if (!result)
    return result;
  Expected<std::vector<int64_t>> tokens =
      readEndTokens(config, configPath, result->vocabSize);
  if (!tokens)
    return tokens.error();
  result->endTokens = std::move(*tokens);
  if (!generation)
    return result;
  tokens = readEndTokens(*generation, generationPath, result->vocabSize);
  if (!tokens)
    return tokens.error();
  if (!tokens->empty())
    result->endTokens = std::move(*tokens);
  return result;
}

Expected<LlamaConfig> readLlamaConfig(const std::string &directory) {
  json::Limits limits;
  limits.bytes = maxConfigBytes;
  std::string configPath = joinPath(directory, "config.json");
  Expected<json::Value> config = json::parseFile(configPath, limits);
  if (!config)
    return config.error();
  std::string generationPath = joinPath(directory, "generation_config.json");
  if (!exists(generationPath))
    return parseLlamaConfig(*config, configPath, nullptr, generationPath);
  Expected<json::Value> generation = json::parseFile(generationPath, limits);
  if (!generation)
    return generation.error();
  return parseLlamaConfig(*config, configPath, &*generation, generationPath);
}

std::vector<TensorSpec> llamaTensors(const LlamaConfig &config) {
  int64_t hidden = config.hiddenSize;
  int64_t inner = config.intermediateSize;
  int64_t queries = config.heads * config.headDim;
  int64_t keys = config.kvHeads * config.headDim;
  std::vector<TensorSpec> specs;
  auto add = [&](std::string name, Shape shape) {
    specs.push_back({std::move(name), std::move(shape)});
  };
  add("model.embed_tokens.weight", {config.vocabSize, hidden});
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    std::string prefix = "model.layers." + std::to_string(layer) + ".";
    add(prefix + "input_layernorm.weight", {hidden});
    add(prefix + "self_attn.q_proj.weight", {queries, hidden});
    add(prefix + "self_attn.k_proj.weight", {keys, hidden});
    add(prefix + "self_attn.v_proj.weight", {keys, hidden});
    add(prefix + "self_attn.o_proj.weight", {hidden, queries});
    add(prefix + "post_attention_layernorm.weight", {hidden});
    add(prefix + "mlp.gate_proj.weight", {inner, hidden});
    add(prefix + "mlp.up_proj.weight", {inner, hidden});
    add(prefix + "mlp.down_proj.weight", {hidden, inner});
  }
  add("model.norm.weight", {hidden});
  if (!config.tieWordEmbeddings)
    add("lm_head.weight", {config.vocabSize, hidden});
  return specs;
}

Expected<void> validateCheckpoint(const LlamaConfig &config,
                                  const Checkpoint &checkpoint) {
  for (const TensorSpec &spec : llamaTensors(config)) {
    Expected<const TensorInfo *> tensor =
        checkpoint.requireBF16(spec.name, spec.shape);
    if (!tensor)
      return tensor.error();
  }
  return {};
}

} // namespace amk::frontends
