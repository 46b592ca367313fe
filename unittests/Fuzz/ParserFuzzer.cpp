//===- ParserFuzzer.cpp - Any text as IR ----------------------------------===//
//
// What parses and verifies must print and parse again to the same, in both
// forms of the text and as bytecode; and a schedule must be the same after
// flattening and back.
//
// MLIR itself is not built with the sanitizers, so coverage is that of the two
// dialects and of the checking core.
//
//===----------------------------------------------------------------------===//

#include "AMK/Dialect/AMK/AMKDialect.h"
#include "AMK/Dialect/AMK/Flatten.h"
#include "AMK/Dialect/AMKExec/AMKExec.h"
#include "AMK/Schedule/ProgramFile.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>

using namespace mlir;
using namespace amk;

namespace {

void check(bool holds, const char *what) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

const DialectRegistry &dialects() {
  static const DialectRegistry registry = [] {
    DialectRegistry r;
    r.insert<AMKDialect, exec::AMKExecDialect>();
    return r;
  }();
  return registry;
}

/// A context of its own for every text: nothing is left of the one before.
class Parsed {
public:
  Parsed(StringRef text, bool expected) : context(dialects(), kOneThread) {
    context.printOpOnDiagnostic(false);
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
      if (d.getSeverity() == DiagnosticSeverity::Error)
        ++errors;
      const std::string message = d.str();
      check(!message.empty(), "a message has text");
      if (expected)
        std::fprintf(stderr, "%s\n", message.c_str());
      return success();
    });
    // Bytecode is read from aligned bytes.
    const auto buffer = llvm::MemoryBuffer::getMemBufferCopy(text, "input");
    module = parseSourceString<ModuleOp>(buffer->getBuffer(), &context);
    check(module || errors, "what is refused has an error");
    check(module || !expected, "what was printed parses");
    // MLIR itself takes text with an error in it (docs/fuzzing.md).
    check(!expected || !errors, "what was printed has no error");
  }

  std::string print(bool generic) {
    std::string out;
    llvm::raw_string_ostream os(out);
    OpPrintingFlags flags;
    flags.printGenericOpForm(generic).assumeVerified();
    module->print(os, flags);
    return out;
  }
  std::string bytecode() {
    std::string out;
    llvm::raw_string_ostream os(out);
    check(succeeded(writeBytecodeToFile(*module, os)), "bytecode is written");
    return out;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;

private:
  static constexpr auto kOneThread = MLIRContext::Threading::DISABLED;
  unsigned errors = 0;
};

std::string programOf(const core::Schedule &schedule) {
  core::Program program;
  program.schedule = schedule;
  return core::writeProgram(program);
}

void checkFlat(ScheduleOp op) {
  FailureOr<core::Schedule> flat = flatten(op);
  check(succeeded(flat), "what verifies is flat");
  check(core::verify(*flat).empty(), "what verifies flat too");
  OwningOpRef<ModuleOp> module = unflattenModule(
      *flat, op.getContext(), LocationMap(UnknownLoc::get(op.getContext())));
  check(bool(module), "what is flat has ops");
  FailureOr<core::Schedule> again =
      flatten(cast<ScheduleOp>(module->getBody()->front()));
  check(succeeded(again), "what has been made of it is flat");
  const bool same = programOf(*flat) == programOf(*again);
  if (!same)
    for (const core::Schedule *s : {&*flat, &*again}) {
      core::Program program;
      program.schedule = *s;
      core::printProgram(program, std::cerr, true);
    }
  check(same, "flat, to ops and flat again");
}

void checkModule(Parsed &first) {
  const std::string text = first.print(false);
  Parsed second(text, true);
  if (second.print(false) != text)
    std::fprintf(stderr, "%s\nthen\n%s\n", text.c_str(),
                 second.print(false).c_str());
  check(second.print(false) == text, "printed, parsed, printed");
  Parsed generic(first.print(true), true);
  check(generic.print(false) == text, "the same by the generic form");
  Parsed bytes(first.bytecode(), true);
  check(bytes.print(false) == text, "the same by bytecode");
  first.module->walk([](ScheduleOp op) { checkFlat(op); });
}

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

constexpr const char *kNumbers[] = {"0",
                                    "1",
                                    "2",
                                    "-1",
                                    "127",
                                    "128",
                                    "65535",
                                    "2147483647",
                                    "4294967294",
                                    "4294967295",
                                    "4294967296",
                                    "9223372036854775807",
                                    "18446744073709551615"};

using Random = std::minstd_rand;

struct Span {
  size_t at, length;
};

/// Numbers, words, or lines of a text.
template <typename Fn>
std::vector<Span> spans(const std::string &text, Fn belongs) {
  std::vector<Span> out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && belongs(text[end]))
      ++end;
    if (end > i)
      out.push_back({i, end - i});
    i = end + 1;
  }
  return out;
}

void changeText(std::string &text, Random &random) {
  const auto below = [&](size_t n) { return size_t(random() % n); };
  const auto inNumber = [](char c) { return c >= '0' && c <= '9'; };
  const auto inWord = [](char c) {
    return isalnum(uint8_t(c)) || strchr("%#@!$._-\"", c);
  };
  const auto inLine = [](char c) { return c != '\n'; };
  const unsigned kind = unsigned(below(8));
  const std::vector<Span> found = kind < 3   ? spans(text, inNumber)
                                  : kind < 6 ? spans(text, inWord)
                                             : spans(text, inLine);
  if (found.empty())
    return;
  const Span a = found[below(found.size())], b = found[below(found.size())];
  const std::string other = text.substr(b.at, b.length);
  switch (kind) {
  case 0:
    text.replace(a.at, a.length, kNumbers[below(std::size(kNumbers))]);
    return;
  case 1:
    text.replace(a.at, a.length, std::to_string(below(256)));
    return;
  case 2: // one number, or word, like another
  case 3:
  case 4:
    text.replace(a.at, a.length, other);
    return;
  case 5:
    text.erase(a.at, a.length);
    return;
  case 6:
    text.erase(a.at, std::min(a.length + 1, text.size() - a.at));
    return;
  default:
    text.insert(a.at, other + "\n");
  }
}

} // namespace

// The names are libFuzzer's. NOLINTBEGIN(readability-identifier-naming)

/// The pages of LLVM's allocators are marked by code that has the sanitizer in
/// it (ours) and not by code that has not (MLIR's), and both use the same
/// ones. The same holds for what containers mark.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0";
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/// Changes numbers, words and lines of a text, and else bytes.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t most, unsigned seed) {
  Random random(seed + 1);
  std::string text(reinterpret_cast<const char *>(data), size);
  if (random() % 4 == 0 || text.empty())
    return LLVMFuzzerMutate(data, size, most);
  for (unsigned n = 1 + random() % 3; n > 0; --n)
    changeText(text, random);
  if (text.size() > most || text.empty())
    return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const StringRef text(reinterpret_cast<const char *>(data), size);
  // MLIR's reader of bytecode trusts the lengths in it and ends the process
  // (docs/fuzzing.md). What is written of a module is read, above.
  if (isBytecode(llvm::MemoryBufferRef(text, "input")))
    return 0;
  Parsed parsed(text, false);
  if (parsed.module)
    checkModule(parsed);
  return 0;
}
// NOLINTEND(readability-identifier-naming)
