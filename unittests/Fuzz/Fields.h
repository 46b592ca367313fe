//===- Fields.h - Every field of a program, in order ------------*- C++ -*-===//
//
// visit(visitor, schedule) hands every field to a visitor: number, real, flag,
// choice, text, list, optional. Unlike the program file's reader it asks
// nothing of the values, so fuzzers can write, read and change schedules that
// no front end would make.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_FUZZ_FIELDS_H
#define AMK_UNITTESTS_FUZZ_FIELDS_H

#include "AMK/Schedule/ProgramFile.h"

namespace amk::fuzz {

template <typename V>
void visit(V &v, core::Buffer &b) {
  v.text(b.name);
  v.choice(b.kind, uint8_t(core::BufferKind::Weight) + 1);
  v.choice(b.type, uint8_t(core::ElementType::I32) + 1);
  v.list(b.shape, [&](int64_t &d) { v.number(d); });
  v.choice(b.space, uint8_t(core::Space::Shared) + 1);
  v.number(b.pageOffset);
  v.number(b.packetElements);
  v.number(b.packetTiles);
  v.number(b.packetGeneration);
  v.number(b.view);
  v.number(b.rope);
}

template <typename V>
void visit(V &v, core::Operator &op) {
  v.name(op.name);
  v.list(op.operands, [&](uint32_t &o) { v.number(o); });
  v.list(op.attributes, [&](core::OpAttribute &a) {
    v.text(a.name);
    v.flag(a.isFloat);
    v.number(a.integer);
    v.real(a.real);
  });
  v.flag(op.prologue);
}

template <typename V>
void visit(V &v, core::Task &t) {
  v.text(t.name);
  v.list(t.ops, [&](core::Operator &op) { visit(v, op); });
  v.number(t.bounds);
  v.number(t.workers);
  v.number(t.slots);
  v.list(t.waits, [&](core::Wait &w) {
    v.number(w.counters);
    v.number(w.fan.first);
    v.number(w.fan.last);
    v.number(w.threshold);
  });
  v.list(t.signals, [&](core::Signal &s) {
    v.number(s.counters);
    v.number(s.fan.first);
    v.number(s.fan.last);
  });
  v.number(t.stream.rows);
  v.number(t.stream.columns);
  v.number(t.stream.held);
}

template <typename V>
void visitHead(V &v, core::Schedule &s) {
  v.text(s.name);
  v.number(s.positions);
  v.number(s.numerics.kBlock);
  v.number(s.numerics.kvBlock);
  v.flag(s.concurrent);
  v.optional(s.target, [&](core::Target &t) {
    v.text(t.chip);
    v.number(t.workers);
    v.number(t.sharedBytes);
  });
  v.optional(s.ring, [&](core::Ring &r) {
    v.number(r.slots);
    v.number(r.bytes);
    v.number(r.window);
    v.number(r.ahead);
    v.number(r.teams);
  });
  v.list(s.endTokens, [&](int64_t &t) { v.number(t); });
}

template <typename V>
void visit(V &v, core::Schedule &s) {
  visitHead(v, s);
  v.list(s.buffers, [&](core::Buffer &b) { visit(v, b); });
  v.list(s.counters, [&](core::CounterArray &c) {
    v.text(c.name);
    v.number(c.count);
  });
  v.list(s.views, [&](core::WeightView &view) {
    v.flag(view.interleave);
    v.list(view.parts, [&](core::WeightPart &p) {
      v.text(p.tensor);
      v.number(p.rows);
      v.number(p.ropeHeadDim);
    });
  });
  v.list(s.ropeTables, [&](core::RopeTable &r) {
    v.real(r.theta);
    v.number(r.headDim);
    v.real(r.factor);
    v.real(r.lowFreqFactor);
    v.real(r.highFreqFactor);
    v.number(r.originalPositions);
  });
  v.list(s.tasks, [&](core::Task &t) { visit(v, t); });
  v.list(s.tables, [&](std::vector<uint32_t> &t) {
    v.list(t, [&](uint32_t &e) { v.number(e); });
  });
}

template <typename V>
void visit(V &v, core::Program &p) {
  visit(v, p.schedule);
  v.flag(p.hasKernel);
  core::Kernel &k = p.kernel;
  v.text(k.chip);
  v.text(k.entry);
  v.number(k.workers);
  v.number(k.threads);
  v.number(k.sharedBytes);
  v.number(k.arenaBytes);
  v.list(k.placements, [&](core::Placement &at) {
    v.number(at.buffer);
    v.number(at.offset);
    v.number(at.bytes);
    v.number(at.packRows);
    v.number(at.packColumns);
  });
  v.list(k.blobs, [&](core::Blob &b) {
    v.text(b.name);
    v.number(b.offset);
    v.text(b.data);
  });
  v.number(k.zeroOffset);
  v.number(k.zeroBytes);
  v.number(k.reportOffset);
  v.number(k.traceOffset);
  v.number(k.traceRows);
  v.text(k.ptx);
}

} // namespace amk::fuzz

#endif // AMK_UNITTESTS_FUZZ_FIELDS_H
