//===- Knobs.cpp - All options from one JSON file -------------------------===//

#include "AMK/Scheduling/Knobs.h"

#include "AMK/Frontends/Json.h"

#include <algorithm>

namespace amk::scheduling {

namespace json = frontends::json;

namespace {

constexpr json::Limits kLimits{size_t(4) << 20, 8, 1 << 20};

struct IntKnob {
  const char *name;
  std::optional<int64_t> Knobs::*member;
  int64_t least, most, step;
};
constexpr IntKnob kInts[] = {
    {"workers", &Knobs::workers, 1, 1024, 1},
    {"positions", &Knobs::positions, 1, INT32_MAX, 1},
    {"tiling.gemv.N_tile", &Knobs::rows, 4, 4096, 4},
    {"tiling.attention.kv_block", &Knobs::kvBlock, 1, 65536, 1},
    {"sm_assignment.cluster", &Knobs::cluster, 1, 8, 1},
    {"pipelining_depth", &Knobs::slots, 8, 256, 1},
    {"threads_per_block", &Knobs::threads, 32, 1024, 32},
    {"smem_bytes_per_block", &Knobs::sharedBytes, 1024, 1 << 20, 1},
    {"kernel_knobs.window", &Knobs::window, 1, 256, 1},
    {"kernel_knobs.ahead", &Knobs::ahead, 1, 256, 1},
    {"kernel_knobs.held_stages", &Knobs::held, 0, 1, 1},
    {"kernel_knobs.warps", &Knobs::warps, 8, 8, 1},
    {"kernel_knobs.stage_columns", &Knobs::columns, 128, 2048, 128},
    {"kernel_knobs.packet_values", &Knobs::packets, 0, 6, 2},
    {"kernel_knobs.shared_page_bytes", &Knobs::sharedPageBytes, 0, 1 << 20, 1},
    {"kernel_knobs.inbox_bytes", &Knobs::inboxBytes, 0, 1 << 20, 1},
};

struct BoolKnob {
  const char *name;
  std::optional<bool> Knobs::*member;
};
constexpr BoolKnob kBools[] = {
    {"tiling.balance", &Knobs::balance},
    {"tiling.fewest", &Knobs::fewest},
    {"tiling.attention.split", &Knobs::splitAttention},
    {"sm_assignment.keep_owners", &Knobs::keepOwners},
    {"kernel_knobs.reduce_hand_offs", &Knobs::reduce},
    {"kernel_knobs.cluster_gathers", &Knobs::clusterGathers},
};

struct TextKnob {
  const char *name;
  std::optional<std::string> Knobs::*member;
  const char *words; ///< one of these, "|" between; empty: any text
};
constexpr TextKnob kTexts[] = {
    {"target", &Knobs::target, ""},
    {"sm_assignment.policy", &Knobs::assignment,
     "contiguous|round-robin|load-balanced|locality|explicit"},
    {"kernel_knobs.slices", &Knobs::slices, "arrive|whole"},
    {"page_allocation", &Knobs::pages, "none|linear|graph-color"},
};

/// Knobs whose names are objects that hold others.
constexpr std::string_view kSections[] = {"tiling", "tiling.gemv",
                                          "tiling.attention", "sm_assignment",
                                          "kernel_knobs"};
/// Published with dots in one name: taken in that form too.
constexpr std::string_view kDotted[] = {"tiling.gemv.N_tile",
                                        "tiling.attention.kv_block"};

class Reader {
public:
  Reader(std::string file, Knobs &knobs) : file(std::move(file)), k(knobs) {}

  std::string object(const json::Object &members, const std::string &prefix) {
    for (const json::Member &m : members) {
      const bool dots = m.key.find('.') != std::string::npos;
      if (dots &&
          (!prefix.empty() || std::find(std::begin(kDotted), std::end(kDotted),
                                        m.key) == std::end(kDotted)))
        return fail(prefix + m.key, "no such knob");
      if (std::string e = knob(prefix + m.key, m.value); !e.empty())
        return e;
    }
    return {};
  }

private:
  std::string fail(const std::string &name, const std::string &what) const {
    return frontends::makeError(file, "", "knob '" + name + "': " + what)
        .message;
  }
  std::string expected(const std::string &name, const std::string &what,
                       const json::Value &found) const {
    return fail(name, "expected " + what + ", found " + json::describe(found));
  }

