//===- BadInputTest.cpp - What bad input gets -----------------------------===//
//
// Exactly one line on stderr (notes apart) that names the file and the key or
// tensor, an exit code that is not zero, nothing on stdout and no file: when a
// checkpoint is imported, and again when its weights are loaded.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/ProgramFile.h"
#include "Integration/Model.h"
#include "Integration/Tools.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <sstream>

using namespace amk;
using namespace amk::test;

namespace {

using Strings = std::vector<std::string>;

/// Runs what has to be refused; `out` is the folder where results would go.
void expectRefused(const Strings &arguments, int exitCode, const Strings &says,
                   const TempFolder &out) {
  const Ran ran = run(arguments);
  EXPECT_EQ(ran.exitCode, exitCode);
  EXPECT_EQ(ran.out, "");
  std::istringstream lines(ran.err);
  std::string line, first;
  unsigned errors = 0;
  while (std::getline(lines, line)) {
    if (line.compare(0, 5, "note:") == 0)
      continue;
    if (errors++ == 0)
      first = line;
  }
  EXPECT_EQ(errors, 1u) << ran.err;
  EXPECT_TRUE(!ran.err.empty() && ran.err.back() == '\n');
  for (const std::string &text : says)
    EXPECT_NE(first.find(text), std::string::npos)
        << "'" << text << "' is not in: " << first;
  EXPECT_TRUE(std::filesystem::is_empty(out.str())) << "something was left";
}

void importRefused(const std::string &model, const Strings &says) {
  SCOPED_TRACE("at import");
  TempFolder out;
  expectRefused({"amk-translate", "--import-hf", model, "-o", out / "x.mlir"},
                1, says, out);
}

/// The arguments of a small generation, plus what a case adds.
Strings generation(const std::string &program, const Strings &more) {
  Strings arguments = {"amk-run", program};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto unless = [&](const char *option, const char *value) {
    if (std::find(more.begin(), more.end(), option) == more.end())
      arguments.insert(arguments.end(), {option, value});
  };
  unless("--weights", kTinyLlama.c_str());
  unless("--prompt-ids", "0,461");
  unless("--max-new-tokens", "2");
  return arguments;
}

void runRefused(const std::string &program, const Strings &more, int exitCode,
                const Strings &says) {
  SCOPED_TRACE("at run");
  TempFolder out;
  Strings arguments = generation(program, more);
  arguments.insert(arguments.end(), {"--logits-out", out / "x.npy"});
  expectRefused(arguments, exitCode, says, out);
}

/// tiny-llama as it is imported.
std::string makeProgram(const TempFolder &folder) {
  const std::string mlir = folder / "tiny.mlir", program = folder / "tiny.amkp";
  runWell({"amk-translate", "--import-hf", kTinyLlama, "-o", mlir});
  runWell({"amk-translate", "--amk-to-program", mlir, "-o", program});
  return program;
}

struct Case {
  const char *name;
  std::function<void(const Model &)> change;
  Strings says; ///< file, and key or tensor
};

constexpr char kNorm[] = "model.norm.weight";
constexpr char kNormEntry[] = "\"model.norm.weight\":{\"dtype\":\"BF16\","
                              "\"shape\":[256],"
                              "\"data_offsets\":[1968128,1968640]}";

/// The entry of the final norm, otherwise.
std::function<void(const Model &)> norm(const std::string &entry) {
  return [entry](const Model &m) {
    m.editHeader(kShard2, kNormEntry, "\"model.norm.weight\":" + entry);
  };
}

std::function<void(const Model &)> index(const std::string &value) {
  return [value](const Model &m) {
    m.edit(kIndex, std::string("\"model.norm.weight\": \"") + kShard2 + "\"",
           "\"model.norm.weight\": " + value);
  };
}

std::function<void(const Model &)> cutShard(size_t bytes) {
  return [bytes](const Model &m) {
    m.replace(kShard2, readBytes(m / kShard2).substr(0, bytes));
  };
}

std::function<void(const Model &)> headerLength(std::string_view length) {
  return [length](const Model &m) {
    m.replace(kShard2, std::string(length) + readBytes(m / kShard2).substr(8));
  };
}

std::function<void(const Model &)> headerText(const std::string &text) {
  return [text](const Model &m) { m.writeShard(kShard2, text, ""); };
}

const Case kCheckpoints[] = {
    // Truncated.
    {"empty shard", cutShard(0), {kShard2}},
    {"shorter than the length", cutShard(4), {kShard2}},
    {"nothing but the length", cutShard(8), {kShard2, "header length"}},
    {"cut in the header", cutShard(700), {kShard2, "header length"}},
    {"cut in the data", cutShard(100000), {kShard2, "data_offsets"}},
    {"one byte short",
     [](const Model &m) {
       const std::string bytes = readBytes(m / kShard2);
       m.replace(kShard2, bytes.substr(0, bytes.size() - 1));
     },
     {kShard2, kNorm}},
    {"one byte too many",
     [](const Model &m) { m.replace(kShard2, readBytes(m / kShard2) + "x"); },
     {kShard2, "1 more bytes"}},
    // A header that lies about its length, or is no header.
    {"length past the end",
     headerLength(std::string_view("\0\0\0\1\0\0\0\0", 8)),
     {kShard2, "header length"}},
    {"length of 2^64 - 1",
     headerLength("\xff\xff\xff\xff\xff\xff\xff\xff"),
     {kShard2, "header length"}},
    {"length of 2^63",
     headerLength(std::string_view("\0\0\0\0\0\0\0\x80", 8)),
     {kShard2, "header length"}},
    {"not JSON", headerText("{\"a\": nonsense}"), {kShard2, "header"}},
    {"no object", headerText("[]"), {kShard2, "header"}},
    {"not closed", headerText("{\"a\": {"), {kShard2, "header"}},
    {"two values", headerText("{}{}"), {kShard2, "header"}},
    {"deep nesting",
     headerText("{\"a\":" + std::string(1000000, '[') +
                std::string(1000000, ']') + "}"),
     {kShard2, "header"}},
    {"invalid UTF-8", headerText("{\"\xff\xfe\": 1}"), {kShard2, "header"}},
    // An entry that lies.
    {"duplicate name",
     [](const Model &m) {
       m.editHeader(kShard2, kNormEntry,
                    std::string(kNormEntry) + "," + kNormEntry);
     },
     {kShard2, kNorm}},
    {"no object as entry", norm("3"), {kShard2, kNorm, "3"}},
    {"no dtype",
     norm("{\"shape\":[256],\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "dtype"}},
    {"unknown dtype",
     norm("{\"dtype\":\"BF17\",\"shape\":[256],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "BF17"}},
    {"negative size",
     norm("{\"dtype\":\"BF16\",\"shape\":[-256],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "-256"}},
    {"overflowing shape",
     norm("{\"dtype\":\"BF16\",\"shape\":[4294967296,4294967296,256],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "4294967296"}},
    {"overlap",
     norm("{\"dtype\":\"BF16\",\"shape\":[256],"
          "\"data_offsets\":[1968126,1968638]}"),
     {kShard2, kNorm, "overlap"}},
    {"hole",
     [](const Model &m) {
       m.writeShard(kShard2, m.header(kShard2), m.data(kShard2) + "xy");
       m.editHeader(kShard2, "[1968128,1968640]", "[1968130,1968642]");
     },
     {kShard2, kNorm, "2 unused bytes"}},
    {"large hole",
     [](const Model &m) {
       m.writeShard(kShard2, m.header(kShard2),
                    m.data(kShard2) + std::string(1 << 20, 'x'));
       m.editHeader(kShard2, "[1968128,1968640]", "[3016704,3017216]");
     },
     {kShard2, kNorm, "1048576 unused bytes"}},
    {"offsets past the end",
     norm("{\"dtype\":\"BF16\",\"shape\":[256],"
          "\"data_offsets\":[9999999488,10000000000]}"),
     {kShard2, kNorm, "10000000000"}},
    {"offsets in disorder",
     norm("{\"dtype\":\"BF16\",\"shape\":[256],"
          "\"data_offsets\":[1968640,1968128]}"),
     {kShard2, kNorm, "ascending"}},
    {"offsets that do not fit the type",
     norm("{\"dtype\":\"F32\",\"shape\":[256],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "1024 bytes apart"}},
    {"offsets that do not fit the shape",
     norm("{\"dtype\":\"BF16\",\"shape\":[128],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "256 bytes apart"}},
    // A well-formed file that is not what the model needs.
    {"wrong type",
     norm("{\"dtype\":\"F16\",\"shape\":[256],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "expected BF16 [256], found F16 [256]"}},
    {"wrong shape",
     norm("{\"dtype\":\"BF16\",\"shape\":[128,2],"
          "\"data_offsets\":[1968128,1968640]}"),
     {kShard2, kNorm, "expected BF16 [256], found BF16 [128, 2]"}},
    {"transposed matrix",
     [](const Model &m) { m.editHeader(kShard2, "[256,768]", "[768,256]"); },
     {kShard2, "down_proj.weight", "found BF16 [768, 256]"}},
    {"missing tensor",
     [](const Model &m) {
       m.editHeader(kShard2, kNorm, "model.other.weight");
       m.edit(kIndex, kNorm, "model.other.weight");
     },
     {kIndex, kNorm, "no such tensor"}},
    // The index.
    {"index of a tensor that is not there",
     [](const Model &m) { m.editHeader(kShard2, kNorm, "model.other.weight"); },
     {kIndex, kNorm, kShard2}},
    {"index with the wrong shard",
     index(std::string("\"") + kShard1 + "\""),
     {kIndex, kNorm, kShard1}},
    {"index with a missing shard",
     index("\"model-3.safetensors\""),
     {"model-3.safetensors"}},
    {"index that leaves the folder",
     index("\"../tiny-llama/model-00002-of-00002.safetensors\""),
     {kIndex, kNorm, "same folder"}},
    {"index with an absolute path",
     index("\"/etc/passwd\""),
     {kIndex, kNorm, "same folder"}},
    {"index with a folder", index("\"..\""), {kIndex, kNorm, "same folder"}},
    {"index with a NUL", index("\"model\\u0000x\""), {kIndex, kNorm}},
    {"index with no name", index("7"), {kIndex, kNorm, "7"}},
    {"index that is not JSON",
     [](const Model &m) { m.replace(kIndex, "weights"); },
     {kIndex}},
    {"index without a map",
     [](const Model &m) { m.replace(kIndex, "{\"metadata\": {}}"); },
     {kIndex, "weight_map"}},
    {"index without tensors",
     [](const Model &m) { m.replace(kIndex, "{\"weight_map\": {}}"); },
     {kIndex, "model.embed_tokens.weight"}},
    {"a tensor in two shards",
     [](const Model &m) {
       m.editHeader(kShard2, kNorm, "model.embed_tokens.weight");
     },
     {kShard2, "model.embed_tokens.weight", kShard1}},
    // Files.
    {"missing shard", [](const Model &m) { m.remove(kShard2); }, {kShard2}},
    {"a folder as shard",
     [](const Model &m) {
       m.remove(kShard2);
       std::filesystem::create_directory(m / kShard2);
     },
     {kShard2}},
    {"a link to nothing",
     [](const Model &m) {
       m.remove(kShard2);
       std::filesystem::create_symlink("nowhere", m / kShard2);
     },
     {kShard2}},
    {"no weights",
     [](const Model &m) { m.remove(kIndex); },
     {"model.safetensors"}},
};

TEST(BadInput, Checkpoint) {
  TempFolder folder;
  const std::string program = makeProgram(folder);
  for (const Case &c : kCheckpoints) {
    SCOPED_TRACE(c.name);
    Model model;
    c.change(model);
    importRefused(model.str(), c.says);
    runRefused(program, {"--weights", model.str()}, 2, c.says);
  }
}

TEST(BadInput, NoCheckpoint) {
  TempFolder folder;
  const std::string program = makeProgram(folder);
  const std::string nowhere = folder / "nowhere";
  runRefused(program, {"--weights", nowhere}, 2, {nowhere});
  runRefused(program, {"--weights", kTinyLlama + "/config.json"}, 2,
             {"config.json"});
  runRefused(program, {"--weights", "random:x"}, 1, {"--weights", "random:x"});
  TempFolder out;
  // From MLIR, before the importer sees it: the line has file and reason.
  expectRefused({"amk-translate", "--import-hf", nowhere, "-o", out / "x.mlir"},
                1, {"nowhere"}, out);
}

struct ConfigCase {
  const char *from, *to;
  Strings says; ///< besides the file
};

#define AMK_ADD_KEY(TEXT) "\"use_cache\": true", "\"use_cache\": true, " TEXT

const ConfigCase kConfigs[] = {
    // Architectures.
    {"LlamaForCausalLM",
     "MistralForCausalLM",
     {"architectures", "MistralForCausalLM", "LlamaForCausalLM"}},
    {"\"model_type\": \"llama\"",
     "\"model_type\": \"qwen3\"",
     {"model_type", "qwen3"}},
    // Values that are not implemented: key, value and what is supported.
    {"\"hidden_act\": \"silu\"",
     "\"hidden_act\": \"gelu\"",
     {"hidden_act", "gelu", "silu"}},
    {"\"attention_bias\": false",
     "\"attention_bias\": true",
     {"attention_bias", "true", "false"}},
    {"\"mlp_bias\": false",
     "\"mlp_bias\": true",
     {"mlp_bias", "true", "false"}},
    {"\"rope_type\": \"llama3\"",
     "\"rope_type\": \"yarn\"",
     {"rope_parameters.rope_type", "yarn", "llama3"}},
    {"\"pretraining_tp\": 1",
     "\"pretraining_tp\": 2",
     {"pretraining_tp", "2", "1"}},
    {"\"dtype\": \"bfloat16\"",
     "\"dtype\": \"float16\"",
     {"dtype", "float16", "bfloat16"}},
    {AMK_ADD_KEY("\"sliding_window\": 4096"), {"sliding_window", "4096"}},
    {AMK_ADD_KEY("\"use_sliding_window\": true"),
     {"use_sliding_window", "true"}},
    {AMK_ADD_KEY("\"partial_rotary_factor\": 0.5"),
     {"partial_rotary_factor", "0.5"}},
    {AMK_ADD_KEY("\"final_logit_softcapping\": 30.0"),
     {"final_logit_softcapping", "30"}},
    {AMK_ADD_KEY("\"attn_logit_softcapping\": 50.0"),
     {"attn_logit_softcapping", "50"}},
    {AMK_ADD_KEY("\"embedding_multiplier\": 12.0"),
     {"embedding_multiplier", "12"}},
    {AMK_ADD_KEY("\"residual_multiplier\": 0.22"),
     {"residual_multiplier", "0.22"}},
    {AMK_ADD_KEY("\"logits_scaling\": 8.0"), {"logits_scaling", "8"}},
    {AMK_ADD_KEY("\"quantization_config\": {\"quant_method\": \"awq\"}"),
     {"quantization_config"}},
    {AMK_ADD_KEY("\"layer_types\": [\"full_attention\", "
                 "\"sliding_attention\", \"full_attention\", "
                 "\"full_attention\"]"),
     {"layer_types", "sliding_attention", "full_attention"}},
    // A key never seen before.
    {AMK_ADD_KEY("\"surprise\": 3"), {"surprise", "3"}},
    {"\"rope_theta\": 500000.0",
     "\"rope_theta\": 500000.0, \"surprise\": 3",
     {"rope_parameters.surprise", "3"}},
    // Values of another type or range.
    {"\"hidden_size\": 256", "\"hidden_size\": 0", {"hidden_size", "0"}},
    {"\"hidden_size\": 256", "\"hidden_size\": \"256\"", {"hidden_size"}},
    {"\"hidden_size\": 256",
     "\"hidden_size\": 256.5",
     {"hidden_size", "256.5"}},
    {"\"hidden_size\": 256",
     "\"hidden_size\": 99999999999999999999",
     {"hidden_size"}},
    {"\"num_key_value_heads\": 2",
     "\"num_key_value_heads\": 3",
     {"num_key_value_heads", "3"}},
    {"\"head_dim\": 64", "\"head_dim\": 63", {"head_dim", "63"}},
    {"\"vocab_size\": 1024", "\"vocab_size\": -1", {"vocab_size", "-1"}},
    {"\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 0", {"rms_norm_eps", "0"}},
    {"\"rope_theta\": 500000.0",
     "\"rope_theta\": -1.0",
     {"rope_parameters.rope_theta", "-1"}},
    {"\"factor\": 8.0,", "", {"rope_parameters.factor"}},
    {"\"eos_token_id\": 1", "\"eos_token_id\": 1024", {"eos_token_id", "1024"}},
    // Not what JSON allows.
    {"\"hidden_size\": 256",
     "\"hidden_size\": 256, \"hidden_size\": 512",
     {"hidden_size"}},
    {"\"hidden_size\": 256", "\"hidden_size\": NaN", {}},
    {"\"hidden_size\": 256,", "\"hidden_size\": 256", {}},
};

TEST(BadInput, Config) {
  for (const ConfigCase &c : kConfigs) {
    SCOPED_TRACE(c.to);
    Model model;
    model.edit(kConfig, c.from, c.to);
    Strings says = c.says;
    says.push_back(kConfig);
    importRefused(model.str(), says);
  }
}

TEST(BadInput, ConfigFiles) {
  {
    Model model;
    model.remove(kConfig);
    importRefused(model.str(), {kConfig});
  }
  {
    Model model;
    model.replace(kConfig, "");
    importRefused(model.str(), {kConfig});
  }
  {
    Model model;
    model.replace(kConfig, std::string(100000, '['));
    importRefused(model.str(), {kConfig});
  }
  {
    Model model;
    model.replace("generation_config.json", "{\"eos_token_id\": [1, -3]}");
    importRefused(model.str(),
                  {"generation_config.json", "eos_token_id", "-3"});
  }
  {
    // A file name and a key from outside cannot break the line.
    Model model;
    model.edit(kConfig, "\"use_cache\"",
               "\"a\\nb\\u001b[2J\": 1, \"use_cache\"");
    importRefused(model.str(), {kConfig});
  }
}

TEST(BadInput, Request) {
  TempFolder folder;
  const std::string program = makeProgram(folder);
  const auto refused = [&](const Strings &more, const Strings &says) {
    runRefused(program, more, 1, says);
  };
  refused({"--prompt-ids", "0,1024"}, {"--prompt-ids", "1024", "1023"});
  refused({"--prompt-ids", "-1"}, {"--prompt-ids"});
  refused({"--prompt-ids", ""}, {"--prompt-ids"});
  refused({"--prompt-ids", "0,x"}, {"--prompt-ids"});
  refused({"--prompt-ids", "99999999999999999999"}, {"--prompt-ids"});
  refused({"--max-new-tokens", "2047"}, {"--max-new-tokens", "2048", "2047"});
  refused({"--max-new-tokens", "9223372036854775807"}, {"--max-new-tokens"});
  refused({"--max-new-tokens", "-1"}, {"--max-new-tokens"});
  refused({"--device", "tpu"}, {"--device", "tpu"});
  refused({"--threads", "-1"}, {"--threads", "-1"});
  refused({"--surprise"}, {"--surprise"});
}

TEST(BadInput, ResultThatCannotBeWritten) {
  TempFolder folder, out;
  const std::string program = makeProgram(folder);
  Strings arguments = generation(program, {});
  arguments.insert(arguments.end(), {"--logits-out", out / "no/x.npy"});
  expectRefused(arguments, 6, {"no/x.npy"}, out);
}

TEST(BadInput, ProgramFile) {
  TempFolder folder;
  const std::string program = makeProgram(folder);
  const std::string bytes = readBytes(program);
  const std::string bad = folder / "bad.amkp";
  const auto refused = [&](const std::string &content, const Strings &says) {
    folder.write("bad.amkp", content);
    Strings all = says;
    all.push_back("bad.amkp");
    runRefused(bad, {}, 2, all);
    TempFolder out;
    expectRefused(
        {"amk-translate", "--program-to-text", bad, "-o", out / "x.txt"}, 1,
        all, out);
  };
  refused("", {"no program file"});
  refused("AMK", {"no program file"});
  refused(readBytes(kTinyLlama + "/config.json"), {"no program file"});
  refused(bytes.substr(0, 20), {"program file"});
  refused(bytes.substr(0, bytes.size() / 2), {"hash"});
  refused(bytes + "x", {"hash"});
  std::string changed = bytes;
  changed[changed.size() / 2] ^= 1;
  refused(changed, {"hash"});
  // Damaged, and sealed again: what it says is checked.
  refused(core::sealProgram(bytes.substr(0, bytes.size() - 1)),
          {"program file"});
  refused(core::sealProgram(bytes + "x"), {"program file"});
  // Another version: the second word.
  for (char version : {char(0), char(core::kProgramVersion + 1)}) {
    changed = bytes;
    changed[4] = version;
    refused(changed, {"version"});
    refused(core::sealProgram(changed), {"version"});
  }
  runRefused(folder / "nowhere.amkp", {}, 2, {"nowhere.amkp"});
  runRefused(folder.str(), {}, 2, {folder.str()});
}

/// The schedule of a program, changed, with a hash that is right again.
std::string
changeSchedule(const std::string &program,
               const std::function<void(core::Schedule &)> &change) {
  core::Program read;
  std::string error;
  EXPECT_TRUE(core::readProgram(readBytes(program), read, error)) << error;
  change(read.schedule);
  return core::writeProgram(read);
}

TEST(BadInput, UnsafeSchedule) {
  TempFolder folder;
  const std::string program = folder / "tiny.amkp";
  compile(kTinyLlama, "target=sm_90", program);
  const auto refused = [&](const std::function<void(core::Schedule &)> &change,
                           const Strings &says) {
    folder.write("unsafe.amkp", changeSchedule(program, change));
    Strings all = says;
    all.push_back("unsafe.amkp");
    runRefused(folder / "unsafe.amkp", {}, 2, all);
    TempFolder out;
    expectRefused({"amk-run", folder / "unsafe.amkp", "--check"}, 2, all, out);
  };
  // As it is, it is safe.
  folder.write("same.amkp", changeSchedule(program, [](core::Schedule &) {}));
  EXPECT_EQ(readBytes(folder / "same.amkp"), readBytes(program));
  // A wait taken away: a race. Which task that is depends on the passes.
  const auto withWait = [](core::Schedule &s) -> core::Task & {
    for (core::Task &task : s.tasks)
      if (!task.waits.empty())
        return task;
    ADD_FAILURE() << "no task waits";
    return s.tasks.front();
  };
  refused([&](core::Schedule &s) { withWait(s).waits.clear(); }, {"V5"});
  // A threshold that no number of signals reaches.
  refused(
      [&](core::Schedule &s) {
        withWait(s).waits.front().threshold = s.addTable({1000000});
      },
      {"V2"});
  // Nobody signals.
  refused(
      [&](core::Schedule &s) {
        for (core::Task &task : s.tasks)
          task.signals.clear();
      },
      {"V2"});
  // More shared memory than there is.
  refused([](core::Schedule &s) { s.ring->slots = 4096; }, {"V7"});
}

/// Sets an environment variable for one scope.
class Environment {
public:
  Environment(const char *name, const char *value) : name(name) {
    setenv(name, value, 1);
  }
  ~Environment() { unsetenv(name); }

private:
  const char *name;
};

TEST(BadInput, Cuda) {
  TempFolder folder;
  const std::string sequential = makeProgram(folder);
  const std::string program = folder / "sm_90.amkp";
  const std::string other = folder / "sm_100.amkp";
  compile(kTinyLlama, "target=sm_90", program);
  compile(kTinyLlama, "target=sm_100", other);
  const Strings cuda = {"--device", "cuda"};
  {
    Environment driver("AMK_CUDA_LIBRARY", "libnone-of-this-name.so");
    runRefused(program, cuda, 3, {"no CUDA driver", "libnone-of-this-name.so"});
    // A program without a kernel, before any driver is looked for.
    runRefused(sequential, cuda, 2, {"tiny.amkp", "no kernel"});
  }
  // A GPU of compute capability 9.0 with four multiprocessors.
  Environment driver("AMK_CUDA_LIBRARY", AMK_FAKE_CUDA);
  runRefused(other, cuda, 3, {"sm_100", "sm_90"});
  runRefused(program, cuda, 3, {"132", "4"});
  runRefused(program, {"--device", "cuda:1"}, 3, {"no CUDA device 1"});
}

} // namespace
