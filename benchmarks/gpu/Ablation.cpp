//===- Ablation.cpp - Programs of one model side by side ------------------===//
//
// Times programs that were made of one model by different passes, and compares
// their logits. Weights are random and made once for all of them.
//
//   amk-ablation [--device cpu|cuda] [--positions P,...] [--steps N]
//                [--bound B] NAME[~OTHER]=PROGRAM[,TRACED]...
//
// The logits are compared with those of OTHER, which comes before; without it,
// with those of the first. A program whose sums are in another order than the
// first's is its own OTHER: then somebody else has to check its logits. On cpu,
// where no pass changes the order of a sum, it is always the first.
//
// TRACED is the same program with a kernel that records times, for how long
// workers wait; on cpu PROGRAM itself is traced. Prints a markdown table.
// Exits with 1 if logits differ by more than the bound, with 2 if a program
// cannot be run.
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "AMK/Schedule/Tiles.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

using namespace amk;
using namespace amk::benchmarks;
using runtime::ErrorKind;
using runtime::Status;

namespace {

struct Entry {
  std::string name, like, program, traced;
};

struct Options {
  bool cuda = false;
  std::vector<int64_t> positions{108, 1004, 8100};
  unsigned steps = 20;
  double bound = 1e-2;
  std::vector<Entry> entries;
};

/// What is known of a program at one position.
struct Measured {
  double milliseconds = 0; ///< median
  double waits = -1;       ///< microseconds of a worker, mean; -1: unknown
  double error = 0;        ///< relative L2, against the entry's reference
};

struct Row {
  uint64_t handOffs = 0;
  std::vector<Measured> at; ///< by position
};

/// Waits of tiles for other workers in one step: for counters, and for a buffer
/// of packets each.
uint64_t countHandOffs(const core::Schedule &s) {
  const core::Tiles tiles = core::expand(s);
  uint64_t count = tiles.waits.size();
  for (const core::Tile &tile : tiles.tiles) {
    std::set<uint32_t> read, written;
    for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
      const core::Access &a = tiles.accesses[i];
      if (s.buffers[a.buffer].packetElements)
        (a.write ? written : read).insert(a.buffer);
    }
    for (uint32_t b : written)
      read.erase(b);
    count += read.size();
  }
  return count;
}

using Logits = std::vector<std::vector<float>>; ///< by position
/// Of what has run, by name.
using References = std::map<std::string, Logits>;

Status measure(const Options &options, const Entry &entry,
               runtime::WeightSource &weights, References &references,
               Row &row) {
  Session session(options.cuda, options.steps, weights);
  if (Status s = session.load(entry.program, options.positions,
                              /*trace=*/!options.cuda);
      !s.ok())
    return s;
  row.handOffs = countHandOffs(session.program.schedule);
  row.at.resize(options.positions.size());
  const Logits *reference = nullptr;
  if (entry.like != entry.name) {
    const auto it = references.find(entry.like);
    if (it == references.end())
      return {ErrorKind::Usage, "expected '" + entry.like +
                                    "' to have run before, to compare with"};
    reference = &it->second;
  }
  Logits &own = references[entry.name];
  // All logits first: what the steps below leave in the cache differs.
  for (size_t i = 0; i < options.positions.size(); ++i) {
    std::vector<float> found;
    if (Status s = session.logits(options.positions[i], found); !s.ok())
      return s;
    if (reference && found.size() != (*reference)[i].size())
      return {ErrorKind::Input, entry.program + ": another vocabulary"};
    if (reference)
      row.at[i].error = relativeError((*reference)[i], found);
    own.push_back(std::move(found));
  }
  for (size_t i = 0; i < options.positions.size(); ++i) {
    if (Status s = session.time(options.positions[i], row.at[i].milliseconds);
        !s.ok())
      return s;
    if (Status s = session.waits(row.at[i].waits); !s.ok())
      return s;
  }
  if (!options.cuda || entry.traced.empty())
    return {};
  if (Status s = session.load(entry.traced, options.positions, /*trace=*/true);
      !s.ok())
    return s;
  for (size_t i = 0; i < options.positions.size(); ++i) {
    double ms = 0;
    if (Status s = session.time(options.positions[i], ms); !s.ok())
      return s;
    if (Status s = session.waits(row.at[i].waits); !s.ok())
      return s;
  }
  return {};
}

