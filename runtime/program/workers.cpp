// Each worker starts on its own share of the tasks and then helps the others.
#include "workers.h"

#include "futex.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sinter::rt {
namespace {

// A worker that finds no task waits this long before it sleeps; waking it again costs about as much.
constexpr int64_t kSpinNanoseconds = 50'000;
// A piece is this part of what is left of a share: the last ones are small, so that workers end together.
// More parts cost what a kernel does anew for every piece.
constexpr int64_t kPartOfRest = 2;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#else
  sched_yield();
#endif
}

int64_t nanoseconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Spins until `ready()` or the time is up; says whether it was ready.
template <class Ready>
bool spin_until(Ready&& ready) {
  const int64_t deadline = nanoseconds_now() + kSpinNanoseconds;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready())
        return true;
      pause_briefly();
    }
  } while (nanoseconds_now() < deadline);
  return ready();
}

class Turn {
public:
  explicit Turn(pthread_mutex_t& mutex) : mutex_(mutex) { pthread_mutex_lock(&mutex_); }
  ~Turn() { pthread_mutex_unlock(&mutex_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

private:
  pthread_mutex_t& mutex_;
};

} // namespace

struct Workers::Impl : Workers {
  // One worker's share of a job. Anybody takes pieces off it.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  struct Helper {
    Impl* workers = nullptr;
    int number = 0;
    pthread_t thread{};
  };

  // `gate` is kOpen plus the number of helpers inside while a job may be joined, and just that number while
  // it may not. The job's fields change only while it is 0, so a helper that comes late never sees half a
  // job.
  static constexpr uint32_t kOpen = 1U << 30;
  alignas(64) Futex gate;
  alignas(64) Futex signal; // changes whenever sleepers should look again
  std::atomic<int> runs{0};
  std::atomic<bool> stopping{false};

  RangeFn function = nullptr;
  void* context = nullptr;
  int64_t grain = 1;
  int shares_used = 0;
  int size = 1;
  int helpers_started = 0;
  Share* shares = nullptr;
  Helper* helpers = nullptr;
  pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

  void wake() {
    signal.value.fetch_add(1);
    signal.wake_all();
  }

  // Takes pieces, first of the worker's own share, until none is left anywhere.
  void work(int worker) {
    for (int i = 0; i < shares_used; ++i) {
      Share& share = shares[(worker + i) % shares_used];
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
  }

  bool enter() {
    uint32_t inside = gate.value.load(std::memory_order_relaxed);
    while (inside >= kOpen)
      if (gate.value.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire,
                                           std::memory_order_relaxed))
        return true;
    return false;
  }

  void leave() {
    if (gate.value.fetch_sub(1) == 1)
      gate.wake_all();
  }

  void help(int worker) {
    uint32_t seen = 0;
    while (true) {
      const auto signalled = [&] { return signal.value.load(std::memory_order_acquire) != seen; };
      if (!signalled() && !(runs.load(std::memory_order_relaxed) > 0 && spin_until(signalled)))
        signal.wait(seen);
      if (stopping.load(std::memory_order_acquire))
        return;
      seen = signal.value.load(std::memory_order_acquire);
      if (enter()) {
        work(worker);
        leave();
      }
    }
  }

  // Shares are equal but for a task, and none is smaller than the grain: `tasks` >= `smallest`.
  void dispatch(int64_t tasks, int64_t smallest, RangeFn fn, void* with) {
    const Turn mine(turn);
    function = fn;
    context = with;
    grain = smallest;
    shares_used = static_cast<int>(std::min<int64_t>(size, tasks / grain));
    const int64_t per_share = tasks / shares_used, extra = tasks % shares_used;
    int64_t begin = 0;
    for (int i = 0; i < shares_used; ++i) {
      shares[i].next.store(begin, std::memory_order_relaxed);
      begin += per_share + (i < extra ? 1 : 0);
      shares[i].end = begin;
    }
    gate.value.store(kOpen, std::memory_order_release);
    wake();
    work(0);
    if (gate.value.fetch_sub(kOpen, std::memory_order_acq_rel) != kOpen)
      wait_for_helpers();
  }

  void wait_for_helpers() {
    if (spin_until([&] { return gate.value.load(std::memory_order_acquire) == 0; }))
      return;
    for (uint32_t inside = gate.value.load(); inside != 0; inside = gate.value.load())
      gate.wait(inside);
  }

  bool start(int& error) {
    for (int number = 1; number < size; ++number) {
      Helper& helper = helpers[number];
      helper = {this, number, {}};
      const auto body = [](void* argument) -> void* {
        const auto* self = static_cast<Helper*>(argument);
        self->workers->help(self->number);
        return nullptr;
      };
      error = pthread_create(&helper.thread, nullptr, body, &helper);
      if (error != 0)
        return false;
      ++helpers_started;
    }
    return true;
  }

  void stop() {
    stopping.store(true, std::memory_order_release);
    wake();
    for (int number = 1; number <= helpers_started; ++number)
      pthread_join(helpers[number].thread, nullptr);
  }

  // One block: the object, the shares, the helpers.
  static Impl* allocate(int size) {
    const auto count = static_cast<std::size_t>(size);
    const std::size_t bytes = sizeof(Impl) + count * sizeof(Share) + count * sizeof(Helper);
    void* memory =
        std::aligned_alloc(alignof(Impl), (bytes + alignof(Impl) - 1) / alignof(Impl) * alignof(Impl));
    if (!memory)
      return nullptr;
    auto* impl = new (memory) Impl;
    impl->size = size;
    impl->shares = reinterpret_cast<Share*>(impl + 1);
    impl->helpers = reinterpret_cast<Helper*>(impl->shares + count);
    for (std::size_t i = 0; i < count; ++i)
      new (impl->shares + i) Share;
    return impl;
  }
};

Workers* Workers::create(int size, int& error) {
  Impl* impl = Impl::allocate(size);
  if (!impl) {
    error = ENOMEM;
    return nullptr;
  }
  if (impl->start(error))
    return impl;
  destroy(impl);
  return nullptr;
}

void Workers::destroy(Workers* workers) {
  if (!workers)
    return;
  auto* impl = static_cast<Impl*>(workers);
  impl->stop();
  pthread_mutex_destroy(&impl->turn);
  std::free(impl);
}

int Workers::size() const {
  return static_cast<const Impl*>(this)->size;
}

void Workers::parallel_for(int64_t tasks, int64_t grain, RangeFn function, void* context) {
  if (tasks <= 0)
    return;
  auto* impl = static_cast<Impl*>(this);
  grain = std::max<int64_t>(grain, 1);
  if (impl->size == 1 || tasks / grain <= 1)
    return function(context, 0, tasks, 0);
  impl->dispatch(tasks, grain, function, context);
}

void Workers::begin_run() {
  // Wakes the sleepers ahead of the first step, while the caller is still preparing it.
  auto* impl = static_cast<Impl*>(this);
  if (impl->size > 1 && impl->runs.fetch_add(1) == 0)
    impl->wake();
}

void Workers::end_run() {
  auto* impl = static_cast<Impl*>(this);
  if (impl->size > 1)
    impl->runs.fetch_sub(1);
}

} // namespace sinter::rt
