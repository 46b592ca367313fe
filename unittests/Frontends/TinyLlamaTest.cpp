//===- TinyLlamaTest.cpp - A whole checkpoint -----------------------------===//

#include "AMK/Frontends/HuggingFaceConfig.h"
#include "TempFolder.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace amk::frontends;
using amk::test::TempFolder;

static const std::string tinyLlama = AMK_TEST_INPUTS "/tiny-llama";

TEST(TinyLlama, Config) {
  Expected<LlamaConfig> config = readLlamaConfig(tinyLlama);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->hiddenSize, 256);
  EXPECT_EQ(config->intermediateSize, 768);
  EXPECT_EQ(config->layers, 4);
  EXPECT_EQ(config->heads, 4);
  EXPECT_EQ(config->kvHeads, 2);
  EXPECT_EQ(config->headDim, 64);
  EXPECT_EQ(config->vocabSize, 1024);
  EXPECT_EQ(config->rmsNormEps, 1e-5);
  EXPECT_TRUE(config->tieWordEmbeddings);
  EXPECT_EQ(config->maxPositionEmbeddings, 2048);
  EXPECT_EQ(config->rope.type, Rope::Type::Llama3);
  EXPECT_EQ(config->rope.theta, 500000);
  EXPECT_EQ(config->rope.factor, 8);
  EXPECT_EQ(config->rope.lowFreqFactor, 1);
  EXPECT_EQ(config->rope.highFreqFactor, 4);
  EXPECT_EQ(config->rope.originalMaxPositions, 512);
  EXPECT_EQ(config->endTokens, std::vector<int64_t>{1});
}

TEST(TinyLlama, Checkpoint) {
  Expected<LlamaConfig> config = readLlamaConfig(tinyLlama);
  ASSERT_TRUE(config.ok());
  for (Checkpoint::Open mode :
       {Checkpoint::Open::HeadersOnly, Checkpoint::Open::Data}) {
    Expected<Checkpoint> checkpoint = Checkpoint::open(tinyLlama, mode);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->files().size(), 2u);
    EXPECT_EQ(checkpoint->tensors().size(), 38u);
    Expected<void> valid = validateCheckpoint(*config, *checkpoint);
    EXPECT_TRUE(valid.ok()) << valid.error().message;
  }
}

TEST(TinyLlama, WrongConfigForCheckpoint) {
  Expected<LlamaConfig> config = readLlamaConfig(tinyLlama);
  Expected<Checkpoint> checkpoint =
      Checkpoint::open(tinyLlama, Checkpoint::Open::HeadersOnly);
  ASSERT_TRUE(config.ok() && checkpoint.ok());
  auto message = [&](const LlamaConfig &wrong) {
    Expected<void> valid = validateCheckpoint(wrong, *checkpoint);
    std::string text = valid.ok() ? "ok" : valid.error().message;
    return text.substr(text.rfind('/') + 1);
  };
  LlamaConfig wrong = *config;
  wrong.tieWordEmbeddings = false;
  EXPECT_EQ(message(wrong),
            "model.safetensors.index.json: lm_head.weight: expected BF16 "
            "[1024, 256], found no such tensor");
  wrong = *config;
  wrong.layers = 5;
  EXPECT_EQ(message(wrong),
            "model.safetensors.index.json: "
            "model.layers.4.input_layernorm.weight: expected BF16 [256], found "
            "no such tensor");
  wrong = *config;
  wrong.kvHeads = 4;
  EXPECT_EQ(message(wrong),
            "model-00001-of-00002.safetensors: "
            "model.layers.0.self_attn.k_proj.weight: expected BF16 [256, 256], "
            "found BF16 [128, 256]");
}

/// Cutting a shard anywhere is found when it is opened.
TEST(TinyLlama, TruncatedShard) {
  TempFolder folder;
  std::error_code error;
  std::filesystem::copy(tinyLlama, folder.str(), error);
  ASSERT_FALSE(error);
  std::string shard = folder / "model-00002-of-00002.safetensors";
  std::filesystem::permissions(shard, std::filesystem::perms::owner_all);
  for (uintmax_t size = std::filesystem::file_size(shard); size != 0;
       size = size > 9 ? size / 3 : size - 1) {
    std::filesystem::resize_file(shard, size - 1);
    EXPECT_FALSE(
        Checkpoint::open(folder.str(), Checkpoint::Open::HeadersOnly).ok())
        << size - 1;
  }
}
