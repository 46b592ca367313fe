//===- ThreadTeam.cpp - Threads that work together ------------------------===//

#include "ThreadTeam.h"

#include <chrono>

namespace amk::runtime {

void Backoff::wait() {
  if (rounds < kPauses) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  } else if (rounds < kPauses + kYields) {
    std::this_thread::yield();
  } else {
    // A thread that yields on a busy machine waits for everyone's time slice;
    // one that sleeps is let in soon after it wakes.
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    return;
  }
  ++rounds;
}

ThreadTeam::ThreadTeam(unsigned threads) {
  for (unsigned t = 1; t < threads; ++t)
    helpers.emplace_back([this, t] { help(t); });
}

ThreadTeam::~ThreadTeam() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
  }
  wake.notify_all();
  for (std::thread &t : helpers)
    t.join();
}

void ThreadTeam::help(unsigned thread) {
  uint64_t seen = 0;
  while (true) {
    const std::function<void(unsigned)> *work;
    {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop)
        return;
      seen = round;
      work = current;
    }
    (*work)(thread);
    std::lock_guard<std::mutex> lock(mutex);
    if (--busy == 0)
      done.notify_one();
  }
}

void ThreadTeam::run(const std::function<void(unsigned)> &work) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    current = &work;
    busy = unsigned(helpers.size());
    ++round;
  }
  wake.notify_all();
  work(0);
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return busy == 0; });
}

void ThreadTeam::barrier() {
  const uint32_t current = phase.load(std::memory_order_acquire);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
    arrived.store(0, std::memory_order_relaxed);
    phase.store(current + 1, std::memory_order_release);
    return;
  }
  Backoff backoff;
  while (phase.load(std::memory_order_acquire) == current)
    backoff.wait();
}

} // namespace amk::runtime
