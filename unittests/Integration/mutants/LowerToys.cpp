//===- LowerToys.cpp - Without the compiler: a toy Llama ------------------===//

#include "Lowering.h"

#include "Scheduling/ToyLlama.h"

namespace amk::mutants {

std::vector<core::Schedule> lower(const ModelShape &m, const Choice &choice) {
  scheduling::test::ToyShape shape;
  shape.hidden = m.hidden;
  shape.inter = m.inter;
  shape.heads = m.heads;
  shape.kvHeads = m.kvHeads;
  shape.headDim = m.headDim;
  shape.vocab = m.vocab;
  shape.layers = m.layers;
  shape.positions = m.positions();
  core::Schedule s = scheduling::test::toyLlama(shape, false);
  s.numerics = m.numerics;
  // A vector is a tensor of one row.
  for (const core::Buffer &b : s.buffers)
    if (b.kind == core::BufferKind::Weight && b.shape.size() == 1)
      s.views[b.view].parts[0].rows = 1;
  if (m.throughCache && !m.split)
    readThroughCache(s);
  return lowerBySolvers(std::move(s), choice);
}

} // namespace amk::mutants
