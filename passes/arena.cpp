// Packing buffers with lifetimes into one arena.
#include "passes/arena.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

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

bool aliveTogether(const ArenaPart& a, const ArenaPart& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Offsets low < x < high of a buffer are taken.
struct Taken {
  int64_t low, high;
};

/// A part in its place in the arena.
struct Placed {
  const ArenaPart* part;
  int64_t offset;
};

int64_t endOf(const ArenaBuffer& buffer) {
  int64_t end = 0;
  for (const ArenaPart& part : buffer.parts)
    end = std::max(end, part.offset + part.bytes);
  return end;
}

/// What the parts `placed`, sorted by offset, keep `buffer` from; sorted.
void findTaken(const ArenaBuffer& buffer, llvm::ArrayRef<Placed> placed,
               llvm::SmallVectorImpl<Taken>& taken) {
  taken.clear();
  for (const ArenaPart& part : buffer.parts)
    for (const auto& [other, offset] : placed)
      if (aliveTogether(*other, part))
        taken.push_back({offset - part.bytes - part.offset, offset + other->bytes - part.offset});
  if (buffer.parts.size() > 1)
    llvm::sort(taken, [](const Taken& a, const Taken& b) { return a.low < b.low; });
}

/// An offset in the tightest gap that `taken` leaves in [0, most]; behind them all where there is none.
int64_t offsetInGap(llvm::ArrayRef<Taken> taken, int64_t most, bool high) {
  int64_t end = 0, best = -1, tightest = std::numeric_limits<int64_t>::max();
  const auto consider = [&](int64_t limit) {
    const int64_t slack = limit - end;
    if (slack < 0 || slack >= tightest)
      return;
    best = high ? limit / kArenaAlignment * kArenaAlignment : end;
    tightest = slack;
  };
  for (const auto& [low, past] : taken) {
    consider(std::min(low, most));
    end = std::max(end, llvm::divideCeilSigned(past, kArenaAlignment) * kArenaAlignment);
  }
  consider(most);
  return best >= 0 ? best : end;
}

int64_t place(llvm::MutableArrayRef<ArenaBuffer> buffers, const Recipe& recipe, int64_t capacity) {
  int64_t size = 0;
  std::vector<Placed> byOffset; // placed so far
  llvm::SmallVector<Taken, 32> taken;
  for (size_t i : recipe.order) {
    ArenaBuffer& buffer = buffers[i];
    findTaken(buffer, byOffset, taken);
    buffer.offset = offsetInGap(taken, capacity - endOf(buffer), recipe.high[i]);
    size = std::max(size, buffer.offset + endOf(buffer));
    const auto after = [](int64_t offset, const Placed& other) { return offset < other.offset; };
    for (const ArenaPart& part : buffer.parts) {
      const int64_t offset = buffer.offset + part.offset;
      byOffset.insert(std::upper_bound(byOffset.begin(), byOffset.end(), offset, after), {&part, offset});
    }
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

int64_t bytesOf(const ArenaBuffer& buffer) {
  int64_t bytes = 0;
  for (const ArenaPart& part : buffer.parts)
    bytes += part.bytes;
  return bytes;
}

/// The first and the last step that needs the buffer.
std::pair<int64_t, int64_t> lifeOf(const ArenaBuffer& buffer) {
  int64_t first = std::numeric_limits<int64_t>::max(), last = 0;
  for (const ArenaPart& part : buffer.parts) {
    first = std::min(first, part.first);
    last = std::max(last, part.last);
  }
  return {first, last};
}

/// In order of definition, from both ends in turn: what a chain of layers wants.
Recipe alternating(llvm::ArrayRef<ArenaBuffer> buffers) {
  Recipe recipe = sortedBy(buffers, [](const ArenaBuffer& b) { return -lifeOf(b).first; });
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
  for (const ArenaBuffer& buffer : buffers)
    for (const ArenaPart& part : buffer.parts) {
      events.emplace_back(2 * part.first, part.bytes);
      events.emplace_back(2 * part.last + 1, -part.bytes);
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
  const auto life = [](const ArenaBuffer& b) { return lifeOf(b).second - lifeOf(b).first + 1; };
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
  bool optimal = attempt(sortedBy(buffers, bytesOf)) ||
                 attempt(sortedBy(buffers, [&](const ArenaBuffer& b) { return bytesOf(b) * life(b); })) ||
                 attempt(sortedBy(buffers, life)) || attempt(alternating(buffers));
  // A placement costs about n^2.
  std::minstd_rand random(1);
  size_t n = 0;
  for (const ArenaBuffer& buffer : buffers)
    n += buffer.parts.size();
  const size_t tries = n < 2 || buffers.size() < 2 ? 0 : std::min<size_t>(300, 20'000'000 / (n * n) + 1);
  for (size_t i = 0; i < tries && !optimal; ++i)
    optimal = attempt(varied(best, random));
  return place(buffers, best, bound);
}

} // namespace sinter::passes
