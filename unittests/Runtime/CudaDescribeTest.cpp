//===- CudaDescribeTest.cpp - Records over a driver that is none ----------===//

#include "AMK/Runtime/Describe.h"

#include "FakeCuda.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>

using namespace amk;
using namespace amk::runtime;

namespace {

class CudaDescribe : public ::testing::Test {
protected:
  void SetUp() override {
    setenv("AMK_CUDA_LIBRARY", AMK_FAKE_CUDA, 1);
    void *library = dlopen(AMK_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    fake = reinterpret_cast<FakeCudaFunction *>(dlsym(library, "fakeCuda"))();
    *fake = {};
  }
  void TearDown() override {
    EXPECT_EQ(fake->alive(), 0);
    EXPECT_EQ(fake->misuse, 0);
    *fake = {};
    unsetenv("AMK_CUDA_LIBRARY");
  }

  FakeCuda *fake = nullptr;
  core::DeviceRecord record;
};

TEST_F(CudaDescribe, WhatTheDriverSays) {
  fake->multiprocessors = 132;
  ASSERT_TRUE(describeDevice(0, record).ok());
  EXPECT_EQ(core::toJson(record), R"({
  "name": "fake_gpu",
  "board": "Fake GPU",
  "chip": "sm_90",
  "workers": {"value": 132, "source": "CUDA driver"},
  "clock_ghz": {"value": 1.98, "source": "CUDA driver"},
  "shared_bytes": {"value": 232448, "source": "CUDA driver"},
  "registers": {"value": 65536, "source": "CUDA driver"},
  "l2_bytes": {"value": 62914560, "source": "CUDA driver"},
  "memory_gbs": {"value": 4916.736, "source": "CUDA driver: 2 x memory clock x bus width"},
  "stream_gbs": null,
  "worker_gbs": null,
  "memory_latency_ns": null,
  "copy_issue_ns": null,
  "async_copy_gbs": null,
  "packet_ns": null,
  "packet_passes": null,
  "counter_ns": null,
  "counter_passes": null,
  "poll_ns": null,
  "cluster_exchange_ns": null,
  "cluster_packet_ns": null,
  "launch_ns": null,
  "gather_ns": null,
  "gather_packet_ns": null,
  "gather_pair_ns": null,
  "consume_ns_per_kb": null,
  "publish_ns": null,
  "publish_element_ns": null,
  "attention_round_ns": null,
  "attend_ns_per_kb": null,
  "combine_ns": null
}
)");
}

// A chip that is no target runs what is made for sm_80; an older one does not.
TEST_F(CudaDescribe, ChipsThatAreNoTarget) {
  const auto chip = [&](int major, int minor) {
    fake->major = major;
    fake->minor = minor;
    EXPECT_TRUE(describeDevice(0, record).ok());
    return record.chip;
  };
  EXPECT_EQ(chip(12, 0), "sm_120");
  EXPECT_EQ(chip(8, 9), "sm_80");
  EXPECT_EQ(chip(10, 3), "sm_80");
  EXPECT_EQ(chip(7, 5), "sm_75");
}

TEST_F(CudaDescribe, WhatTheDriverDoesNotSayIsUnknown) {
  fake->memoryClockKHz = 0;
  fake->clockKHz = 0;
  ASSERT_TRUE(describeDevice(0, record).ok());
  EXPECT_FALSE(record.memoryBandwidth.known());
  EXPECT_FALSE(record.clock.known());
}

TEST_F(CudaDescribe, Failures) {
  EXPECT_EQ(describeDevice(1, record).message(),
            "no CUDA device 1: the driver finds 1");
  fake->failing = "cuDeviceGetAttribute";
  const Status status = describeDevice(0, record);
  EXPECT_EQ(status.kind(), ErrorKind::Device);
  EXPECT_EQ(status.message().substr(0, 21), "cuDeviceGetAttribute:");
  fake->failing.clear();
  fake->devices = 0;
  EXPECT_EQ(describeDevice(0, record).message(),
            "no CUDA device 0: the driver finds 0");
  setenv("AMK_CUDA_LIBRARY", "libnone-of-this-name.so", 1);
  EXPECT_EQ(describeDevice(0, record).message(),
            "no CUDA driver: cannot load libnone-of-this-name.so");
}

} // namespace
