//===- Options.cpp - The command line of amk-run --------------------------===//

#include "Options.h"

#include <cerrno>
#include <cstdlib>
#include <limits>

namespace amk::run {

using runtime::ErrorKind;
using runtime::Status;

const char *usage() {
  return R"(usage: amk-run PROGRAM --weights DIR --prompt-ids ID,... [options]

Runs a program made by amk-translate. Prints the ids of the new tokens on one
line as they come.

  --weights DIR           Hugging Face checkpoint; or random:SEED
  --prompt-ids ID,...     the prompt
  --max-new-tokens N      tokens to generate (1)
  --ignore-eos            go on after an end-of-sequence token
  --device cpu|cuda[:N]   where to run (cpu)
  --threads N             cpu: threads (the cores of the machine)
  --watchdog-ms N         longest wait for a hand-off before a launch is ended
  --json                  print one object instead: prompt_ids, tokens, stop,
                          step_ms, bytes_per_step, schedule_id, device
  --logits-out FILE.npy   float32; row k chose new token k
  --trace FILE.json       what every worker did in the last step, for Perfetto
                          (cuda: of programs made with --kernel-trace)

Instead of generating:
  --check                 verify the program and end
  --info                  what is in the program
  --list-devices          what --device can name
  --describe-device       the record of a GPU: for target=FILE.json of amk-opt
  --benchmark N           time N steps from --position on

Launches of a program without tokens:
  --set NAME=FILE         fill an input or a KV cache with a file
  --get NAME=FILE         write a buffer's bytes to a file
  --launches N            launches (1)
  --position N            position of the launches (0)
  --delay-seed N          cpu: random delays before tiles

Exit codes: 0 success; 1 command line or prompt; 2 program, checkpoint or an
unsafe schedule; 3 device; 4 the watchdog ended a launch; 5 a NaN among the
logits; 6 a result could not be written.
)";
}

namespace {

class Parser {
public:
  Parser(const std::vector<std::string> &arguments, Options &options)
      : arguments(arguments), o(options) {}

  Status run() {
    while (at < arguments.size()) {
      std::string name = arguments[at++];
      // --name=value is --name value, but NAME=FILE stays in one piece.
      if (name.compare(0, 2, "--") == 0)
        if (const size_t equals = name.find('='); equals != name.npos) {
          attached = name.substr(equals + 1);
          hasAttached = true;
          name.resize(equals);
        }
      if (Status s = option(name); !s.ok())
        return s;
      if (hasAttached)
        return fail(name + ": takes no value");
    }
    return finish();
  }

private:
  static Status fail(std::string message) {
    return {ErrorKind::Usage, std::move(message)};
  }

  Status option(const std::string &name) {
    if (name == "--help" || name == "-h")
      return flag(o.help);
    if (name == "--check")
      return flag(o.check);
    if (name == "--info")
      return flag(o.info);
    if (name == "--list-devices")
      return flag(o.listDevices);
    if (name == "--describe-device")
      return flag(o.describeDevice);
    if (name == "--json")
      return flag(o.json);
    if (name == "--ignore-eos")
      return flag(o.generate.ignoreEos);
    if (name == "--weights")
      return value(name, o.weights);
    if (name == "--logits-out")
      return value(name, o.logitsOut);
    if (name == "--trace")
      return value(name, o.trace);
    if (name == "--device")
      return device(name);
    if (name == "--prompt-ids")
      return prompt(name);
    if (name == "--set" || name == "--get")
      return bufferFile(name, name == "--set" ? o.set : o.get);
    if (name.size() > 1 && name[0] == '-')
      return numberOption(name);
    if (!o.program.empty())
      return fail("expected one program, found '" + o.program + "' and '" +
                  name + "'");
    o.program = name;
    return {};
  }

  Status numberOption(const std::string &name) {
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    int64_t n = 0;
    const auto set = [&](auto &field, int64_t least) -> Status {
      if (Status s = number(name, least, kMost, n); !s.ok())
        return s;
      field = std::decay_t<decltype(field)>(n);
      return {};
    };
    if (name == "--max-new-tokens")
      return set(o.generate.maxNewTokens, 1);
    if (name == "--threads")
      return set(o.threads, 1);
    if (name == "--watchdog-ms")
      return set(o.watchdogMs, 1);
    if (name == "--delay-seed")
      return set(o.delaySeed, 0);
    if (name == "--benchmark")
      return set(o.benchmark, 1);
    if (name == "--launches") {
      o.buffers = true;
      return set(o.launches, 1);
    }
    if (name == "--position")
      return set(o.position, 0);
    return fail("unknown option '" + name + "'; see --help");
  }

