//===- ConfigKeys.h - Keys of config.json -----------------------*- C++ -*-===//
//
// The one place that says which keys of a Llama's config.json are read, which
// must have a certain value, and which do not matter. Private to the library.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_FRONTENDS_LIB_CONFIGKEYS_H
#define AMK_FRONTENDS_LIB_CONFIGKEYS_H

#include "AMK/Frontends/Json.h"

#include <optional>
#include <string>
#include <string_view>

namespace amk::frontends {

/// Why the model cannot be compiled with this key at this value: "expected
/// ..., found ...". Nothing if the key does not matter, has a harmless value,
/// or is one that the reader of the config looks at itself.
std::optional<std::string> configKeyProblem(std::string_view key,
                                            const json::Value &value);

/// The same for the keys of `rope_parameters` and `rope_scaling` that their
/// reader does not look at itself.
std::optional<std::string> ropeKeyProblem(std::string_view key,
                                          const json::Value &value);

} // namespace amk::frontends

#endif // AMK_FRONTENDS_LIB_CONFIGKEYS_H
