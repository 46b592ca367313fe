//===- CpuProgram.h - A program ready to run on the CPU ---------*- C++ -*-===//
//
// Everything that is known before the first launch: where each buffer lives,
// the kernel and the operands of each operator, weights found through their
// views. Both ways of running a schedule (in program order, and by queues and
// hand-offs) use it, so that they differ in nothing but the order.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_RUNTIME_LIB_CPUPROGRAM_H
#define AMK_RUNTIME_LIB_CPUPROGRAM_H

#include "Memory.h"
#include "Packets.h"

#include "AMK/Runtime/Device.h"
#include "AMK/Runtime/Kernels.h"
#include "AMK/Schedule/Operators.h"

namespace amk::runtime {

/// Where the bytes of an operand are.
enum class Home : uint8_t {
  Global, ///< offset in the global memory
  Shared, ///< offset in the shared memory of the tile's worker
  Inbox,  ///< offset in the inbox of every worker that reads it
  Temp,   ///< offset in the temporaries of the thread
  Weight,
};

struct OperandPlan {
  Home home = Home::Global;
  uint64_t offset = 0;
  uint32_t weight = core::kNone; ///< index in the program's weights
};

struct OperatorPlan {
  const core::Operator *op = nullptr;
  const core::OperatorModel *model = nullptr;
  KernelFunction kernel = nullptr;
  core::Range whole; ///< what a prologue computes
  std::vector<OperandPlan> operands;
};

struct BufferPlan {
  Home home = Home::Global;
  uint64_t offset = 0; ///< of the values, or of the packets
  uint64_t bytes = 0;  ///< of the values
  bool packets = false;
  uint32_t room = 0; ///< of an inbox; packets
  PacketMap map;
};

/// The plain copy of a packet buffer that a task works on.
struct StagedBuffer {
  uint32_t buffer;
  uint64_t temp; ///< offset in the temporaries
};

struct TaskPlan {
  core::Stream stream;
  std::vector<OperatorPlan> ops;
  std::vector<StagedBuffer> staged;
};

/// The memories of one tile's run.
struct TileMemory {
  char *temp = nullptr;
  char *shared = nullptr;
};

/// Stages of a tile that were used as one, and when (nanoseconds).
struct UsedStages {
  uint32_t first = 0, count = 0; ///< stages of the tile
  uint64_t from = 0, to = 0;
};

class CpuProgram {
public:
  Status load(const core::Program &program, WeightSource &source,
              const Progress &progress);

  const core::Schedule &schedule() const { return *s; }
  const std::vector<TaskPlan> &tasks() const { return taskPlans; }
  const BufferPlan &buffer(uint32_t b) const { return bufferPlans[b]; }
  char *global() const { return memory.data(); }
  uint64_t sharedBytes() const { return sharedSize; } ///< of a worker
  uint64_t inboxBytes() const { return inboxSize; }   ///< of a worker
  uint64_t tempBytes() const { return tempSize; }     ///< of a thread

  /// Runs the operators of a task whose cut operator has this range. Prologues
  /// and body apart, since a thread that has several parts of a tile computes
  /// the prologues once. With `stages`, streamed operators run stage by stage,
  /// and their times are recorded there.
  void runPrologues(const TaskPlan &task, int64_t position,
                    const TileMemory &at) const;
  void runBody(const TaskPlan &task, core::Range range, int64_t position,
               const TileMemory &at,
               std::vector<UsedStages> *stages = nullptr) const;

private:
  Status placeBuffers();
  Status placeBuffer(uint32_t b);
  Status planTasks();
  Status planOperator(const core::Operator &op, TaskPlan &task,
                      std::vector<uint64_t> &temps, uint64_t &used);
  Status fillConstants();
  Status findWeights(WeightSource &source, const Progress &progress);
  void touchWeights(const Progress &progress) const;
  void runStages(const TaskPlan &task, const OperatorPlan &op,
                 core::Range range, int64_t position, const TileMemory &at,
                 std::vector<UsedStages> &stages) const;
  void runOperator(const OperatorPlan &op, core::Range range, int64_t position,
                   const TileMemory &at) const;

  const core::Schedule *s = nullptr;
  Memory memory;
  uint64_t globalSize = 0, scratchStart = 0, scratchSize = 0;
  uint64_t sharedSize = 0, inboxSize = 0, tempSize = 0;
  std::vector<BufferPlan> bufferPlans;
  std::vector<TaskPlan> taskPlans;
  std::vector<WeightRows> weights;
  std::vector<uint32_t> weightOf; ///< of every buffer
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_CPUPROGRAM_H
