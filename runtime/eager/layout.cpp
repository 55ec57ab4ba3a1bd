// Conversion between physical layouts. Offsets of a layout are sums of one term per logical dimension, so
// tables replace divisions.
#include "sinter/runtime/eager/layout.h"

#include "movement_bits.h"
#include "parallel.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace sinter::eager {

Layout Layout::row_major(int rank) {
  Layout layout{Shape::filled(rank, 0), 0, 1};
  for (int d = 0; d < rank; ++d)
    layout.order[d] = d;
  return layout;
}

namespace {

void check(const View& view, const Layout& layout, const Shape& logical) {
  Shape expected;
  for (int i = 0; i < layout.order.rank(); ++i) {
    const int d = static_cast<int>(layout.order[i]);
    expected.push_back(d == layout.blocked ? (logical[d] + layout.block - 1) / layout.block : logical[d]);
  }
  if (layout.block != 1)
    expected.push_back(layout.block);
  if (layout.order.rank() != logical.rank() || !(expected == view.shape))
    throw Error("convert_layout: " + to_string(view) + " is not how " + to_string(logical) +
                " is stored: " + to_string(expected));
}

// What position i of each logical dimension adds to the element offset.
std::vector<std::vector<int64_t>> offsets(const View& view, const Layout& layout, const Shape& logical) {
  std::vector<std::vector<int64_t>> tables(static_cast<std::size_t>(logical.rank()));
  for (int i = 0; i < logical.rank(); ++i) {
    const int d = static_cast<int>(layout.order[i]);
    const bool blocked = layout.block != 1 && d == layout.blocked;
    const int64_t stride = view.strides[i], inner = blocked ? view.strides[view.rank() - 1] : 0;
    auto& table = tables[static_cast<std::size_t>(d)];
    for (int64_t p = 0; p < logical[d]; ++p)
      table.push_back(blocked ? p / layout.block * stride + p % layout.block * inner : p * stride);
  }
  return tables;
}

// Walks the result in the order it is stored and fetches each element.
template <class T>
class Conversion {
public:
  Conversion(const View& input, const Layout& from, const View& result, const Layout& to,
             const Shape& logical)
      : target_(result.as<T>()), result_(result), to_(to), logical_(logical),
        tables_(offsets(input, from, logical)) {}

  // The positions [begin, end) of the result's outermost dimension; of no use for a scalar.
  void walk(const T* source, int64_t begin, int64_t end) {
    const int d = static_cast<int>(to_.order[0]);
    const int64_t* table = tables_[static_cast<std::size_t>(d)].data();
    const bool blocked = d == to_.blocked && to_.block != 1;
    for (int64_t i = begin; i < end; ++i)
      walk(blocked ? source : source + table[i], i * result_.strides[0], 1, blocked ? i * to_.block : 0);
  }

  void walk(const T* source, int64_t target, int depth, int64_t first_blocked) {
    if (depth == logical_.rank()) {
      if (to_.block == 1)
        target_[target] = *source;
      else
        write_block(source, target, first_blocked);
      return;
    }
    const int d = static_cast<int>(to_.order[depth]);
    const int64_t* table = tables_[static_cast<std::size_t>(d)].data();
    const int64_t stride = result_.strides[depth], count = result_.shape[depth];
    if (d == to_.blocked && to_.block != 1) {
      for (int64_t b = 0; b < count; ++b)
        walk(source, target + b * stride, depth + 1, b * to_.block);
    } else if (depth + 1 == logical_.rank() && to_.block == 1) {
      for (int64_t i = 0; i < count; ++i)
        target_[target + i * stride] = source[table[i]];
    } else {
      for (int64_t i = 0; i < count; ++i)
        walk(source + table[i], target + i * stride, depth + 1, first_blocked);
    }
  }

private:
  void write_block(const T* source, int64_t target, int64_t first) {
    const int64_t stride = result_.strides[result_.rank() - 1];
    const int64_t count = std::min(to_.block, logical_[to_.blocked] - first);
    const int64_t* table = tables_[static_cast<std::size_t>(to_.blocked)].data() + first;
    T* to = target_ + target;
    for (int64_t i = 0; i < count; ++i)
      to[i * stride] = source[table[i]];
    for (int64_t i = count; i < to_.block; ++i)
      to[i * stride] = T{};
  }

  T* target_;
  const View& result_;
  const Layout& to_;
  const Shape& logical_;
  std::vector<std::vector<int64_t>> tables_;
};

} // namespace

void convert_layout(const View& input, const Layout& from, const View& result, const Layout& to,
                    const Shape& logical) {
  check(input, from, logical);
  check(result, to, logical);
  if (input.dtype != result.dtype)
    throw Error("convert_layout: " + to_string(input) + " and " + to_string(result) +
                " differ in element type");
  if (logical.elements() == 0)
    return;
  visit_bits(input.dtype, [&](auto zero) {
    using T = decltype(zero);
    Conversion<T> conversion(input, from, result, to, logical);
    if (logical.rank() == 0)
      return conversion.walk(input.as<const T>(), 0, 0, 0);
    for_parts(result.shape[0], result.elements() / result.shape[0],
              [&](int64_t begin, int64_t end) { conversion.walk(input.as<const T>(), begin, end); });
  });
}

} // namespace sinter::eager
