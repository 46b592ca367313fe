//===- CudaDescribe.cpp - The record of the GPU in the machine ------------===//

#include "AMK/Runtime/Describe.h"

#include "CudaDriver.h"

#include "AMK/Schedule/TargetInfo.h"

#include <cctype>

namespace amk::runtime {

using core::DeviceRecord;
using core::Figure;

namespace {

constexpr const char *kDriver = "CUDA driver";

/// "NVIDIA H200" as a name: "nvidia_h200".
std::string nameOf(const std::string &board) {
  std::string name;
  for (const char c : board) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += char(std::tolower(static_cast<unsigned char>(c)));
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  return name.empty() ? "gpu" : name;
}

/// The target for a compute capability: its own, else the plain one that every
/// later GPU runs.
std::string chipOf(int major, int minor) {
  const std::string own = "sm_" + std::to_string(major * 10 + minor);
  return core::lookupTarget(own) || major < 8 ? own : "sm_80";
}

Status openDevice(int ordinal, cuda::Driver &driver,
                  cuda::DeviceHandle &device) {
  if (Status s = driver.load(cuda::driverLibrary()); !s.ok())
    return s;
  int count = 0;
  if (const cuda::Result result = driver.cuInit(0); result != cuda::kNoDevice) {
    if (Status s = driver.check(result, "cuInit"); !s.ok())
      return s;
    AMK_CUDA_TRY(driver, cuDeviceGetCount, &count);
  }
  if (ordinal < 0 || ordinal >= count)
    return {ErrorKind::Device, "no CUDA device " + std::to_string(ordinal) +
                                   ": the driver finds " +
                                   std::to_string(count)};
  AMK_CUDA_TRY(driver, cuDeviceGet, &device, ordinal);
  return {};
}

} // namespace

Status describeDevice(int ordinal, DeviceRecord &record) {
  cuda::Driver driver;
  cuda::DeviceHandle device = 0;
  if (Status s = openDevice(ordinal, driver, device); !s.ok())
    return s;
  record = {};
  char board[256] = {};
  AMK_CUDA_TRY(driver, cuDeviceGetName, board, int(sizeof(board)) - 1, device);
  record.board = board;
  record.name = nameOf(record.board);
  int major = 0, minor = 0, memoryClock = 0, busBits = 0;
  struct {
    Figure DeviceRecord::*member;
    cuda::DeviceAttribute attribute;
    double unit;
  } const figures[] = {
      {&DeviceRecord::workers, cuda::MultiprocessorCount, 1},
      {&DeviceRecord::clock, cuda::ClockRate, 1e-6}, // kHz
      {&DeviceRecord::sharedBytes, cuda::MaxSharedBytesPerBlockOptin, 1},
      {&DeviceRecord::registers, cuda::MaxRegistersPerMultiprocessor, 1},
      {&DeviceRecord::l2Bytes, cuda::L2CacheSize, 1},
  };
  for (const auto &f : figures) {
    int value = 0;
    AMK_CUDA_TRY(driver, cuDeviceGetAttribute, &value, f.attribute, device);
    if (value > 0)
      record.*f.member = {value * f.unit, kDriver};
  }
  struct {
    int *value;
    cuda::DeviceAttribute attribute;
  } const others[] = {
      {&major, cuda::ComputeCapabilityMajor},
      {&minor, cuda::ComputeCapabilityMinor},
      {&memoryClock, cuda::MemoryClockRate},
      {&busBits, cuda::GlobalMemoryBusWidth},
  };
  for (const auto &o : others)
    AMK_CUDA_TRY(driver, cuDeviceGetAttribute, o.value, o.attribute, device);
  record.chip = chipOf(major, minor);
  // Two transfers a clock, on every memory so far.
  if (memoryClock > 0 && busBits > 0)
    record.memoryBandwidth = {2e-6 * memoryClock * busBits / 8,
                              "CUDA driver: 2 x memory clock x bus width"};
  return {};
}

} // namespace amk::runtime
