// A word that threads can sleep on. As std::atomic's wait and notify, without the C++ library behind them.
#pragma once

#include <atomic>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sinter::rt {

class Futex {
public:
  std::atomic<uint32_t> value{0};

  /// Sleeps until `value` is not `old` any more.
  void wait(uint32_t old) {
    sleepers_.fetch_add(1);
    // A change of `value` and the look at `sleepers_` after it are ordered against the two lines here: either
    // this thread sees the change, or the other sees a sleeper.
    while (value.load() == old)
      call(FUTEX_WAIT_PRIVATE, old);
    sleepers_.fetch_sub(1);
  }

  /// To be called after `value` was changed by a sequentially consistent operation.
  void wake_all() {
    if (sleepers_.load() > 0)
      call(FUTEX_WAKE_PRIVATE, INT32_MAX);
  }

private:
  void call(int operation, uint32_t argument) {
    syscall(SYS_futex, &value, operation, argument, nullptr, nullptr, 0);
  }

  std::atomic<uint32_t> sleepers_{0};
};

} // namespace sinter::rt
