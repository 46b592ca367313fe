//===- HuggingFaceConfigTest.cpp - config.json of a Llama model -----------===//

#include "AMK/Frontends/HuggingFaceConfig.h"
#include "TempFolder.h"

#include "gtest/gtest.h"

using namespace amk::frontends;
using amk::test::TempFolder;

/// A config of these members besides what every config must have.
static std::string configWith(std::string_view members) {
  std::string text =
      R"({"architectures":["LlamaForCausalLM"],"model_type":"llama")";
  if (!members.empty())
    text += ',' + std::string(members);
  return text + '}';
}

static Expected<LlamaConfig> parseText(std::string_view text,
                                       std::string_view generation = "") {
  Expected<json::Value> config = json::parse(text, "config.json");
  if (!config)
    return config.error();
  if (generation.empty())
    return parseLlamaConfig(*config, "config.json", nullptr, "");
  Expected<json::Value> parsed = json::parse(generation, "generation");
  if (!parsed)
    return parsed.error();
  return parseLlamaConfig(*config, "config.json", &*parsed, "generation");
}

static LlamaConfig read(std::string_view members,
                        std::string_view generation = "") {
  Expected<LlamaConfig> config = parseText(configWith(members), generation);
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config.ok() ? *config : LlamaConfig();
}

static std::string textProblem(std::string_view text,
                               std::string_view generation = "") {
  Expected<LlamaConfig> config = parseText(text, generation);
  if (config.ok())
    return "ok";
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  return config.error().message;
}

static std::string problem(std::string_view members) {
  std::string text = textProblem(configWith(members));
  constexpr std::string_view prefix = "config.json: ";
  return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
}

TEST(LlamaConfig, DefaultsAreThoseOfTransformers) {
  LlamaConfig config = read("");
  EXPECT_EQ(config.hiddenSize, 4096);
  EXPECT_EQ(config.intermediateSize, 11008);
  EXPECT_EQ(config.layers, 32);
  EXPECT_EQ(config.heads, 32);
  EXPECT_EQ(config.kvHeads, 32);
  EXPECT_EQ(config.headDim, 128);
  EXPECT_EQ(config.vocabSize, 32000);
  EXPECT_EQ(config.rmsNormEps, 1e-6);
  EXPECT_FALSE(config.tieWordEmbeddings);
  EXPECT_EQ(config.maxPositionEmbeddings, 2048);
  EXPECT_EQ(config.rope.type, Rope::Type::Default);
  EXPECT_EQ(config.rope.theta, 10000);
  EXPECT_TRUE(config.endTokens.empty());
  config = read(R"("num_attention_heads":16,"hidden_size":1024)");
  EXPECT_EQ(config.kvHeads, 16);
  EXPECT_EQ(config.headDim, 64);
  config = read(R"("num_key_value_heads":null,"head_dim":null)");
  EXPECT_EQ(config.kvHeads, 32);
  EXPECT_EQ(config.headDim, 128);
  // Heads need not cover the hidden size exactly.
  EXPECT_EQ(read(R"("head_dim":96)").headDim, 96);
}

