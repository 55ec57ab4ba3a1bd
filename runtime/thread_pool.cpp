// Threads that share ranges of tasks: each starts on its own share and then helps the others.
#include "sinter/runtime/thread_pool.h"

#include "sinter/runtime/error.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <sched.h>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sinter::rt {
namespace {

// A worker that finds no task waits this long before it sleeps; waking it again costs about as much.
constexpr auto kSpin = std::chrono::microseconds(50);
// A piece is this part of what is left of a share: the last ones are small, so that workers end together.
// More parts cost what a kernel does anew for every piece.
constexpr int64_t kPartOfRest = 2;
constexpr int kMaxThreads = 1024;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Spins until `ready()` or the time is up; says whether it was ready.
template <class Ready>
bool spin_until(Ready&& ready) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready())
        return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

// Processors' worth of time per period that `directory` of the cgroup tree grants; 0 if it sets no limit.
int cgroup_quota(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return 0;
  const double processors = std::strtod(quota.c_str(), nullptr) / period;
  return processors > 0 ? std::max(1, static_cast<int>(processors + 0.5)) : 0;
}

// The tightest limit of this process's control group and its ancestors; 0 if there is none.
int cgroup_limit() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("0::", 0) != 0)
      continue;
    int limit = 0;
    std::string path = line.substr(3);
    while (true) {
      const int quota = cgroup_quota("/sys/fs/cgroup" + (path == "/" ? "" : path));
      if (quota > 0)
        limit = limit == 0 ? quota : std::min(limit, quota);
      const auto slash = path.rfind('/');
      if (path.size() <= 1 || slash == std::string::npos)
        return limit;
      path.resize(slash);
    }
  }
  return 0;
}

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = sched_getaffinity(0, sizeof(set), &set) == 0
                  ? CPU_COUNT(&set)
                  : static_cast<int>(std::thread::hardware_concurrency());
  if (const int limit = cgroup_limit(); limit > 0)
    count = std::min(count, limit);
  return std::clamp(count, 1, kMaxThreads);
}

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
  // One worker's share of a job. Anybody takes pieces off it.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  // `gate` is kOpen plus the number of helpers inside while a job may be joined, and just that number while
  // it may not. The job's fields change only while it is 0, so a helper that comes late never sees half a
  // job.
  static constexpr int kOpen = 1 << 30;
  alignas(64) std::atomic<int> gate{0};
  alignas(64) std::atomic<uint32_t> signal{0}; // changes whenever sleepers should look again
  std::atomic<int> runs{0};
  std::atomic<bool> stopping{false};

  RangeFn function = nullptr;
  void* context = nullptr;
  int64_t grain = 1;
  int shares_used = 0;
  std::vector<Share> shares;

  std::mutex turn;
  std::vector<std::thread> threads;

  explicit Impl(int size) : shares(static_cast<std::size_t>(size)) {}

  void wake() {
    signal.fetch_add(1);
    signal.notify_all();
  }

  // Takes pieces, first of the worker's own share, until none is left anywhere.
  void work(int worker) {
    const Frame frame{this, worker, frames};
    frames = &frame;
    for (int i = 0; i < shares_used; ++i) {
      Share& share = shares[static_cast<std::size_t>((worker + i) % shares_used)];
      int64_t begin = share.next.load(std::memory_order_relaxed);
      while (begin < share.end) {
        const int64_t rest = share.end - begin;
        const int64_t piece = std::max(grain, rest / kPartOfRest);
        const int64_t end = rest - piece < grain ? share.end : begin + piece;
        if (!share.next.compare_exchange_weak(begin, end, std::memory_order_relaxed))
          continue; // `begin` is where another worker left off
        function(context, begin, end, worker);
        begin = share.next.load(std::memory_order_relaxed);
      }
    }
    frames = frame.outer;
  }

  bool enter() {
    int inside = gate.load(std::memory_order_relaxed);
    while (inside >= kOpen)
      if (gate.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire,
                                     std::memory_order_relaxed))
        return true;
    return false;
  }

  void leave() {
    if (gate.fetch_sub(1, std::memory_order_acq_rel) == 1)
      gate.notify_one();
  }

  void help(int worker) {
    uint32_t seen = 0;
    while (true) {
      const auto signalled = [&] { return signal.load(std::memory_order_acquire) != seen; };
      if (!signalled() && !(runs.load(std::memory_order_relaxed) > 0 && spin_until(signalled)))
        signal.wait(seen);
      if (stopping.load(std::memory_order_acquire))
        return;
      seen = signal.load(std::memory_order_acquire);
      if (enter()) {
        work(worker);
        leave();
      }
    }
  }

  // Shares are equal but for a task, and none is smaller than the grain: `tasks` >= `smallest`.
  void dispatch(int64_t tasks, int64_t smallest, RangeFn fn, void* with) {
    std::lock_guard lock(turn);
    function = fn;
    context = with;
    grain = smallest;
    shares_used = static_cast<int>(std::min<int64_t>(static_cast<int64_t>(shares.size()), tasks / grain));
    const int64_t per_share = tasks / shares_used, extra = tasks % shares_used;
    int64_t begin = 0;
    for (int i = 0; i < shares_used; ++i) {
      Share& share = shares[static_cast<std::size_t>(i)];
      share.next.store(begin, std::memory_order_relaxed);
      begin += per_share + (i < extra ? 1 : 0);
      share.end = begin;
    }
    gate.store(kOpen, std::memory_order_release);
    wake();
    work(0);
    if (gate.fetch_sub(kOpen, std::memory_order_acq_rel) != kOpen)
      wait_for_helpers();
  }

  void wait_for_helpers() {
    if (spin_until([&] { return gate.load(std::memory_order_acquire) == 0; }))
      return;
    for (int inside = gate.load(std::memory_order_acquire); inside != 0;
         inside = gate.load(std::memory_order_acquire))
      gate.wait(inside, std::memory_order_acquire);
  }

  void stop() {
    stopping.store(true, std::memory_order_release);
    wake();
    for (std::thread& thread : threads)
      thread.join();
  }
};

