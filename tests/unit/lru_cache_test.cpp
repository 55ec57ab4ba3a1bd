// What goes when there is no more room, and what stays.
#include "codegen/lru_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace sinter::codegen {
namespace {

TEST(LruCache, TheLeastRecentlyUsedGoesFirst) {
  LruCache<int> cache(2);
  EXPECT_FALSE(cache.find("a"));
  cache.insert("a", 1);
  cache.insert("b", 2);
  EXPECT_EQ(cache.find("a"), 1);
  cache.insert("c", 3);
  EXPECT_FALSE(cache.find("b"));
  EXPECT_EQ(cache.find("a"), 1);
  EXPECT_EQ(cache.find("c"), 3);
}

TEST(LruCache, ANewValueTakesThePlaceOfTheOld) {
  LruCache<std::shared_ptr<int>> cache(2);
  const auto old = std::make_shared<int>(1);
  cache.insert("a", old);
  cache.insert("b", nullptr);
  cache.insert("a", std::make_shared<int>(2));
  EXPECT_EQ(old.use_count(), 1);
  EXPECT_TRUE(cache.find("b"));
  EXPECT_EQ(**cache.find("a"), 2);
}

TEST(LruCache, WhatStaysIsNotReplaced) {
  LruCache<int> cache;
  const auto smaller_stays = [](int value) { return [value](int before) { return before <= value; }; };
  for (const int value : {3, 5, 2, 4})
    cache.insert("a", value, smaller_stays(value));
  EXPECT_EQ(cache.find("a"), 2);
}

// What a value does when it goes may use the cache.
TEST(LruCache, ValuesAreFreedWithoutTheLock) {
  LruCache<std::shared_ptr<int>> cache(1);
  bool found = false;
  cache.insert("a", std::shared_ptr<int>(new int(1), [&](const int* value) {
                 found = cache.find("b").has_value();
                 delete value;
               }));
  cache.insert("b", nullptr);
  EXPECT_TRUE(found);
}

TEST(LruCache, FromSeveralThreads) {
  LruCache<int> cache(8);
  std::vector<std::thread> threads;
  for (int first = 0; first < 4; ++first)
    threads.emplace_back([&cache, first] {
      for (int i = 0; i < 2000; ++i) {
        const int number = (first + i) % 16;
        const std::string key = std::to_string(number);
        if (const auto value = cache.find(key))
          EXPECT_EQ(*value, number);
        else
          cache.insert(key, number);
      }
    });
  for (std::thread& thread : threads)
    thread.join();
}

} // namespace
} // namespace sinter::codegen
