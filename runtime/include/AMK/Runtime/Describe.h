//===- Describe.h - The record of the GPU in the machine --------*- C++ -*-===//

#ifndef AMK_RUNTIME_DESCRIBE_H
#define AMK_RUNTIME_DESCRIBE_H

#include "AMK/Runtime/Status.h"
#include "AMK/Schedule/DeviceRecord.h"

namespace amk::runtime {

/// Fills the record of CUDA device `ordinal` with what the driver says of it.
/// What only a measurement can tell stays unknown.
Status describeDevice(int ordinal, core::DeviceRecord &record);

} // namespace amk::runtime

#endif // AMK_RUNTIME_DESCRIBE_H