  std::string knob(const std::string &name, const json::Value &v) {
    if (std::find(std::begin(kSections), std::end(kSections), name) !=
        std::end(kSections)) {
      if (const json::Object *o = v.asObject())
        return object(*o, name + ".");
      // A policy alone may stand for the section.
      if (name == "sm_assignment" && v.asString())
        return knob("sm_assignment.policy", v);
      return expected(name, "an object", v);
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return fail(name, "given twice");
    seen.push_back(name);
    for (const IntKnob &i : kInts)
      if (name == i.name)
        return integer(i, v);
    for (const BoolKnob &b : kBools)
      if (name == b.name) {
        if (!v.asBool())
          return expected(name, "true or false", v);
        k.*b.member = *v.asBool();
        return {};
      }
    for (const TextKnob &t : kTexts)
      if (name == t.name)
        return text(t, v);
    if (name == "fusion_grouping")
      return grouping(v);
    if (name == "sm_assignment.map")
      return map(v);
    return fail(name, "no such knob");
  }

  std::string integer(const IntKnob &i, const json::Value &v) {
    const int64_t *n = v.asInt();
    // Numbers with gaps.
    if (i.member == &Knobs::packets && (!n || (*n != 0 && *n != 4 && *n != 6)))
      return expected(i.name, "0, 4 or 6", v);
    if (i.member == &Knobs::cluster &&
        (!n || *n < 1 || *n > 8 || (*n & (*n - 1)) != 0))
      return expected(i.name, "1, 2, 4 or 8", v);
    if (!n || *n < i.least || *n > i.most || *n % i.step) {
      std::string what = i.least == i.most ? std::to_string(i.least)
                                           : std::to_string(i.least) + " to " +
                                                 std::to_string(i.most);
      if (i.step > 1)
        what += ", a multiple of " + std::to_string(i.step);
      return expected(i.name, what, v);
    }
    k.*i.member = *n;
    return {};
  }

  std::string text(const TextKnob &t, const json::Value &v) {
    const std::string *s = v.asString();
    const std::string words = std::string("|") + t.words + "|";
    const bool any = *t.words == 0;
    if (!s || s->empty() || s->find('|') != s->npos ||
        (!any && words.find("|" + *s + "|") == words.npos)) {
      std::string what = any ? "a text" : t.words;
      for (size_t at; (at = what.find('|')) != what.npos;)
        what.replace(at, 1, ", ");
      return expected(t.name, any ? what : "one of " + what, v);
    }
    k.*t.member = *s;
    return {};
  }

  std::string grouping(const json::Value &v) {
    constexpr const char *kWhat =
        "\"dataflow\", \"none\" or a list of \"first..last\"";
    if (const std::string *s = v.asString();
        s && (*s == "dataflow" || *s == "none")) {
      k.fuse = *s != "none";
      return {};
    }
    if (!v.asArray())
      return expected("fusion_grouping", kWhat, v);
    for (const json::Value &group : *v.asArray()) {
      const std::string *s = group.asString();
      const size_t dots = s ? s->find("..") : std::string::npos;
      if (dots == std::string::npos || dots == 0 || dots + 2 == s->size())
        return expected("fusion_grouping", kWhat, group);
      k.groups.push_back(*s);
    }
    return {};
  }

  std::string map(const json::Value &v) {
    if (!v.asObject())
      return expected("sm_assignment.map", "an object of lists of workers", v);
    for (const json::Member &m : *v.asObject()) {
      const json::Array *workers = m.value.asArray();
      if (!workers || workers->empty() || m.key.empty())
        return expected("sm_assignment.map." + m.key, "a list of workers",
                        m.value);
      std::string entry = m.key + "=";
      for (const json::Value &w : *workers) {
        if (!w.asInt() || *w.asInt() < 0 || *w.asInt() > 1023)
          return expected("sm_assignment.map." + m.key, "0 to 1023", w);
        entry += (entry.back() == '=' ? "" : ":") + std::to_string(*w.asInt());
      }
      k.map.push_back(entry);
    }
    return {};
  }

  std::string file;
  Knobs &k;
  std::vector<std::string> seen;
};

std::string parseValue(const frontends::Expected<json::Value> &value,
                       const std::string &file, Knobs &knobs) {
  if (!value)
    return value.error().message;
  if (!value->asObject())
    return file + ": expected an object, found " + json::describe(*value);
  knobs = {};
  return Reader(file, knobs).object(*value->asObject(), "");
}

} // namespace

std::vector<std::string> knobNames() {
  std::vector<std::string> names = {"fusion_grouping", "sm_assignment.map"};
  for (const IntKnob &k : kInts)
    names.emplace_back(k.name);
  for (const BoolKnob &k : kBools)
    names.emplace_back(k.name);
  for (const TextKnob &k : kTexts)
    names.emplace_back(k.name);
  return names;
}

std::string parseKnobs(std::string_view text, const std::string &file,
                       Knobs &knobs) {
  return parseValue(json::parse(text, file, kLimits), file, knobs);
}

std::string readKnobs(const std::string &file, Knobs &knobs) {
  return parseValue(json::parseFile(file, kLimits), file, knobs);
}

} // namespace amk::scheduling
