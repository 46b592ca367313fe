//===- ScheduleReduction.h - Making schedules smaller -----------*- C++ -*-===//

#ifndef AMK_TOOLS_AMK_REDUCE_SCHEDULEREDUCTION_H
#define AMK_TOOLS_AMK_REDUCE_SCHEDULEREDUCTION_H

namespace amk {

/// Registers `--amk-reduction`.
void registerScheduleReduction();

} // namespace amk

#endif // AMK_TOOLS_AMK_REDUCE_SCHEDULEREDUCTION_H
