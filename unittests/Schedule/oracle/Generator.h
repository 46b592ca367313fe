//===- Generator.h - Small random schedules ---------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULE_ORACLE_GENERATOR_H
#define AMK_UNITTESTS_SCHEDULE_ORACLE_GENERATOR_H

#include "AMK/Schedule/Schedule.h"

namespace amk::core::oracle {

/// The schedules of seeds: up to 10 tiles, 4 workers and 6 counters; buffers of
/// every kind and space, packets, KV caches; regions with a stride. About half
/// are synchronized and then changed in at most a few places.
class Source {
public:
  /// Cheapest for seeds in rising order: kVariants of them share their tasks
  /// and differ in queues and hand-offs.
  Schedule schedule(uint64_t seed);

private:
  static constexpr uint64_t kVariants = 5;
  uint64_t program = ~uint64_t(0);
  Schedule tasks;
};

} // namespace amk::core::oracle

#endif // AMK_UNITTESTS_SCHEDULE_ORACLE_GENERATOR_H
