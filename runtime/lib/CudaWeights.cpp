//===- CudaWeights.cpp - Weights from the checkpoint to the arena ---------===//

#include "CudaWeights.h"

#include "AMK/Schedule/WeightPacking.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

namespace amk::runtime::cuda {

uint64_t WeightImage::unitRows() const { return slice ? core::kPackRows : 1; }

uint64_t WeightImage::units() const {
  return (uint64_t(rows.rows()) + unitRows() - 1) / unitRows();
}

uint64_t WeightImage::unitBytes() const {
  return unitRows() * uint64_t(rows.columns()) * 2;
}

Status resolveWeight(const core::Schedule &schedule,
                     const core::Placement &placement, WeightSource &source,
                     WeightImage &image) {
  const core::Buffer &buffer = schedule.buffers[placement.buffer];
  const auto bad = [&](const std::string &what) {
    return Status(ErrorKind::Input, "weight '" + buffer.name + "': " + what);
  };
  if (Status s = image.rows.resolve(schedule, buffer, source); !s.ok())
    return s;
  if (image.rows.columns() < 1)
    return bad("it has no elements");
  image.offset = placement.offset;
  image.slice = placement.packRows ? placement.packColumns : 0;
  if (placement.packRows != 0 &&
      (placement.packRows != core::kPackRows || image.slice == 0 ||
       image.slice % core::kPackBlock != 0 ||
       image.rows.columns() % image.slice != 0))
    return bad("it cannot be packed in stages of " +
               std::to_string(placement.packRows) + " x " +
               std::to_string(placement.packColumns));
  const uint64_t bytes = image.units() * image.unitBytes();
  if (bytes > placement.bytes)
    return bad("it needs " + std::to_string(bytes) +
               " bytes and its placement has " +
               std::to_string(placement.bytes));
  return {};
}

void packUnits(const WeightImage &image, uint64_t first, uint64_t count,
               char *out) {
  const uint64_t rowBytes = uint64_t(image.rows.columns()) * 2;
  for (uint64_t unit = first; unit < first + count; ++unit) {
    const int64_t begin = int64_t(unit * image.unitRows());
    const int64_t end =
        std::min(begin + int64_t(image.unitRows()), image.rows.rows());
    // Rows past the end are zero.
    if (end - begin < int64_t(image.unitRows()))
      std::memset(out, 0, image.unitBytes());
    for (int64_t row = begin; row < end; ++row) {
      const char *data = image.rows.row(row);
      if (image.slice)
        core::packRow(data, uint32_t(row - begin),
                      uint64_t(image.rows.columns()), image.slice, out);
      else
        std::memcpy(out, data, rowBytes);
    }
    out += image.unitBytes();
  }
}

namespace {

/// Consecutive units of one image, and where they go in the staging chunk.
struct Piece {
  const WeightImage *image;
  uint64_t first, count, staging;
};

/// Packs pieces on all threads of the host.
void packPieces(const std::vector<Piece> &pieces, char *staging) {
  // Small jobs, so that no thread waits long for the last one.
  constexpr uint64_t kJobBytes = 256 << 10;
  std::vector<Piece> jobs;
  for (const Piece &piece : pieces) {
    const uint64_t bytes = piece.image->unitBytes();
    const uint64_t step = std::max<uint64_t>(1, kJobBytes / bytes);
    for (uint64_t u = 0; u < piece.count; u += step)
      jobs.push_back({piece.image, piece.first + u,
                      std::min(step, piece.count - u),
                      piece.staging + u * bytes});
  }
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < jobs.size();)
      packUnits(*jobs[i].image, jobs[i].first, jobs[i].count,
                staging + jobs[i].staging);
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(cores, jobs.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
}

/// Cuts the images into chunks of pieces of at most `chunkBytes` in all, which
/// is at least the size of any unit.
std::vector<std::vector<Piece>>
cutIntoChunks(const std::vector<WeightImage> &images, uint64_t chunkBytes) {
  std::vector<std::vector<Piece>> chunks;
  uint64_t used = chunkBytes;
  for (const WeightImage &image : images) {
    // resolveWeight has refused what is empty.
    const uint64_t unitBytes = std::max<uint64_t>(1, image.unitBytes());
    for (uint64_t unit = 0; unit < image.units();) {
      if (chunkBytes - used < unitBytes) {
        chunks.emplace_back();
        used = 0;
      }
      const uint64_t count =
          std::min(image.units() - unit, (chunkBytes - used) / unitBytes);
      chunks.back().push_back({&image, unit, count, used});
      unit += count;
      used += count * unitBytes;
    }
  }
  return chunks;
}

/// Two chunks of pinned memory, each with an event for "has been copied".
struct Staging {
  explicit Staging(const Driver &driver) : driver(driver) {}
  Staging(const Staging &) = delete;
  Staging &operator=(const Staging &) = delete;
  ~Staging() {
    for (Event event : copied)
      if (event)
        driver.cuEventDestroy(event);
    for (void *chunk : chunks)
      if (chunk)
        driver.cuMemFreeHost(chunk);
  }
  Status allocate(uint64_t bytes) {
    for (unsigned i = 0; i < 2; ++i) {
      AMK_CUDA_TRY(driver, cuMemAllocHost, &chunks[i], bytes);
      AMK_CUDA_TRY(driver, cuEventCreate, &copied[i], 0);
    }
    return {};
  }

  const Driver &driver;
  void *chunks[2] = {};
  Event copied[2] = {};
};

} // namespace

static Status copyChunks(const Driver &driver, Stream stream,
                         DeviceAddress arena,
                         const std::vector<std::vector<Piece>> &chunks,
                         uint64_t total, const Staging &staging,
                         const Progress &progress) {
  uint64_t done = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    char *chunk = static_cast<char *>(staging.chunks[i % 2]);
    const Event copied = staging.copied[i % 2];
    if (i >= 2)
      AMK_CUDA_TRY(driver, cuEventSynchronize, copied);
    packPieces(chunks[i], chunk);
    for (const Piece &piece : chunks[i]) {
      const uint64_t unitBytes = piece.image->unitBytes();
      AMK_CUDA_TRY(driver, cuMemcpyHtoDAsync,
                   arena + piece.image->offset + piece.first * unitBytes,
                   chunk + piece.staging, piece.count * unitBytes, stream);
      done += piece.count * unitBytes;
    }
    AMK_CUDA_TRY(driver, cuEventRecord, copied, stream);
    if (progress)
      progress(double(done) / double(total));
  }
  return {};
}

Status uploadWeights(const Driver &driver, Stream stream, DeviceAddress arena,
                     const std::vector<WeightImage> &images,
                     const Progress &progress, uint64_t chunkBytes) {
  uint64_t total = 0;
  chunkBytes = std::max<uint64_t>(chunkBytes, 1);
  for (const WeightImage &image : images) {
    total += image.units() * image.unitBytes();
    chunkBytes = std::max(chunkBytes, image.unitBytes());
  }
  if (total == 0)
    return {};
  chunkBytes = std::min(chunkBytes, total);
  Staging staging(driver);
  Status status = staging.allocate(chunkBytes);
  if (!status.ok())
    return status;
  status = copyChunks(driver, stream, arena, cutIntoChunks(images, chunkBytes),
                      total, staging, progress);
  // The staging chunks go away: nothing may still be read from them, not even
  // after a failure in between.
  const Status copied =
      driver.check(driver.cuStreamSynchronize(stream), "cuStreamSynchronize");
  return status.ok() ? copied : status;
}

} // namespace amk::runtime::cuda
