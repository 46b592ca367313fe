//===- ExtraOperators.h - Operators that only mutants have ------*- C++ -*-===//
//
//   attention_upto  attention that reads this position from the cache like the
//                   others: what it reads depends on an append of this launch
//   copy_weight     the rows of a weight to an activation
//   linear_plain    a product whose matrix is an activation; it can be streamed
//
// They compute the same bits as what they stand for.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_UNITTESTS_INTEGRATION_MUTANTS_EXTRAOPERATORS_H
#define AMK_UNITTESTS_INTEGRATION_MUTANTS_EXTRAOPERATORS_H

namespace amk::mutants {

/// Adds their models and kernels, once.
void registerExtraOperators();

} // namespace amk::mutants

#endif // AMK_UNITTESTS_INTEGRATION_MUTANTS_EXTRAOPERATORS_H
