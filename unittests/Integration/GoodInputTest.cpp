//===- GoodInputTest.cpp - Unusual input that is fine ---------------------===//

#include "Integration/Model.h"
#include "Integration/Tools.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace amk;
using namespace amk::test;

namespace {

constexpr char kAnswer[] = "222 669 260\n";

std::string answer(const std::string &program, const std::string &weights,
                   int64_t tokens = 3) {
  return runWell({"amk-run", program, "--weights", weights, "--prompt-ids",
                  "0,461,332,222,650,298", "--max-new-tokens",
                  std::to_string(tokens), "--ignore-eos", "--device", "cpu"});
}

/// Imports and runs a checkpoint, which has to be as good as tiny-llama.
void expectGood(const std::string &model) {
  TempFolder folder;
  const std::string program = folder / "x.amkp";
  compile(model, "target=sm_90 workers=16", program);
  EXPECT_EQ(answer(program, model), kAnswer);
}

TEST(GoodInput, SymbolicLinks) {
  // Every file is a link, and so is the folder.
  Model model;
  TempFolder folder;
  std::filesystem::create_directory_symlink(model.str(), folder / "model");
  expectGood(folder / "model");
  expectGood(folder / "model/");
}

TEST(GoodInput, UnusedTensors) {
  Model model;
  std::string header = model.header(kShard2);
  header.insert(header.rfind('}'),
                ",\"rotary.inv_freq\":{\"dtype\":\"F32\",\"shape\":[2,4],"
                "\"data_offsets\":[1968640,1968672]},\"nothing\":{\"dtype\":"
                "\"I64\",\"shape\":[0],\"data_offsets\":[1968672,1968672]}");
  model.writeShard(kShard2, header,
                   model.data(kShard2) + std::string(32, '\x7f'));
  {
    SCOPED_TRACE("in a shard and not in the index");
    expectGood(model.str());
  }
  model.edit(kIndex, "\"weight_map\": {",
             std::string("\"weight_map\": {\"rotary.inv_freq\": \"") + kShard2 +
                 "\",");
  expectGood(model.str());
}

TEST(GoodInput, UnalignedData) {
  for (unsigned spaces : {1u, 3u}) {
    Model model;
    model.writeShard(kShard2, model.header(kShard2) + std::string(spaces, ' '),
                     model.data(kShard2));
    expectGood(model.str());
  }
}

TEST(GoodInput, OlderConfig) {
  Model model;
  std::string config = readBytes(model / kConfig);
  const size_t from = config.find("\"rope_parameters\"");
  const size_t to = config.find("},", from) + 2;
  config.replace(
      from, to - from,
      "\"rope_theta\": 500000.0, \"rope_scaling\": {\"factor\": 8.0, "
      "\"high_freq_factor\": 4.0, \"low_freq_factor\": 1.0, "
      "\"original_max_position_embeddings\": 512, \"rope_type\": "
      "\"llama3\"},");
  model.replace(kConfig, config);
  expectGood(model.str());
}

TEST(GoodInput, PromptAndAnswerFillTheCache) {
  TempFolder folder;
  const std::string small = folder / "16.amkp", large = folder / "2048.amkp";
  compile(kTinyLlama, "target=sm_90 workers=16 positions=16", small);
  compile(kTinyLlama, "target=sm_90 workers=16", large);
  // 6 and 10: exactly 16; what is computed does not depend on the length.
  const std::string tokens = answer(small, kTinyLlama, 10);
  EXPECT_EQ(tokens.substr(0, 11), "222 669 260");
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), ' '), 9);
  EXPECT_EQ(tokens, answer(large, kTinyLlama, 10));
  const Ran more =
      run({"amk-run", small, "--weights", kTinyLlama, "--prompt-ids",
           "0,461,332,222,650,298", "--max-new-tokens", "11"});
  EXPECT_EQ(more.exitCode, 1);
  EXPECT_EQ(more.err, "amk-run: --max-new-tokens: the cache holds 16 tokens, "
                      "found a prompt of 6 and 11 new ones\n");
}

} // namespace
