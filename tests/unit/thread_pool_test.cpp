// The thread pool: every task once, nested and concurrent calls, balance, no allocation.
#include "sinter/runtime/thread_pool.h"

#include "sinter/runtime/error.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace sinter::rt {
namespace {

TEST(ThreadPool, RunsEveryTaskExactlyOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 64, 1000, 4097})
      for (int64_t grain : {0, 1, 3, 100, 100000}) {
        std::vector<std::atomic<int>> hits(static_cast<std::size_t>(tasks));
        pool.parallel_for(tasks, grain, [&](int64_t begin, int64_t end, int worker) {
          EXPECT_GE(worker, 0);
          EXPECT_LT(worker, threads);
          EXPECT_LT(begin, end);
          EXPECT_TRUE(end - begin >= grain || end - begin == tasks);
          for (int64_t i = begin; i < end; ++i)
            hits[static_cast<std::size_t>(i)].fetch_add(1, std::memory_order_relaxed);
        });
        for (const auto& hit : hits)
          ASSERT_EQ(hit.load(), 1);
      }
  }
}

TEST(ThreadPool, OneThreadRunsOnTheCallerInOnePiece) {
  ThreadPool pool(1);
  int calls = 0;
  pool.parallel_for(1000, 1,
                    [&, caller = std::this_thread::get_id()](int64_t begin, int64_t end, int worker) {
                      ++calls;
                      EXPECT_EQ(begin, 0);
                      EXPECT_EQ(end, 1000);
                      EXPECT_EQ(worker, 0);
                      EXPECT_EQ(std::this_thread::get_id(), caller);
                    });
  EXPECT_EQ(calls, 1);
}

TEST(ThreadPool, SharesAreEqualEvenWhereTheGrainDoesNotDivideThem) {
  ThreadPool pool(2);
  for (int64_t grain : {2, 3}) { // shares of 3 tasks, too small to be cut
    std::mutex mutex;
    std::set<std::pair<int64_t, int64_t>> pieces;
    pool.parallel_for(6, grain, [&](int64_t begin, int64_t end, int) {
      const std::lock_guard lock(mutex);
      pieces.emplace(begin, end);
    });
    EXPECT_EQ(pieces, (std::set<std::pair<int64_t, int64_t>>{{0, 3}, {3, 6}}));
  }
}

TEST(ThreadPool, PiecesShrinkToTheGrain) {
  ThreadPool pool(2);
  std::mutex mutex;
  std::set<std::pair<int64_t, int64_t>> pieces;
  pool.parallel_for(32, 2, [&](int64_t begin, int64_t end, int) {
    const std::lock_guard lock(mutex);
    pieces.emplace(begin, end);
  });
  EXPECT_EQ(pieces, (std::set<std::pair<int64_t, int64_t>>{
                        {0, 8}, {8, 12}, {12, 14}, {14, 16}, {16, 24}, {24, 28}, {28, 30}, {30, 32}}));
}

TEST(ThreadPool, AWorkerNumberIsNeverUsedTwiceAtATime) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  for (int round = 0; round < 200; ++round)
    pool.parallel_for(64, 1, [&](int64_t, int64_t, int worker) {
      auto& mine = busy[static_cast<std::size_t>(worker)];
      EXPECT_EQ(mine.fetch_add(1), 0);
      EXPECT_EQ(mine.fetch_sub(1), 1);
    });
}

TEST(ThreadPool, NestedCallsRunInlineOnTheSameWorker) {
  ThreadPool pool(3), other(2);
  std::atomic<int64_t> sum{0};
  pool.parallel_for(30, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t i = begin; i < end; ++i)
      pool.parallel_for(10, 1, [&](int64_t b, int64_t e, int inner) {
        EXPECT_EQ(inner, worker);
        sum += e - b;
      });
    // By way of another pool, too.
    other.parallel_for(4, 1, [&](int64_t b, int64_t e, int) { sum += 100 * (e - b); });
  });
  EXPECT_EQ(sum % 100, 0);
  EXPECT_GE(sum.load(), 300 + 400);
}

TEST(ThreadPool, ConcurrentCallersTakeTurns) {
  ThreadPool pool(2);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      const ThreadPool::Run run(pool);
      for (int i = 0; i < 200; ++i)
        pool.parallel_for(16, 1, [&](int64_t begin, int64_t end, int) { sum += end - begin; });
    });
  for (auto& caller : callers)
    caller.join();
  EXPECT_EQ(sum.load(), 4 * 200 * 16);
}

TEST(ThreadPool, SleepingWorkersWakeUp) {
  ThreadPool pool(2);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int64_t> sum{0};
    pool.parallel_for(100, 1, [&](int64_t begin, int64_t end, int) { sum += end - begin; });
    EXPECT_EQ(sum.load(), 100);
  }
}

TEST(ThreadPool, WritesOfTasksAreSeenByTheCaller) {
  ThreadPool pool(4);
  std::vector<int> values(1000); // plain ints: ThreadSanitizer checks the claim
  for (int round = 1; round <= 50; ++round) {
    pool.parallel_for(1000, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i)
        values[static_cast<std::size_t>(i)] += 1;
    });
    for (int value : values)
      ASSERT_EQ(value, round);
  }
}

TEST(ThreadPool, RefusesNonsense) {
  EXPECT_THROW(ThreadPool(-1), Error);
  EXPECT_THROW(ThreadPool(1 << 20), Error);
  EXPECT_GE(default_thread_pool().size(), 1);
}

} // namespace
} // namespace sinter::rt
