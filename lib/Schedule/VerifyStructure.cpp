//===- VerifyStructure.cpp - V1: everything resolves and fits -------------===//

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/WeightPacking.h"
#include "VerifyImpl.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace amk::core::verifier {

namespace {

/// Entries of a table that may have one entry for all tiles.
bool fitsTiles(const std::vector<uint32_t> &table, uint32_t tiles) {
  return table.size() == 1 || table.size() == tiles;
}

class Structure {
public:
  explicit Structure(Report &report) : r(report), s(report.s) {}

  void run() {
    checkNames();
    checkHead();
    for (uint32_t b = 0; b < s.buffers.size() && !r.full(); ++b)
      checkBuffer(b);
    for (uint32_t c = 0; c < s.counters.size() && !r.full(); ++c)
      if (s.counters[c].count == 0)
        r.add("V1", atCounters(c), "expected at least one counter, found none");
    if (!r.clean())
      return; // operators look at their buffers
    localTask.assign(s.buffers.size(), kNone);
    for (uint32_t t = 0; t < s.tasks.size() && !r.full(); ++t) {
      if (!checkSize(t))
        return;
      checkTask(t);
    }
    if (r.clean())
      checkSlots();
  }

private:
  void checkNames();
  void checkHead();
  void checkBuffer(uint32_t b);
  std::string checkShape(const Buffer &b) const;
  std::string checkView(const Buffer &b) const;
  std::string checkRope(const Buffer &b) const;
  std::string checkPackets(const Buffer &b) const;
  std::string checkRoom(const Buffer &b) const;
  bool checkSize(uint32_t t);
  void checkTask(uint32_t t);
  bool checkOperator(uint32_t t, uint32_t o);
  bool checkOutputs(uint32_t t, uint32_t o);
  bool checkChain(uint32_t t);
  bool checkBounds(uint32_t t);
  bool checkGranules(uint32_t t, uint32_t bound, uint32_t tile);
  void checkPlaces(uint32_t t);
  void checkFan(uint32_t t, uint32_t counters, const Fan &fan,
                const char *what);
  void checkStream(uint32_t t);
  bool checkCacheStream(uint32_t t);
  void checkSlots();

  bool isTable(uint32_t index) const { return index < s.tables.size(); }

