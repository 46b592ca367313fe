//===- CudaDevice.cpp - The device that launches the kernel ---------------===//

#include "CudaDevice.h"

#include "AMK/Runtime/RopeTable.h"
#include "AMK/Schedule/CacheLayout.h"
#include "AMK/Schedule/TraceLayout.h"
#include "CudaReport.h"

#include <algorithm>
#include <limits>
#include <sstream>

namespace amk::runtime {

Status createCudaDevice(const CudaOptions &options,
                        std::unique_ptr<Device> &device) {
  std::unique_ptr<cuda::CudaDevice> cudaDevice;
  Status status =
      cuda::CudaDevice::create(options, cuda::driverLibrary(), cudaDevice);
  device = std::move(cudaDevice);
  return status;
}

} // namespace amk::runtime

namespace amk::runtime::cuda {

Status CudaDevice::create(const CudaOptions &options,
                          const std::string &library,
                          std::unique_ptr<CudaDevice> &device) {
  device.reset(new CudaDevice(options));
  Status status = device->open(library);
  if (!status.ok())
    device.reset();
  return status;
}

Status CudaDevice::open(const std::string &library) {
  if (Status s = driver.load(library); !s.ok())
    return s;
  const Result result = driver.cuInit(0);
  int count = 0;
  if (result != kNoDevice) {
    if (Status s = driver.check(result, "cuInit"); !s.ok())
      return s;
    AMK_CUDA_TRY(driver, cuDeviceGetCount, &count);
  }
  if (count == 0)
    return {ErrorKind::Device, "no CUDA device: the driver finds none"};
  if (options.ordinal < 0 || options.ordinal >= count)
    return {ErrorKind::Device,
            "no CUDA device " + std::to_string(options.ordinal) +
                ": the driver finds " + std::to_string(count)};
  AMK_CUDA_TRY(driver, cuDeviceGet, &handle, options.ordinal);
  if (Status s = queryProperties(driver, handle, properties); !s.ok())
    return s;
  // The primary context is the one that other users of the driver in this
  // process share; its interface is the same in every version.
  AMK_CUDA_TRY(driver, cuDevicePrimaryCtxRetain, &context, handle);
  if (Status s = bind(); !s.ok())
    return s;
  AMK_CUDA_TRY(driver, cuStreamCreate, &stream, kStreamNonBlocking);
  AMK_CUDA_TRY(driver, cuEventCreate, &started, 0);
  AMK_CUDA_TRY(driver, cuEventCreate, &stopped, 0);
  void *pinned = nullptr;
  AMK_CUDA_TRY(driver, cuMemAllocHost, &pinned, sizeof(uint32_t));
  abortFlag = static_cast<uint32_t *>(pinned);
  return {};
}

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  driver.cuCtxSetCurrent(context);
  unload();
  if (abortFlag)
    driver.cuMemFreeHost(abortFlag);
  if (stopped)
    driver.cuEventDestroy(stopped);
  if (started)
    driver.cuEventDestroy(started);
  if (stream)
    driver.cuStreamDestroy(stream);
  driver.cuDevicePrimaryCtxRelease(handle);
}

/// Makes the context current: a call may come from any thread.
Status CudaDevice::bind() const {
  AMK_CUDA_TRY(driver, cuCtxSetCurrent, context);
  return {};
}

void CudaDevice::unload() {
  if (arena)
    driver.cuMemFree(arena);
  if (loaded.module)
    driver.cuModuleUnload(loaded.module);
  arena = 0;
  loaded = {};
  program = nullptr;
  placements.clear();
  epoch = 0;
  unclean = false;
}

Status CudaDevice::load(const core::Program &next, WeightSource &weights,
                        const Progress &progress) {
  if (!next.hasKernel)
    return {ErrorKind::Input,
            "the program has no kernel: it can run on the device 'cpu' only"};
  if (Status s = bind(); !s.ok())
    return s;
  unload();
  program = &next;
  std::vector<WeightImage> images;
  Status status = prepare(next, weights, images);
  if (status.ok())
    status = uploadConstants();
  if (status.ok())
    status =
        uploadWeights(driver, stream, arena, images, progress, stagingBytes);
  if (!status.ok())
    unload();
  return status;
}

