//===- ClusterPacketsTest.cpp - Packets that stay in their cluster --------===//

#include "ToyLlama.h"

#include "AMK/Schedule/KernelPlan.h"
#include "AMK/Schedule/Region.h"
#include "AMK/Schedule/Tiles.h"
#include "AMK/Scheduling/Assignment.h"
#include "AMK/Scheduling/PageColoring.h"
#include "AMK/Scheduling/Pipelining.h"
#include "AMK/Scheduling/Synchronization.h"
#include "AMK/Scheduling/Tiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

using namespace amk::core;
using namespace amk::scheduling;
using namespace amk::scheduling::test;

namespace {

/// Attention in splits, placed in clusters; without hand-offs.
Schedule placed(uint32_t workers, uint32_t cluster, int64_t splits) {
  ToyShape shape;
  shape.positions = 1024;
  Schedule s = toyLlama(shape, /*fused=*/true);
  s.numerics.kvSplits = splits;
  s.target = Target{"sm_90", workers, 232448};
  TilingOptions tiling;
  tiling.workers = workers;
  EXPECT_EQ(cutTasks(s, tiling), "");
  EXPECT_EQ(assignWorkers(
                s, {workers, AssignmentPolicy::Contiguous, true, {}, cluster}),
            "");
  return s;
}

SynchronizationOptions withInboxes(uint64_t bytes) {
  SynchronizationOptions options;
  options.inboxBytes = bytes;
  return options;
}

std::vector<std::string> inCluster(const Schedule &s) {
  std::vector<std::string> names;
  for (const Buffer &b : s.buffers)
    if (b.space == Space::Cluster)
      names.push_back(b.name);
  return names;
}

TEST(ClusterPackets, WhatTheSplitsOfAHeadHandOver) {
  // Two KV heads with `splits` splits each.
  for (const auto &[workers, cluster, splits] :
       {std::tuple(16u, 8u, 8), std::tuple(16u, 8u, 4), std::tuple(8u, 4u, 4),
        std::tuple(32u, 4u, 3), std::tuple(12u, 2u, 2)}) {
    Schedule s = placed(workers, cluster, splits);
    SynchronizationReport report;
    ASSERT_EQ(synchronize(s, withInboxes(100000), &report), "");
    EXPECT_EQ(check(s), "");
    const std::vector<std::string> names = inCluster(s);
    ASSERT_EQ(names.size(), 2u) << workers;
    EXPECT_NE(names[0].find("parts"), std::string::npos) << names[0];
    EXPECT_EQ(report.clusterPackets, 2u);
    // 2 x 64 values of a split's group are 64 pairs, with a sum each: packets
    // of three. Layers have one after the other.
    EXPECT_EQ(report.inboxBytes, uint64_t(splits - 1) * 64 * 16);
    ASSERT_EQ(colorPages(s, {}, nullptr), "");
    EXPECT_EQ(inCluster(s), names);
    ASSERT_EQ(makeStreams(s, {}), "");
    EXPECT_EQ(check(s), "");
  }
}

TEST(ClusterPackets, NotBeyondTheClusterNorTheLimit) {
  Schedule s = placed(16, 4, 8);
  ASSERT_EQ(synchronize(s, withInboxes(100000)), "");
  EXPECT_TRUE(inCluster(s).empty());
  s = placed(16, 1, 8);
  ASSERT_EQ(synchronize(s, withInboxes(100000)), "");
  EXPECT_TRUE(inCluster(s).empty());
  s = placed(16, 8, 8);
  ASSERT_EQ(synchronize(s, withInboxes(7 * 64 * 16 - 1)), "");
  EXPECT_TRUE(inCluster(s).empty());
  ASSERT_EQ(synchronize(s, withInboxes(7 * 64 * 16)), "");
  EXPECT_EQ(inCluster(s).size(), 2u);
  // Anew, as the options say now.
  ASSERT_EQ(synchronize(s, {}), "");
  EXPECT_TRUE(inCluster(s).empty());
  EXPECT_EQ(check(s), "");
  for (const Buffer &b : s.buffers)
    EXPECT_EQ(b.packetRoom, 0u);
  SynchronizationOptions counters = withInboxes(100000);
  counters.packetElements = 0;
  ASSERT_EQ(synchronize(s, counters), "");
  EXPECT_TRUE(inCluster(s).empty());
}

/// Beside a ring that leaves no room for them.
TEST(ClusterPackets, NotInTheRingsPlace) {
  Schedule s = placed(16, 8, 8);
  ASSERT_EQ(synchronize(s, {}), "");
  ASSERT_EQ(makeStreams(s, {}), "");
  s.target->sharedBytes = sharedLayout(s).total + 7 * 64 * 16 - 1;
  ASSERT_EQ(synchronize(s, withInboxes(100000)), "");
  EXPECT_TRUE(inCluster(s).empty());
  EXPECT_EQ(check(s), "");
  ++s.target->sharedBytes;
  ASSERT_EQ(synchronize(s, withInboxes(100000)), "");
  EXPECT_EQ(inCluster(s).size(), 2u);
  EXPECT_EQ(check(s), "");
}

/// A step in one cluster: all packets, also what many workers read.
TEST(ClusterPackets, EverythingInOneCluster) {
  Schedule s = placed(8, 8, 4);
  SynchronizationReport report;
  ASSERT_EQ(synchronize(s, withInboxes(100000), &report), "");
  EXPECT_EQ(check(s), "");
  std::map<uint64_t, std::set<uint32_t>> generations;
  for (const Buffer &b : s.buffers) {
    EXPECT_EQ(b.packetElements != 0, b.space == Space::Cluster) << b.name;
    if (b.packetElements) {
      EXPECT_TRUE(generations[b.pageOffset].insert(b.packetGeneration).second)
          << b.name;
    }
  }
  EXPECT_EQ(report.clusterPackets, report.packetBuffers);
  EXPECT_EQ(report.clusterGathers, 0u);
}

/// The plan row says who gets a tile's packets: whoever reads one.
TEST(ClusterPackets, PeersOfTheKernel) {
  for (const uint32_t workers : {4u, 16u}) {
    Schedule s = placed(workers, 4, 4);
    ASSERT_EQ(synchronize(s, withInboxes(100000)), "");
    ASSERT_EQ(colorPages(s, {}, nullptr), "");
    ASSERT_EQ(makeStreams(s, {}), "");
    ASSERT_EQ(check(s), "");
    KernelPlan plan;
    std::string error;
    uint32_t task = kNone;
    ASSERT_TRUE(buildKernelPlan(s, plan, error, task)) << error;
    EXPECT_EQ(plan.shared.pages - plan.shared.inbox, inboxBytes(s));
    const auto at =
        std::find_if(plan.kernel.blobs.begin(), plan.kernel.blobs.end(),
                     [](const Blob &b) { return b.name == "plan"; });
    ASSERT_NE(at, plan.kernel.blobs.end());
    const auto word = [&](size_t i) {
      uint32_t v = 0;
      for (size_t k = 0; k < 4; ++k)
        v |= uint32_t(uint8_t(at->data[i * 4 + k])) << (8 * k);
      return v;
    };
    const Tiles tiles = expand(s);
    uint32_t written = 0;
    for (uint32_t w = 0; w < workers; ++w)
      for (uint32_t r = 0; r < tiles.queues[w].size(); ++r) {
        const Tile &tile = tiles.tiles[tiles.queues[w][r]];
        const TaskClass &c = plan.classes[plan.classOfTask[tile.task]];
        const size_t row =
            plan.planRowsOffset + (word(w * 2) + r) * plan.shared.planRowWords;
        for (size_t f = 0; f < c.fields.size(); ++f) {
          if (c.fields[f].peers == kNone)
            continue;
          // The fields are of the class's buffers, the accesses of the tile's.
          uint32_t peers = 0;
          for (uint32_t i = tile.firstAccess; i < tile.lastAccess; ++i) {
            const Access &a = tiles.accesses[i];
            if (!a.write || s.buffers[a.buffer].space != Space::Cluster)
              continue;
            EXPECT_EQ(word(row + c.fields[f].place),
                      s.buffers[a.buffer].pageOffset);
            for (const Tile &other : tiles.tiles)
              for (uint32_t k = other.firstAccess; k < other.lastAccess; ++k)
                if (const Access &o = tiles.accesses[k];
                    !o.write && o.buffer == a.buffer &&
                    overlap(o.region, a.region))
                  peers |= 1u << other.worker % 4;
          }
          EXPECT_EQ(word(row + c.fields[f].peers), peers);
          EXPECT_NE(peers, 0u);
          ++written;
        }
      }
    EXPECT_GT(written, 0u);
  }
}

/// A thread polls for the query, the key or the value with one instruction.
TEST(ClusterPackets, HeadsInOneMemory) {
  Schedule s = placed(4, 4, 4);
  ASSERT_EQ(synchronize(s, withInboxes(100000)), "");
  ASSERT_EQ(makeStreams(s, {}), "");
  for (Task &t : s.tasks)
    for (Operator &op : t.ops)
      if (op.name == "attention_join") {
        // Query, key and value are one buffer: another one for the value.
        Buffer other = s.buffers[op.operands[2]];
        other.name = "elsewhere";
        other.space = Space::Own;
        other.packetRoom = 0;
        op.operands[2] = uint32_t(s.buffers.size());
        s.buffers.push_back(other);
      }
  KernelPlan plan;
  std::string error;
  uint32_t task = kNone;
  EXPECT_FALSE(buildKernelPlan(s, plan, error, task));
  EXPECT_NE(error.find("in the same memory, found cluster and own"),
            std::string::npos)
      << error;
}

} // namespace
