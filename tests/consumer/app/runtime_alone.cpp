// A program that has the runtime and no compiler.
#include <sinter/runtime/thread_pool.h>

#include <atomic>
#include <cstdio>

int main() {
  std::atomic<long> sum = 0;
  sinter::rt::ThreadPool pool(2);
  pool.parallel_for(100, 10, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i)
      sum += i;
  });
  std::printf("%ld\n", sum.load());
  return sum == 4950 ? 0 : 1;
}