/// All that can fail early, before the long upload of the weights.
Status CudaDevice::prepare(const core::Program &next, WeightSource &weights,
                           std::vector<WeightImage> &images) {
  if (Status s = checkPlacements(next); !s.ok())
    return s;
  const unsigned cluster =
      next.schedule.target ? next.schedule.target->cluster : 1;
  if (Status s = loadKernel(driver, properties, next.kernel, cluster, loaded);
      !s.ok())
    return s;
  for (const core::Placement &placement : next.kernel.placements) {
    if (next.schedule.buffers[placement.buffer].kind !=
        core::BufferKind::Weight)
      continue;
    images.emplace_back();
    if (Status s =
            resolveWeight(next.schedule, placement, weights, images.back());
        !s.ok())
      return s;
  }
  return allocateArena(next.kernel.arenaBytes);
}

static uint64_t plainBytes(const core::Buffer &buffer) {
  return uint64_t(buffer.elements()) * core::byteWidth(buffer.type);
}

static std::string quoted(const core::Buffer &buffer) {
  return "buffer '" + buffer.name + "'";
}

Status CudaDevice::checkPlacements(const core::Program &next) {
  const core::Kernel &kernel = next.kernel;
  const auto fits = [&](uint64_t offset, uint64_t bytes, uint64_t limit) {
    return offset <= limit && bytes <= limit - offset;
  };
  const auto bad = [](const std::string &what) {
    return Status(ErrorKind::Input, "the program's kernel: " + what);
  };
  placements.assign(next.schedule.buffers.size(), nullptr);
  for (const core::Placement &placement : kernel.placements) {
    if (placement.buffer >= placements.size())
      return bad("a placement names no buffer");
    const core::Buffer &buffer = next.schedule.buffers[placement.buffer];
    if (!fits(placement.offset, placement.bytes, kernel.arenaBytes))
      return bad(quoted(buffer) + " lies outside the arena");
    // Packets and packed weights are larger, and checked where they are used.
    if (buffer.packetElements == 0 && placement.packRows == 0 &&
        placement.bytes < plainBytes(buffer))
      return bad(quoted(buffer) + " does not fit its placement");
    if (placements[placement.buffer])
      return bad(quoted(buffer) + " has two placements");
    placements[placement.buffer] = &placement;
  }
  for (const core::Blob &blob : kernel.blobs)
    if (!fits(blob.offset, blob.data.size(), kernel.arenaBytes))
      return bad("blob '" + blob.name + "' lies outside the arena");
  if (!fits(kernel.zeroOffset, kernel.zeroBytes, kernel.arenaBytes))
    return bad("the zeroed bytes lie outside the arena");
  // A report that is not cleared would repeat the first abort for ever.
  if (kernel.reportOffset < kernel.zeroOffset ||
      !fits(kernel.reportOffset - kernel.zeroOffset,
            reportWords(kernel.workers) * sizeof(uint32_t), kernel.zeroBytes))
    return bad("the watchdog's record lies outside the zeroed bytes");
  return {};
}

Status CudaDevice::allocateArena(uint64_t bytes) {
  size_t free = 0, total = 0;
  AMK_CUDA_TRY(driver, cuMemGetInfo, &free, &total);
  const Result result =
      bytes > free ? kOutOfMemory : driver.cuMemAlloc(&arena, bytes);
  if (result == kOutOfMemory)
    return {ErrorKind::Device, "the program needs " + formatBytes(bytes) +
                                   " of GPU memory and " + formatBytes(free) +
                                   " of " + formatBytes(total) + " are free"};
  if (Status s = driver.check(result, "cuMemAlloc"); !s.ok())
    return s;
  // Counters, packets and KV caches start at zero; so does the rest, so that
  // nothing depends on what was in the memory before.
  AMK_CUDA_TRY(driver, cuMemsetD8Async, arena, 0, bytes, stream);
  return {};
}

