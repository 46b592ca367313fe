//===- FusionMerge.h - Products of one input become one ---------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULING_FUSIONMERGE_H
#define AMK_LIB_SCHEDULING_FUSIONMERGE_H

#include "AMK/Scheduling/Fusion.h"

namespace amk::scheduling {

/// One operator on its way from an imported task to a group.
struct FusionOp {
  core::Operator op;
  std::vector<uint32_t> origins; ///< indices of the imported tasks
  std::string task;              ///< name of the task, should it make one
};

/// Concatenates the products of query, key and value of every attention.
void mergeQueryKeyValue(core::Schedule &s, std::vector<FusionOp> &ops);

/// Interleaves the products of gate and up of every silu_mul.
void mergeGateUp(core::Schedule &s, std::vector<FusionOp> &ops);

/// Splits every argmax into blocks and a combination.
void splitArgmax(core::Schedule &s, std::vector<FusionOp> &ops);

} // namespace amk::scheduling

#endif // AMK_LIB_SCHEDULING_FUSIONMERGE_H
