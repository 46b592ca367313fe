//===- ToyLlama.h - A Llama of any shape, for tests -------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULING_TOYLLAMA_H
#define AMK_UNITTESTS_SCHEDULING_TOYLLAMA_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling::test {

struct ToyShape {
  int64_t hidden = 256, inter = 768, heads = 4, kvHeads = 2, headDim = 64;
  int64_t vocab = 1024, layers = 2, positions = 128;
  int64_t argmaxBlock = 64;
};

/// Widths and layers of the 1B and 8B shapes.
ToyShape shape1B(int64_t positions);
ToyShape shape8B(int64_t positions);

/// Every task one model operator, as imported; or the tasks that fusion makes:
/// five a layer, with the norms as prologues.
core::Schedule toyLlama(const ToyShape &shape, bool fused);

/// "V5: ...": all diagnostics, one a line; empty for a legal schedule.
std::string check(const core::Schedule &schedule);

} // namespace amk::scheduling::test

#endif // AMK_UNITTESTS_SCHEDULING_TOYLLAMA_H