/// Uploads the blobs and what the host computes.
Status CudaDevice::uploadConstants() {
  for (const core::Blob &blob : program->kernel.blobs)
    if (!blob.data.empty())
      AMK_CUDA_TRY(driver, cuMemcpyHtoDAsync, arena + blob.offset,
                   blob.data.data(), blob.data.size(), stream);
  for (const core::Placement &placement : program->kernel.placements) {
    const core::Buffer &buffer = program->schedule.buffers[placement.buffer];
    if (buffer.kind != core::BufferKind::Constant)
      continue;
    if (buffer.rope >= program->schedule.ropeTables.size() ||
        buffer.shape.size() != 3 || buffer.type != core::ElementType::F32)
      return {ErrorKind::Input,
              "constant '" + buffer.name + "' is no RoPE table"};
    const core::RopeTable &rope = program->schedule.ropeTables[buffer.rope];
    if (buffer.shape[1] * 2 != rope.headDim || buffer.shape[2] != 2)
      return {ErrorKind::Input, "constant '" + buffer.name +
                                    "' has not the shape of its RoPE table"};
    const std::vector<float> values = ropeTable(rope, buffer.shape[0]);
    AMK_CUDA_TRY(driver, cuMemcpyHtoDAsync, arena + placement.offset,
                 values.data(), values.size() * sizeof(float), stream);
    AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  }
  AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  return {};
}

/// Finds the bytes of a buffer that the host may access as plain values.
Status CudaDevice::locate(const char *verb, uint32_t index, size_t bytes,
                          DeviceAddress &address) const {
  if (!program)
    return {ErrorKind::Usage, "no program is loaded"};
  const core::Schedule &schedule = program->schedule;
  if (index >= schedule.buffers.size())
    return {ErrorKind::Usage, std::string("cannot ") + verb + " buffer " +
                                  std::to_string(index) +
                                  ": the schedule has " +
                                  std::to_string(schedule.buffers.size())};
  const core::Buffer &buffer = schedule.buffers[index];
  const auto bad = [&](const std::string &why) {
    return Status(ErrorKind::Usage, std::string("cannot ") + verb + " " +
                                        quoted(buffer) + ": " + why);
  };
  if (buffer.packetElements != 0)
    return bad("it is made of packets");
  if (buffer.space == core::Space::Shared)
    return bad("it lives in the workers' shared memory");
  if (!placements[index])
    return bad("it has no place in the GPU's memory");
  if (placements[index]->packRows != 0)
    return bad("it is packed for the tensor cores");
  if (bytes != plainBytes(buffer))
    return bad("it has " + std::to_string(plainBytes(buffer)) + " bytes, not " +
               std::to_string(bytes));
  address = arena + placements[index]->offset;
  return {};
}

Status CudaDevice::write(uint32_t buffer, const void *data, size_t bytes) {
  DeviceAddress address = 0;
  if (Status s = locate("write", buffer, bytes, address); !s.ok())
    return s;
  const core::Buffer &to = program->schedule.buffers[buffer];
  const bool isCache = to.kind == core::BufferKind::KvCache;
  if (to.kind != core::BufferKind::Input && !isCache)
    return {ErrorKind::Usage, "cannot write " + quoted(to) +
                                  ": expected an input or a KV cache, found " +
                                  std::string(core::toString(to.kind))};
  if (Status s = bind(); !s.ok())
    return s;
  std::vector<char> stored;
  if (isCache) {
    stored.assign(static_cast<const char *>(data),
                  static_cast<const char *>(data) + bytes);
    core::swapCacheChunks(to, stored.data());
    data = stored.data();
  }
  AMK_CUDA_TRY(driver, cuMemcpyHtoDAsync, address, data, bytes, stream);
  AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  return {};
}

