//===- ProgramFile.cpp - Writing and reading the program file -------------===//
//
// "AMKP", u32 version, 16 bytes of SHA-256 over everything else, then the
// sections: four letters, u64 length, payload. Which sections there are and
// what is in them is said once, in `describe`, for writing and for reading.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/ProgramFile.h"

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/TraceLayout.h"
#include "AMK/Schedule/WeightPacking.h"
#include "Sha256.h"
#include "Utf8.h"

#include <cstring>

namespace amk::core {

namespace {

constexpr std::string_view kMagic = "AMKP";
constexpr size_t kHashOffset = 8, kHashBytes = 16;
constexpr size_t kHeaderBytes = kHashOffset + kHashBytes;
/// More bytes than any device has; keeps sums of a few sizes in range.
constexpr uint64_t kMaxBytes = uint64_t(1) << 46;

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

class Writer {
public:
  static constexpr bool reading = false;
  std::string out;

  template <typename T>
  void integer(std::string_view, const T &value) {
    for (size_t i = 0; i < sizeof(T); ++i)
      out.push_back(char(uint64_t(value) >> (8 * i)));
  }
  void real(std::string_view what, const double &value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    integer(what, bits);
  }
  void flag(std::string_view, const bool &value) { out.push_back(value); }
  template <typename T>
  void choice(std::string_view, const T &value, uint8_t) {
    out.push_back(char(value));
  }
  void index(std::string_view what, const uint32_t &value, size_t, bool) {
    integer(what, value);
  }
  void text(std::string_view what, const std::string &value, bool = false) {
    bytes(what, value);
  }
  void bytes(std::string_view what, const std::string &value) {
    integer(what, uint64_t(value.size()));
    out += value;
  }
  template <typename T, typename Fn>
  void list(std::string_view what, const std::vector<T> &values, size_t,
            Fn each) {
    integer(what, uint32_t(values.size()));
    for (const T &value : values)
      each(value);
  }
  template <typename T, typename Fn>
  void optional(std::string_view what, const std::optional<T> &value, Fn each) {
    flag(what, value.has_value());
    if (value)
      each(*value);
  }
  template <typename Fn>
  void section(std::string_view tag, Fn body) {
    out += tag;
    const size_t at = out.size();
    integer("length", uint64_t(0));
    body();
    const uint64_t length = out.size() - at - 8;
    for (size_t i = 0; i < 8; ++i)
      out[at + i] = char(length >> (8 * i));
  }
};

/// Reads what a Writer wrote. After the first error every read gives zeros and
/// empty lists, so callers need not ask.
class Reader {
public:
  static constexpr bool reading = true;
  explicit Reader(std::string_view bytes) : in(bytes) {}

  std::string error;
  bool ok() const { return error.empty(); }
  void fail(const std::string &message) {
    if (!ok())
      return;
    error = "program file: ";
    for (const auto &[what, i] : path)
      error += std::string(what) + " " + std::to_string(i) + ": ";
    error += message;
  }

