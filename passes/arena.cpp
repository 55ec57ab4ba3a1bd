// Packing buffers with lifetimes into one arena.
#include "passes/arena.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace sinter::passes {
namespace {

/// How to place the buffers: one after the other, each at the low or the high end of the tightest gap.
struct Recipe {
  std::vector<size_t> order;
  std::vector<bool> high; ///< of the buffer, not of the place in the order
};

bool aliveTogether(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// An offset for `bytes` in the tightest gap that `placed`, sorted by offset, leave in [0, capacity); behind
/// them all where there is none.
int64_t offsetInGap(llvm::ArrayRef<const ArenaBuffer*> placed, int64_t bytes, int64_t capacity, bool high) {
  int64_t end = 0, best = -1, tightest = std::numeric_limits<int64_t>::max();
  const auto consider = [&](int64_t limit) {
    const int64_t gap = limit - end;
    if (gap < bytes || gap >= tightest)
      return;
    best = high ? limit - bytes : end;
    tightest = gap;
  };
  for (const ArenaBuffer* buffer : placed) {
    consider(buffer->offset);
    end = std::max(end, buffer->offset + buffer->bytes);
  }
  consider(capacity);
  return best >= 0 ? best : end;
}

int64_t place(llvm::MutableArrayRef<ArenaBuffer> buffers, const Recipe& recipe, int64_t capacity) {
  int64_t size = 0;
  std::vector<const ArenaBuffer*> byOffset; // placed so far
  llvm::SmallVector<const ArenaBuffer*, 32> neighbours;
  for (size_t i : recipe.order) {
    ArenaBuffer& buffer = buffers[i];
    neighbours.clear();
    for (const ArenaBuffer* other : byOffset)
      if (aliveTogether(*other, buffer))
        neighbours.push_back(other);
    buffer.offset = offsetInGap(neighbours, buffer.bytes, capacity, recipe.high[i]);
    size = std::max(size, buffer.offset + buffer.bytes);
    const auto after = [](int64_t offset, const ArenaBuffer* other) { return offset < other->offset; };
    byOffset.insert(std::upper_bound(byOffset.begin(), byOffset.end(), buffer.offset, after), &buffer);
  }
  return size;
}

template <class Key>
Recipe sortedBy(llvm::ArrayRef<ArenaBuffer> buffers, Key key) {
  Recipe recipe;
  recipe.order.resize(buffers.size());
  recipe.high.resize(buffers.size());
  std::iota(recipe.order.begin(), recipe.order.end(), size_t{0});
  llvm::sort(recipe.order, [&](size_t a, size_t b) {
    const auto x = key(buffers[a]), y = key(buffers[b]);
    return x != y ? x > y : a < b;
  });
  return recipe;
}

/// In order of definition, from both ends in turn: what a chain of layers wants.
Recipe alternating(llvm::ArrayRef<ArenaBuffer> buffers) {
  Recipe recipe = sortedBy(buffers, [](const ArenaBuffer& b) { return -b.first; });
  for (size_t i = 0; i < recipe.order.size(); ++i)
    recipe.high[recipe.order[i]] = i % 2 != 0;
  return recipe;
}

/// Moves one buffer to another place in the order, or to the other end of its gap.
Recipe varied(const Recipe& recipe, std::minstd_rand& random) {
  Recipe result = recipe;
  const size_t n = recipe.order.size();
  const size_t from = random() % n, to = random() % n;
  const size_t moved = result.order[from];
  if (random() % 3 == 0)
    result.high[moved] = !result.high[moved];
  result.order.erase(result.order.begin() + static_cast<std::ptrdiff_t>(from));
  result.order.insert(result.order.begin() + static_cast<std::ptrdiff_t>(to), moved);
  return result;
}

} // namespace

int64_t arenaLowerBound(llvm::ArrayRef<ArenaBuffer> buffers) {
  std::vector<std::pair<int64_t, int64_t>> events; // (step, change); ends come after the step
  for (const ArenaBuffer& buffer : buffers) {
    events.emplace_back(2 * buffer.first, buffer.bytes);
    events.emplace_back(2 * buffer.last + 1, -buffer.bytes);
  }
  std::sort(events.begin(), events.end());
  int64_t alive = 0, most = 0;
  for (auto [step, change] : events)
    most = std::max(most, alive += change);
  return most;
}

int64_t packArena(llvm::MutableArrayRef<ArenaBuffer> buffers) {
  if (buffers.empty())
    return 0;
  const int64_t bound = arenaLowerBound(buffers);
  const auto life = [](const ArenaBuffer& b) { return b.last - b.first + 1; };
  Recipe best;
  int64_t smallest = std::numeric_limits<int64_t>::max();
  const auto attempt = [&](const Recipe& recipe) {
    const int64_t size = place(buffers, recipe, bound);
    if (size < smallest) {
      smallest = size;
      best = recipe;
    }
    return smallest <= bound;
  };
  bool optimal = attempt(sortedBy(buffers, [](const ArenaBuffer& b) { return b.bytes; })) ||
                 attempt(sortedBy(buffers, [&](const ArenaBuffer& b) { return b.bytes * life(b); })) ||
                 attempt(sortedBy(buffers, [&](const ArenaBuffer& b) { return life(b); })) ||
                 attempt(alternating(buffers));
  // A placement costs about n^2.
  std::minstd_rand random(1);
  const size_t n = buffers.size();
  const size_t tries = n < 2 ? 0 : std::min<size_t>(300, 20'000'000 / (n * n) + 1);
  for (size_t i = 0; i < tries && !optimal; ++i)
    optimal = attempt(varied(best, random));
  return place(buffers, best, bound);
}

} // namespace sinter::passes
