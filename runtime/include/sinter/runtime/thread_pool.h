// The threads kernels run on.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>

namespace sinter::rt {

class Workers;

/// A fixed set of workers. The calling thread is one of them: a pool of one creates no thread.
/// Idle workers sleep; they spin only briefly between the steps of one run.
class ThreadPool {
public:
  /// `threads` >= 1, or 0 for one per available processor (the process's affinity mask).
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  /// A range of tasks: called with a context, a half-open range and the worker's number in [0, size()).
  using RangeFn = void (*)(void* context, int64_t begin, int64_t end, int worker);

  /// Splits [0, tasks) into pieces of at least `grain` and runs them on all workers; returns when all are
  /// done. Does not allocate. `fn` must not throw.
  ///
  /// What is one piece only, and what a task of this pool calls, runs on the calling thread at once; other
  /// calls from several threads take turns. So a worker's number tells tasks of one call apart, not those of
  /// two.
  void parallel_for(int64_t tasks, int64_t grain, RangeFn fn, void* context);

  /// As above, for any callable `f(begin, end, worker)`.
  template <class F>
  void parallel_for(int64_t tasks, int64_t grain, F&& f) {
    auto call = [](void* context, int64_t begin, int64_t end, int worker) {
      (*static_cast<std::remove_reference_t<F>*>(context))(begin, end, worker);
    };
    parallel_for(tasks, grain, static_cast<RangeFn>(call), const_cast<void*>(static_cast<const void*>(&f)));
  }

  /// As above, for an `f` that may throw: throws what the first call to fail threw, when all have ended.
  template <class F>
  void try_parallel_for(int64_t tasks, int64_t grain, F&& f) {
    std::mutex mutex;
    std::exception_ptr failure;
    parallel_for(tasks, grain, [&](int64_t begin, int64_t end, int worker) {
      try {
        f(begin, end, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure)
          failure = std::current_exception();
      }
    });
    if (failure)
      std::rethrow_exception(failure);
  }

  /// The threads themselves; null where the calling thread is running a task of this pool: all are busy.
  Workers* workers() const;

  /// While one exists, workers wait for the next step by spinning briefly before they sleep.
  class Run {
  public:
    explicit Run(ThreadPool& pool);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

  private:
    ThreadPool& pool_;
  };

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The pool shared by everything in this process that does not bring its own; one worker per processor.
ThreadPool& default_thread_pool();

/// The pool that what the calling thread does is to be shared out on: that of its innermost PoolScope, or the
/// default.
ThreadPool& current_thread_pool();

/// While one exists, `pool` is its thread's current one. Scopes of a thread end in reverse order.
class PoolScope {
public:
  explicit PoolScope(ThreadPool& pool);
  ~PoolScope();
  PoolScope(const PoolScope&) = delete;
  PoolScope& operator=(const PoolScope&) = delete;

private:
  ThreadPool* outer_;
};

} // namespace sinter::rt
