//===- Footprint.h - What operators touch, by hand --------------*- C++ -*-===//
//
// The judge's own account of the operators of a Llama: nothing is asked of
// their models in the checking core.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_FOOTPRINT_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_FOOTPRINT_H

#include "AMK/Schedule/Schedule.h"

namespace amk::mutants {

/// Bytes [lo, hi) of a buffer; of a KV cache with one position's values side by
/// side.
struct Use {
  uint32_t buffer;
  bool write;
  core::Position position;
  uint64_t lo, hi;
};

/// Operands that an operator reads and those that it writes; none for an
/// operator that is not known.
struct Arity {
  uint32_t inputs = 0, outputs = 0;
};
Arity arity(const core::Operator &op);

/// Size of the dimension that is cut, where it may be cut, and the range of the
/// next operator in the body that a range of this one feeds.
int64_t extentOf(const core::Schedule &s, const core::Operator &op);
int64_t granuleOf(const core::Operator &op);
core::Range feeds(const core::Operator &op, core::Range range);

/// A product: it streams its second operand, and takes four rows at a time
/// then.
bool isProduct(const core::Operator &op);

/// Attention split by positions: all splits but the first, and that with this
/// position, joined with the others.
bool isPartial(const core::Operator &op);
bool isJoin(const core::Operator &op);

/// The operand that is the cache of an attention operator, and where its
/// earlier positions may come through the ring; else kNone.
uint32_t cacheOf(const core::Operator &op);
uint32_t streamedCache(const core::Operator &op);

/// Whether all of operand `i` is collected before the operator starts, in an
/// area that is as large as it. (Attention works in areas of its own.)
bool gathers(const core::Operator &op, uint32_t i);

void addUses(const core::Schedule &s, const core::Operator &op,
             core::Range range, std::vector<Use> &uses);

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_FOOTPRINT_H
