//===- ThreadTeam.h - Threads that work together ----------------*- C++ -*-===//

#ifndef AMK_RUNTIME_LIB_THREADTEAM_H
#define AMK_RUNTIME_LIB_THREADTEAM_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace amk::runtime {

/// What a thread does while it waits for another: pause a little, then let
/// others have the core, then sleep. Threads may be more than cores.
class Backoff {
public:
  void wait();
  void reset() { rounds = 0; }
  /// Whether it has given up spinning: time to look at the clock.
  bool patient() const { return rounds >= kPauses; }

private:
  static constexpr unsigned kPauses = 512, kYields = 32;
  unsigned rounds = 0;
};

/// A fixed number of threads, the caller among them.
class ThreadTeam {
public:
  explicit ThreadTeam(unsigned threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  unsigned size() const { return unsigned(helpers.size()) + 1; }

  /// Calls `work(thread)` on every thread and returns when all have returned.
  void run(const std::function<void(unsigned)> &work);

  /// Only within `run`: returns when every thread of the team is here. What
  /// any of them did before is visible to all.
  void barrier();

private:
  void help(unsigned thread);

  std::vector<std::thread> helpers;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(unsigned)> *current = nullptr;
  uint64_t round = 0;
  unsigned busy = 0;
  bool stop = false;
  std::atomic<unsigned> arrived{0};
  std::atomic<uint32_t> phase{0};
};

} // namespace amk::runtime

#endif // AMK_RUNTIME_LIB_THREADTEAM_H
