//===- DeviceRecord.cpp - What the cost model knows of a GPU --------------===//

#include "AMK/Schedule/DeviceRecord.h"

#include <cstdio>

namespace amk::core {

namespace {

constexpr const char *kMeasured = "measured";

/// What a vendor says of a board.
struct Board {
  const char *name, *board, *chip, *source;
  double workers, clock, sharedBytes, l2Bytes, memoryBandwidth;
};

constexpr double kKiB = 1024, kMiB = 1024 * 1024;

const Board kBoards[] = {
    {"a100", "NVIDIA A100 SXM 80 GB", "sm_80",
     "NVIDIA A100 80 GB data sheet; A100 architecture white paper", 108, 1.41,
     163 * kKiB, 40 * kMiB, 2039},
    {"h100", "NVIDIA H100 SXM 80 GB", "sm_90",
     "NVIDIA H100 data sheet; H100 architecture white paper", 132, 1.98,
     227 * kKiB, 50 * kMiB, 3350},
    {"h200", "NVIDIA H200 SXM 141 GB", "sm_90",
     "NVIDIA H200 data sheet; H100 architecture white paper", 132, 1.98,
     227 * kKiB, 60 * kMiB, 4800},
    {"b200", "NVIDIA B200 SXM 180 GB", "sm_100",
     "NVIDIA DGX B200 data sheet; CUDA programming guide", 148, 1.965,
     227 * kKiB, 126 * kMiB, 8000},
    {"rtxpro6000", "NVIDIA RTX PRO 6000 Blackwell", "sm_120",
     "NVIDIA RTX PRO Blackwell white paper; CUDA programming guide", 188, 2.617,
     99 * kKiB, 128 * kMiB, 1792},
    {"rtx5090", "NVIDIA GeForce RTX 5090", "sm_120",
     "NVIDIA RTX Blackwell white paper; CUDA programming guide", 170, 2.407,
     99 * kKiB, 96 * kMiB, 1792},
};

/// The board that stands for a chip, and whose measurements stand in for
/// another's.
constexpr std::string_view kDefaults[] = {"a100", "h200", "b200", "rtxpro6000"};

/// What was measured on an H200: see docs/cost-model.md.
void setMeasured(DeviceRecord &r) {
  const auto set = [&](Figure DeviceRecord::*member, double value) {
    r.*member = {value, kMeasured};
  };
  r.l2Bytes.source = kMeasured;
  set(&DeviceRecord::streamBandwidth, 4620);
  set(&DeviceRecord::workerBandwidth, 114.5);
  set(&DeviceRecord::memoryLatency, 500);
  set(&DeviceRecord::copyIssue, 230);
  set(&DeviceRecord::asyncCopyRate, 15.4);
  set(&DeviceRecord::packetLatency, 700);
  set(&DeviceRecord::packetPasses, 2.5);
  set(&DeviceRecord::counterLatency, 1500);
  set(&DeviceRecord::counterPasses, 4);
  set(&DeviceRecord::pollLatency, 600);
  set(&DeviceRecord::clusterExchange, 1500);
  set(&DeviceRecord::clusterPacket, 400);
  set(&DeviceRecord::launch, 4000);
  set(&DeviceRecord::gather, 150);
  set(&DeviceRecord::gatherPacket, 0.5);
  set(&DeviceRecord::gatherPair, 0.1);
  set(&DeviceRecord::consume, 20);
  set(&DeviceRecord::publish, 170);
  set(&DeviceRecord::publishElement, 1.35);
  set(&DeviceRecord::attentionRound, 880);
  set(&DeviceRecord::attend, 40);
  set(&DeviceRecord::combine, 500);
}

DeviceRecord makeRecord(const Board &b) {
  DeviceRecord r;
  r.name = b.name;
  r.board = b.board;
  r.chip = b.chip;
  r.workers = {b.workers, b.source};
  r.clock = {b.clock, b.source};
  r.sharedBytes = {b.sharedBytes, b.source};
  r.registers = {65536, b.source};
  r.l2Bytes = {b.l2Bytes, b.source};
  r.memoryBandwidth = {b.memoryBandwidth, b.source};
  if (r.name == "h200")
    setMeasured(r);
  return r;
}

/// Figures that the clock scales: instructions set their pace.
constexpr Figure DeviceRecord::*kByClock[] = {
    &DeviceRecord::copyIssue,    &DeviceRecord::gather,
    &DeviceRecord::gatherPacket, &DeviceRecord::consume,
    &DeviceRecord::publish,      &DeviceRecord::publishElement,
    &DeviceRecord::attend,       &DeviceRecord::combine,
    &DeviceRecord::gatherPair,
};
/// Figures that are taken over as they are.
constexpr Figure DeviceRecord::*kAsMeasured[] = {
    &DeviceRecord::memoryLatency,   &DeviceRecord::packetLatency,
    &DeviceRecord::packetPasses,    &DeviceRecord::counterLatency,
    &DeviceRecord::counterPasses,   &DeviceRecord::pollLatency,
    &DeviceRecord::launch,          &DeviceRecord::attentionRound,
    &DeviceRecord::clusterExchange, &DeviceRecord::clusterPacket,
};

} // namespace

const std::vector<FigureField> &figureFields() {
  using R = DeviceRecord;
  static const std::vector<FigureField> fields = {
      {"workers", &R::workers, "SMs, one worker each", true},
      {"clock_ghz", &R::clock, "boost clock", true},
      {"shared_bytes", &R::sharedBytes, "shared memory of a block", true},
      {"registers", &R::registers, "32-bit registers of an SM", false},
      {"l2_bytes", &R::l2Bytes, "L2 cache", false},
      {"memory_gbs", &R::memoryBandwidth, "memory bandwidth", true},
      {"stream_gbs", &R::streamBandwidth, "what all SMs reach", false},
      {"worker_gbs", &R::workerBandwidth, "what one SM reaches", false},
      {"memory_latency_ns", &R::memoryLatency, "issue to first bytes", false},
      {"copy_issue_ns", &R::copyIssue, "from one bulk copy to the next", false},
      {"async_copy_gbs", &R::asyncCopyRate, "cp.async by one warp", false},
      {"packet_ns", &R::packetLatency, "hand-off by packets, idle", false},
      {"packet_passes", &R::packetPasses, "queues in its way", false},
      {"counter_ns", &R::counterLatency, "hand-off by counter, idle", false},
      {"counter_passes", &R::counterPasses, "queues in its way", false},
      {"poll_ns", &R::pollLatency, "a read from the L2", false},
      {"cluster_exchange_ns", &R::clusterExchange, "passed on in a cluster",
       false},
      {"cluster_packet_ns", &R::clusterPacket, "hand-off by packets there",
       false},
      {"launch_ns", &R::launch, "launch, plan copied", false},
      {"gather_ns", &R::gather, "taking in an input", false},
      {"gather_packet_ns", &R::gatherPacket, "for each packet", false},
      {"gather_pair_ns", &R::gatherPair, "for each pair of values", false},
      {"consume_ns_per_kb", &R::consume, "a warp and a KB of a stage", false},
      {"publish_ns", &R::publish, "publishing a tile", false},
      {"publish_element_ns", &R::publishElement, "for each element", false},
      {"attention_round_ns", &R::attentionRound, "32 keys, direct loads",
       false},
      {"attend_ns_per_kb", &R::attend, "a warp and a KB of keys, values",
       false},
      {"combine_ns", &R::combine, "warps of a split combined", false},
  };
  return fields;
}

const std::vector<DeviceRecord> &deviceRecords() {
  static const std::vector<DeviceRecord> records = [] {
    std::vector<DeviceRecord> all;
    for (const Board &b : kBoards)
      all.push_back(makeRecord(b));
    return all;
  }();
  return records;
}

const DeviceRecord *lookupDevice(std::string_view name) {
  for (const DeviceRecord &r : deviceRecords())
    if (r.name == name)
      return &r;
  return nullptr;
}

const DeviceRecord *defaultDevice(std::string_view chip) {
  for (std::string_view name : kDefaults)
    if (const DeviceRecord *r = lookupDevice(name); r && r->chip == chip)
      return r;
  return nullptr;
}

std::string knownDevices() {
  std::string names;
  for (const DeviceRecord &r : deviceRecords())
    names += (names.empty() ? "" : ", ") + r.name;
  return names;
}

void completeRecord(DeviceRecord &r) {
  const DeviceRecord &measured = *lookupDevice("h200");
  const auto take = [&](Figure DeviceRecord::*member, double factor,
                        const char *how) {
    if (!(r.*member).known())
      r.*member = {(measured.*member).value * factor, how};
  };
  for (const auto member : kAsMeasured)
    take(member, 1, "assumed: as on an H200");
  const double slower = measured.clock.value / r.clock.value;
  for (const auto member : kByClock)
    take(member, slower, "assumed: as on an H200, by the clock");
  take(&DeviceRecord::asyncCopyRate, 1 / slower,
       "assumed: as on an H200, by the clock");
  const double share =
      measured.streamBandwidth.value / measured.memoryBandwidth.value;
  if (!r.streamBandwidth.known())
    r.streamBandwidth = {r.memoryBandwidth.value * share,
                         "assumed: the share that an H200 reaches"};
  take(&DeviceRecord::workerBandwidth, 1 / slower,
       "assumed: as on an H200, by the clock");
  take(&DeviceRecord::registers, 1, "assumed: as on an H200");
  take(&DeviceRecord::l2Bytes, 1, "assumed: as on an H200");
}

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out + "\"";
}

} // namespace

std::string toJson(const DeviceRecord &r) {
  std::string out = "{\n  \"name\": " + quoted(r.name) +
                    ",\n  \"board\": " + quoted(r.board) +
                    ",\n  \"chip\": " + quoted(r.chip);
  for (const FigureField &f : figureFields()) {
    const Figure &figure = r.*f.member;
    out += std::string(",\n  \"") + f.key + "\": ";
    if (!figure.known()) {
      out += "null";
      continue;
    }
    char number[32];
    std::snprintf(number, sizeof number, "%.10g", figure.value);
    out += std::string("{\"value\": ") + number +
           ", \"source\": " + quoted(figure.source) + "}";
  }
  return out + "\n}\n";
}

} // namespace amk::core
