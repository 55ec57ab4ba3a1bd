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

using Order = std::vector<size_t>;

bool aliveTogether(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// The offset of the tightest gap between buffers `placed`, sorted by offset, that holds `bytes`; behind them
/// all if there is none.
int64_t bestGap(llvm::ArrayRef<const ArenaBuffer*> placed, int64_t bytes) {
  int64_t end = 0, best = -1, tightest = std::numeric_limits<int64_t>::max();
  for (const ArenaBuffer* buffer : placed) {
    const int64_t gap = buffer->offset - end;
    if (gap >= bytes && gap < tightest) {
      best = end;
      tightest = gap;
    }
    end = std::max(end, buffer->offset + buffer->bytes);
  }
  return best >= 0 ? best : end;
}

/// Places the buffers one by one in `order`.
int64_t placeInOrder(llvm::MutableArrayRef<ArenaBuffer> buffers, const Order& order) {
  int64_t size = 0;
  std::vector<const ArenaBuffer*> byOffset; // placed so far
  llvm::SmallVector<const ArenaBuffer*, 32> neighbours;
  for (size_t i : order) {
    ArenaBuffer& buffer = buffers[i];
    neighbours.clear();
    for (const ArenaBuffer* other : byOffset)
      if (aliveTogether(*other, buffer))
        neighbours.push_back(other);
    buffer.offset = bestGap(neighbours, buffer.bytes);
    size = std::max(size, buffer.offset + buffer.bytes);
    const auto after = [](int64_t offset, const ArenaBuffer* other) { return offset < other->offset; };
    byOffset.insert(std::upper_bound(byOffset.begin(), byOffset.end(), buffer.offset, after), &buffer);
  }
  return size;
}

template <class Key>
Order sortedBy(llvm::ArrayRef<ArenaBuffer> buffers, Key key) {
  Order order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  llvm::sort(order, [&](size_t a, size_t b) {
    const auto x = key(buffers[a]), y = key(buffers[b]);
    return x != y ? x > y : a < b;
  });
  return order;
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
  Order best;
  int64_t smallest = std::numeric_limits<int64_t>::max();
  const auto attempt = [&](const Order& order) {
    const int64_t size = placeInOrder(buffers, order);
    if (size < smallest) {
      smallest = size;
      best = order;
    }
    return smallest <= bound;
  };
  bool optimal = attempt(sortedBy(buffers, [](const ArenaBuffer& b) { return b.bytes; })) ||
                 attempt(sortedBy(buffers, [&](const ArenaBuffer& b) { return b.bytes * life(b); })) ||
                 attempt(sortedBy(buffers, [&](const ArenaBuffer& b) { return life(b); })) ||
                 attempt(sortedBy(buffers, [](const ArenaBuffer& b) { return -b.first; }));
  // Random moves of single buffers in the best order; a placement costs about n^2.
  std::minstd_rand random(1);
  const size_t n = buffers.size();
  const size_t tries = n < 2 ? 0 : std::min<size_t>(300, 20'000'000 / (n * n) + 1);
  for (size_t i = 0; i < tries && !optimal; ++i) {
    Order order = best;
    const size_t from = random() % n, to = random() % n;
    const size_t moved = order[from];
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), moved);
    optimal = attempt(order);
  }
  return placeInOrder(buffers, best);
}

} // namespace sinter::passes