TEST(LlamaConfig, ConfigsThatAreAround) {
  // Llama 2, transformers 4.32; stored as bf16.
  read(R"("_name_or_path":"meta-llama/Llama-2-7b-hf","bos_token_id":1,
    "eos_token_id":2,"hidden_act":"silu","hidden_size":4096,
    "initializer_range":0.02,"intermediate_size":11008,
    "max_position_embeddings":4096,"num_attention_heads":32,
    "num_hidden_layers":32,"num_key_value_heads":32,"pretraining_tp":1,
    "rms_norm_eps":1e-05,"rope_scaling":null,"tie_word_embeddings":false,
    "torch_dtype":"bfloat16","transformers_version":"4.32.0.dev0",
    "use_cache":true,"vocab_size":32000)");
  // LLaMA 1 as it was converted by transformers 4.28 to 4.30.
  read(R"("bos_token_id":1,"eos_token_id":2,"hidden_act":"silu",
    "hidden_size":4096,"intermediate_size":11008,"initializer_range":0.02,
    "max_sequence_length":2048,"num_attention_heads":32,
    "num_hidden_layers":32,"pad_token_id":-1,"rms_norm_eps":1e-06,
    "torch_dtype":"bfloat16","transformers_version":"4.28.0.dev0",
    "use_cache":true,"vocab_size":32000)");
  // Llama 3.1 8B.
  LlamaConfig config = read(R"("attention_bias":false,"attention_dropout":0.0,
    "bos_token_id":128000,"eos_token_id":[128001,128008,128009],
    "hidden_act":"silu","hidden_size":4096,"initializer_range":0.02,
    "intermediate_size":14336,"max_position_embeddings":131072,
    "mlp_bias":false,"num_attention_heads":32,"num_hidden_layers":32,
    "num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,
    "rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
    "original_max_position_embeddings":8192,"rope_type":"llama3"},
    "rope_theta":500000.0,"tie_word_embeddings":false,
    "torch_dtype":"bfloat16","transformers_version":"4.42.3","use_cache":true,
    "vocab_size":128256)");
  EXPECT_EQ(config.rope.type, Rope::Type::Llama3);
  EXPECT_EQ(config.rope.theta, 500000);
  EXPECT_EQ(config.rope.originalMaxPositions, 8192);
  EXPECT_EQ(config.endTokens, (std::vector<int64_t>{128001, 128008, 128009}));
  // SmolLM2.
  read(R"("attention_bias":false,"attention_dropout":0.0,"bos_token_id":1,
    "eos_token_id":2,"hidden_act":"silu","hidden_size":576,
    "initializer_range":0.041666666666666664,"intermediate_size":1536,
    "is_llama_config":true,"max_position_embeddings":8192,"mlp_bias":false,
    "num_attention_heads":9,"num_hidden_layers":30,"num_key_value_heads":3,
    "pad_token_id":2,"pretraining_tp":1,"rms_norm_eps":1e-05,
    "rope_interleaved":false,"rope_scaling":null,"rope_theta":100000,
    "tie_word_embeddings":true,"torch_dtype":"bfloat16",
    "transformers.js_config":{"kv_cache_dtype":{"q4f16":"float16"}},
    "transformers_version":"4.42.3","use_cache":true,"vocab_size":49152)");
  // Everything that `to_dict` of transformers 4 writes, at its defaults.
  read(R"("return_dict":true,"output_hidden_states":false,
    "output_attentions":false,"torchscript":false,"torch_dtype":null,
    "use_bfloat16":false,"tf_legacy_loss":false,"pruned_heads":{},
    "tie_word_embeddings":false,"chunk_size_feed_forward":0,
    "is_encoder_decoder":false,"is_decoder":false,
    "cross_attention_hidden_size":null,"add_cross_attention":false,
    "tie_encoder_decoder":false,"max_length":20,"min_length":0,
    "do_sample":false,"early_stopping":false,"num_beams":1,
    "num_beam_groups":1,"diversity_penalty":0.0,"temperature":1.0,"top_k":50,
    "top_p":1.0,"typical_p":1.0,"repetition_penalty":1.0,
    "length_penalty":1.0,"no_repeat_ngram_size":0,
    "encoder_no_repeat_ngram_size":0,"bad_words_ids":null,
    "num_return_sequences":1,"output_scores":false,
    "return_dict_in_generate":false,"forced_bos_token_id":null,
    "forced_eos_token_id":null,"remove_invalid_values":false,
    "exponential_decay_length_penalty":null,"suppress_tokens":null,
    "begin_suppress_tokens":null,"finetuning_task":null,
    "id2label":{"0":"LABEL_0"},"label2id":{"LABEL_0":0},
    "tokenizer_class":null,"prefix":null,"bos_token_id":1,"pad_token_id":null,
    "eos_token_id":2,"sep_token_id":null,"decoder_start_token_id":null,
    "task_specific_params":null,"problem_type":null,"_name_or_path":"",
    "_attn_implementation_autoset":false,"transformers_version":"4.48.0")");
}

