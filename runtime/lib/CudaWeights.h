//===- CudaWeights.h - Weights from the checkpoint to the arena -*- C++ -*-===//
//
// Weights are packed by all threads of the host into two staging chunks in
// turn: while one is packed, the other is copied to the device.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_CUDAWEIGHTS_H
#define AMK_RUNTIME_LIB_CUDAWEIGHTS_H

#include "AMK/Runtime/Device.h"
#include "AMK/Runtime/WeightRows.h"
#include "CudaDriver.h"

#include <vector>

namespace amk::runtime::cuda {

/// A weight as it is to lie in the arena. It is made of units, each of which
/// is packed on its own: a row, or a group of four rows packed for the tensor
/// cores.
struct WeightImage {
  WeightRows rows;
  uint32_t slice = 0;  ///< columns of a stage; 0: row-major
  uint64_t offset = 0; ///< in the arena

  uint64_t unitRows() const;
  uint64_t units() const;
  uint64_t unitBytes() const;
};

/// Finds the tensors of a weight and checks that its shape and its placement
/// fit each other.
Status resolveWeight(const core::Schedule &schedule,
                     const core::Placement &placement, WeightSource &source,
                     WeightImage &image);

/// Writes units first .. first + count - 1 of an image to `out`.
void packUnits(const WeightImage &image, uint64_t first, uint64_t count,
               char *out);

constexpr uint64_t kStagingBytes = uint64_t(64) << 20;

/// Packs the images and copies them to the arena, in chunks of about
/// `chunkBytes`. All is on the device on return.
Status uploadWeights(const Driver &driver, Stream stream, DeviceAddress arena,
                     const std::vector<WeightImage> &images,
                     const Progress &progress, uint64_t chunkBytes);

} // namespace amk::runtime::cuda

#endif // AMK_RUNTIME_LIB_CUDAWEIGHTS_H
