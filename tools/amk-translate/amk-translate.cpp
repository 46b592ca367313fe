//===- amk-translate.cpp - Imports models, writes programs ----------------===//

#include "AMK/InitAll.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/LogicalResult.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/StringSaver.h"

/// MLIR's driver opens one input file, and a checkpoint is a directory. Its
/// config.json stands for it. Also takes `--import-hf=DIR`.
static llvm::SmallVector<char *> checkpointAsFile(int argc, char **argv,
                                                  llvm::StringSaver &saver) {
  llvm::SmallVector<char *> result;
  bool import = false;
  auto add = [&](llvm::StringRef argument) {
    llvm::SmallString<128> path(argument);
    if (import && !argument.starts_with("-") &&
        llvm::sys::fs::is_directory(argument))
      llvm::sys::path::append(path, "config.json");
    result.push_back(const_cast<char *>(saver.save(path.str()).data()));
  };
  for (llvm::StringRef argument : llvm::ArrayRef(argv, argc)) {
    llvm::StringRef name = argument.ltrim('-');
    if (argument.starts_with("-") && name.consume_front("import-hf")) {
      import = true;
      add("--import-hf");
      if (name.consume_front("="))
        add(name);
      continue;
    }
    add(argument);
  }
  return result;
}

int main(int argc, char **argv) {
  amk::registerAllTranslations();
  amk::setToolDefaults();
  llvm::BumpPtrAllocator allocator;
  llvm::StringSaver saver(allocator);
  llvm::SmallVector<char *> arguments = checkpointAsFile(argc, argv, saver);
  return llvm::failed(mlir::mlirTranslateMain(
      int(arguments.size()), arguments.data(), "AMK translations"));
}
