//===- SequentialRun.h - A schedule in program order ------------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_SEQUENTIALRUN_H
#define AMK_RUNTIME_LIB_SEQUENTIALRUN_H

#include "CpuProgram.h"
#include "ThreadTeam.h"

namespace amk::runtime {

/// Runs a schedule in program order. For speed a task whose parts touch
/// nothing of each other's is spread over the threads; the results are those
/// of one thread, bit for bit. With `trace` one thread runs it tile by tile.
class SequentialRun {
public:
  SequentialRun(const CpuProgram &program, unsigned threads, bool trace);

  Status prepare();
  void run(ThreadTeam &team, int64_t position);
  /// Of the last run; empty without `trace`.
  const StepTimes &times() const { return recorded; }

private:
  /// A part of a task that one thread runs, or with `serial` several whole
  /// tasks in order.
  struct Phase {
    uint32_t firstTask = 0, lastTask = 0; ///< half-open
    std::vector<core::Range> parts;       ///< of the one task; empty: serial
  };

  std::vector<core::Range> cutTask(uint32_t task) const;
  bool independent(uint32_t task, const std::vector<core::Range> &parts) const;
  bool localsStayInside(uint32_t task, core::Range part) const;
  void runSerial(const Phase &phase, int64_t position, const TileMemory &at);

  const CpuProgram &program;
  unsigned threads;
  bool trace;
  StepTimes recorded;
  std::vector<Phase> phases;
  std::vector<Memory> temps;
  /// Parts taken, of every phase.
  std::vector<std::atomic<uint32_t>> taken;
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_SEQUENTIALRUN_H
