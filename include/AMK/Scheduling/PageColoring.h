//===- PageColoring.h - Buffers onto pages ----------------------*- C++ -*-===//

#ifndef AMK_SCHEDULING_PAGECOLORING_H
#define AMK_SCHEDULING_PAGECOLORING_H

#include "AMK/Schedule/Schedule.h"

namespace amk::scheduling {

enum class PagePolicy {
  None,       ///< every buffer has storage of its own
  Linear,     ///< pages one after the other; nothing is shared
  GraphColor, ///< buffers whose lifetimes are ordered share bytes
};

struct PageColoringOptions {
  PagePolicy policy = PagePolicy::GraphColor;
  /// Most bytes of a worker's shared memory that pages may take; never more
  /// than what the target has free.
  uint64_t sharedLimit = 0;
};

struct PageReport {
  uint32_t buffers = 0;
  uint64_t unshared = 0; ///< bytes, each buffer with its own
  uint64_t peak = 0;     ///< bytes, as assigned
  uint64_t bound = 0;    ///< no assignment takes fewer than these
};

struct PageColoringReport {
  PageReport shared, scratch;
  uint32_t generations = 1; ///< of packets within a launch
};

/// Assigns pages to the activations of a concurrent schedule. Returns why it
/// cannot be done, or an empty string.
std::string colorPages(core::Schedule &schedule,
                       const PageColoringOptions &options,
                       PageColoringReport *report = nullptr);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_PAGECOLORING_H
