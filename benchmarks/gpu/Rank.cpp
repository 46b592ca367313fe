//===- Rank.cpp - Whether the cost model ranks as the device does ---------===//
//
// Runs the programs of a list, and compares the times of their steps with those
// that the cost model has predicted.
//
//   amk-rank [--device cpu|cuda] [--steps N] [--bound B] LIST
//
// A line of LIST, which rank-prepare.sh writes, is
//
//   SHAPE|NAME|LIKE|WORKERS|POSITION,...|MICROSECONDS,...|PROGRAM
//
// Programs lie beside LIST. The logits at the first position are compared with
// those of the program that LIKE names, of the same shape and before it. Where
// LIKE is the name itself, they are what others are compared with: these are
// the defaults, whose predictions must be within 15 %; the others are ranked.
//
// Prints markdown tables. Exits with 1 if a shape is ranked with a coefficient
// of Spearman below 0.8, a default's time is missed, or logits differ by more
// than the bound; with 2 if a program cannot be run.
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>

using namespace amk;
using namespace amk::benchmarks;
using runtime::Status;

namespace {

constexpr double kLeastSpearman = 0.8;
constexpr double kMostDefaultError = 0.15;
/// Fewer are no ranking.
constexpr size_t kLeastRanked = 10;

struct Entry {
  std::string shape, name, like, program;
  uint32_t workers = 0;
  std::vector<int64_t> positions;
  std::vector<double> predicted; ///< microseconds, by position
  std::vector<double> measured;  ///< likewise
  double error = 0;              ///< of the logits
  bool isDefault() const { return like == name; }
};

struct Options {
  bool cuda = false;
  unsigned steps = 20;
  double bound = 3e-2; ///< of logits: docs/cost-model.md
  std::string list;
};

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  size_t at = 0, end;
  while ((end = text.find(separator, at)) != text.npos) {
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  parts.push_back(text.substr(at));
  return parts;
}

std::string atLine(std::string path, size_t number) {
  path += ":";
  path += std::to_string(number);
  return path += ": ";
}

/// Returns what is wrong.
std::string readList(const std::string &path, std::vector<Entry> &entries) {
  std::ifstream in(path);
  if (!in)
    return path + ": cannot be read";
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == path.npos ? "" : path.substr(0, slash + 1);
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    const std::vector<std::string> f = split(line, '|');
    const std::string where = atLine(path, number);
    if (f.size() != 7)
      return where + "expected 7 fields, found " + std::to_string(f.size());
    Entry e;
    e.shape = f[0];
    e.name = f[1];
    e.like = f[2];
    e.workers = uint32_t(std::strtoul(f[3].c_str(), nullptr, 10));
    for (const std::string &p : split(f[4], ','))
      e.positions.push_back(std::strtoll(p.c_str(), nullptr, 10));
    for (const std::string &t : split(f[5], ',')) {
      e.predicted.push_back(std::strtod(t.c_str(), nullptr));
      if (!(e.predicted.back() > 0))
        return where + "expected times above 0";
    }
    if (e.positions.size() != e.predicted.size())
      return where + "expected as many times as positions";
    e.program = folder + f[6];
    entries.push_back(std::move(e));
  }
  return entries.empty() ? path + ": expected programs" : "";
}

/// By the position, the last one first: what the cache has of one is behind the
/// next one then.
using Logits = std::map<int64_t, std::vector<float>, std::greater<>>;
/// By shape and name.
using References = std::map<std::pair<std::string, std::string>, Logits>;

/// The logits of a token that attends to tokens at both ends of the cache.
Status logitsAt(Session &session, int64_t position, std::vector<float> &out) {
  constexpr int64_t kTokens = 16;
  const int64_t first = std::min(kTokens, position);
  if (Status s = session.fill(0, first); !s.ok())
    return s;
  if (Status s = session.fill(std::max(first, position - kTokens), position);
      !s.ok())
    return s;
  return session.logits(position, out);
}