ThreadPool::ThreadPool(int threads) {
  if (threads < 0 || threads > kMaxThreads)
    throw Error("a thread pool of " + std::to_string(threads) + " threads: expected 0 to " +
                std::to_string(kMaxThreads));
  const int size = threads == 0 ? available_processors() : threads;
  impl_ = std::make_unique<Impl>(size);
  try {
    for (int worker = 1; worker < size; ++worker)
      impl_->threads.emplace_back([impl = impl_.get(), worker] { impl->help(worker); });
  } catch (const std::system_error& error) {
    impl_->stop();
    throw Error(std::string("cannot create a thread: ") + error.what(), ErrorKind::system);
  }
}

ThreadPool::~ThreadPool() {
  impl_->stop();
}

int ThreadPool::size() const {
  return static_cast<int>(impl_->shares.size());
}

void ThreadPool::parallel_for(int64_t tasks, int64_t grain, RangeFn fn, void* context) {
  if (tasks <= 0)
    return;
  if (const Frame* frame = frame_of(impl_.get())) // called by a task: all workers are busy already
    return fn(context, 0, tasks, frame->worker);
  grain = std::max<int64_t>(grain, 1);
  if (size() == 1 || tasks / grain <= 1)
    return fn(context, 0, tasks, 0);
  impl_->dispatch(tasks, grain, fn, context);
}

ThreadPool::Run::Run(ThreadPool& pool) : pool_(pool) {
  // Wakes the sleepers ahead of the first step, while the caller is still preparing it.
  if (pool.size() > 1 && pool.impl_->runs.fetch_add(1) == 0)
    pool.impl_->wake();
}

ThreadPool::Run::~Run() {
  if (pool_.size() > 1)
    pool_.impl_->runs.fetch_sub(1);
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
