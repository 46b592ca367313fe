//===- FusionGrouping.cpp - Operators into tasks --------------------------===//

#include "AMK/Transforms/Passes.h"

namespace amk {
#define GEN_PASS_DEF_FUSIONGROUPING
#include "AMK/Transforms/Passes.h.inc"
} // namespace amk

namespace {
struct FusionGrouping : public amk::impl::FusionGroupingBase<FusionGrouping> {
  using FusionGroupingBase::FusionGroupingBase;
  void runOnOperation() override {}
};
} // namespace
