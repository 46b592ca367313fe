//===- InitAll.h - Everything that a tool registers -------------*- C++ -*-===//
//
// The one place where dialects, passes and translations are registered, so
// that the tools never drift apart.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_INITALL_H
#define AMK_INITALL_H

#include "mlir/IR/DialectRegistry.h"

namespace amk {

/// The dialects of AMK, and those that kernels are lowered through.
void registerAllDialects(mlir::DialectRegistry &registry);

/// The passes and pipelines of AMK, and the upstream ones that lower kernels.
void registerAllPasses();

/// What amk-translate can do.
void registerAllTranslations();

/// Options of MLIR's own whose defaults do not suit: a diagnostic does not
/// print its op, which may be a whole schedule.
void setToolDefaults();

} // namespace amk

#endif // AMK_INITALL_H
