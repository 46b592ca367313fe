//===- KnobsTest.cpp ------------------------------------------------------===//

#include "AMK/Scheduling/Knobs.h"

#include "ToyLlama.h"

#include "AMK/Frontends/Json.h"
#include "AMK/Scheduling/Target.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

using namespace amk::scheduling;
namespace json = amk::frontends::json;

namespace {

std::string parse(const std::string &text) {
  Knobs knobs;
  return parseKnobs(text, "k.json", knobs);
}

TEST(Knobs, AreRead) {
  Knobs k;
  ASSERT_EQ(parseKnobs(R"({
    "target": "h200", "workers": 66, "tiling": {"gemv": {"N_tile": 8}},
    "tiling.attention.kv_block": 64, "fusion_grouping": ["a..b", "c..d"],
    "sm_assignment": {"policy": "explicit", "map": {"argmax": [3], "*o": [1, 0]}},
    "pipelining_depth": 12, "page_allocation": "linear",
    "threads_per_block": 384, "smem_bytes_per_block": 200000,
    "kernel_knobs": {"window": 3, "held_stages": 0, "slices": "whole"}})",
                       "k.json", k),
            "");
  EXPECT_EQ(k.target, "h200");
  EXPECT_EQ(k.workers, 66);
  EXPECT_EQ(k.rows, 8);
  EXPECT_EQ(k.kvBlock, 64);
  EXPECT_EQ(k.groups, (std::vector<std::string>{"a..b", "c..d"}));
  EXPECT_EQ(k.assignment, "explicit");
  EXPECT_EQ(k.map, (std::vector<std::string>{"argmax=3", "*o=1:0"}));
  EXPECT_EQ(k.slots, 12);
  EXPECT_EQ(k.pages, "linear");
  EXPECT_EQ(k.threads, 384);
  EXPECT_EQ(k.sharedBytes, 200000);
  EXPECT_EQ(k.window, 3);
  EXPECT_EQ(k.held, 0);
  EXPECT_EQ(k.slices, "whole");
  EXPECT_FALSE(k.ahead.has_value());
  ASSERT_EQ(parseKnobs(R"({"sm_assignment": "locality"})", "k.json", k), "");
  EXPECT_EQ(k.assignment, "locality");
  EXPECT_FALSE(k.workers.has_value());
}

TEST(Knobs, MistakesAreNamed) {
  EXPECT_EQ(parse("[]"),
            "k.json: expected an object, found a list of 0 values");
  EXPECT_EQ(parse(R"({"depth": 3})"), "k.json: knob 'depth': no such knob");
  EXPECT_EQ(parse(R"({"tiling": {"gemv": {"K_tile": 3}}})"),
            "k.json: knob 'tiling.gemv.K_tile': no such knob");
  EXPECT_EQ(parse(R"({"kernel_knobs.window": 3})"),
            "k.json: knob 'kernel_knobs.window': no such knob");
  EXPECT_EQ(parse(R"({"tiling.gemv.N_tile": 6})"),
            "k.json: knob 'tiling.gemv.N_tile': expected 4 to 4096, a multiple "
            "of 4, found 6");
  EXPECT_EQ(parse(R"({"pipelining_depth": 7})"),
            "k.json: knob 'pipelining_depth': expected 8 to 256, found 7");
  EXPECT_EQ(parse(R"({"pipelining_depth": "8"})"),
            "k.json: knob 'pipelining_depth': expected 8 to 256, found \"8\"");
  EXPECT_EQ(parse(R"({"kernel_knobs": {"packet_values": 5}})"),
            "k.json: knob 'kernel_knobs.packet_values': expected 0, 4 or 6, "
            "found 5");
  EXPECT_EQ(parse(R"({"page_allocation": "best"})"),
            "k.json: knob 'page_allocation': expected one of none, linear, "
            "graph-color, found \"best\"");
  EXPECT_EQ(
      parse(R"({"kernel_knobs": {"slices": "first"}})"),
      "k.json: knob 'kernel_knobs.slices': expected one of arrive, whole, "
      "found \"first\"");
  EXPECT_EQ(parse(R"({"tiling": {"balance": 1}})"),
            "k.json: knob 'tiling.balance': expected true or false, found 1");
  EXPECT_EQ(parse(R"({"tiling": 4})"),
            "k.json: knob 'tiling': expected an object, found 4");
  EXPECT_EQ(
      parse(R"({"fusion_grouping": ["a"]})"),
      "k.json: knob 'fusion_grouping': expected \"dataflow\", \"none\" or "
      "a list of \"first..last\", found \"a\"");
  EXPECT_EQ(parse(R"({"sm_assignment": {"map": {"o": [1024]}}})"),
            "k.json: knob 'sm_assignment.map.o': expected 0 to 1023, found "
            "1024");
  EXPECT_EQ(parse(R"({"tiling.gemv.N_tile": 4, "tiling": {"gemv":
                      {"N_tile": 4}}})"),
            "k.json: knob 'tiling.gemv.N_tile': given twice");
  EXPECT_NE(parse(R"({"workers": 4, "workers": 4})"), "");
}

