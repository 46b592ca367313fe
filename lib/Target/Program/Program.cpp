//===- Program.cpp - Writing program files --------------------------------===//

#include "AMK/Target/Program.h"

#include "AMK/Dialect/AMK/Flatten.h"
#include "AMK/Schedule/Operators.h"
#include "AMK/Target/PTX.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <sstream>

using namespace mlir;
using namespace amk;

void amk::registerScheduleForTranslation(DialectRegistry &registry) {
  registry.insert<AMKDialect>();
  registry.addExtension(+[](MLIRContext *context, AMKDialect *) {
    context->printOpOnDiagnostic(false);
  });
}

FailureOr<ScheduleOp> amk::getOnlySchedule(Operation *op) {
  ScheduleOp only;
  WalkResult walk = op->walk([&](ScheduleOp schedule) {
    if (!only) {
      only = schedule;
      return WalkResult::skip();
    }
    schedule.emitError("expected one amk.schedule, found another one")
            .attachNote(only.getLoc())
        << "the first is here";
    return WalkResult::interrupt();
  });
  if (walk.wasInterrupted())
    return failure();
  if (!only)
    return emitError(op->getLoc(), "expected an amk.schedule, found none");
  return only;
}

/// Whether a schedule is far enough to have a kernel: it runs by queues and
/// hand-offs, has a target, and pipelining has been there if it streams
/// anything. A program before that runs on the CPU device only.
static bool hasKernel(const core::Schedule &schedule) {
  if (!schedule.concurrent || !schedule.target)
    return false;
  if (schedule.ring)
    return true;
  for (const core::Task &task : schedule.tasks)
    for (const core::Operator &op : task.ops)
      if (core::lookupOperator(op.name)->streamedOperand() != core::kNone)
        return false;
  return true;
}

FailureOr<core::Program> amk::buildProgram(ScheduleOp op) {
  FailureOr<core::Schedule> flat = flatten(op);
  if (failed(flat))
    return failure();
  core::Program program;
  program.schedule = std::move(*flat);
  if (hasKernel(program.schedule)) {
    FailureOr<core::Kernel> kernel =
        emitKernel(op, kernelOptionsFromCommandLine());
    if (failed(kernel))
      return failure();
    program.hasKernel = true;
    program.kernel = std::move(*kernel);
  }
  return program;
}

static LogicalResult writeProgram(Operation *op, llvm::raw_ostream &os) {
  FailureOr<ScheduleOp> schedule = getOnlySchedule(op);
  if (failed(schedule))
    return failure();
  FailureOr<core::Program> program = buildProgram(*schedule);
  if (failed(program))
    return failure();
  os << core::writeProgram(*program);
  return success();
}

static LogicalResult writeFlatText(Operation *op, llvm::raw_ostream &os) {
  FailureOr<ScheduleOp> schedule = getOnlySchedule(op);
  if (failed(schedule))
    return failure();
  core::Program program;
  FailureOr<core::Schedule> flat = flatten(*schedule);
  if (failed(flat))
    return failure();
  program.schedule = std::move(*flat);
  std::ostringstream text;
  core::printProgram(program, text, /*withPtx=*/false);
  os << text.str();
  return success();
}

static FailureOr<core::Program> readProgram(const llvm::SourceMgr &sources) {
  const llvm::MemoryBuffer *buffer =
      sources.getMemoryBuffer(sources.getMainFileID());
  core::Program program;
  std::string error;
  StringRef bytes = buffer->getBuffer();
  // Not a diagnostic: there is no place in a binary file to point to.
  if (!core::readProgram({bytes.data(), bytes.size()}, program, error)) {
    llvm::errs() << "error: " << buffer->getBufferIdentifier() << ": " << error
                 << "\n";
    return failure();
  }
  return program;
}

void amk::registerProgramTranslations() {
  static llvm::cl::opt<bool> withPtx(
      "with-ptx", llvm::cl::init(false),
      llvm::cl::desc("--program-to-text: append the PTX"));
  TranslateFromMLIRRegistration toProgram(
      "amk-to-program", "write the program file of an amk.schedule",
      writeProgram, registerScheduleForTranslation);
  TranslateFromMLIRRegistration toFlatText(
      "amk-to-flat-text", "print the flat form of an amk.schedule",
      writeFlatText, registerScheduleForTranslation);
  TranslateRegistration toText(
      "program-to-text", "disassemble a program file",
      [](const std::shared_ptr<llvm::SourceMgr> &sources, llvm::raw_ostream &os,
         MLIRContext *context) -> LogicalResult {
        FailureOr<core::Program> program = readProgram(*sources);
        if (failed(program))
          return failure();
        std::ostringstream text;
        core::printProgram(*program, text, withPtx);
        os << text.str();
        return success();
      });
  TranslateToMLIRRegistration toAMK(
      "program-to-amk", "the amk.schedule of a program file",
      [](llvm::SourceMgr &sources,
         MLIRContext *context) -> OwningOpRef<Operation *> {
        FailureOr<core::Program> program = readProgram(sources);
        if (failed(program))
          return {};
        return unflattenModule(program->schedule, context,
                               LocationMap(UnknownLoc::get(context)));
      },
      registerScheduleForTranslation);
}