TEST(LlamaConfig, Architecture) {
  EXPECT_EQ(textProblem("[]"),
            "config.json: expected an object, found a list of 0 values");
  EXPECT_EQ(textProblem(R"({"model_type":"qwen2","architectures":[]})"),
            "config.json: model_type: expected \"llama\", the only model type "
            "that is supported, found \"qwen2\"");
  EXPECT_EQ(textProblem("{}"),
            "config.json: model_type: expected \"llama\", the only model type "
            "that is supported, found none");
  EXPECT_EQ(textProblem(R"({"sliding_window":4,"model_type":"llama",
                            "architectures":["LlamaModel"]})"),
            "config.json: architectures: expected [\"LlamaForCausalLM\"], the "
            "only architecture that is supported, found [\"LlamaModel\"]");
  EXPECT_EQ(textProblem(R"({"model_type":"llama"})"),
            "config.json: architectures: expected [\"LlamaForCausalLM\"], the "
            "only architecture that is supported, found none");
}

TEST(LlamaConfig, KeysThatAreNotImplemented) {
  const std::pair<const char *, const char *> cases[] = {
      {R"("sliding_window":4096)", "sliding_window: expected null"},
      {R"("partial_rotary_factor":0.5)", "partial_rotary_factor: expected 1"},
      {R"("attention_bias":true)", "attention_bias: expected false"},
      {R"("mlp_bias":true)", "mlp_bias: expected false"},
      {R"("hidden_act":"gelu")", "hidden_act: expected \"silu\""},
      {R"("hidden_act":null)", "hidden_act: expected \"silu\""},
      {R"("attn_logit_softcapping":50.0)",
       "attn_logit_softcapping: expected null"},
      {R"("final_logit_softcapping":30.0)",
       "final_logit_softcapping: expected null"},
      {R"("attention_multiplier":0.1)", "attention_multiplier: expected null"},
      {R"("embedding_multiplier":12)", "embedding_multiplier: expected 1"},
      {R"("residual_multiplier":0.2)", "residual_multiplier: expected 1"},
      {R"("logits_scaling":8)", "logits_scaling: expected 1"},
      {R"("quantization_config":{"bits":4})",
       "quantization_config: expected null"},
      {R"("torch_dtype":"float16")", "torch_dtype: expected \"bfloat16\""},
      {R"("dtype":"float32")", "dtype: expected \"bfloat16\""},
      {R"("pretraining_tp":2)", "pretraining_tp: expected 1"},
      {R"("pretraining_tp":true)", "pretraining_tp: expected 1"},
      {R"("rope_interleaved":true)", "rope_interleaved: expected false"},
      {R"("is_encoder_decoder":true)", "is_encoder_decoder: expected false"},
      {R"("add_cross_attention":1)", "add_cross_attention: expected false"},
      {R"("pruned_heads":{"0":[1]})", "pruned_heads: expected nothing in it"},
      {R"("auto_map":{"AutoModel":"x.Y"})", "auto_map: expected nothing in it"},
  };
  for (auto [members, expected] : cases) {
    std::string text = problem(members);
    EXPECT_EQ(text.rfind(std::string(expected) +
                             ", the only value that is supported, found ",
                         0),
              0u)
        << text;
  }
  EXPECT_EQ(problem(R"("dtype":"float32")"),
            "dtype: expected \"bfloat16\", the only value that is supported, "
            "found \"float32\"");
}

TEST(LlamaConfig, HarmlessValues) {
  read(R"("sliding_window":null,"partial_rotary_factor":1.0,
    "attn_logit_softcapping":null,"embedding_multiplier":1,
    "residual_multiplier":1.0,"quantization_config":null,"dtype":"bfloat16",
    "pretraining_tp":1,"auto_map":{},"per_layer_config":null,
    "use_sliding_window":false)");
}

TEST(LlamaConfig, UnknownKey) {
  EXPECT_EQ(problem(R"("num_local_experts":8)"),
            "num_local_experts: expected only keys that are known for a Llama, "
            "found a new one with value 8");
}