/// Compares the logits, or keeps what others of the shape are compared with.
Status measureLogits(Session &session, const std::vector<Entry> &entries,
                     Entry &entry, References &references) {
  if (!entry.isDefault()) {
    const Logits &all = references[{entry.shape, entry.like}];
    const auto it = all.find(entry.positions[0]);
    if (it == all.end())
      return {runtime::ErrorKind::Input,
              "expected '" + entry.like + "' to have run before"};
    std::vector<float> found;
    if (Status s = logitsAt(session, entry.positions[0], found); !s.ok())
      return s;
    if (found.size() != it->second.size())
      return {runtime::ErrorKind::Input, "another vocabulary"};
    entry.error = relativeError(it->second, found);
    return {};
  }
  Logits &own = references[{entry.shape, entry.name}];
  for (const Entry &other : entries)
    if (other.shape == entry.shape && other.like == entry.name)
      own[other.positions[0]];
  for (auto &[position, logits] : own)
    if (Status s = logitsAt(session, position, logits); !s.ok())
      return s;
  return {};
}

Status measure(const Options &options, const std::vector<Entry> &entries,
               Entry &entry, runtime::WeightSource &weights,
               References &references) {
  Session session(options.cuda, options.steps, weights);
  if (Status s = session.load(entry.program, entry.positions, /*trace=*/false);
      !s.ok())
    return s;
  if (Status s = measureLogits(session, entries, entry, references); !s.ok())
    return s;
  for (int64_t position : entry.positions) {
    double ms = 0;
    if (Status s = session.time(position, ms); !s.ok())
      return s;
    entry.measured.push_back(ms * 1000);
  }
  return {};
}

/// The place of every value in order, from 1; of equal ones the mean.
std::vector<double> ranksOf(const std::vector<double> &values) {
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    size_t less = 0, equal = 0;
    for (double v : values) {
      less += v < values[i];
      equal += v == values[i];
    }
    ranks[i] = double(less) + double(equal + 1) / 2;
  }
  return ranks;
}