Status CudaDevice::read(uint32_t buffer, void *data, size_t bytes) {
  DeviceAddress address = 0;
  if (Status s = locate("read", buffer, bytes, address); !s.ok())
    return s;
  if (Status s = bind(); !s.ok())
    return s;
  AMK_CUDA_TRY(driver, cuMemcpyDtoHAsync, data, address, bytes, stream);
  AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  const core::Buffer &from = program->schedule.buffers[buffer];
  if (from.kind == core::BufferKind::KvCache)
    core::swapCacheChunks(from, data);
  return {};
}

Status CudaDevice::checkPositions(int64_t first, unsigned count) const {
  if (!program)
    return {ErrorKind::Usage, "no program is loaded"};
  const int64_t positions = program->schedule.positions;
  if (first < 0 || first >= positions || int64_t(count) > positions - first)
    return {ErrorKind::Usage,
            "no position " +
                std::to_string(first < 0 ? first : std::max(first, positions)) +
                ": the program has " + std::to_string(positions) +
                " positions"};
  return {};
}

/// Queues one launch between two events.
Status CudaDevice::enqueue(int64_t position, Event start, Event stop) {
  const core::Kernel &kernel = program->kernel;
  // After a failed launch the counters stand anywhere; and an epoch must not
  // be 0, which is what cleared bytes hold.
  if (unclean || epoch == std::numeric_limits<uint32_t>::max()) {
    AMK_CUDA_TRY(driver, cuMemsetD8Async, arena + kernel.zeroOffset, 0,
                 kernel.zeroBytes, stream);
    epoch = 0;
    unclean = false;
  }
  uint64_t address = arena;
  uint32_t at = uint32_t(position), launch = epoch + 1;
  uint64_t budget = std::numeric_limits<uint64_t>::max();
  if (options.watchdogMs != 0 && options.watchdogMs < budget / 1000000)
    budget = options.watchdogMs * 1000000;
  void *parameters[] = {&address, &at, &launch, &budget};
  AMK_CUDA_TRY(driver, cuEventRecord, start, stream);
  if (Status s = launchKernel(driver, kernel, loaded, stream, parameters);
      !s.ok())
    return s;
  epoch = launch;
  AMK_CUDA_TRY(driver, cuEventRecord, stop, stream);
  return {};
}

/// Waits for what is queued and looks at the abort flag.
Status CudaDevice::finish(int64_t first, unsigned count) {
  unclean = true;
  AMK_CUDA_TRY(driver, cuMemcpyDtoHAsync, abortFlag,
               arena + program->kernel.reportOffset, sizeof(uint32_t), stream);
  AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  if (*abortFlag != 0)
    return describeAbort(first, count);
  unclean = false;
  return {};
}

Status CudaDevice::describeAbort(int64_t first, unsigned count) {
  const core::Kernel &kernel = program->kernel;
  std::vector<uint32_t> words(reportWords(kernel.workers));
  AMK_CUDA_TRY(driver, cuMemcpyDtoHAsync, words.data(),
               arena + kernel.reportOffset, words.size() * sizeof(uint32_t),
               stream);
  AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  // The flag is the epoch of the launch that hung, the first of `count` has
  // epoch - count + 1.
  const uint32_t hung = words[0];
  const uint32_t place = hung - (epoch - count + 1);
  const core::Tiles tiles = core::expand(program->schedule);
  return HangReport(program->schedule, tiles)
      .status(first + (place < count ? place : 0), options.watchdogMs, hung,
              decodeReport(words.data(), kernel.workers));
}

Status CudaDevice::launch(int64_t position, double &milliseconds) {
  milliseconds = 0;
  if (Status s = checkPositions(position, 1); !s.ok())
    return s;
  if (Status s = bind(); !s.ok())
    return s;
  Status status = enqueue(position, started, stopped);
  if (status.ok())
    status = finish(position, 1);
  if (!status.ok()) {
    unclean = true;
    return status;
  }
  float elapsed = 0;
  AMK_CUDA_TRY(driver, cuEventElapsedTime, &elapsed, started, stopped);
  milliseconds = elapsed;
  return {};
}