  template <typename T>
  void integer(std::string_view what, T &value) {
    value = 0;
    if (!need(what, sizeof(T)))
      return;
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      bits |= uint64_t(uint8_t(in[i])) << (8 * i);
    in.remove_prefix(sizeof(T));
    value = T(bits);
  }
  void real(std::string_view what, double &value) {
    uint64_t bits;
    integer(what, bits);
    std::memcpy(&value, &bits, sizeof(bits));
  }
  void flag(std::string_view what, bool &value) { choice(what, value, 2); }
  template <typename T>
  void choice(std::string_view what, T &value, uint8_t count) {
    uint8_t byte;
    integer(what, byte);
    if (byte >= count) {
      fail(std::string(what) + ": expected less than " + std::to_string(count) +
           ", found " + std::to_string(byte));
      byte = 0;
    }
    value = T(byte);
  }
  /// An index below `size`, or kNone where `optional`.
  void index(std::string_view what, uint32_t &value, size_t size,
             bool optional) {
    integer(what, value);
    if (value < size || (optional && value == kNone))
      return;
    fail(std::string(what) + ": expected an index below " +
         std::to_string(size) + ", found " + std::to_string(value));
  }
  void text(std::string_view what, std::string &value, bool lines = false) {
    bytes(what, value);
    if (const size_t bad = findNoText(value, lines); bad < value.size())
      fail(std::string(what) +
           ": expected UTF-8 without control characters, found byte " +
           std::to_string(uint8_t(value[bad])) + " at " + std::to_string(bad));
  }
  void bytes(std::string_view what, std::string &value) {
    uint64_t length;
    integer(what, length);
    value.clear();
    if (!need(what, length))
      return;
    value = in.substr(0, length);
    in.remove_prefix(length);
  }
  /// `least`: bytes that every element takes in the file, which bounds what a
  /// false count can make us allocate.
  template <typename T, typename Fn>
  void list(std::string_view what, std::vector<T> &values, size_t least,
            Fn each) {
    uint32_t count;
    integer(what, count);
    values.clear();
    if (count > in.size() / least) {
      fail(std::string(what) + ": found a count of " + std::to_string(count) +
           ", but " + std::to_string(in.size()) + " bytes are left");
      return;
    }
    path.push_back({what, 0});
    for (uint32_t i = 0; i < count && ok(); ++i) {
      path.back().second = i;
      T value{};
      each(value);
      values.push_back(std::move(value));
    }
    path.pop_back();
  }
  template <typename T, typename Fn>
  void optional(std::string_view what, std::optional<T> &value, Fn each) {
    bool has;
    flag(what, has);
    value.reset();
    if (has)
      each(value.emplace());
  }
  template <typename Fn>
  void section(std::string_view tag, Fn body) {
    if (!need("section '" + std::string(tag) + "'", 12))
      return;
    if (in.substr(0, 4) != tag)
      return fail("expected section '" + std::string(tag) + "'");
    in.remove_prefix(4);
    uint64_t length;
    integer("length", length);
    if (!need("section '" + std::string(tag) + "'", length))
      return;
    const std::string_view rest = in.substr(length);
    in = in.substr(0, length);
    body();
    if (!in.empty())
      fail("section '" + std::string(tag) + "': " + std::to_string(in.size()) +
           " bytes too long");
    in = rest;
  }
  bool atEnd() const { return in.empty(); }

private:
  bool need(std::string_view what, uint64_t bytes) {
    if (ok() && bytes <= in.size())
      return true;
    fail(std::string(what) + ": expected " + std::to_string(bytes) +
         " more bytes, found " + std::to_string(in.size()));
    return false;
  }

