//===- Kernels.h - Reference kernels, one per operator ----------*- C++ -*-===//
//
// A kernel computes a range of one operator's parallel dimension. It is
// registered under the operator's name; the CPU device finds it there and no
// table elsewhere has to know it. Every kernel gives the same bits however the
// dimension is cut.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_KERNELS_H
#define AMK_RUNTIME_KERNELS_H

#include "AMK/Runtime/WeightRows.h"
#include "AMK/Schedule/Schedule.h"

#include <string_view>

namespace amk::runtime {

/// Where an operand is: plain bytes from the start of the buffer, or the rows
/// of a weight.
struct KernelOperand {
  char *data = nullptr;
  const WeightRows *weight = nullptr;
};

struct KernelCall {
  const core::Schedule &schedule;
  const core::Operator &op;
  core::Range range; ///< of the operator's parallel dimension
  int64_t position;
  const KernelOperand *operands;

  const core::Buffer &buffer(unsigned i) const {
    return schedule.buffers[op.operands[i]];
  }
  /// Operand `i`, which is no weight.
  template <class T>
  T *data(unsigned i) const {
    return reinterpret_cast<T *>(operands[i].data);
  }
  /// The bytes of a vector, which may be a weight (and then unaligned).
  const char *bytes(unsigned i) const {
    return operands[i].weight ? operands[i].weight->row(0) : operands[i].data;
  }
};

using KernelFunction = void (*)(const KernelCall &);

/// Adds the kernel of an operator. Not thread-safe: call before programs are
/// loaded. Returns false if the operator has one.
bool registerKernel(std::string_view name, KernelFunction kernel);

/// The kernel of an operator, or null.
KernelFunction lookupKernel(std::string_view name);

} // namespace amk::runtime

#endif // AMK_RUNTIME_KERNELS_H