/// Whether the logits are within the bound. NaN is not.
bool print(const Options &options, const Entry &entry, const Row &row) {
  double error = 0;
  std::printf("| %s | %" PRIu64 " |", entry.name.c_str(), row.handOffs);
  for (const Measured &m : row.at) {
    std::printf(" %.3f |", m.milliseconds);
    if (m.waits < 0)
      std::printf(" - |");
    else
      std::printf(" %.0f |", m.waits);
    error = m.error <= error ? error : m.error;
  }
  if (entry.like == entry.name)
    std::printf(" - |\n");
  else
    std::printf(" %.2g |\n", error);
  std::fflush(stdout);
  return error <= options.bound;
}

int usage(const std::string &what) {
  std::fprintf(stderr,
               "amk-ablation: %s\nusage: amk-ablation [--device cpu|cuda] "
               "[--positions P,...] [--steps N] [--bound B] "
               "NAME[~OTHER]=PROGRAM[,TRACED]...\n",
               what.c_str());
  return 2;
}

/// Returns what is wrong.
std::string parse(int argc, char **argv, Options &o) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.compare(0, 2, "--") != 0) {
      const size_t equals = name.find('='), comma = name.find(',', equals);
      if (equals == name.npos || equals == 0)
        return "expected NAME[~OTHER]=PROGRAM[,TRACED], found '" + name + "'";
      const size_t tilde = std::min(name.find('~'), equals);
      const std::string own = name.substr(0, tilde);
      std::string like = o.entries.empty() ? own : o.entries[0].name;
      if (tilde != equals)
        like = name.substr(tilde + 1, equals - tilde - 1);
      o.entries.push_back({own, like,
                           name.substr(equals + 1, comma - equals - 1),
                           comma == name.npos ? "" : name.substr(comma + 1)});
      continue;
    }
    if (++i == argc)
      return name + ": expected a value";
    const std::string value = argv[i];
    char *end = nullptr;
    if (name == "--device" && (value == "cpu" || value == "cuda")) {
      o.cuda = value == "cuda";
    } else if (name == "--steps") {
      o.steps = unsigned(std::strtoul(value.c_str(), &end, 10));
    } else if (name == "--bound") {
      o.bound = std::strtod(value.c_str(), &end);
    } else if (name == "--positions") {
      o.positions.clear();
      const char *at = value.c_str();
      do
        o.positions.push_back(std::strtoll(at, &end, 10));
      while (*end == ',' && (at = end + 1));
    } else {
      return "bad option: " + name;
    }
    if ((end && *end) || o.steps == 0)
      return std::string(name).append(": expected a number, found ") + value;
  }
  if (o.entries.empty())
    return "expected programs";
  if (!o.cuda)
    for (Entry &entry : o.entries)
      entry.like = o.entries[0].name;
  return "";
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (const std::string wrong = parse(argc, argv, options); !wrong.empty())
    return usage(wrong);
  std::printf("| pipeline | hand-offs |");
  for (int64_t p : options.positions)
    std::printf(" ms at %" PRId64 " | waiting, us |", p);
  std::printf(" error |\n|---|---|");
  for (size_t i = 0; i < options.positions.size(); ++i)
    std::printf("---|---|");
  std::printf("---|\n");
  const auto weights = runtime::randomWeights(1);
  References references;
  int result = 0;
  for (const Entry &entry : options.entries) {
    Row row;
    const Status status = measure(options, entry, *weights, references, row);
    if (!status.ok()) {
      std::fprintf(stderr, "amk-ablation: %s: %s\n", entry.name.c_str(),
                   status.message().c_str());
      references.erase(entry.name); // nothing to compare with
      result = 2;
      continue;
    }
    if (!print(options, entry, row)) {
      std::fprintf(stderr,
                   "amk-ablation: %s: expected an error of at most %g\n",
                   entry.name.c_str(), options.bound);
      result = std::max(result, 1);
    }
  }
  return result;
}
