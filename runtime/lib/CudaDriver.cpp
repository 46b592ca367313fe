//===- CudaDriver.cpp - The CUDA driver, loaded at run time ---------------===//

#include "CudaDriver.h"

#include <cstdlib>
#include <dlfcn.h>

namespace amk::runtime::cuda {

std::string driverLibrary() {
  const char *library = std::getenv("AMK_CUDA_LIBRARY");
  return library && *library ? library : "libcuda.so.1";
}

Status Driver::load(const std::string &library) {
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return {ErrorKind::Device, "no CUDA driver: cannot load " + library};
// NOLINTBEGIN(bugprone-macro-parentheses): members and parameter lists
#define X(member, symbol, parameters)                                          \
  member = reinterpret_cast<Result(*) parameters>(dlsym(handle, symbol));      \
  if (!member)                                                                 \
    return {ErrorKind::Device, "the CUDA driver " + library +                  \
                                   " has no " symbol ": it is too old"};
  AMK_CUDA_SYMBOLS(X)
#undef X
#define X(member, symbol, parameters)                                          \
  member = reinterpret_cast<Result(*) parameters>(dlsym(handle, symbol));
  AMK_CUDA_CLUSTER_SYMBOLS(X)
#undef X
  // NOLINTEND(bugprone-macro-parentheses)
  return {};
}

Status Driver::check(Result result, const char *call) const {
  if (result == 0)
    return {};
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  std::string message = call;
  message += ": ";
  message += name ? name : "error " + std::to_string(result);
  if (text && *text)
    message += std::string(": ") + text;
  return {ErrorKind::Device, std::move(message)};
}

} // namespace amk::runtime::cuda