/// Walks the schema: a knob, its path, and its definition.
class Schema {
public:
  Schema() {
    auto read = json::parseFile(AMK_DOCS "/knobs.schema.json");
    if (read)
      root = *read;
    else
      ADD_FAILURE() << read.error().message;
  }

  using Visit =
      std::function<void(const std::string &path, const json::Value &)>;
  void forEachKnob(const Visit &visit) const { walk(root, "", visit); }
  /// Every object: its path, "" for the root.
  std::vector<std::string> objects;

  json::Value root;

private:
  void walk(const json::Value &node, const std::string &path,
            const Visit &visit) const {
    const json::Value *properties = node.find("properties");
    if (!properties)
      return visit(path, resolve(node));
    ASSERT_TRUE(node.find("additionalProperties"));
    EXPECT_FALSE(*node.find("additionalProperties")->asBool()) << path;
    for (const json::Member &m : *properties->asObject()) {
      const std::string inner = path.empty() ? m.key : path + "." + m.key;
      const json::Value *either = m.value.find("oneOf");
      if (either && m.key == "sm_assignment") {
        visit(inner, (*either->asArray())[0]);
        walk((*either->asArray())[1], inner, visit);
      } else {
        walk(m.value, inner, visit);
      }
    }
  }
  const json::Value &resolve(const json::Value &node) const {
    const json::Value *ref = node.find("$ref");
    if (!ref)
      return node;
    return *root.find("$defs")->find(
        ref->asString()->substr(std::string("#/$defs/").size()));
  }
};

/// {"a": {"b": value}} for a.b; `dotted` leaves the path in one piece.
std::string nest(const std::string &path, const std::string &value,
                 bool dotted) {
  const size_t dot = dotted ? path.npos : path.find('.');
  return "{\"" + path.substr(0, dot) + "\": " +
         (dot == path.npos ? value : nest(path.substr(dot + 1), value, false)) +
         "}";
}

std::string quote(const json::Value &v) {
  return v.asString() ? "\"" + *v.asString() + "\""
                      : std::to_string(*v.asInt());
}