/// Queues the launches of launchMany; launch i is between events 2i and 2i+1.
Status CudaDevice::enqueueMany(int64_t first, unsigned count,
                               DeviceAddress token, DeviceAddress next,
                               const std::vector<Event> &events) {
  for (unsigned i = 0; i < count; ++i) {
    if (i > 0)
      AMK_CUDA_TRY(driver, cuMemcpyDtoDAsync, token, next, sizeof(int32_t),
                   stream);
    if (Status s = enqueue(first + i, events[2 * i], events[2 * i + 1]);
        !s.ok())
      return s;
  }
  return finish(first, count);
}

Status CudaDevice::launchMany(int64_t first, unsigned count, uint32_t token,
                              uint32_t next, std::vector<double> &milliseconds,
                              double &mean) {
  milliseconds.assign(count, 0.0);
  mean = 0;
  DeviceAddress to = 0, from = 0;
  if (Status s = locate("write", token, sizeof(int32_t), to); !s.ok())
    return s;
  if (Status s = locate("read", next, sizeof(int32_t), from); !s.ok())
    return s;
  if (count == 0)
    return {};
  if (Status s = checkPositions(first, count); !s.ok())
    return s;
  if (Status s = bind(); !s.ok())
    return s;
  std::vector<Event> events(size_t(count) * 2, nullptr);
  const auto run = [&]() -> Status {
    for (Event &event : events)
      AMK_CUDA_TRY(driver, cuEventCreate, &event, 0);
    if (Status s = enqueueMany(first, count, to, from, events); !s.ok()) {
      unclean = true;
      // Some launches may be under way still.
      driver.cuStreamSynchronize(stream);
      return s;
    }
    float elapsed = 0;
    for (unsigned i = 0; i < count; ++i) {
      AMK_CUDA_TRY(driver, cuEventElapsedTime, &elapsed, events[2 * i],
                   events[2 * i + 1]);
      milliseconds[i] = elapsed;
    }
    AMK_CUDA_TRY(driver, cuEventElapsedTime, &elapsed, events.front(),
                 events.back());
    mean = double(elapsed) / count;
    return {};
  };
  const Status status = run();
  for (Event event : events)
    if (event)
      driver.cuEventDestroy(event);
  return status;
}

namespace {

/// Takes what a kernel has recorded apart.
class TraceReader {
public:
  TraceReader(const core::Program &program, const core::Tiles &tiles,
              const core::TraceLayout &layout,
              const std::vector<uint64_t> &recorded, uint32_t epoch)
      : s(program.schedule), tiles(tiles), layout(layout), recorded(recorded),
        epoch(epoch) {}

  void read(uint32_t worker, StepTimes &times) const {
    for (size_t r = 0; r < tiles.queues[worker].size(); ++r)
      times.tiles.push_back(row(worker, uint32_t(r)));
    readStages(worker, times);
  }

private:
  TileTimes row(uint32_t worker, uint32_t r) const {
    const core::Tile &tile = tiles.tiles[tiles.queues[worker][r]];
    const uint64_t *at = &recorded[layout.row(worker, r)];
    TileTimes t{worker, tile.task, tile.index, at[0], at[1], at[2], at[3], {}};
    // What did not wait in this launch was left by another, or begins later
    // than it ends.
    for (uint32_t p = core::kTracePoints; p < layout.points; p += 2)
      if (at[p] >= t.begin && at[p] < at[p + 1])
        t.laterWaits.push_back({at[p], at[p + 1]});
    return t;
  }

