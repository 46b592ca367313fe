//===- PrintProgram.cpp - Disassembles a program --------------------------===//
//
// One line per thing, in the order of the file, stable: tests read it.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/ProgramFile.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ostream>

namespace amk::core {

namespace {

/// The shortest decimal that reads back as the same number.
std::string realText(double value) {
  char text[40];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value)
      break;
  }
  return text;
}

/// Entries as "3 times 4", "0 to 131", "0 to 96 by 32" or one by one.
std::string tableText(const std::vector<uint32_t> &t) {
  std::string out;
  for (size_t i = 0; i < t.size();) {
    size_t n = 1;
    const int64_t step =
        i + 1 < t.size() ? int64_t(t[i + 1]) - int64_t(t[i]) : 0;
    while (i + n < t.size() &&
           int64_t(t[i + n]) - int64_t(t[i + n - 1]) == step)
      ++n;
    if (!out.empty())
      out += ", ";
    out += std::to_string(t[i]);
    if (n >= 3 && step == 0)
      out += " times " + std::to_string(n);
    else if (n >= 3 && step > 0)
      out += " to " + std::to_string(t[i + n - 1]) +
             (step == 1 ? "" : " by " + std::to_string(step));
    else
      n = 1;
    i += n;
  }
  return "[" + out + "]";
}

class Printer {
public:
  Printer(const Program &p, std::ostream &os) : p(p), s(p.schedule), os(os) {}

  void print(bool withPtx) {
    os << "program version " << kProgramVersion << " id " << scheduleId(p)
       << "\n";
    printHead();
    for (size_t i = 0; i < s.tables.size(); ++i)
      os << "table " << i << " of " << s.tables[i].size() << " = "
         << tableText(s.tables[i]) << "\n";
    for (size_t i = 0; i < s.views.size(); ++i)
      printView(i);
    for (size_t i = 0; i < s.ropeTables.size(); ++i)
      printRope(i);
    for (const Buffer &b : s.buffers)
      printBuffer(b);
    for (const CounterArray &c : s.counters)
      os << "counter " << quoted(c.name) << " x " << c.count << "\n";
    for (const Task &t : s.tasks)
      printTask(t);
    if (p.hasKernel)
      printKernel(withPtx);
  }

private:
  static std::string quoted(const std::string &text) {
    std::string out = "\"";
    for (char c : text) {
      if (c == '"' || c == '\\')
        out += '\\';
      out += c;
    }
    return out + "\"";
  }
  /// Printing must not trust indices: it shows what is there.
  std::string bufferName(uint32_t b) const {
    return b < s.buffers.size() ? quoted(s.buffers[b].name)
                                : "#" + std::to_string(b);
  }

  void printHead() {
    os << "schedule " << quoted(s.name)
       << (s.concurrent ? " concurrent" : " sequential") << " positions "
       << s.positions << "\n";
    os << "numerics k_block " << s.numerics.kBlock << " kv_block "
       << s.numerics.kvBlock << " kv_chunk " << s.numerics.kvChunk
       << " kv_splits " << s.numerics.kvSplits << "\n";
    if (s.target) {
      os << "target " << quoted(s.target->chip) << " workers "
         << s.target->workers << " shared " << s.target->sharedBytes;
      if (s.target->cluster != 1)
        os << " cluster " << s.target->cluster;
      os << "\n";
    }
    if (s.ring)
      os << "ring slots " << s.ring->slots << " bytes " << s.ring->bytes
         << " window " << s.ring->window << " ahead " << s.ring->ahead
         << " teams " << s.ring->teams << "\n";
    if (!s.endTokens.empty()) {
      os << "end tokens";
      for (int64_t t : s.endTokens)
        os << " " << t;
      os << "\n";
    }
  }

  void printView(size_t i) {
    const WeightView &view = s.views[i];
    os << "view " << i << (view.interleave ? " interleave" : " concat");
    for (const WeightPart &part : view.parts) {
      os << " " << quoted(part.tensor) << " rows " << part.rows;
      if (part.ropeHeadDim)
        os << " rope " << part.ropeHeadDim;
    }
    os << "\n";
  }

  void printRope(size_t i) {
    const RopeTable &r = s.ropeTables[i];
    os << "rope table " << i << " theta " << realText(r.theta) << " head_dim "
       << r.headDim << " factor " << realText(r.factor) << " low "
       << realText(r.lowFreqFactor) << " high " << realText(r.highFreqFactor)
       << " original " << r.originalPositions << "\n";
  }

  void printBuffer(const Buffer &b) {
    os << "buffer " << quoted(b.name) << " " << toString(b.kind) << " ";
    for (int64_t d : b.shape)
      os << d << "x";
    os << toString(b.type);
    if (b.space != Space::Own)
      os << " page " << toString(b.space) << " + " << b.pageOffset;
    if (b.packetRoom)
      os << " room " << b.packetRoom;
    if (b.packetElements) {
      os << " packets of " << b.packetElements;
      if (b.packetTiles != kNone)
        os << " groups table " << b.packetTiles;
      os << " generation " << b.packetGeneration;
    }
    if (b.view != kNone)
      os << " view " << b.view;
    if (b.rope != kNone)
      os << " rope table " << b.rope;
    os << "\n";
  }