/// Values that a definition allows, and some that it does not.
void samples(const json::Value &d, std::vector<std::string> &good,
             std::vector<std::string> &bad) {
  bad = {"null", "{}", "1.5", "[[]]"};
  if (const json::Value *words = d.find("enum")) {
    for (const json::Value &w : *words->asArray())
      good.push_back(quote(w));
    bad.insert(bad.end(), {"\"other\"", "3"});
    return;
  }
  if (d.find("oneOf")) { // fusion_grouping
    good = {"\"none\"", "\"dataflow\"", "[\"a..b\"]", "[]"};
    bad.insert(bad.end(), {"\"other\"", "[\"a\"]", "[1]"});
    return;
  }
  const std::string &type = *d.find("type")->asString();
  if (type == "boolean") {
    good = {"true", "false"};
    bad.insert(bad.end(), {"0", "\"true\""});
  } else if (type == "string") {
    good = {"\"sm_90\""};
    bad.insert(bad.end(), {"\"\"", "3", "\"a|b\""});
  } else if (type == "integer") {
    const int64_t lo = *d.find("minimum")->asInt();
    const int64_t hi = *d.find("maximum")->asInt();
    good = {std::to_string(lo), std::to_string(hi)};
    bad.insert(bad.end(),
               {std::to_string(lo - 1), std::to_string(hi + 1), "\"4\""});
    if (const json::Value *step = d.find("multipleOf"); step && lo < hi)
      bad.push_back(std::to_string(lo + *step->asInt() / 2));
  } else { // the map
    ASSERT_EQ(type, "object");
    good = {"{}", "{\"o\": [0, 1023]}"};
    bad = {"null",          "[]",          "{\"o\": []}",
           "{\"o\": [-1]}", "{\"\": [0]}", "{\"o\": 3}"};
  }
}

/// What the schema allows is read, what it forbids is refused, and it has every
/// knob.
TEST(Knobs, TheSchemaAndTheReaderAgree) {
  Schema schema;
  std::vector<std::string> seen;
  schema.forEachKnob([&](const std::string &path, const json::Value &d) {
    seen.push_back(path == "sm_assignment" ? "sm_assignment.policy" : path);
    const bool top = schema.root.find("properties")->find(path) != nullptr;
    std::vector<std::string> good, bad;
    samples(d, good, bad);
    for (const bool dotted : {false, true}) {
      if (dotted && !top)
        continue;
      for (const std::string &v : good)
        EXPECT_EQ(parse(nest(path, v, dotted)), "") << path;
      for (const std::string &v : bad) {
        if (path == "sm_assignment" && v == "{}")
          continue; // the other form
        EXPECT_NE(parse(nest(path, v, dotted)), "") << path << " " << v;
      }
    }
    // Whatever else stands beside it is refused.
    const std::string beside = path + "_";
    EXPECT_NE(parse(nest(beside, good[0], false)), "") << beside;
  });
  for (const std::string &name : knobNames())
    EXPECT_NE(std::find(seen.begin(), seen.end(), name), seen.end()) << name;
  for (const std::string &path : seen) {
    const std::vector<std::string> names = knobNames();
    EXPECT_NE(std::find(names.begin(), names.end(), path), names.end()) << path;
  }
}

TEST(Knobs, LimitsOfTheTarget) {
  amk::core::Schedule s = test::toyLlama({}, true);
  s.target = amk::core::Target{"sm_80", 8, 166912};
  EXPECT_EQ(limitTarget(s, {166913, 0, 0}),
            "shared-bytes: expected at most 166912, found 166913");
  EXPECT_EQ(limitTarget(s, {0, 288, 0}),
            "threads: expected 384, which the kernel has on sm_80, found 288");
  EXPECT_EQ(limitTarget(s, {0, 0, 32}),
            "kv-block: expected 64, since the schedule's numerics are fixed, "
            "found 32");
  EXPECT_EQ(s.target->sharedBytes, 166912u);
  EXPECT_EQ(limitTarget(s, {100000, 384, 64}), "");
  EXPECT_EQ(s.target->sharedBytes, 100000u);
}

TEST(Knobs, RowsOfATile) {
  amk::core::Schedule s = test::toyLlama({}, true);
  s.target = amk::core::Target{"sm_90", 7, 232448};
  TilingOptions options;
  options.workers = 7;
  options.rows = 6;
  EXPECT_EQ(cutTasks(s, options), "rows: expected a multiple of 4, found 6");
  options.rows = 32;
  ASSERT_EQ(cutTasks(s, options), "");
  EXPECT_EQ(test::check(s), "");
  for (const amk::core::Task &t : s.tasks)
    if (t.name != "L0_attention" && t.name != "L1_attention")
      for (uint32_t i = 0; i < tileCount(s, t); ++i)
        EXPECT_EQ(tileRange(s, t, i).lo % 32, 0) << t.name;
}

} // namespace
