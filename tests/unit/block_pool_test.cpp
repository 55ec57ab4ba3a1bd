// Large blocks: aligned, apart from each other, used again, given back.
#include "runtime/core/block_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

namespace sinter {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(BlockPool, BlocksAreApartAndKeepWhatIsWritten) {
  BlockPool pool;
  std::mt19937 random(1);
  struct Block {
    unsigned char* data;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  for (int round = 0; round < 2000; ++round) {
    if (blocks.size() > 20 || (!blocks.empty() && random() % 2 == 0)) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Block block = blocks.back();
      blocks.pop_back();
      for (const std::size_t at : {std::size_t{0}, block.bytes / 2, block.bytes - 1})
        ASSERT_EQ(block.data[at], block.mark);
      pool.release(block.data, block.bytes);
      continue;
    }
    const std::size_t bytes = 1 + random() % (round % 50 == 0 ? 80 * kMiB : 3 * kMiB);
    auto* data = static_cast<unsigned char*>(pool.allocate(bytes));
    ASSERT_NE(data, nullptr);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(data) % 4096, 0U);
    const auto mark = static_cast<unsigned char>(round);
    std::memset(data, mark, bytes);
    blocks.push_back({data, bytes, mark});
  }
  for (const Block& block : blocks)
    pool.release(block.data, block.bytes);
  // What is left is one region to start with again.
  EXPECT_GT(pool.mapped_bytes(), 0U);
  EXPECT_LE(pool.mapped_bytes(), 256 * kMiB);
}

TEST(BlockPool, FreedMemoryIsUsedAgain) {
  BlockPool pool;
  void* first = pool.allocate(3 * kMiB);
  void* second = pool.allocate(3 * kMiB);
  void* third = pool.allocate(3 * kMiB);
  const std::size_t mapped = pool.mapped_bytes();
  pool.release(first, 3 * kMiB);
  pool.release(second, 3 * kMiB);
  EXPECT_EQ(pool.allocate(6 * kMiB), first); // neighbours have become one
  EXPECT_EQ(pool.mapped_bytes(), mapped);
  pool.release(first, 6 * kMiB);
  pool.release(third, 3 * kMiB);
}

// A loop with results of 90 MB: what it needs is mapped a few times, and then no more.
TEST(BlockPool, LearnsNotToGiveBackWhatIsWantedAgain) {
  BlockPool pool;
  for (int round = 0; round < 10; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < 9; ++i)
      blocks.push_back(pool.allocate(10 * kMiB));
    const std::size_t needed = pool.mapped_bytes();
    for (void* block : blocks)
      pool.release(block, 10 * kMiB);
    if (round == 0)
      EXPECT_LT(pool.mapped_bytes(), needed);
    if (round > 5)
      EXPECT_EQ(pool.mapped_bytes(), needed);
  }
}

TEST(BlockPool, WhatDoesNotFitIsNull) {
  BlockPool pool;
  EXPECT_EQ(pool.allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(pool.allocate(SIZE_MAX / 2), nullptr);
  EXPECT_EQ(pool.mapped_bytes(), 0U);
}

} // namespace
} // namespace sinter
