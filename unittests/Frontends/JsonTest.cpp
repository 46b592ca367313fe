//===- JsonTest.cpp - JSON from untrusted files ---------------------------===//

#include "AMK/Frontends/Json.h"
#include "TempFolder.h"

#include "gtest/gtest.h"

using namespace amk::frontends;

static std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

static std::string problem(std::string_view text, json::Limits limits = {}) {
  Expected<json::Value> value = json::parse(text, "f", limits);
  if (value.ok())
    return "ok";
  EXPECT_EQ(value.error().message.find('\n'), std::string::npos);
  return value.error().message;
}

TEST(Json, Tree) {
  Expected<json::Value> value = json::parse(
      R"( {"b": [1, -2.5, "x\u00e9\n", true, null], "a": {}} )", "f");
  ASSERT_TRUE(value.ok()) << value.error().message;
  const json::Object &object = *value->asObject();
  ASSERT_EQ(object.size(), 2u);
  EXPECT_EQ(object[0].key, "b");
  EXPECT_EQ(object[1].key, "a");
  const json::Array &list = *value->find("b")->asArray();
  ASSERT_EQ(list.size(), 5u);
  EXPECT_EQ(*list[0].asInt(), 1);
  EXPECT_EQ(*list[1].asNumber(), -2.5);
  EXPECT_EQ(*list[2].asString(), "x\xc3\xa9\n");
  EXPECT_TRUE(*list[3].asBool());
  EXPECT_TRUE(list[4].isNull());
  EXPECT_EQ(value->find("c"), nullptr);
  EXPECT_EQ(list[0].find("c"), nullptr);
}

TEST(Json, Numbers) {
  auto kind = [](std::string_view text) {
    return json::parse(text, "f")->kind();
  };
  EXPECT_EQ(kind("9223372036854775807"), json::Kind::Int);
  EXPECT_EQ(kind("-9223372036854775808"), json::Kind::Int);
  EXPECT_EQ(kind("9223372036854775808"), json::Kind::Double);
  EXPECT_EQ(kind("1e2"), json::Kind::Double);
  EXPECT_EQ(kind("1.0"), json::Kind::Double);
  EXPECT_NE(problem("1e999"), "ok");
  EXPECT_NE(problem("NaN"), "ok");
  EXPECT_NE(problem("Infinity"), "ok");
  EXPECT_NE(problem("01"), "ok");
}

TEST(Json, Syntax) {
  EXPECT_EQ(
      problem(""),
      "f: line 1, column 1: expected valid JSON, found syntax error while "
      "parsing value - unexpected end of input; expected '[', '{', or a "
      "literal");
  EXPECT_EQ(
      problem("{\"a\":\n 1,}"),
      "f: line 2, column 4: expected valid JSON, found syntax error while "
      "parsing object key - unexpected '}'; expected string literal");
  for (const char *text : {"{", "[1", "{\"a\"}", "{'a':1}", "[1,]", "// x\n1",
                           "\"\n\"", "\"\\x\"", "\"\\ud800\"", "tru", "{1:2}"})
    EXPECT_NE(problem(text), "ok") << text;
}

TEST(Json, TrailingBytes) {
  EXPECT_EQ(problem("{} \n\t"), "ok");
  EXPECT_NE(problem("{} x"), "ok");
  EXPECT_NE(problem("{}{}"), "ok");
  EXPECT_EQ(problem(std::string_view("{}\0", 3)),
            "f: byte 2: expected valid JSON, found a NUL byte");
  EXPECT_EQ(problem(std::string_view("{}\0garbage", 10)),
            "f: byte 2: expected valid JSON, found a NUL byte");
  EXPECT_EQ(problem("\xef\xbb\xbf{}"),
            "f: byte 0: expected valid JSON, found a byte order mark");
}

TEST(Json, InvalidUtf8) {
  EXPECT_EQ(
      problem("\"\xff\""),
      "f: line 1, column 2: expected valid JSON, found syntax error while "
      "parsing value - invalid string: ill-formed UTF-8 byte; last read: "
      "'\"\\xff'");
  EXPECT_NE(problem("\"\xc3\""), "ok");         // cut short
  EXPECT_NE(problem("\"\xc0\xaf\""), "ok");     // overlong
  EXPECT_NE(problem("\"\xed\xa0\x80\""), "ok"); // a surrogate
  EXPECT_EQ(problem("\"\xf0\x9f\x98\x80\""), "ok");
}

TEST(Json, DuplicateKeys) {
  EXPECT_EQ(problem(R"({"a":1,"b":{},"a":2})"),
            "f: a: expected each key once, found it twice");
  EXPECT_EQ(problem(R"({"a":{"x":[{},{"d":1,"\u0064":2}]}})"),
            "f: a.x[1].d: expected each key once, found it twice");
  // The first repetition in the file is the one that is reported.
  EXPECT_EQ(problem(R"({"z":1,"a":1,"z":1,"a":1})"),
            "f: z: expected each key once, found it twice");
  EXPECT_EQ(problem(R"({"a":{"a":1},"b":{"a":1}})"), "ok");
}

TEST(Json, Depth) {
  EXPECT_EQ(problem(nested(64)), "ok");
  std::string text = problem(nested(65));
  EXPECT_NE(text.find("expected nesting of at most 64 levels, found more"),
            std::string::npos)
      << text;
  // Far deeper than any stack.
  EXPECT_EQ(problem(std::string(10'000'000, '[')), text);
  std::string objects;
  for (int i = 0; i < 65; ++i)
    objects += "{\"k\":";
  EXPECT_NE(problem(objects).find("at most 64 levels"), std::string::npos);
}

TEST(Json, SizeLimits) {
  json::Limits limits;
  limits.bytes = 4;
  EXPECT_EQ(problem("1234", limits), "ok");
  EXPECT_EQ(problem("12345", limits), "f: expected at most 4 bytes, found 5");
  limits = {};
  limits.values = 3;
  EXPECT_EQ(problem("[1,2]", limits), "ok");
  EXPECT_EQ(problem("[1,2,3]", limits),
            "f: [1]: expected at most 3 values in the file, found more");
}

TEST(Json, LongTokensAreCut) {
  std::string text = problem("\"" + std::string(100000, 'x'));
  EXPECT_LT(text.size(), 500u);
}

TEST(Json, Describe) {
  auto text = [](std::string_view json) {
    return json::describe(*json::parse(json, "f"));
  };
  EXPECT_EQ(text("null"), "null");
  EXPECT_EQ(text("true"), "true");
  EXPECT_EQ(text("-3"), "-3");
  EXPECT_EQ(text("1e-5"), "1e-05");
  EXPECT_EQ(text("0.1"), "0.1");
  EXPECT_EQ(text("2.0"), "2.0");
  EXPECT_EQ(text("1e300"), "1e+300");
  EXPECT_EQ(text("18446744073709551615"), "1.8446744073709552e+19");
  EXPECT_EQ(text(R"("a\nb")"), "\"a\\x0ab\"");
  EXPECT_EQ(text("[1]"), "a list of one value");
  EXPECT_EQ(text("[1, 2]"), "a list of 2 values");
  EXPECT_EQ(text("{}"), "an object");
}

TEST(Json, ParseFile) {
  amk::test::TempFolder folder;
  folder.write("f.json", "[1]");
  EXPECT_TRUE(json::parseFile(folder / "f.json").ok());
  folder.write("f.json", "[1");
  Expected<json::Value> value = json::parseFile(folder / "f.json");
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(folder.relative(value.error().message).rfind("f.json: line 1", 0),
            0u);
}
