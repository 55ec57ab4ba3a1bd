// Packing buffers into an arena: no two that live at the same time overlap, and little is wasted.
#include "passes/arena.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sinter::passes {
namespace {

void expectDisjoint(const std::vector<ArenaBuffer>& buffers, int64_t size) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    const ArenaBuffer& a = buffers[i];
    ASSERT_GE(a.offset, 0);
    ASSERT_LE(a.offset + a.bytes, size);
    for (size_t j = 0; j < i; ++j) {
      const ArenaBuffer& b = buffers[j];
      if (a.bytes == 0 || b.bytes == 0 || a.first > b.last || b.first > a.last)
        continue;
      ASSERT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
          << "buffers " << j << " and " << i << " overlap";
    }
  }
}

TEST(Arena, NothingTakesNothing) {
  std::vector<ArenaBuffer> none;
  EXPECT_EQ(packArena(none), 0);
  EXPECT_EQ(arenaLowerBound(none), 0);
  std::vector<ArenaBuffer> empty{{0, 0, 3, 0}, {0, 1, 2, 0}};
  EXPECT_EQ(packArena(empty), 0);
}

TEST(Arena, ChainNeedsTwoNeighbours) {
  std::vector<ArenaBuffer> chain;
  for (int64_t i = 0; i < 20; ++i)
    chain.push_back({64 * (1 + i % 3), i, i + 1, 0});
  const int64_t bound = arenaLowerBound(chain);
  EXPECT_EQ(bound, 64 * 5);
  const int64_t size = packArena(chain);
  expectDisjoint(chain, size);
  EXPECT_LE(static_cast<double>(size), 1.1 * static_cast<double>(bound));
}

// Feature maps that shrink, with skip connections over random distances: what networks look like.
TEST(Arena, NetworksWithSkipConnections) {
  std::mt19937 random(7);
  for (int net = 0; net < 20; ++net) {
    std::vector<ArenaBuffer> buffers;
    const int64_t layers = 40 + static_cast<int64_t>(random() % 100);
    for (int64_t i = 0; i < layers; ++i) {
      const int64_t size = 64 * (1 + (layers - i) * static_cast<int64_t>(1 + random() % 4));
      const int64_t skip = random() % 4 == 0 ? static_cast<int64_t>(random() % 8) : 0;
      buffers.push_back({size, i, i + 1 + skip, 0});
    }
    const int64_t bound = arenaLowerBound(buffers);
    const int64_t size = packArena(buffers);
    expectDisjoint(buffers, size);
    EXPECT_GE(size, bound);
    EXPECT_LE(static_cast<double>(size), 1.1 * static_cast<double>(bound)) << "net " << net;
  }
}

} // namespace
} // namespace sinter::passes
