// Copies between strided views: the kernel under most of the operations that move elements.
#include "sinter/runtime/eager/movement.h"

#include "movement_bits.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sinter::eager {
namespace {

struct Loop {
  int64_t extent;
  int64_t source; // stride
  int64_t target; // stride
};

// The loops of a copy, outermost first: writes as sequential as possible, neighbours merged where they are
// one loop.
struct Loops {
  std::array<Loop, kMaxRank> data{};
  std::size_t count = 0;

  Loops(const Shape& shape, const Shape& source, const Shape& target) {
    for (int d = 0; d < shape.rank(); ++d)
      if (shape[d] != 1)
        data[count++] = {shape[d], source[d], target[d]};
    std::sort(data.begin(), data.begin() + count,
              [](const Loop& a, const Loop& b) { return std::abs(a.target) > std::abs(b.target); });
    merge();
    bring_source_rows_inward();
  }

  std::span<const Loop> span() const { return {data.data(), count}; }

private:
  void merge() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Loop inner = data[i];
      if (kept > 0 && data[kept - 1].source == inner.source * inner.extent &&
          data[kept - 1].target == inner.target * inner.extent)
        data[kept - 1] = {data[kept - 1].extent * inner.extent, inner.source, inner.target};
      else
        data[kept++] = inner;
    }
    count = kept;
  }

  // A transposition reads rows where it writes columns: those two loops become the inner pair, which is
  // tiled.
  void bring_source_rows_inward() {
    if (count < 3 || std::abs(data[count - 1].source) <= 1)
      return;
    for (std::size_t i = 0; i + 2 < count; ++i)
      if (std::abs(data[i].source) == 1)
        return void(std::rotate(data.begin() + i, data.begin() + i + 1, data.begin() + count - 1));
  }
};

template <class T>
void copy_row(const T* source, T* target, const Loop& loop) {
  if (loop.target == 1 && loop.source == 1) {
    std::memcpy(target, source, static_cast<std::size_t>(loop.extent) * sizeof(T));
  } else if (loop.target == 1 && loop.source == 0) {
    std::fill_n(target, loop.extent, *source);
  } else {
    for (int64_t i = 0; i < loop.extent; ++i)
      target[i * loop.target] = source[i * loop.source];
  }
}

// Both sides stay in the first-level cache while a tile is turned.
template <class T>
void copy_tiled(const T* source, T* target, const Loop& outer, const Loop& inner) {
  constexpr int64_t tile = 16;
  for (int64_t i0 = 0; i0 < outer.extent; i0 += tile)
    for (int64_t j0 = 0; j0 < inner.extent; j0 += tile)
      for (int64_t i = i0; i < std::min(i0 + tile, outer.extent); ++i)
        copy_row(source + i * outer.source + j0 * inner.source, target + i * outer.target + j0 * inner.target,
                 {std::min(tile, inner.extent - j0), inner.source, inner.target});
}

template <class T>
void copy_loops(const T* source, T* target, std::span<const Loop> loops) {
  if (loops.empty()) {
    *target = *source;
  } else if (loops.size() == 1) {
    copy_row(source, target, loops[0]);
  } else if (loops.size() == 2 && std::abs(loops[1].source) > 1) {
    copy_tiled(source, target, loops[0], loops[1]);
  } else {
    for (int64_t i = 0; i < loops[0].extent; ++i)
      copy_loops(source + i * loops[0].source, target + i * loops[0].target, loops.subspan(1));
  }
}

} // namespace

void copy(const View& source, const View& target) {
  if (source.dtype != target.dtype || !(source.shape == target.shape))
    throw Error("copy: " + to_string(source) + " does not fit " + to_string(target));
  if (source.elements() == 0)
    return;
  const Loops loops(source.shape, source.strides, target.strides);
  visit_bits(source.dtype, [&](auto zero) {
    using T = decltype(zero);
    copy_loops(source.as<const T>(), target.as<T>(), loops.span());
  });
}

} // namespace sinter::eager
