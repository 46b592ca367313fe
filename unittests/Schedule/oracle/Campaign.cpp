//===- Campaign.cpp - Verifier and oracle side by side --------------------===//

#include "Campaign.h"

#include "AMK/Schedule/Verify.h"
#include "Generator.h"
#include "Probe.h"

#include <algorithm>
#include <sstream>

namespace amk::core::oracle {

static bool hasSmallInboxes(const Schedule &s) {
  return std::any_of(s.buffers.begin(), s.buffers.end(), [&](const Buffer &b) {
    return b.space == Space::Cluster && b.packetRoom <= packetsOf(s, b).back();
  });
}

std::string disagreement(const Schedule &s, Counts *counts) {
  const std::vector<Diagnostic> found = verify(s, 1);
  const Verdict v = judge(s);
  if (counts) {
    ++counts->schedules;
    counts->safe += v.safe();
    counts->concurrencyOnly += v.concurrencyOnly();
    counts->byPacketsOnly += v.byPacketsOnly;
    counts->states += v.states;
    counts->gangs += hasGangs(s);
    counts->gangsSafe += hasGangs(s) && v.safe();
    counts->stuckByMeeting += v.stuckByMeeting;
    counts->safeByMeeting += v.safeByMeeting;
    if (!found.empty())
      ++counts->firstRule[found[0].rule[1] - '0'];
    if (hasInboxes(s)) {
      ++counts->inboxes;
      counts->inboxesSafe += v.safe();
      counts->inboxesSmall += v.safe() && hasSmallInboxes(s);
      if (!found.empty())
        ++counts->inboxRule[found[0].rule[1] - '0'];
    }
  }
  std::string text;
  if (v.safe() && !v.valuesHold)
    return "oracle: safe, but an interleaving changes what is read\n";
  if (!v.consistent)
    return "oracle: two accounts of what a tile sees\n";
  if (!found.empty() && !v.violates(unsigned(found[0].rule[1] - '0')))
    text = v.safe() ? "false reject\n" : "another rule\n";
  else if (found.empty() && !v.safe())
    text = "false accept\n";
  if (text.empty())
    return text;
  text += found.empty() ? std::string("verifier: accepted\n")
                        : "verifier: " + toString(s, found[0]) + "\n";
  for (const std::string &reason : v.reasons)
    text += "oracle: " + reason + "\n";
  return text + (v.safe() ? "oracle: safe\n" : "");
}

namespace {

/// Drops what the disagreement does not need.
Schedule minimize(Schedule s, const std::string &kind) {
  const auto still = [&](const Schedule &smaller) {
    return disagreement(smaller).compare(0, kind.size(), kind) == 0;
  };
  const auto drop = [&](auto list) {
    for (size_t i = list(s).size(); i-- > 0;) {
      Schedule smaller = s;
      list(smaller).erase(list(smaller).begin() + long(i));
      if (still(smaller))
        s = std::move(smaller);
    }
  };
  drop([](Schedule &x) -> auto & { return x.tasks; });
  for (size_t t = 0; t < s.tasks.size(); ++t) {
    drop([t](Schedule &x) -> auto & { return x.tasks[t].waits; });
    drop([t](Schedule &x) -> auto & { return x.tasks[t].signals; });
    Schedule apart = s;
    apart.tasks[t].clusterGather = false;
    if (still(apart))
      s = std::move(apart);
    for (size_t o = 0; o < s.tasks[t].ops.size(); ++o)
      drop([t, o](Schedule &x) -> auto & {
        return x.tasks[t].ops[o].attributes;
      });
  }
  return s;
}

void printTable(std::ostream &out, const Schedule &s, const char *name,
                uint32_t table) {
  if (table == kNone)
    return;
  out << " " << name << " [";
  for (uint32_t e : s.tables[table])
    out << " " << e;
  out << " ]";
}

void printOperator(std::ostream &out, const Schedule &s, const Operator &op) {
  out << "    " << op.name << (op.prologue ? " prologue" : "");
  for (uint32_t b : op.operands)
    out << " " << (b < s.buffers.size() ? s.buffers[b].name : "?");
  out << "\n";
  for (const OpAttribute &a : op.attributes) {
    if (!isTouch(a)) {
      out << "      " << a.name << " " << a.integer << "\n";
      continue;
    }
    const char *positions[] = {"", " past", " now", " upto"};
    const Touch t = decode(a);
    out << "      " << (t.write ? "writes" : "reads") << " operand "
        << t.operand << positions[size_t(t.position)] << ": " << t.region.count
        << " runs of " << t.region.bytes << " bytes from " << t.region.offset
        << " by " << t.region.stride << ", a unit every " << t.step
        << (t.wholeOnly ? ", uncut only" : "") << "\n";
  }
}

} // namespace

std::string print(const Schedule &s) {
  std::ostringstream out;
  out << (s.concurrent ? "concurrent" : "sequential");
  if (s.target)
    out << ", " << s.target->workers << " workers, " << s.target->sharedBytes
        << " bytes of shared memory, clusters of " << s.target->cluster;
  out << "\n";
  for (const Buffer &b : s.buffers) {
    out << "  " << b.name << ": " << toString(b.kind) << " " << toString(b.type)
        << ", " << b.regionBytes() << " bytes, " << toString(b.space) << " at "
        << b.pageOffset;
    if (b.packetElements)
      out << ", packets of " << b.packetElements << ", generation "
          << b.packetGeneration;
    if (b.packetRoom)
      out << ", room for " << b.packetRoom;
    printTable(out, s, "groups", b.packetTiles);
    out << "\n";
  }
  for (const CounterArray &c : s.counters)
    out << "  counter " << c.name << "[" << c.count << "]\n";
  for (const Task &t : s.tasks) {
    out << "  " << t.name;
    printTable(out, s, "bounds", t.bounds);
    printTable(out, s, "workers", t.workers);
    printTable(out, s, "slots", t.slots);
    out << (t.clusterGather ? " cluster_gather\n" : "\n");
    for (const Operator &op : t.ops)
      printOperator(out, s, op);
    for (const Wait &w : t.waits) {
      out << "    waits c" << w.counters;
      printTable(out, s, "first", w.fan.first);
      printTable(out, s, "last", w.fan.last);
      printTable(out, s, "to reach", w.threshold);
      out << "\n";
    }
    for (const Signal &signal : t.signals) {
      out << "    signals c" << signal.counters;
      printTable(out, s, "first", signal.fan.first);
      printTable(out, s, "last", signal.fan.last);
      out << "\n";
    }
  }
  return out.str();
}

Counts campaign(uint64_t seed, uint64_t count) {
  registerProbes();
  Counts counts;
  Source source;
  for (uint64_t i = 0; i < count; ++i) {
    const Schedule s = source.schedule(seed + i);
    const std::string why = disagreement(s, &counts);
    if (why.empty())
      continue;
    const Schedule least = minimize(s, why.substr(0, why.find('\n')));
    counts.disagreement =
        "seed " + std::to_string(seed + i) + ": " + why + print(s) +
        "\nthe same, made small: " + disagreement(least) + print(least);
    break;
  }
  return counts;
}

} // namespace amk::core::oracle
