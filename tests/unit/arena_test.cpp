// Packing buffers into an arena: no two that live at the same time overlap, and little is wasted.
#include "passes/arena.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sinter::passes {
namespace {

ArenaBuffer buffer(int64_t bytes, int64_t first, int64_t last) {
  return {{{bytes, first, last, 0}}, 0};
}

void expectDisjoint(const std::vector<ArenaBuffer>& buffers, int64_t size) {
  std::vector<ArenaPart> parts;
  for (const ArenaBuffer& buffer : buffers) {
    ASSERT_EQ(buffer.offset % kArenaAlignment, 0);
    for (ArenaPart part : buffer.parts) {
      part.offset += buffer.offset;
      parts.push_back(part);
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const ArenaPart& a = parts[i];
    ASSERT_GE(a.offset, 0);
    ASSERT_LE(a.offset + a.bytes, size);
    for (size_t j = 0; j < i; ++j) {
      const ArenaPart& b = parts[j];
      if (a.bytes == 0 || b.bytes == 0 || a.first > b.last || b.first > a.last)
        continue;
      ASSERT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
          << "parts " << j << " and " << i << " overlap";
    }
  }
}

TEST(Arena, NothingTakesNothing) {
  std::vector<ArenaBuffer> none;
  EXPECT_EQ(packArena(none), 0);
  EXPECT_EQ(arenaLowerBound(none), 0);
  std::vector<ArenaBuffer> empty{buffer(0, 0, 3), buffer(0, 1, 2), {}};
  EXPECT_EQ(packArena(empty), 0);
}

TEST(Arena, ChainNeedsTwoNeighbours) {
  std::vector<ArenaBuffer> chain;
  for (int64_t i = 0; i < 20; ++i)
    chain.push_back(buffer(64 * (1 + i % 3), i, i + 1));
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
      buffers.push_back(buffer(size, i, i + 1 + skip));
    }
    const int64_t bound = arenaLowerBound(buffers);
    const int64_t size = packArena(buffers);
    expectDisjoint(buffers, size);
    EXPECT_GE(size, bound);
    EXPECT_LE(static_cast<double>(size), 1.1 * static_cast<double>(bound)) << "net " << net;
  }
}

// Parts with lives of their own: what lies in a buffer before the last part is needed costs nothing.
TEST(Arena, BuffersLieInPartsOfOthersThatAreNotAliveYet) {
  std::vector<ArenaBuffer> buffers{{{{64, 0, 9, 0}, {128, 6, 9, 64}}, 0}, buffer(64, 1, 3), buffer(64, 2, 5)};
  EXPECT_EQ(arenaLowerBound(buffers), 192);
  EXPECT_EQ(packArena(buffers), 192);
  expectDisjoint(buffers, 192);
}

TEST(Arena, PartsBeginAndEndAnywhere) {
  std::mt19937 random(11);
  for (int net = 0; net < 20; ++net) {
    std::vector<ArenaBuffer> buffers;
    for (int64_t i = 0; i < 60; ++i) {
      ArenaBuffer made;
      int64_t offset = 0;
      for (uint32_t parts = random() % 3 == 0 ? 1 + random() % 4 : 1; parts > 0; --parts) {
        const auto bytes = static_cast<int64_t>(4 * (1 + random() % 100));
        const int64_t first = i + static_cast<int64_t>(random() % 3);
        made.parts.push_back({bytes, first, first + static_cast<int64_t>(random() % 6), offset});
        offset += bytes;
      }
      buffers.push_back(made);
    }
    const int64_t size = packArena(buffers);
    expectDisjoint(buffers, size);
    EXPECT_GE(size, arenaLowerBound(buffers));
  }
}

} // namespace
} // namespace sinter::passes
