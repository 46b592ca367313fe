//===- ConfigKeys.cpp - Keys of config.json -------------------------------===//

#include "ConfigKeys.h"

#include <algorithm>
#include <iterator>

namespace amk::frontends {

/// Keys that the reader of the config takes values from or checks itself.
static constexpr std::string_view readKeys[] = {
    "architectures",
    "eos_token_id",
    "head_dim",
    "hidden_size",
    "intermediate_size",
    "layer_types",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "tie_word_embeddings",
    "vocab_size",
};

/// Keys that do not change what one decode step of a Llama computes, at any
/// value.
static constexpr std::string_view ignoredKeys[] = {
    // Where the config comes from.
    "_commit_hash",
    "_name_or_path",
    "is_llama_config",
    "name_or_path",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    // How transformers is to run it.
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_experts_implementation",
    "_experts_implementation_internal",
    "_flash_attn_2_enabled",
    "attn_implementation",
    "base_model_ep_plan",
    "base_model_pp_plan",
    "base_model_tp_plan",
    "chunk_size_feed_forward",
    "is_decoder",
    "keys_to_ignore_at_inference",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "tf_legacy_loss",
    "torchscript",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
    "xla_device",
    // Training.
    "attention_dropout",
    "classifier_dropout",
    "gradient_checkpointing",
    "hidden_dropout",
    "initializer_range",
    "resid_dropout",
    // Tasks other than the next token.
    "finetuning_task",
    "id2label",
    "label2id",
    "num_labels",
    "prefix",
    "problem_type",
    "task_specific_params",
    // The tokenizer.
    "bos_token_id",
    "decoder_start_token_id",
    "max_sequence_length",
    "model_max_length",
    "pad_token_id",
    "sep_token_id",
    "tokenizer_class",
    "tokenizer_model_max_length",
    "tokenizer_padding_side",
    "unk_token_id",
    // How to choose tokens; transformers takes these from
    // generation_config.json nowadays.
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "max_new_tokens",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
};

namespace {

/// The values at which a key that matters means what is implemented.
enum class Harmless {
  Null,     ///< null
  False,    ///< false or null
  One,      ///< 1 or null
  Empty,    ///< null, {} or []
  Silu,     ///< "silu"
  BFloat16, ///< "bfloat16" or null: then the tensors alone decide
};

struct FixedKey {
  std::string_view key;
  Harmless harmless;
};

} // namespace

/// Keys that would change the computation or the layout of the checkpoint, in
/// a Llama or in the models that exporters derive from it.
static constexpr FixedKey fixedKeys[] = {
    {"add_cross_attention", Harmless::False},
    {"alibi", Harmless::False},
    {"attention_bias", Harmless::False},
    {"attention_in_multiplier", Harmless::One},
    {"attention_multiplier", Harmless::Null},
    {"attention_out_multiplier", Harmless::One},
    {"attn_logit_softcapping", Harmless::Null},
    {"auto_map", Harmless::Empty},
    {"bias", Harmless::False},
    {"clip_qkv", Harmless::Null},
    {"compression_config", Harmless::Null},
    {"cross_attention_hidden_size", Harmless::Null},
    {"dtype", Harmless::BFloat16},
    {"embedding_multiplier", Harmless::One},
    {"final_logit_softcapping", Harmless::Null},
    {"hidden_act", Harmless::Silu},
    {"is_encoder_decoder", Harmless::False},
    {"key_multiplier", Harmless::One},
    {"lm_head_multiplier", Harmless::One},
    {"logit_scale", Harmless::One},
    {"logits_scaling", Harmless::One},
    {"mlp_bias", Harmless::False},
    {"no_rope_layers", Harmless::Empty},
    {"original_max_position_embeddings", Harmless::Null},
    {"partial_rotary_factor", Harmless::One},
    {"per_layer_config", Harmless::Empty},
    {"pretraining_tp", Harmless::One},
    {"pruned_heads", Harmless::Empty},
    {"qk_layernorm", Harmless::False},
    {"qk_norm", Harmless::False},
    {"qkv_bias", Harmless::False},
    {"quantization_config", Harmless::Null},
    {"query_pre_attn_scalar", Harmless::Null},
    {"residual_multiplier", Harmless::One},
    {"rope_interleaved", Harmless::False},
    {"rope_traditional", Harmless::False},
    {"sliding_window", Harmless::Null},
    {"tie_encoder_decoder", Harmless::False},
    {"torch_dtype", Harmless::BFloat16},
    {"use_bias", Harmless::False},
    {"use_qk_norm", Harmless::False},
    {"use_sliding_window", Harmless::False},
};

/// In `rope_parameters` and `rope_scaling`, for the implemented types.
static constexpr FixedKey fixedRopeKeys[] = {
    {"attention_factor", Harmless::One},
    {"beta_fast", Harmless::Null},
    {"beta_slow", Harmless::Null},
    {"long_factor", Harmless::Null},
    {"mrope_section", Harmless::Null},
    {"mscale", Harmless::Null},
    {"mscale_all_dim", Harmless::Null},
    {"partial_rotary_factor", Harmless::One},
    {"short_factor", Harmless::Null},
};

static bool isHarmless(const json::Value &value, Harmless harmless) {
  if (value.isNull())
    return harmless != Harmless::Silu;
  switch (harmless) {
  case Harmless::Null:
    return false;
  case Harmless::False:
    return value.asBool() && !*value.asBool();
  case Harmless::One:
    return value.asNumber() == 1.0;
  case Harmless::Empty:
    return (value.asArray() && value.asArray()->empty()) ||
           (value.asObject() && value.asObject()->empty());
  case Harmless::Silu:
    return value.asString() && *value.asString() == "silu";
  case Harmless::BFloat16:
    return value.asString() && *value.asString() == "bfloat16";
  }
  return false;
}

static std::string describeHarmless(Harmless harmless) {
  switch (harmless) {
  case Harmless::Null:
    return "null";
  case Harmless::False:
    return "false";
  case Harmless::One:
    return "1";
  case Harmless::Empty:
    return "nothing in it";
  case Harmless::Silu:
    return "\"silu\"";
  case Harmless::BFloat16:
    return "\"bfloat16\"";
  }
  return "";
}

template <size_t N>
static std::optional<std::string> fixedKeyProblem(const FixedKey (&table)[N],
                                                  std::string_view key,
                                                  const json::Value &value) {
  for (const FixedKey &row : table) {
    if (row.key != key)
      continue;
    if (isHarmless(value, row.harmless))
      return std::nullopt;
    return "expected " + describeHarmless(row.harmless) +
           ", the only value that is supported, found " + json::describe(value);
  }
  return "expected only keys that are known for a Llama, found a new one with "
         "value " +
         json::describe(value);
}

template <size_t N>
static bool contains(const std::string_view (&list)[N], std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

std::optional<std::string> configKeyProblem(std::string_view key,
                                            const json::Value &value) {
  if (contains(readKeys, key) || contains(ignoredKeys, key))
    return std::nullopt;
  return fixedKeyProblem(fixedKeys, key, value);
}

std::optional<std::string> ropeKeyProblem(std::string_view key,
                                          const json::Value &value) {
  return fixedKeyProblem(fixedRopeKeys, key, value);
}

} // namespace amk::frontends
