//===- ToInboxes.h - Packets moved to cluster memory ------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULE_TOINBOXES_H
#define AMK_UNITTESTS_SCHEDULE_TOINBOXES_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core::test {

/// Moves the packet buffers of a legal concurrent schedule whose readers are
/// all in the cluster of who writes them to inboxes, with the least room that
/// they need there, as far as `limit` bytes of shared memory go. What has a
/// page of scratch keeps its offset: who may share bytes there may do so in
/// inboxes, where every worker has its own. Returns how many were moved.
uint32_t toInboxes(Schedule &s, uint64_t limit);

} // namespace amk::core::test

#endif // AMK_UNITTESTS_SCHEDULE_TOINBOXES_H