TEST(LlamaConfig, LayerTypes) {
  read(R"("num_hidden_layers":2,
          "layer_types":["full_attention","full_attention"])");
  EXPECT_EQ(problem(R"("num_hidden_layers":2,
                       "layer_types":["full_attention"])"),
            "layer_types: expected a list of 2 layers, found a list of one "
            "value");
  EXPECT_EQ(problem(R"("num_hidden_layers":1,
                       "layer_types":["sliding_attention"])"),
            "layer_types: expected \"full_attention\", the only kind that is "
            "supported, found \"sliding_attention\"");
}

TEST(LlamaConfig, WrongTypesAndRanges) {
  for (const char *key :
       {"hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
        "max_position_embeddings"}) {
    for (const char *value : {"0", "-1", "4.0", "\"4\"", "true", "[4]",
                              "9223372036854775807", "1e30"}) {
      std::string text =
          problem('"' + std::string(key) + "\":" + std::string(value));
      EXPECT_EQ(
          text.rfind(std::string(key) + ": expected an integer from 1 to ", 0),
          0u)
          << text;
    }
  }
  for (const char *key : {"rms_norm_eps", "rope_theta"}) {
    for (const char *value :
         {"0", "-1e-5", "1e-60", "1e300", "\"1\"", "null", "false"}) {
      std::string text =
          problem('"' + std::string(key) + "\":" + std::string(value));
      EXPECT_EQ(text.rfind(std::string(key) + ": expected a positive number "
                                              "that a float can hold, found ",
                           0),
                0u)
          << text;
    }
  }
  EXPECT_EQ(problem(R"("hidden_size":null)"),
            "hidden_size: expected an integer from 1 to 1048576, found null");
  EXPECT_EQ(problem(R"("tie_word_embeddings":1)"),
            "tie_word_embeddings: expected true or false, found 1");
  EXPECT_EQ(problem(R"("num_key_value_heads":5)"),
            "num_key_value_heads: expected a divisor of num_attention_heads = "
            "32, found 5");
  EXPECT_EQ(problem(R"("num_key_value_heads":64)"),
            "num_key_value_heads: expected a divisor of num_attention_heads = "
            "32, found 64");
  EXPECT_EQ(problem(R"("hidden_size":100)"),
            "hidden_size: expected a multiple of num_attention_heads = 32 "
            "where head_dim is not given, found 100");
  EXPECT_EQ(problem(R"("head_dim":63)"),
            "head_dim: expected an even number, found 63");
  EXPECT_EQ(problem(R"("hidden_size":96)"),
            "head_dim: expected an even number, found 3");
}

static constexpr std::string_view llama3 =
    R"("factor":8.0,"low_freq_factor":1,"high_freq_factor":4)";

TEST(LlamaConfig, RopeLayouts) {
  std::string both[] = {
      R"("rope_theta":5000,"rope_scaling":{"rope_type":"llama3",)" +
          std::string(llama3) + "}",
      R"("rope_theta":5000,"rope_scaling":{"type":"llama3",)" +
          std::string(llama3) + "}",
      R"("rope_parameters":{"rope_theta":5000,"rope_type":"llama3",)" +
          std::string(llama3) + "}",
  };
  Rope first = read(both[0]).rope;
  EXPECT_EQ(first.theta, 5000);
  EXPECT_EQ(first.factor, 8);
  EXPECT_EQ(first.originalMaxPositions, 2048);
  for (const std::string &members : both)
    EXPECT_TRUE(read(members).rope == first) << members;
  // Both at once, if they agree.
  EXPECT_TRUE(read(both[0] + "," + both[2]).rope == first);
  EXPECT_EQ(problem(both[0] + R"(,"rope_parameters":{"rope_type":"default",
                                  "rope_theta":5000})"),
            "rope_parameters: expected the same as in rope_scaling, found "
            "something else");
  EXPECT_EQ(problem(R"("rope_theta":5000,
                       "rope_parameters":{"rope_theta":6000})"),
            "rope_parameters.rope_theta: expected the same as the outer "
            "rope_theta = 5000.0, found 6000.0");
  EXPECT_EQ(read(R"("rope_theta":5000,"rope_parameters":null)").rope.theta,
            5000);
  EXPECT_EQ(read(R"("rope_scaling":{})").rope.theta, 10000);
  EXPECT_EQ(read(R"("rope_parameters":{"rope_type":"default",
                    "rope_theta":10000.0,"partial_rotary_factor":1.0})")
                .rope.type,
            Rope::Type::Default);
}