  void readStages(uint32_t worker, StepTimes &times) const {
    uint32_t before = core::kNone, inTile = 0;
    for (uint64_t i = 0; i < layout.stages; ++i) {
      const uint64_t *at =
          &recorded[layout.stagesAt / 8 +
                    (worker * layout.stages + i) * (core::kStageWords / 2)];
      const uint32_t row = uint32_t(at[3]);
      // Another launch had more stages than this one.
      if (uint32_t(at[3] >> 32) != epoch || row >= tiles.queues[worker].size())
        break;
      inTile = row == before ? inTile + 1 : 0;
      before = row;
      const core::Tile &tile = tiles.tiles[tiles.queues[worker][row]];
      times.stages.push_back({worker, tile.task, tile.index, inTile, 1,
                              s.ring ? uint32_t(i % s.ring->slots) : 0, at[0],
                              at[1], at[2]});
    }
  }

  const core::Schedule &s;
  const core::Tiles &tiles;
  const core::TraceLayout &layout;
  const std::vector<uint64_t> &recorded;
  const uint32_t epoch;
};

} // namespace

Status CudaDevice::trace(StepTimes &times) {
  times = {};
  if (!program || program->kernel.traceRows == 0)
    return {};
  const core::Kernel &kernel = program->kernel;
  const core::Tiles tiles = core::expand(program->schedule);
  const core::TraceLayout layout = core::traceLayout(program->schedule, tiles);
  if (layout.rows != kernel.traceRows ||
      layout.bytes > kernel.arenaBytes - kernel.traceOffset)
    return {ErrorKind::Input,
            "the program's kernel: expected times of " +
                std::to_string(layout.rows) + " rows in " +
                std::to_string(layout.bytes) + " bytes, found " +
                std::to_string(kernel.traceRows) + " rows in " +
                std::to_string(kernel.arenaBytes - kernel.traceOffset)};
  std::vector<uint64_t> recorded(layout.bytes / 8);
  if (Status s = bind(); !s.ok())
    return s;
  AMK_CUDA_TRY(driver, cuMemcpyDtoHAsync, recorded.data(),
               arena + kernel.traceOffset, recorded.size() * sizeof(uint64_t),
               stream);
  AMK_CUDA_TRY(driver, cuStreamSynchronize, stream);
  const TraceReader reader(*program, tiles, layout, recorded, epoch);
  for (uint32_t w = 0; w < tiles.queues.size(); ++w)
    reader.read(w, times);
  return {};
}

std::string CudaDevice::info() {
  const int version = properties.driverVersion;
  std::string text =
      "device: " + properties.name + ", sm_" +
      std::to_string(properties.major) + std::to_string(properties.minor) +
      ", " + std::to_string(properties.multiprocessors) +
      " multiprocessors, driver for CUDA " + std::to_string(version / 1000) +
      "." + std::to_string(version % 1000 / 10) + "\n";
  if (!program)
    return text;
  const core::Kernel &kernel = program->kernel;
  text += "kernel: " + kernel.entry + " for " + kernel.chip + ", " +
          std::to_string(kernel.workers) + " blocks of " +
          std::to_string(kernel.threads) + " threads" +
          (loaded.cluster == 1
               ? ""
               : " in clusters of " + std::to_string(loaded.cluster)) +
          " (" + std::to_string(loaded.resident) + " can be resident)\n";
  text += "registers: " + std::to_string(loaded.registers) +
          " per thread, local memory: " + std::to_string(loaded.localBytes) +
          " bytes per thread\n";
  text += "shared memory: " + std::to_string(kernel.sharedBytes) +
          " bytes dynamic, " + std::to_string(loaded.staticSharedBytes) +
          " bytes static per block\n";
  text += "arena: " + formatBytes(kernel.arenaBytes) + "\n";
  std::istringstream log(loaded.log);
  for (std::string line; std::getline(log, line);)
    if (!line.empty())
      text += "jit: " + line + "\n";
  if (!loaded.warning.empty())
    text += "warning: " + loaded.warning + "\n";
  return text;
}

} // namespace amk::runtime::cuda
