//===- LlamaOperators.h - Models of the built-in operators ------*- C++ -*-===//

#ifndef AMK_LIB_SCHEDULE_LLAMAOPERATORS_H
#define AMK_LIB_SCHEDULE_LLAMAOPERATORS_H

#include "AMK/Schedule/Operators.h"

namespace amk::core {

/// Appends the operators of Llama-family models (and the test operator
/// `hash`) to the registry.
void addLlamaOperators(std::vector<std::unique_ptr<OperatorModel>> &models);

} // namespace amk::core

#endif // AMK_LIB_SCHEDULE_LLAMAOPERATORS_H