  std::string_view in;
  /// Where in the file: "buffer" 3.
  std::vector<std::pair<std::string_view, uint32_t>> path;
};

//===----------------------------------------------------------------------===//
// What is in the file
//===----------------------------------------------------------------------===//

// `T` is const when writing.

template <typename A, typename T>
void describeHead(A &a, T &s) {
  a.text("name", s.name);
  a.integer("positions", s.positions);
  a.integer("k_block", s.numerics.kBlock);
  a.integer("kv_block", s.numerics.kvBlock);
  a.integer("kv_chunk", s.numerics.kvChunk);
  a.integer("kv_splits", s.numerics.kvSplits);
  a.flag("concurrent", s.concurrent);
  a.optional("target", s.target, [&](auto &t) {
    a.text("chip", t.chip);
    a.integer("workers", t.workers);
    a.integer("shared bytes", t.sharedBytes);
    a.integer("cluster", t.cluster);
  });
  a.optional("ring", s.ring, [&](auto &r) {
    a.integer("slots", r.slots);
    a.integer("bytes", r.bytes);
    a.integer("window", r.window);
    a.integer("ahead", r.ahead);
    a.integer("teams", r.teams);
  });
  a.list("end token", s.endTokens, 8, [&](auto &t) { a.integer("token", t); });
}

template <typename A, typename T>
void describeTables(A &a, T &s) {
  a.list("table", s.tables, 4, [&](auto &table) {
    a.list("entry", table, 4, [&](auto &e) { a.integer("entry", e); });
  });
  a.list("counter", s.counters, 12, [&](auto &c) {
    a.text("name", c.name);
    a.integer("count", c.count);
  });
  a.list("view", s.views, 5, [&](auto &view) {
    a.flag("interleave", view.interleave);
    a.list("part", view.parts, 24, [&](auto &part) {
      a.text("tensor", part.tensor);
      a.integer("rows", part.rows);
      a.integer("rope head dim", part.ropeHeadDim);
    });
  });
  a.list("rope table", s.ropeTables, 48, [&](auto &r) {
    a.real("theta", r.theta);
    a.integer("head dim", r.headDim);
    a.real("factor", r.factor);
    a.real("low frequency factor", r.lowFreqFactor);
    a.real("high frequency factor", r.highFreqFactor);
    a.integer("original positions", r.originalPositions);
  });
}

/// One line of why a buffer's size is no size, or empty.
std::string checkShape(const Buffer &b) {
  uint64_t bytes = byteWidth(b.type);
  for (int64_t d : b.shape) {
    if (d < 1)
      return "expected dimensions of at least 1, found " + std::to_string(d);
    if (uint64_t(d) > kMaxBytes / bytes)
      return "expected at most " + std::to_string(kMaxBytes) + " bytes";
    bytes *= uint64_t(d);
  }
  return {};
}

template <typename A, typename T>
void describeBuffers(A &a, T &s) {
  a.list("buffer", s.buffers, 47, [&](auto &b) {
    a.text("name", b.name);
    a.choice("kind", b.kind, uint8_t(BufferKind::Weight) + 1);
    a.choice("element type", b.type, uint8_t(ElementType::I32) + 1);
    a.list("dimension", b.shape, 8, [&](auto &d) { a.integer("size", d); });
    a.choice("space", b.space, uint8_t(Space::Cluster) + 1);
    a.integer("page offset", b.pageOffset);
    a.integer("packet elements", b.packetElements);
    a.index("packet tiles", b.packetTiles, s.tables.size(), true);
    a.integer("packet generation", b.packetGeneration);
    a.integer("packet room", b.packetRoom);
    a.index("view", b.view, s.views.size(), true);
    a.index("rope table", b.rope, s.ropeTables.size(), true);
    if constexpr (A::reading)
      if (const std::string message = checkShape(b); !message.empty())
        a.fail(message);
  });
}

template <typename A, typename T>
void describeOperator(A &a, const Schedule &s, T &op) {
  a.text("name", op.name);
  a.flag("prologue", op.prologue);
  a.list("operand", op.operands, 4,
         [&](auto &o) { a.index("buffer", o, s.buffers.size(), false); });
  a.list("attribute", op.attributes, 17, [&](auto &attribute) {
    a.text("name", attribute.name);
    a.flag("kind", attribute.isFloat);
    if (attribute.isFloat)
      a.real("value", attribute.real);
    else
      a.integer("value", attribute.integer);
  });
  if constexpr (A::reading) {
    if (!a.ok())
      return;
    const OperatorModel *model = lookupOperator(op.name);
    if (!model)
      return a.fail("unknown operator '" + op.name + "'");
    if (op.operands.size() != model->inputs() + model->outputs())
      a.fail("operator '" + op.name + "': expected " +
             std::to_string(model->inputs() + model->outputs()) +
             " operands, found " + std::to_string(op.operands.size()));
  }
}

template <typename A, typename T>
void describeTasks(A &a, T &s) {
  const auto table = [&](std::string_view what, auto &index) {
    a.index(what, index, s.tables.size(), true);
  };
  const auto fan = [&](auto &f) {
    table("first counter", f.first);
    table("last counter", f.last);
  };
  a.list("task", s.tasks, 46, [&](auto &task) {
    a.text("name", task.name);
    table("bounds", task.bounds);
    table("workers", task.workers);
    table("slots", task.slots);
    a.integer("stream rows", task.stream.rows);
    a.integer("stream columns", task.stream.columns);
    a.integer("stream held", task.stream.held);
    a.flag("stream by slice", task.stream.bySlice);
    a.flag("cluster gather", task.clusterGather);
    a.list("wait", task.waits, 16, [&](auto &w) {
      a.index("counters", w.counters, s.counters.size(), false);
      fan(w.fan);
      table("threshold", w.threshold);
    });
    a.list("signal", task.signals, 12, [&](auto &signal) {
      a.index("counters", signal.counters, s.counters.size(), false);
      fan(signal.fan);
    });
    a.list("operator", task.ops, 17,
           [&](auto &op) { describeOperator(a, s, op); });
  });
}

/// Bytes that a placed buffer takes at least; 0 where its use decides.
uint64_t leastBytes(const Buffer &b, const Placement &p) {
  if (b.kind == BufferKind::Activation || b.kind == BufferKind::Local)
    return 0;
  if (p.packRows)
    return packedBytes(uint64_t(b.shape[0]), uint64_t(b.shape[1]));
  return uint64_t(b.elements()) * byteWidth(b.type);
}

bool inside(uint64_t offset, uint64_t bytes, uint64_t arena) {
  return bytes <= arena && offset <= arena - bytes;
}

std::string checkPlacement(const Schedule &s, const Kernel &k,
                           const Placement &p) {
  const Buffer &b = s.buffers[p.buffer];
  if (p.offset % 128)
    return "expected an offset that is a multiple of 128, found " +
           std::to_string(p.offset);
  if (!inside(p.offset, p.bytes, k.arenaBytes))
    return "expected at most " + std::to_string(k.arenaBytes) +
           " bytes of arena, found " + std::to_string(p.bytes) + " at " +
           std::to_string(p.offset);
  if (p.packRows &&
      (b.kind != BufferKind::Weight || b.type != ElementType::BF16 ||
       b.shape.size() != 2 || p.packRows != kPackRows || p.packColumns == 0 ||
       p.packColumns % kPackBlock || b.shape[1] % p.packColumns))
    return "stages of " + std::to_string(p.packRows) + " x " +
           std::to_string(p.packColumns) + " do not fit buffer '" + b.name +
           "'";
  if (p.bytes < leastBytes(b, p))
    return "buffer '" + b.name + "': expected at least " +
           std::to_string(leastBytes(b, p)) + " bytes, found " +
           std::to_string(p.bytes);
  return {};
}

std::string checkKernel(const Schedule &s, const Kernel &k) {
  if (k.arenaBytes > kMaxBytes)
    return "arena: expected at most " + std::to_string(kMaxBytes) +
           " bytes, found " + std::to_string(k.arenaBytes);
  for (const Placement &p : k.placements)
    if (std::string message = checkPlacement(s, k, p); !message.empty())
      return "placement: " + message;
  for (const Blob &blob : k.blobs)
    if (!inside(blob.offset, blob.data.size(), k.arenaBytes))
      return "blob '" + blob.name + "': " + std::to_string(blob.data.size()) +
             " bytes at " + std::to_string(blob.offset) +
             " are not inside the arena of " + std::to_string(k.arenaBytes);
  if (!inside(k.zeroOffset, k.zeroBytes, k.arenaBytes))
    return "cleared bytes: " + std::to_string(k.zeroBytes) + " at " +
           std::to_string(k.zeroOffset) + " are not inside the arena of " +
           std::to_string(k.arenaBytes);
  const uint64_t report = 16 + uint64_t(k.workers) * 16;
  if (k.reportOffset % 4 || !inside(k.reportOffset, report, k.arenaBytes))
    return "watchdog record: " + std::to_string(report) + " bytes at " +
           std::to_string(k.reportOffset) +
           " are not words inside the arena of " + std::to_string(k.arenaBytes);
  // At least that; what the stages take, the schedule says.
  const uint64_t trace = uint64_t(k.workers) * k.traceRows * kTracePoints * 8;
  if (k.traceRows > kMaxBytes / (uint64_t(k.workers) + 1) / kTracePoints / 8 ||
      k.traceOffset % 8 || !inside(k.traceOffset, trace, k.arenaBytes))
    return "trace: " + std::to_string(k.traceRows) + " rows at " +
           std::to_string(k.traceOffset) + " are not inside the arena of " +
           std::to_string(k.arenaBytes);
  return {};
}

template <typename A, typename T>
void describeKernel(A &a, const Schedule &s, T &k) {
  a.text("chip", k.chip);
  a.text("entry", k.entry);
  a.integer("workers", k.workers);
  a.integer("threads", k.threads);
  a.integer("shared bytes", k.sharedBytes);
  a.integer("arena bytes", k.arenaBytes);
  a.integer("zero offset", k.zeroOffset);
  a.integer("zero bytes", k.zeroBytes);
  a.integer("report offset", k.reportOffset);
  a.integer("trace offset", k.traceOffset);
  a.integer("trace rows", k.traceRows);
  a.list("placement", k.placements, 28, [&](auto &p) {
    a.index("buffer", p.buffer, s.buffers.size(), false);
    a.integer("offset", p.offset);
    a.integer("bytes", p.bytes);
    a.integer("packed rows", p.packRows);
    a.integer("packed columns", p.packColumns);
  });
  a.list("blob", k.blobs, 24, [&](auto &blob) {
    a.text("name", blob.name);
    a.integer("offset", blob.offset);
    a.bytes("data", blob.data);
  });
  if constexpr (A::reading)
    if (a.ok())
      if (const std::string message = checkKernel(s, k); !message.empty())
        a.fail(message);
}

template <typename A, typename T>
void describe(A &a, T &p) {
  a.section("HEAD", [&] {
    describeHead(a, p.schedule);
    a.flag("kernel", p.hasKernel);
  });
  // Tables first: what follows refers to them.
  a.section("TABL", [&] { describeTables(a, p.schedule); });
  a.section("BUFS", [&] { describeBuffers(a, p.schedule); });
  a.section("TASK", [&] { describeTasks(a, p.schedule); });
  if (!p.hasKernel)
    return;
  a.section("KERN", [&] { describeKernel(a, p.schedule, p.kernel); });
  a.section("PTX ", [&] { a.text("PTX", p.kernel.ptx, true); });
}

std::string contentHash(std::string_view file) {
  std::string content(file.substr(0, kHashOffset));
  content += file.substr(kHeaderBytes);
  const auto hash = sha256(content);
  return std::string(reinterpret_cast<const char *>(hash.data()), kHashBytes);
}

} // namespace

std::string sealProgram(std::string bytes) {
  if (bytes.size() >= kHeaderBytes)
    bytes.replace(kHashOffset, kHashBytes, contentHash(bytes));
  return bytes;
}

std::string writeProgram(const Program &program) {
  Writer writer;
  writer.out = kMagic;
  writer.integer("version", kProgramVersion);
  writer.out.append(kHashBytes, 0);
  describe(writer, program);
  return sealProgram(std::move(writer.out));
}

std::string scheduleId(const Program &program) {
  const std::string bytes = writeProgram(program);
  std::string id;
  for (size_t i = 0; i < kHashBytes; ++i) {
    const uint8_t byte = uint8_t(bytes[kHashOffset + i]);
    id += "0123456789abcdef"[byte >> 4];
    id += "0123456789abcdef"[byte & 15];
  }
  return id;
}

bool readProgram(std::string_view bytes, Program &program, std::string &error) {
  program = Program();
  if (bytes.size() < kHashOffset || bytes.substr(0, 4) != kMagic) {
    error = "no program file: expected it to start with 'AMKP'";
    return false;
  }
  uint32_t version;
  Reader head(bytes.substr(4));
  head.integer("version", version);
  if (version != kProgramVersion) {
    error = "program version " + std::to_string(version) +
            ", this tool reads version " + std::to_string(kProgramVersion);
    return false;
  }
  if (bytes.size() < kHeaderBytes ||
      bytes.substr(kHashOffset, kHashBytes) != contentHash(bytes)) {
    error = "program file: the content does not match its hash: the file is "
            "damaged or incomplete";
    return false;
  }
  Reader reader(bytes.substr(kHeaderBytes));
  describe(reader, program);
  if (reader.ok() && !reader.atEnd())
    reader.fail("expected the end of the file");
  error = reader.error;
  if (reader.ok())
    return true;
  program = Program();
  return false;
}

} // namespace amk::core