TEST(LlamaConfig, RopeProblems) {
  const std::pair<const char *, const char *> cases[] = {
      {"3", "expected an object, found 3"},
      {R"({"rope_type":"linear","factor":2.0})",
       ".rope_type: expected \"default\" or \"llama3\", the only types that "
       "are supported, found \"linear\""},
      {R"({"type":"yarn","factor":2.0})",
       ".type: expected \"default\" or \"llama3\", the only types that are "
       "supported, found \"yarn\""},
      {R"({"rope_type":3})",
       ".rope_type: expected \"default\" or \"llama3\", the only types that "
       "are supported, found 3"},
      {R"({"rope_type":"llama3","type":"default"})",
       ".type: expected the same as rope_type = \"llama3\", found "
       "\"default\""},
      {R"({"rope_type":"default","factor":2.0})",
       ".factor: expected no such key for rope_type \"default\", found 2.0"},
      {R"({"rope_type":"default","beta_fast":2})",
       ".beta_fast: expected null, the only value that is supported, found 2"},
      {R"({"rope_type":"default","partial_rotary_factor":0.5})",
       ".partial_rotary_factor: expected 1, the only value that is supported, "
       "found 0.5"},
      {R"({"rope_type":"default","wobble":2})",
       ".wobble: expected only keys that are known for a Llama, found a new "
       "one with value 2"},
      {R"({"rope_type":"llama3","low_freq_factor":1,"high_freq_factor":4})",
       ".factor: expected a number, found no such key"},
      {R"({"rope_type":"llama3","factor":8,"high_freq_factor":4})",
       ".low_freq_factor: expected a number, found no such key"},
      {R"({"rope_type":"llama3","factor":8,"low_freq_factor":1})",
       ".high_freq_factor: expected a number, found no such key"},
      {R"({"rope_type":"llama3","factor":0.5,"low_freq_factor":1,
           "high_freq_factor":4})",
       ".factor: expected 1 or more, found 0.5"},
      {R"({"rope_type":"llama3","factor":null,"low_freq_factor":1,
           "high_freq_factor":4})",
       ".factor: expected a positive number that a float can hold, found "
       "null"},
      {R"({"rope_type":"llama3","factor":8,"low_freq_factor":0,
           "high_freq_factor":4})",
       ".low_freq_factor: expected a positive number that a float can hold, "
       "found 0"},
      {R"({"rope_type":"llama3","factor":8,"low_freq_factor":4,
           "high_freq_factor":4})",
       ".high_freq_factor: expected more than low_freq_factor = 4.0, found "
       "4.0"},
      {R"({"rope_type":"llama3","factor":8,"low_freq_factor":1,
           "high_freq_factor":4,"original_max_position_embeddings":0})",
       ".original_max_position_embeddings: expected an integer from 1 to "
       "1073741824, found 0"},
  };
  for (const char *key : {"rope_scaling", "rope_parameters"})
    for (auto [value, expected] : cases)
      EXPECT_EQ(problem('"' + std::string(key) + "\":" + value),
                key + std::string(expected[0] == '.' ? "" : ": ") + expected);
}