  Report &r;
  const Schedule &s;
  std::vector<uint32_t> localTask; ///< that uses a Local buffer
  uint64_t tileOperators = 0;
};

template <typename T, typename Fn>
void findTwins(const std::vector<T> &things, Fn report) {
  std::unordered_map<std::string_view, uint32_t> seen;
  for (uint32_t i = 0; i < things.size(); ++i)
    if (const auto [it, isNew] = seen.try_emplace(things[i].name, i); !isNew)
      report(i, it->second);
}

void Structure::checkNames() {
  const auto report = [&](const char *what, const std::string &name,
                          Place place, Place other) {
    r.add("V1", place,
          say({"expected ", what, " names to be unique, found '", name,
               "' twice"}))
        .notes.push_back({other, "the other one"});
  };
  findTwins(s.buffers, [&](uint32_t i, uint32_t other) {
    report("buffer", s.buffers[i].name, atBuffer(i), atBuffer(other));
  });
  findTwins(s.counters, [&](uint32_t i, uint32_t other) {
    report("counter", s.counters[i].name, atCounters(i), atCounters(other));
  });
  findTwins(s.tasks, [&](uint32_t i, uint32_t other) {
    report("task", s.tasks[i].name, atTask(i), atTask(other));
  });
}

void Structure::checkHead() {
  const auto between = [&](const char *what, int64_t value, int64_t least,
                           int64_t most) {
    if (value < least || value > most)
      r.add("V1", {},
            say({what, ": expected ", least, " to ", most, ", found ", value}));
  };
  const auto atLeast = [&](const char *what, int64_t value, int64_t least) {
    between(what, value, least, int64_t(1) << 40);
  };
  atLeast("positions", s.positions, 0);
  atLeast("numerics k_block", s.numerics.kBlock, 1);
  atLeast("numerics kv_block", s.numerics.kvBlock, 1);
  between("numerics kv_chunk", s.numerics.kvChunk, 1, kMostChunk);
  between("numerics kv_splits", s.numerics.kvSplits, 1, kMostSplits);
  if (!s.ring)
    return;
  const Ring &ring = *s.ring;
  if (!ring.slots || !ring.teams)
    r.add("V1", {},
          say({"ring: expected 1 or more slots and teams, found ", ring.slots,
               " and ", ring.teams}));
  if (!ring.bytes || ring.bytes % 16)
    r.add("V1", {},
          say({"ring: expected slots of a multiple of 16 bytes, "
               "found ",
               ring.bytes}));
}

std::string Structure::checkShape(const Buffer &b) const {
  uint64_t bytes = byteWidth(b.type);
  for (int64_t d : b.shape) {
    if (d < 1)
      return say({"expected dimensions of at least 1, found ", d});
    if (uint64_t(d) > kMaxBytes / bytes)
      return say({"expected at most ", kMaxBytes, " bytes"});
    bytes *= uint64_t(d);
  }
  if (b.kind != BufferKind::KvCache)
    return {};
  if (b.shape.size() != 4 || b.shape[0] != 2 || b.shape[2] != s.positions)
    return say({"expected a KV cache of shape [2, kv heads, ", s.positions,
                ", head dim]"});
  return {};
}

std::string Structure::checkView(const Buffer &b) const {
  if (b.kind != BufferKind::Weight)
    return b.view == kNone ? "" : "expected a view of weights only";
  if (b.view >= s.views.size())
    return say(
        {"expected a weight view below ", s.views.size(), ", found ", b.view});
  if (b.shape.empty() || b.shape.size() > 2)
    return say(
        {"expected a weight of rank 1 or 2, found rank ", b.shape.size()});
  const WeightView &view = s.views[b.view];
  if (view.parts.empty())
    return "expected a weight of at least one tensor";
  int64_t rows = 0;
  for (const WeightPart &p : view.parts) {
    if (p.rows < 1 || p.rows > int64_t(kMaxBytes) ||
        rows > int64_t(kMaxBytes) - p.rows)
      return say({"tensor '", p.tensor,
                  "': expected rows of at least 1, found ", p.rows});
    if (p.ropeHeadDim &&
        (p.ropeHeadDim < 2 || p.ropeHeadDim % 2 || p.rows % p.ropeHeadDim))
      return say({"tensor '", p.tensor, "': expected whole heads of an even ",
                  "size, found ", p.rows, " rows and head dim ",
                  p.ropeHeadDim});
    if (view.interleave && p.rows != view.parts[0].rows)
      return say({"tensor '", p.tensor, "': expected ", view.parts[0].rows,
                  " rows, as the tensor it is interleaved with, found ",
                  p.rows});
    rows += p.rows;
  }
  // A vector may be counted as one row.
  if (rows != b.shape[0] && !(b.shape.size() == 1 && rows == 1))
    return say(
        {"expected ", b.shape[0], " rows, found ", rows, " in its tensors"});
  return {};
}

std::string Structure::checkRope(const Buffer &b) const {
  if (b.kind != BufferKind::Constant)
    return b.rope == kNone ? "" : "expected a RoPE table of constants only";
  if (b.rope >= s.ropeTables.size())
    return say({"expected a RoPE table below ", s.ropeTables.size(), ", found ",
                b.rope});
  const RopeTable &table = s.ropeTables[b.rope];
  if (b.type != ElementType::F32 || b.shape.size() != 3 || b.shape[2] != 2 ||
      table.headDim % 2 || b.shape[1] != table.headDim / 2)
    return say({"expected a RoPE table of shape [positions, ",
                table.headDim / 2, ", 2] of f32"});
  const std::pair<const char *, double> numbers[] = {
      {"theta", table.theta},
      {"factor", table.factor},
      {"low_freq_factor", table.lowFreqFactor},
      {"high_freq_factor", table.highFreqFactor}};
  for (const auto &[name, value] : numbers)
    if (!(value > 0 && std::isfinite(value)))
      return std::string("RoPE table: expected a positive, finite ") + name +
             ", found " + std::to_string(value);
  return {};
}

std::string Structure::checkPackets(const Buffer &b) const {
  const bool grouped = b.packetTiles != kNone;
  if (grouped && !isTable(b.packetTiles))
    return say({"packet groups: expected a table below ", s.tables.size(),
                ", found ", b.packetTiles});
  if (b.packetElements == 0)
    return b.packetRoom || b.space == Space::Cluster
               ? "expected packets in cluster memory, found plain values"
               : std::string();
  if (b.kind != BufferKind::Activation || b.type == ElementType::I32)
    return say({"expected packets of a bf16 or f32 activation, found ",
                toString(b.type), " ", toString(b.kind)});
  if (b.packetElements > mostPacketElements(b.type))
    return say({"expected packets of at most ", mostPacketElements(b.type),
                " values, found ", b.packetElements});
  if (b.space == Space::Shared)
    return "expected packets in global or cluster memory, found shared";
  if (!grouped)
    return checkRoom(b);
  const std::vector<uint32_t> &bounds = s.tables[b.packetTiles];
  for (size_t i = 1; i < bounds.size(); ++i)
    if (bounds[i] <= bounds[i - 1])
      return say({"packet groups: expected rising bounds, found ", bounds[i],
                  " after ", bounds[i - 1]});
  if (bounds.size() < 2 || bounds[0] != 0 ||
      int64_t(bounds.back()) != b.elements())
    return say({"packet groups: expected bounds from 0 to ", b.elements()});
  return checkRoom(b);
}

/// Packets in cluster memory: who writes them, and where, is the schedule's.
std::string Structure::checkRoom(const Buffer &b) const {
  if (b.space != Space::Cluster)
    return b.packetRoom == 0
               ? std::string()
               : say({"expected room for packets in cluster memory only, ",
                      "found room for ", b.packetRoom, " in ",
                      toString(b.space), " memory"});
  const uint32_t packets = packetCount(s, b);
  if (b.packetRoom < 1 || b.packetRoom > packets)
    return say({"expected room for 1 to ", packets,
                " packets in cluster memory, found ", b.packetRoom});
  if (!s.concurrent)
    return "expected a concurrent schedule for packets in cluster memory";
  if (!s.target || s.target->cluster < 2)
    return say({"packets in cluster memory: expected a target with clusters ",
                "of 2 or more workers, found ",
                s.target ? Text(s.target->cluster) : Text("no target")});
  return {};
}

void Structure::checkBuffer(uint32_t i) {
  const Buffer &b = s.buffers[i];
  if (std::string m = checkShape(b); !m.empty()) {
    r.add("V1", atBuffer(i), m);
    return; // the rest computes sizes
  }
  for (const std::string &m : {checkView(b), checkRope(b), checkPackets(b)})
    if (!m.empty())
      r.add("V1", atBuffer(i), m);
  if (b.space != Space::Own && b.kind != BufferKind::Activation)
    r.add("V1", atBuffer(i),
          say({"expected storage of its own for ", toString(b.kind),
               ", found a page of ", toString(b.space)}));
}

bool Structure::checkOutputs(uint32_t t, uint32_t o) {
  const Operator &op = s.tasks[t].ops[o];
  const size_t inputs = lookupOperator(op.name)->inputs();
  for (size_t i = 0; i < op.operands.size(); ++i) {
    const uint32_t b = op.operands[i];
    const Buffer &buffer = s.buffers[b];
    if (i >= inputs && buffer.readOnly()) {
      r.add("V1", atTask(t, o),
            say({"writes '", buffer.name, "', which is ", toString(buffer.kind),
                 " and never written"}))
          .notes.push_back({atBuffer(b), "the buffer"});
      return false;
    }
    if (i >= inputs && op.prologue && buffer.kind != BufferKind::Local) {
      r.add("V1", atTask(t, o),
            say({"expected a prologue to write local buffers, found ",
                 toString(buffer.kind), " '", buffer.name, "'"}));
      return false;
    }
    if (buffer.kind != BufferKind::Local)
      continue;
    if (localTask[b] == kNone)
      localTask[b] = t;
    if (localTask[b] != t) {
      r.add("V1", atTask(t, o),
            say({"uses '", buffer.name, "', which is local to another task"}))
          .notes.push_back({atTask(localTask[b]), "the other task"});
      return false;
    }
  }
  return true;
}

bool Structure::checkOperator(uint32_t t, uint32_t o) {
  const Operator &op = s.tasks[t].ops[o];
  const OperatorModel *model = lookupOperator(op.name);
  if (!model) {
    r.add("V1", atTask(t, o), say({"unknown operator '", op.name, "'"}));
    return false;
  }
  const size_t expected = size_t(model->inputs()) + model->outputs();
  if (op.operands.size() != expected) {
    r.add(
        "V1", atTask(t, o),
        say({"expected ", expected, " operands, found ", op.operands.size()}));
    return false;
  }
  for (uint32_t b : op.operands)
    if (b >= s.buffers.size()) {
      r.add("V1", atTask(t, o),
            say({"expected a buffer below ", s.buffers.size(), ", found ", b}));
      return false;
    }
  if (std::string m = model->verify(s, op); !m.empty()) {
    r.add("V1", atTask(t, o), m);
    return false;
  }
  return checkOutputs(t, o);
}

/// Every operator after the cut one is as large as what feeds it.
bool Structure::checkChain(uint32_t t) {
  const Task &task = s.tasks[t];
  const size_t cut = cutOperator(task);
  if (cut == task.ops.size()) {
    r.add("V1", atTask(t),
          task.ops.empty() ? "expected at least one operator"
                           : "expected an operator that is no prologue");
    return false;
  }
  Range fed{0, taskExtent(s, task)};
  for (size_t o = cut; o < task.ops.size(); ++o) {
    const Operator &op = task.ops[o];
    if (op.prologue) {
      r.add("V1", atTask(t, uint32_t(o)),
            "expected prologues before the operator that is cut")
          .notes.push_back(
              {atTask(t, uint32_t(cut)), "the operator that is cut"});
      return false;
    }
    const OperatorModel *model = lookupOperator(op.name);
    const int64_t extent = model->extent(s, op);
    if (extent < 1 || fed.hi != extent) {
      r.add("V1", atTask(t, uint32_t(o)),
            say({"expected an extent of ", fed.hi, ", found ", extent}));
      return false;
    }
    fed = model->mapTile(s, op, fed);
  }
  return true;
}

bool Structure::checkGranules(uint32_t t, uint32_t bound, uint32_t tile) {
  const Task &task = s.tasks[t];
  Range range{0, bound};
  for (size_t o = cutOperator(task); o < task.ops.size(); ++o) {
    const Operator &op = task.ops[o];
    const OperatorModel *model = lookupOperator(op.name);
    int64_t granule = std::max<int64_t>(model->granule(s, op), 1);
    if (task.stream.rows && model->streamedOperand() != kNone)
      granule = std::max<int64_t>(granule, kPackRows);
    if (range.hi % granule) {
      r.add("V1", atTask(t, uint32_t(o), tile),
            say({"expected a bound that is a multiple of ", granule, ", found ",
                 range.hi}));
      return false;
    }
    range = model->mapTile(s, op, range);
  }
  return true;
}

bool Structure::checkBounds(uint32_t t) {
  const Task &task = s.tasks[t];
  if (task.bounds == kNone)
    return true;
  const auto fail = [&](std::string message) {
    r.add("V1", atTask(t), std::move(message));
    return false;
  };
  if (!isTable(task.bounds))
    return fail(say({"bounds: expected a table below ", s.tables.size(),
                     ", found ", task.bounds}));
  const std::vector<uint32_t> &bounds = s.tables[task.bounds];
  const int64_t extent = taskExtent(s, task);
  if (bounds.size() < 2 || bounds[0] != 0 || int64_t(bounds.back()) != extent)
    return fail(say({"expected bounds from 0 to ", extent, ", found ",
                     bounds.empty() ? Text("none") : Text(bounds[0]), " to ",
                     bounds.empty() ? Text("none") : Text(bounds.back())}));
  for (uint32_t i = 1; i < bounds.size(); ++i) {
    if (bounds[i] <= bounds[i - 1])
      return fail(say({"expected rising bounds, found ", bounds[i], " after ",
                       bounds[i - 1]}));
    if (i + 1 < bounds.size() && !checkGranules(t, bounds[i], i))
      return false;
  }
  return true;
}

void Structure::checkPlaces(uint32_t t) {
  const Task &task = s.tasks[t];
  const uint32_t tiles = tileCount(s, task);
  const auto check = [&](const char *what, uint32_t index) {
    if (index == kNone)
      return false;
    if (!isTable(index))
      r.add("V1", atTask(t),
            say({what, ": expected a table below ", s.tables.size(), ", found ",
                 index}));
    else if (!fitsTiles(s.tables[index], tiles))
      r.add("V1", atTask(t),
            say({what, ": expected ", tiles, " entries, one a tile, found ",
                 s.tables[index].size()}));
    else
      return true;
    return false;
  };
  check("slots", task.slots);
  const uint32_t workers = s.target ? s.target->workers : kMaxWorkers;
  if (check("workers", task.workers))
    for (uint32_t i = 0; i < s.tables[task.workers].size(); ++i)
      if (s.tables[task.workers][i] >= workers) {
        r.add("V1", atTask(t, kNone, i),
              say({"expected a worker below ", workers, ", found ",
                   s.tables[task.workers][i]}));
        break;
      }
  for (const Wait &w : task.waits) {
    checkFan(t, w.counters, w.fan, "wait");
    check("thresholds", w.threshold);
  }
  for (const Signal &signal : task.signals)
    checkFan(t, signal.counters, signal.fan, "signal");
}

void Structure::checkFan(uint32_t t, uint32_t counters, const Fan &fan,
                         const char *what) {
  if (counters >= s.counters.size()) {
    r.add("V1", atTask(t),
          say({what, ": expected counters below ", s.counters.size(),
               ", found ", counters}));
    return;
  }
  const uint32_t tiles = tileCount(s, s.tasks[t]);
  uint32_t entries = 1;
  for (uint32_t table : {fan.first, fan.last}) {
    if (table == kNone)
      continue;
    if (!isTable(table) || !fitsTiles(s.tables[table], tiles)) {
      r.add("V1", atTask(t),
            say({what, " fan: expected a table of ", tiles, " entries, found ",
                 isTable(table) ? Text(s.tables[table].size())
                                : Text("no such table")}));
      return;
    }
    entries = std::max(entries, uint32_t(s.tables[table].size()));
  }
  const CounterArray &array = s.counters[counters];
  for (uint32_t i = 0; i < entries; ++i) {
    const uint32_t first = s.entry(fan.first, i, 0);
    const uint32_t last = s.entry(fan.last, i, first);
    if (first <= last && last < array.count)
      continue;
    r.add("V1", atTask(t, kNone, i),
          say({what, ": expected counters within 0 to ", array.count - 1,
               " of '", array.name, "', found ", first, " to ", last}))
        .notes.push_back({atCounters(counters), "the counters"});
    return;
  }
}

void Structure::checkStream(uint32_t t) {
  const Task &task = s.tasks[t];
  const Stream &stream = task.stream;
  const auto fail = [&](const std::string &message) {
    r.add("V1", atTask(t), "stream: " + message);
  };
  if (stream.rows == 0) {
    if (stream.columns || stream.held || stream.bySlice)
      fail(say({"expected rows of at least 1 or no stream, found 0 rows of ",
                stream.columns, " columns, ", stream.held, " held",
                stream.bySlice ? ", by slices" : ""}));
    return;
  }
  if (!s.ring)
    return fail("expected a ring to stream through, found none");
  if (checkCacheStream(t))
    return;
  if (stream.rows != kPackRows)
    return fail(
        say({"expected stages of ", kPackRows, " rows, found ", stream.rows}));
  if (stream.columns == 0 || stream.columns % kPackBlock)
    return fail(say({"expected stages of a multiple of ", kPackBlock,
                     " columns, found ", stream.columns}));
  bool streams = false;
  for (uint32_t o = 0; o < task.ops.size(); ++o) {
    const Operator &op = task.ops[o];
    const unsigned operand = lookupOperator(op.name)->streamedOperand();
    if (operand == kNone || operand >= op.operands.size())
      continue;
    streams = true;
    const Buffer &weight = s.buffers[op.operands[operand]];
    const int64_t columns = weight.shape.size() == 2 ? weight.shape[1] : 0;
    if (columns == 0 || columns % stream.columns)
      r.add("V1", atTask(t, o),
            say({"stream: expected columns that divide the ", columns, " of '",
                 weight.name, "', found ", stream.columns}));
  }
  if (!streams)
    fail("expected an operator with a weight or a cache to stream, found none");
}

/// Whether the task streams a KV cache and no weight; then also how.
bool Structure::checkCacheStream(uint32_t t) {
  const Task &task = s.tasks[t];
  const Stream &stream = task.stream;
  for (uint32_t o = 0; o < task.ops.size(); ++o) {
    const Buffer *cache = streamedCache(s, task.ops[o]);
    if (!cache)
      continue;
    const auto fail = [&](const std::string &message) {
      r.add("V1", atTask(t, o), "stream: " + message);
      return true;
    };
    for (const Operator &other : task.ops)
      if (streamedWeight(s, other))
        return fail("expected a weight or a cache, found both");
    if (stream.columns != uint64_t(cache->shape[3]))
      return fail(say({"expected the ", cache->shape[3], " columns of '",
                       cache->name, "', found ", stream.columns}));
    if (stream.rows < kLeastPositions || stream.rows > kMostPositions ||
        (stream.rows & (stream.rows - 1)) || s.numerics.kvBlock % stream.rows)
      return fail(
          say({"expected ", kLeastPositions, " to ", kMostPositions,
               " positions, a power of two that divides the ",
               s.numerics.kvBlock, " of a block, found ", stream.rows}));
    return true;
  }
  return false;
}

/// V7, but ahead of everything that looks at every tile.
bool Structure::checkSize(uint32_t t) {
  const Task &task = s.tasks[t];
  const bool cut = isTable(task.bounds);
  tileOperators += task.ops.size() * (cut ? s.tables[task.bounds].size() : 2);
  if (tileOperators <= kMaxTileOperators)
    return true;
  r.add("V7", atTask(t),
        say({"operators of all tiles: expected at most ", kMaxTileOperators,
             ", found ", tileOperators, " up to here"}));
  return false;
}

void Structure::checkTask(uint32_t t) {
  const Task &task = s.tasks[t];
  for (uint32_t o = 0; o < task.ops.size(); ++o)
    if (!checkOperator(t, o))
      return;
  if (!checkChain(t) || !checkBounds(t))
    return;
  checkPlaces(t);
  checkStream(t);
}

/// Either no task has places in the queues, or all have, and no two tiles of a
/// worker the same.
void Structure::checkSlots() {
  uint32_t with = kNone, without = kNone;
  for (uint32_t t = 0; t < s.tasks.size(); ++t)
    (s.tasks[t].slots == kNone ? without : with) = t;
  if (with == kNone)
    return;
  if (without != kNone) {
    r.add("V1", atTask(without),
          "expected slots, since another task has them, found none")
        .notes.push_back({atTask(with), "the other task"});
    return;
  }
  std::unordered_map<uint64_t, std::pair<uint32_t, uint32_t>> seen;
  for (uint32_t t = 0; t < s.tasks.size(); ++t) {
    const Task &task = s.tasks[t];
    for (uint32_t i = 0; i < tileCount(s, task); ++i) {
      const uint32_t worker = s.entry(task.workers, i, 0);
      const uint32_t slot = s.entry(task.slots, i, 0);
      const auto [it, isNew] =
          seen.try_emplace(uint64_t(worker) << 32 | slot, t, i);
      if (isNew)
        continue;
      r.add("V1", atTask(t, kNone, i),
            say({"expected a slot of its own, found slot ", slot, " of worker ",
                 worker, " taken"}))
          .notes.push_back({atTask(it->second.first, kNone, it->second.second),
                            "the other tile"});
      return;
    }
  }
}

} // namespace

void checkStructure(Report &r) { Structure(r).run(); }

} // namespace amk::core::verifier
