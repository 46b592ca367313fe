//===- ProgramFile.h - The program file -------------------------*- C++ -*-===//
//
// What `amk-translate` writes and `amk-run` loads: the flat schedule, the
// kernel if there is one, and a content hash. Little-endian, versioned,
// sections of known length; the same program always gives the same bytes. A
// program file is untrusted: the reader checks every length, count and index
// that it uses, and the runtime verifies the schedule before it runs it.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULE_PROGRAMFILE_H
#define AMK_SCHEDULE_PROGRAMFILE_H

#include "AMK/Schedule/Schedule.h"

#include <iosfwd>

namespace amk::core {

/// Version of the format. A file of another version is refused.
constexpr uint32_t kProgramVersion = 5;

/// Where a buffer lives in the device's arena, and how its bytes are laid out.
struct Placement {
  uint32_t buffer = 0;
  uint64_t offset = 0; ///< bytes, a multiple of 128
  uint64_t bytes = 0;
  /// Weights: packed as stages of rows x columns (see WeightPacking.h); 0 rows:
  /// row-major.
  uint32_t packRows = 0;
  uint32_t packColumns = 0;
};

/// Bytes that the runtime uploads once.
struct Blob {
  std::string name; ///< "plan", "gather": for the disassembly
  uint64_t offset = 0;
  std::string data;
};

/// The kernel of one target. Parameters, in this order:
///   u64 arena   device address of the arena
///   u32 position
///   u32 epoch   1 for the first launch after the zeroed bytes were cleared,
///               and one more for each launch since
///   u64 budget  nanoseconds a poll may spin before it raises the abort flag
struct Kernel {
  std::string chip;  ///< of the PTX: "sm_90"
  std::string entry; ///< name of the kernel
  std::string ptx;
  uint32_t workers = 0;     ///< grid size; all must be resident
  uint32_t threads = 0;     ///< of a block
  uint64_t sharedBytes = 0; ///< dynamic shared memory of a block
  uint64_t arenaBytes = 0;
  std::vector<Placement> placements;
  std::vector<Blob> blobs;
  /// Counters, packets and the abort record: cleared before the first launch
  /// and after an abort.
  uint64_t zeroOffset = 0, zeroBytes = 0;
  /// The watchdog's record: word 0 is the abort flag, 0 or the epoch of the
  /// launch that hung; then for worker w, at words 4 + 4 w ..: plan row + 1 (0:
  /// it did not wait), what it waited for (1: counter, 2: packet, 4: the
  /// workers of its cluster), which (counter or packet index; 0: that they
  /// begin, 1: that they pass on what they gather), and the value seen.
  uint64_t reportOffset = 0;
  /// Times of the last launch, if the kernel records them (traceRows > 0), as
  /// TraceLayout.h says.
  uint64_t traceOffset = 0;
  uint32_t traceRows = 0;
};

struct Program {
  Schedule schedule;
  bool hasKernel = false;
  Kernel kernel;
};

/// 32 hexadecimal digits over everything in the file but the hash itself.
std::string scheduleId(const Program &program);

std::string writeProgram(const Program &program);

/// Puts the hash of its content into a file that was changed by hand: for tests
/// that want to get past the hash.
std::string sealProgram(std::string bytes);

/// Reads a program. Returns false and one line in `error` for bytes that are
/// no program of this version. The structure is whole (every index in range,
/// every length bounded); the rules are still to be verified.
bool readProgram(std::string_view bytes, Program &program, std::string &error);

/// Disassembles: one line per buffer, counter, task, operator, tile table and
/// plan row. `withPtx` appends the PTX.
void printProgram(const Program &program, std::ostream &os, bool withPtx);

} // namespace amk::core

#endif // AMK_SCHEDULE_PROGRAMFILE_H
