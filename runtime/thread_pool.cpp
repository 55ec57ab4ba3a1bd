// Pools: workers, and who is running whose tasks.
#include "sinter/runtime/thread_pool.h"

#include "program/workers.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace sinter::rt {
namespace {

// The pools whose tasks the current thread is running, innermost first.
struct Frame {
  const void* pool;
  int worker;
  const Frame* outer;
};
thread_local const Frame* frames = nullptr;

thread_local ThreadPool* scoped = nullptr;

const Frame* frame_of(const void* pool) {
  const Frame* frame = frames;
  while (frame && frame->pool != pool)
    frame = frame->outer;
  return frame;
}

} // namespace

struct ThreadPool::Impl {
  struct Release {
    void operator()(Workers* workers) const { Workers::destroy(workers); }
  };
  std::unique_ptr<Workers, Release> workers;
};

ThreadPool::ThreadPool(int threads) {
  if (threads < 0 || threads > Workers::kMost)
    throw Error("a thread pool of " + std::to_string(threads) + " threads: expected 0 to " +
                std::to_string(Workers::kMost));
  int error = 0;
  Workers* workers = Workers::create(threads == 0 ? available_processors() : threads, error);
  if (!workers)
    throw Error("cannot create a thread: " + std::system_category().message(error), ErrorKind::system);
  impl_.reset(new Impl{std::unique_ptr<Workers, Impl::Release>(workers)});
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::size() const {
  return impl_->workers->size();
}

Workers* ThreadPool::workers() const {
  return frame_of(this) ? nullptr : impl_->workers.get();
}

void ThreadPool::parallel_for(int64_t tasks, int64_t grain, RangeFn fn, void* context) {
  if (tasks <= 0)
    return;
  if (const Frame* frame = frame_of(this)) // called by a task: all workers are busy already
    return fn(context, 0, tasks, frame->worker);
  if (size() == 1 || tasks / std::max<int64_t>(grain, 1) <= 1)
    return fn(context, 0, tasks, 0);
  struct Job {
    const ThreadPool* pool;
    RangeFn fn;
    void* context;
  } job{this, fn, context};
  const auto run = [](void* with, int64_t begin, int64_t end, int worker) {
    const Job& its = *static_cast<const Job*>(with);
    const Frame frame{its.pool, worker, frames};
    frames = &frame;
    its.fn(its.context, begin, end, worker);
    frames = frame.outer;
  };
  impl_->workers->parallel_for(tasks, grain, run, &job);
}

ThreadPool::Run::Run(ThreadPool& pool) : pool_(pool) {
  pool.impl_->workers->begin_run();
}

ThreadPool::Run::~Run() {
  pool_.impl_->workers->end_run();
}

ThreadPool& default_thread_pool() {
  // Never destroyed: static objects of the program may still run tensors while it exits.
  static ThreadPool* const pool = new ThreadPool();
  return *pool;
}

ThreadPool& current_thread_pool() {
  return scoped ? *scoped : default_thread_pool();
}

PoolScope::PoolScope(ThreadPool& pool) : outer_(std::exchange(scoped, &pool)) {}

PoolScope::~PoolScope() {
  scoped = outer_;
}

} // namespace sinter::rt
