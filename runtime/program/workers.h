// Threads that share ranges of tasks: what ThreadPool and ahead-of-time models run their steps on. Needs libc
// and nothing else: no exceptions, no C++ library.
#pragma once

#include <cstdint>

namespace sinter::rt {

/// A fixed set of workers, of which the calling thread is one. Idle workers sleep; they spin only briefly
/// between the steps of one run.
class Workers {
public:
  static constexpr int kMost = 1024;

  /// 1 <= size <= kMost. Null, and the reason in `error` (as errno has them), if there is no memory or the
  /// system has no thread to give.
  static Workers* create(int size, int& error);
  /// Ends the threads.
  static void destroy(Workers* workers);

  int size() const;

  /// Called with a context, a half-open range of tasks and the worker's number in [0, size()).
  using RangeFn = void (*)(void* context, int64_t begin, int64_t end, int worker);

  /// Splits [0, tasks) into pieces of at least `grain` and runs them on all workers; returns when all are
  /// done. What is one piece only runs on the calling thread at once; other calls from several threads take
  /// turns. Not from a task of these workers. `function` must not throw.
  void parallel_for(int64_t tasks, int64_t grain, RangeFn function, void* context);

  /// Between begin_run() and end_run() workers wait for the next step by spinning briefly before they sleep.
  void begin_run();
  void end_run();

private:
  Workers() = default;
  ~Workers() = default;
  struct Impl;
};

/// How many processors this process may use: its affinity mask, and the quotas of its control groups.
int available_processors();

} // namespace sinter::rt