TEST(LlamaConfig, EndTokens) {
  using Tokens = std::vector<int64_t>;
  EXPECT_EQ(read(R"("eos_token_id":7)").endTokens, Tokens{7});
  EXPECT_EQ(read(R"("eos_token_id":null)").endTokens, Tokens{});
  EXPECT_EQ(read(R"("eos_token_id":[3,1,3])").endTokens, (Tokens{3, 1}));
  EXPECT_EQ(read(R"("eos_token_id":7)", R"({"eos_token_id":[8,9]})").endTokens,
            (Tokens{8, 9}));
  EXPECT_EQ(read(R"("eos_token_id":7)", R"({"eos_token_id":null})").endTokens,
            Tokens{7});
  EXPECT_EQ(read(R"("eos_token_id":7)", R"({"anything":[1]})").endTokens,
            Tokens{7});
  for (const char *value :
       {"32000", "-1", "1.5", "\"2\"", "[2,32000]", "[[2]]", "true", "{}"}) {
    std::string text = problem("\"eos_token_id\":" + std::string(value));
    EXPECT_EQ(text.rfind("eos_token_id: expected token ids from 0 to 31999, "
                         "found ",
                         0),
              0u)
        << text;
  }
  EXPECT_EQ(textProblem(configWith(""), R"({"eos_token_id":40000})"),
            "generation: eos_token_id: expected token ids from 0 to 31999, "
            "found 40000");
  EXPECT_EQ(textProblem(configWith(""), "[]"),
            "generation: expected an object, found a list of 0 values");
  std::string many = "[0";
  for (int i = 0; i < 1024; ++i)
    many += ",0";
  EXPECT_EQ(problem("\"eos_token_id\":" + many + "]"),
            "eos_token_id: expected at most 1024 end tokens, found 1025");
}

TEST(LlamaConfig, Files) {
  TempFolder folder;
  auto message = [&] {
    Expected<LlamaConfig> config = readLlamaConfig(folder.str());
    return config.ok() ? "ok" : folder.relative(config.error().message);
  };
  EXPECT_EQ(message(), "config.json: expected a readable file, found none");
  folder.write("config.json", configWith(""));
  EXPECT_EQ(message(), "ok");
  folder.write("generation_config.json", R"({"eos_token_id":-2})");
  EXPECT_EQ(message(),
            "generation_config.json: eos_token_id: expected token ids from 0 "
            "to 31999, found -2");
  folder.write("generation_config.json", "{");
  EXPECT_EQ(message().rfind("generation_config.json: line 1, column 2: ", 0),
            0u);
  folder.write("config.json", configWith(R"("vocab_size":1,"vocab_size":2)"));
  EXPECT_EQ(message(),
            "config.json: vocab_size: expected each key once, found it twice");
}

TEST(LlamaConfig, Tensors) {
  LlamaConfig config;
  config.hiddenSize = 8;
  config.intermediateSize = 24;
  config.layers = 2;
  config.heads = 4;
  config.kvHeads = 2;
  config.headDim = 6;
  config.vocabSize = 100;
  std::vector<TensorSpec> specs = llamaTensors(config);
  ASSERT_EQ(specs.size(), 1u + 2 * 9 + 2);
  EXPECT_EQ(specs[0].name, "model.embed_tokens.weight");
  EXPECT_EQ(specs[0].shape, (Shape{100, 8}));
  auto shape = [&](std::string_view name) {
    for (const TensorSpec &spec : specs)
      if (spec.name == name)
        return describeShape(spec.shape);
    return std::string("none");
  };
  EXPECT_EQ(shape("model.layers.1.self_attn.q_proj.weight"), "[24, 8]");
  EXPECT_EQ(shape("model.layers.1.self_attn.k_proj.weight"), "[12, 8]");
  EXPECT_EQ(shape("model.layers.1.self_attn.v_proj.weight"), "[12, 8]");
  EXPECT_EQ(shape("model.layers.1.self_attn.o_proj.weight"), "[8, 24]");
  EXPECT_EQ(shape("model.layers.1.mlp.gate_proj.weight"), "[24, 8]");
  EXPECT_EQ(shape("model.layers.1.mlp.up_proj.weight"), "[24, 8]");
  EXPECT_EQ(shape("model.layers.1.mlp.down_proj.weight"), "[8, 24]");
  EXPECT_EQ(shape("model.norm.weight"), "[8]");
  EXPECT_EQ(shape("lm_head.weight"), "[100, 8]");
  config.tieWordEmbeddings = true;
  specs = llamaTensors(config);
  EXPECT_EQ(shape("lm_head.weight"), "none");
}