  void printTask(const Task &t) {
    os << "task " << quoted(t.name);
    const auto table = [&](const char *what, uint32_t index) {
      if (index != kNone)
        os << " " << what << " table " << index;
    };
    table("bounds", t.bounds);
    table("workers", t.workers);
    table("slots", t.slots);
    if (t.stream.rows)
      os << " stream " << t.stream.rows << " x " << t.stream.columns << " held "
         << t.stream.held << (t.stream.bySlice ? " by slices" : "");
    os << (t.clusterGather ? " cluster_gather\n" : "\n");
    for (const Wait &w : t.waits) {
      printFan("  wait ", w.counters, w.fan);
      if (w.threshold == kNone)
        os << " >= 1\n";
      else
        os << " >= table " << w.threshold << "\n";
    }
    for (const Operator &op : t.ops)
      printOperator(op);
    for (const Signal &signal : t.signals) {
      printFan("  signal ", signal.counters, signal.fan);
      os << "\n";
    }
  }

  void printFan(const char *what, uint32_t array, const Fan &fan) {
    os << what
       << (array < s.counters.size() ? quoted(s.counters[array].name)
                                     : "#" + std::to_string(array));
    if (fan.first != kNone)
      os << " from table " << fan.first;
    if (fan.last != kNone)
      os << " to table " << fan.last;
  }

  void printOperator(const Operator &op) {
    os << "  " << op.name;
    const OperatorModel *model = lookupOperator(op.name);
    const size_t inputs = model ? model->inputs() : op.operands.size();
    for (size_t i = 0; i < op.operands.size(); ++i)
      os << (i == 0        ? (inputs ? " " : " -> ")
             : i == inputs ? " -> "
                           : ", ")
         << bufferName(op.operands[i]);
    if (!op.attributes.empty()) {
      os << " {";
      for (size_t i = 0; i < op.attributes.size(); ++i) {
        const OpAttribute &a = op.attributes[i];
        os << (i ? ", " : "") << a.name << " = "
           << (a.isFloat ? realText(a.real) : std::to_string(a.integer));
      }
      os << "}";
    }
    os << (op.prologue ? " prologue\n" : "\n");
  }

  void printKernel(bool withPtx) {
    const Kernel &k = p.kernel;
    os << "kernel " << quoted(k.entry) << " chip " << quoted(k.chip)
       << " workers " << k.workers << " threads " << k.threads << " shared "
       << k.sharedBytes << " arena " << k.arenaBytes << "\n";
    os << "zero " << k.zeroBytes << " bytes at " << k.zeroOffset << "\n";
    os << "report at " << k.reportOffset << "\n";
    if (k.traceRows)
      os << "trace of " << k.traceRows << " rows at " << k.traceOffset << "\n";
    for (const Placement &place : k.placements) {
      os << "place " << bufferName(place.buffer) << " at " << place.offset
         << " bytes " << place.bytes;
      if (place.packRows)
        os << " packed " << place.packRows << " x " << place.packColumns;
      os << "\n";
    }
    for (const Blob &blob : k.blobs)
      printBlob(blob);
    os << "ptx " << k.ptx.size() << " bytes\n";
    if (withPtx)
      os << k.ptx << (k.ptx.empty() || k.ptx.back() == '\n' ? "" : "\n");
  }

  /// Words in rows of eight, each with the index of its first word.
  void printBlob(const Blob &blob) {
    os << "blob " << quoted(blob.name) << " at " << blob.offset << " bytes "
       << blob.data.size() << "\n";
    constexpr size_t kRow = 32;
    for (size_t at = 0; at < blob.data.size();) {
      const size_t end = std::min(at + kRow, blob.data.size());
      size_t zeros = at;
      while (zeros < blob.data.size() && blob.data[zeros] == 0)
        ++zeros;
      const size_t rows = (zeros - at) / kRow;
      if (rows > 1) {
        os << "  " << at / 4 << ": zeros to " << (at + rows * kRow) / 4 << "\n";
        at += rows * kRow;
        continue;
      }
      os << "  " << at / 4 << ":";
      for (; at < end; at += 4) {
        uint32_t word = 0;
        for (size_t i = 0; i < 4 && at + i < end; ++i)
          word |= uint32_t(uint8_t(blob.data[at + i])) << (8 * i);
        char text[16];
        std::snprintf(text, sizeof(text), " %08x", word);
        os << text;
      }
      os << "\n";
      at = end;
    }
  }

  const Program &p;
  const Schedule &s;
  std::ostream &os;
};

} // namespace

void printProgram(const Program &program, std::ostream &os, bool withPtx) {
  Printer(program, os).print(withPtx);
}

} // namespace amk::core