  static Status flag(bool &field) {
    field = true;
    return {};
  }

  Status value(const std::string &name, std::string &out) {
    if (hasAttached)
      out = attached;
    else if (at < arguments.size())
      out = arguments[at++];
    else
      return fail(name + ": expected a value");
    hasAttached = false;
    if (out.empty())
      return fail(name + ": expected a value, found an empty one");
    return {};
  }

  static bool parseNumber(const std::string &text, int64_t &out) {
    char *end = nullptr;
    errno = 0;
    out = std::strtoll(text.c_str(), &end, 10);
    const bool digit =
        !text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
    return digit && !*end && !errno;
  }

  Status number(const std::string &name, int64_t least, int64_t most,
                int64_t &out) {
    std::string text;
    if (Status s = value(name, text); !s.ok())
      return s;
    if (!parseNumber(text, out) || out < least || out > most)
      return fail(name + ": expected a number from " + std::to_string(least) +
                  " to " + std::to_string(most) + ", found '" + text + "'");
    return {};
  }

  Status device(const std::string &name) {
    if (Status s = value(name, o.device); !s.ok())
      return s;
    int64_t ordinal = 0;
    o.cuda = o.device == "cuda" || (o.device.compare(0, 5, "cuda:") == 0 &&
                                    parseNumber(o.device.substr(5), ordinal) &&
                                    ordinal >= 0 && ordinal < 1024);
    o.ordinal = int(ordinal);
    if (!o.cuda && o.device != "cpu")
      return fail("--device: expected cpu, cuda or cuda:N, found '" + o.device +
                  "'");
    return {};
  }

  Status prompt(const std::string &name) {
    std::string text;
    if (Status s = value(name, text); !s.ok())
      return s;
    o.hasPrompt = true;
    o.generate.prompt.clear();
    for (size_t start = 0; start <= text.size();) {
      const size_t comma = std::min(text.find(',', start), text.size());
      const std::string id = text.substr(start, comma - start);
      int64_t n = 0;
      if (!parseNumber(id, n))
        return fail("--prompt-ids: expected ids separated by commas, found '" +
                    id + "'");
      o.generate.prompt.push_back(n);
      start = comma + 1;
    }
    return {};
  }

  Status bufferFile(const std::string &name, std::vector<BufferFile> &files) {
    std::string text;
    if (Status s = value(name, text); !s.ok())
      return s;
    const size_t equals = text.find('=');
    if (equals == text.npos || equals == 0 || equals + 1 == text.size())
      return fail(name + ": expected NAME=FILE, found '" + text + "'");
    files.push_back({text.substr(0, equals), text.substr(equals + 1)});
    o.buffers = true;
    return {};
  }

  Status finish() {
    if (o.help || o.listDevices)
      return {};
    if (o.describeDevice && !o.program.empty())
      return fail("--describe-device: expected no program, found '" +
                  o.program + "'");
    if (o.describeDevice)
      return {};
    if (o.program.empty())
      return fail("expected a program; see --help");
    if (o.check || o.info)
      return {};
    if (o.buffers && (o.hasPrompt || o.benchmark))
      return fail("--set, --get and --launches do not go with --prompt-ids "
                  "or --benchmark");
    if (o.buffers)
      return {};
    if (o.weights.empty())
      return fail("--weights: expected a checkpoint directory or random:SEED");
    if (!o.hasPrompt && !o.benchmark)
      return fail("--prompt-ids: expected the ids of the prompt");
    return {};
  }

  const std::vector<std::string> &arguments;
  Options &o;
  size_t at = 0;
  std::string attached;
  bool hasAttached = false;
};

} // namespace

Status parseOptions(const std::vector<std::string> &arguments,
                    Options &options) {
  return Parser(arguments, options).run();
}

} // namespace amk::run
