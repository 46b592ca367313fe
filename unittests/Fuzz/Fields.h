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

// Every structure is taken apart by a structured binding, which does not
// compile once it has another field: none can be left out.

template <typename V>
void visit(V &v, core::Buffer &b) {
  auto &[name, kind, type, shape, space, pageOffset, packetElements,
         packetTiles, packetGeneration, packetRoom, view, rope] = b;
  v.text(name);
  v.choice(kind, uint8_t(core::BufferKind::Weight) + 1);
  v.choice(type, uint8_t(core::ElementType::I32) + 1);
  v.list(shape, [&](int64_t &d) { v.number(d); });
  v.choice(space, uint8_t(core::Space::Cluster) + 1);
  v.number(pageOffset);
  v.number(packetElements);
  v.number(packetTiles);
  v.number(packetGeneration);
  v.number(packetRoom);
  v.number(view);
  v.number(rope);
}

template <typename V>
void visit(V &v, core::Operator &op) {
  auto &[name, operands, attributes, prologue] = op;
  v.name(name);
  v.list(operands, [&](uint32_t &o) { v.number(o); });
  v.list(attributes, [&](core::OpAttribute &a) {
    auto &[name, isFloat, integer, real] = a;
    v.text(name);
    v.flag(isFloat);
    v.number(integer);
    v.real(real);
  });
  v.flag(prologue);
}

template <typename V>
void visit(V &v, core::Fan &f) {
  auto &[first, last] = f;
  v.number(first);
  v.number(last);
}

template <typename V>
void visit(V &v, core::Task &t) {
  auto &[name, ops, bounds, workers, slots, waits, signals, stream,
         clusterGather] = t;
  v.text(name);
  v.list(ops, [&](core::Operator &op) { visit(v, op); });
  v.number(bounds);
  v.number(workers);
  v.number(slots);
  v.list(waits, [&](core::Wait &w) {
    auto &[counters, fan, threshold] = w;
    v.number(counters);
    visit(v, fan);
    v.number(threshold);
  });
  v.list(signals, [&](core::Signal &s) {
    auto &[counters, fan] = s;
    v.number(counters);
    visit(v, fan);
  });
  auto &[rows, columns, held, bySlice] = stream;
  v.number(rows);
  v.number(columns);
  v.number(held);
  v.flag(bySlice);
  v.flag(clusterGather);
}

template <typename V>
void visit(V &v, core::Numerics &n) {
  auto &[kBlock, kvBlock, kvChunk, kvSplits] = n;
  v.number(kBlock);
  v.number(kvBlock);
  v.number(kvChunk);
  v.number(kvSplits);
}

template <typename V>
void visit(V &v, core::Target &t) {
  auto &[chip, workers, sharedBytes, cluster] = t;
  v.text(chip);
  v.number(workers);
  v.number(sharedBytes);
  v.number(cluster);
}

template <typename V>
void visit(V &v, core::Ring &r) {
  auto &[slots, bytes, window, ahead, teams] = r;
  v.number(slots);
  v.number(bytes);
  v.number(window);
  v.number(ahead);
  v.number(teams);
}

template <typename V>
void visit(V &v, core::WeightView &view) {
  auto &[parts, interleave] = view;
  v.flag(interleave);
  v.list(parts, [&](core::WeightPart &p) {
    auto &[tensor, rows, ropeHeadDim] = p;
    v.text(tensor);
    v.number(rows);
    v.number(ropeHeadDim);
  });
}

template <typename V>
void visit(V &v, core::RopeTable &r) {
  auto &[theta, headDim, factor, lowFreqFactor, highFreqFactor,
         originalPositions] = r;
  v.real(theta);
  v.number(headDim);
  v.real(factor);
  v.real(lowFreqFactor);
  v.real(highFreqFactor);
  v.number(originalPositions);
}

template <typename V>
void visit(V &v, core::Schedule &s) {
  auto &[name, positions, numerics, concurrent, target, ring, endTokens,
         buffers, counters, views, ropeTables, tasks, tables] = s;
  v.text(name);
  v.number(positions);
  visit(v, numerics);
  v.flag(concurrent);
  v.optional(target, [&](core::Target &t) { visit(v, t); });
  v.optional(ring, [&](core::Ring &r) { visit(v, r); });
  v.list(endTokens, [&](int64_t &t) { v.number(t); });
  v.list(buffers, [&](core::Buffer &b) { visit(v, b); });
  v.list(counters, [&](core::CounterArray &c) {
    auto &[name, count] = c;
    v.text(name);
    v.number(count);
  });
  v.list(views, [&](core::WeightView &view) { visit(v, view); });
  v.list(ropeTables, [&](core::RopeTable &r) { visit(v, r); });
  v.list(tasks, [&](core::Task &t) { visit(v, t); });
  v.list(tables, [&](std::vector<uint32_t> &t) {
    v.list(t, [&](uint32_t &e) { v.number(e); });
  });
}

template <typename V>
void visit(V &v, core::Program &p) {
  visit(v, p.schedule);
  v.flag(p.hasKernel);
  auto &[chip, entry, ptx, workers, threads, sharedBytes, arenaBytes,
         placements, blobs, zeroOffset, zeroBytes, reportOffset, traceOffset,
         traceRows] = p.kernel;
  v.text(chip);
  v.text(entry);
  v.number(workers);
  v.number(threads);
  v.number(sharedBytes);
  v.number(arenaBytes);
  v.list(placements, [&](core::Placement &at) {
    auto &[buffer, offset, bytes, packRows, packColumns] = at;
    v.number(buffer);
    v.number(offset);
    v.number(bytes);
    v.number(packRows);
    v.number(packColumns);
  });
  v.list(blobs, [&](core::Blob &b) {
    auto &[name, offset, data] = b;
    v.text(name);
    v.number(offset);
    v.text(data);
  });
  v.number(zeroOffset);
  v.number(zeroBytes);
  v.number(reportOffset);
  v.number(traceOffset);
  v.number(traceRows);
  v.text(ptx);
}

} // namespace amk::fuzz

#endif // AMK_UNITTESTS_FUZZ_FIELDS_H
