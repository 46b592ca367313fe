//===- Builder.h - Small schedules for tests --------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULE_BUILDER_H
#define AMK_UNITTESTS_SCHEDULE_BUILDER_H

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/Verify.h"

#include <gtest/gtest.h>

namespace amk::core::test {

/// Builds a schedule in one line per thing. Names of tasks and buffers are what
/// the messages show.
struct Builder {
  Schedule s;

  explicit Builder(bool concurrent = true, uint32_t workers = 4) {
    s.name = "test";
    s.positions = 16;
    s.concurrent = concurrent;
    s.target = Target{"sm_90", workers, 232448};
  }

  uint32_t buffer(std::string name, BufferKind kind, ElementType type,
                  std::vector<int64_t> shape) {
    Buffer b;
    b.name = std::move(name);
    b.kind = kind;
    b.type = type;
    b.shape = std::move(shape);
    s.buffers.push_back(std::move(b));
    return uint32_t(s.buffers.size() - 1);
  }
  uint32_t input(std::string name, int64_t n,
                 ElementType type = ElementType::F32) {
    return buffer(std::move(name), BufferKind::Input, type, {n});
  }
  uint32_t output(std::string name, int64_t n,
                  ElementType type = ElementType::F32) {
    return buffer(std::move(name), BufferKind::Output, type, {n});
  }
  uint32_t value(std::string name, int64_t n,
                 ElementType type = ElementType::F32) {
    return buffer(std::move(name), BufferKind::Activation, type, {n});
  }
  uint32_t local(std::string name, int64_t n,
                 ElementType type = ElementType::F32) {
    return buffer(std::move(name), BufferKind::Local, type, {n});
  }
  /// A bf16 activation in packets, with a group per range of `bounds`.
  uint32_t packets(std::string name, int64_t n, uint32_t perPacket,
                   std::vector<uint32_t> bounds = {}) {
    const uint32_t b = value(std::move(name), n, ElementType::BF16);
    s.buffers[b].packetElements = perPacket;
    if (!bounds.empty())
      s.buffers[b].packetTiles = s.addTable(std::move(bounds));
    return b;
  }
  uint32_t weight(std::string name, int64_t rows, int64_t columns) {
    WeightView view;
    view.parts.push_back({name + ".weight", rows, 0});
    s.views.push_back(std::move(view));
    const uint32_t b =
        buffer(std::move(name), BufferKind::Weight, ElementType::BF16,
               columns ? std::vector<int64_t>{rows, columns}
                       : std::vector<int64_t>{rows});
    s.buffers[b].view = uint32_t(s.views.size() - 1);
    return b;
  }
  uint32_t counters(std::string name, uint32_t count = 1) {
    s.counters.push_back({std::move(name), count});
    return uint32_t(s.counters.size() - 1);
  }

  static Operator op(std::string name, std::vector<uint32_t> operands) {
    Operator o;
    o.name = std::move(name);
    o.operands = std::move(operands);
    return o;
  }
  /// A task of one operator; bounds as {0, 4, 8}, one worker per tile.
  Task &task(std::string name, Operator o, std::vector<uint32_t> bounds = {},
             std::vector<uint32_t> workers = {}) {
    Task t;
    t.name = std::move(name);
    t.ops.push_back(std::move(o));
    if (!bounds.empty())
      t.bounds = s.addTable(std::move(bounds));
    if (!workers.empty())
      t.workers = s.addTable(std::move(workers));
    s.tasks.push_back(std::move(t));
    return s.tasks.back();
  }
  /// Reads all of `from`, writes its range of `to`.
  Task &hash(std::string name, uint32_t from, uint32_t to,
             std::vector<uint32_t> bounds = {},
             std::vector<uint32_t> workers = {}) {
    return task(std::move(name), op("hash", {from, to}), std::move(bounds),
                std::move(workers));
  }
  void signal(uint32_t task, uint32_t counters) {
    s.tasks[task].signals.push_back({counters, {}});
  }
  void wait(uint32_t task, uint32_t counters, uint32_t threshold) {
    s.tasks[task].waits.push_back({counters, {}, s.addTable({threshold})});
  }

  /// All diagnostics as text, one a line, with their notes.
  std::string check() const {
    std::string text;
    for (const Diagnostic &d : verify(s)) {
      text += toString(s, d) + "\n";
      for (const Note &n : d.notes)
        text += "  note: " + n.message + "\n";
    }
    return text;
  }
};

} // namespace amk::core::test

#endif // AMK_UNITTESTS_SCHEDULE_BUILDER_H