/// The correlation of the ranks.
double spearman(const std::vector<double> &a, const std::vector<double> &b) {
  const std::vector<double> x = ranksOf(a), y = ranksOf(b);
  const double mean = double(a.size() + 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

/// The ranked entries of a selection, and how well they are.
class Ranking {
public:
  template <typename Select>
  Ranking(const std::vector<Entry> &all, Select select) {
    for (const Entry &e : all)
      if (!e.isDefault() && !e.measured.empty() && select(e)) {
        predicted.push_back(e.predicted[0]);
        measured.push_back(e.measured[0]);
      }
  }
  /// Returns whether it is good enough, if it is a ranking.
  bool print(const std::string &what) const {
    if (predicted.size() < kLeastRanked) {
      std::printf("%s: %zu configurations, too few to rank\n", what.c_str(),
                  predicted.size());
      return true;
    }
    std::vector<double> errors;
    errors.reserve(predicted.size());
    for (size_t i = 0; i < predicted.size(); ++i)
      errors.push_back(std::fabs(predicted[i] / measured[i] - 1) * 100);
    std::sort(errors.begin(), errors.end());
    const double rho = spearman(predicted, measured);
    std::printf("%s: %zu configurations, Spearman %.3f; error of the predicted "
                "times: median %.1f %%, most %.1f %%\n",
                what.c_str(), predicted.size(), rho, errors[errors.size() / 2],
                errors.back());
    return rho >= kLeastSpearman;
  }

private:
  std::vector<double> predicted, measured;
};

void printRow(const Entry &e, size_t i, const std::string &ranks) {
  std::printf("| %s | %" PRId64 " | %.1f | %.1f | %+.1f %% | %s |",
              e.name.c_str(), e.positions[i], e.predicted[i], e.measured[i],
              (e.predicted[i] / e.measured[i] - 1) * 100, ranks.c_str());
  if (e.isDefault())
    std::printf(" - |\n");
  else
    std::printf(" %.2g |\n", e.error);
}

void printShape(const std::vector<Entry> &entries, const std::string &shape) {
  std::printf("\n%s:\n\n| configuration | position | predicted, us | measured, "
              "us | | ranks | logits |\n|---|---|---|---|---|---|---|\n",
              shape.c_str());
  std::vector<const Entry *> ranked;
  std::vector<double> predicted, measured;
  for (const Entry &e : entries) {
    if (e.shape != shape || e.measured.empty())
      continue;
    if (e.isDefault()) {
      for (size_t i = 0; i < e.measured.size(); ++i)
        printRow(e, i, "-");
      continue;
    }
    ranked.push_back(&e);
    predicted.push_back(e.predicted[0]);
    measured.push_back(e.measured[0]);
  }
  const std::vector<double> p = ranksOf(predicted), m = ranksOf(measured);
  std::vector<size_t> order(ranked.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return m[a] < m[b]; });
  for (size_t i : order) {
    char ranks[48];
    std::snprintf(ranks, sizeof ranks, "%.3g / %.3g", p[i], m[i]);
    printRow(*ranked[i], 0, ranks);
  }
}

/// Prints everything. Returns whether it is as it must be.
bool report(const Options &options, const std::vector<Entry> &entries) {
  std::vector<std::string> shapes;
  for (const Entry &e : entries)
    if (std::find(shapes.begin(), shapes.end(), e.shape) == shapes.end())
      shapes.push_back(e.shape);
  for (const std::string &shape : shapes)
    printShape(entries, shape);
  std::printf("\n");
  bool good = true;
  for (const std::string &shape : shapes) {
    uint32_t most = 0;
    for (const Entry &e : entries)
      most = std::max(most, e.shape == shape ? e.workers : 0);
    good &= Ranking(entries, [&](const Entry &e) {
              return e.shape == shape;
            }).print(shape);
    // That more workers are faster is easily said.
    Ranking(entries, [&](const Entry &e) {
      return e.shape == shape && e.workers == most;
    }).print(shape + ", " + std::to_string(most) + " workers");
  }
  if (shapes.size() > 1)
    Ranking(entries, [](const Entry &) { return true; }).print("all shapes");
  for (const Entry &e : entries) {
    if (e.isDefault())
      for (size_t i = 0; i < e.measured.size(); ++i)
        if (!(std::fabs(e.predicted[i] / e.measured[i] - 1) <=
              kMostDefaultError)) {
          std::printf("%s, %s: expected a time within 15 %% of %.1f us, found "
                      "%.1f\n",
                      e.shape.c_str(), e.name.c_str(), e.predicted[i],
                      e.measured[i]);
          good = false;
        }
    if (!(e.error <= options.bound)) {
      std::printf("%s, %s: expected logits within %g, found %g\n",
                  e.shape.c_str(), e.name.c_str(), options.bound, e.error);
      good = false;
    }
  }
  return good;
}

/// Returns what is wrong.
std::string parse(int argc, char **argv, Options &o) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.compare(0, 2, "--") != 0) {
      if (!o.list.empty())
        return "expected one list, found '" + name + "' too";
      o.list = name;
      continue;
    }
    if (++i == argc)
      return name + ": expected a value";
    const std::string value = argv[i];
    char *end = nullptr;
    if (name == "--device" && (value == "cpu" || value == "cuda"))
      o.cuda = value == "cuda";
    else if (name == "--steps")
      o.steps = unsigned(std::strtoul(value.c_str(), &end, 10));
    else if (name == "--bound")
      o.bound = std::strtod(value.c_str(), &end);
    else
      return "bad option: " + name;
    if ((end && *end) || o.steps == 0)
      return std::string(name).append(": expected a number, found ") + value;
  }
  return o.list.empty() ? "expected a list of programs" : "";
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  std::vector<Entry> entries;
  std::string wrong = parse(argc, argv, options);
  if (wrong.empty())
    wrong = readList(options.list, entries);
  if (!wrong.empty()) {
    std::fprintf(stderr,
                 "amk-rank: %s\nusage: amk-rank [--device cpu|cuda] "
                 "[--steps N] [--bound B] LIST\n",
                 wrong.c_str());
    return 2;
  }
  std::unique_ptr<runtime::WeightSource> weights;
  std::string shape; // that the weights are of
  References references;
  int result = 0;
  for (Entry &entry : entries) {
    if (!weights || entry.shape != shape)
      weights = runtime::randomWeights(1);
    shape = entry.shape;
    const Status status =
        measure(options, entries, entry, *weights, references);
    if (!status.ok()) {
      std::fprintf(stderr, "amk-rank: %s, %s: %s\n", entry.shape.c_str(),
                   entry.name.c_str(), status.message().c_str());
      entry.measured.clear();
      result = 2;
      continue;
    }
    std::fprintf(stderr, "%s, %s: %.1f us\n", entry.shape.c_str(),
                 entry.name.c_str(), entry.measured[0]);
  }
  if (!report(options, entries))
    result = std::max(result, 1);
  return result;
}
