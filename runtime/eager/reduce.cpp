// Reductions over axes, in an order that suits the operand's strides.
#include "sinter/runtime/eager/reduce.h"

#include "eager/elementwise_loops.h"
#include "eager/reduce_axes.h"
#include "eager/wrapping.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace sinter::eager {
namespace {

// A fold has an accumulator type, its start, `fold` of an element, `merge` of two accumulators, `finish` to
// an element.

template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, wrapping_t<T>>;

template <class T>
struct Sum {
  using Acc = Accumulator<T>;
  static Acc start() { return 0; }
  static Acc fold(Acc acc, T v) { return static_cast<Acc>(acc + static_cast<Acc>(v)); }
  static Acc merge(Acc a, Acc b) { return static_cast<Acc>(a + b); }
  static T finish(Acc acc, int64_t) { return static_cast<T>(acc); }
};

template <class T>
struct Mean : Sum<T> {
  static T finish(double acc, int64_t count) { return static_cast<T>(acc / static_cast<double>(count)); }
};

template <class T>
struct Prod {
  using Acc = Accumulator<T>;
  static Acc start() { return 1; }
  static Acc fold(Acc acc, T v) { return static_cast<Acc>(acc * static_cast<Acc>(v)); }
  static Acc merge(Acc a, Acc b) { return static_cast<Acc>(a * b); }
  static T finish(Acc acc, int64_t) { return static_cast<T>(acc); }
};

template <class T>
struct Max {
  using Acc = T;
  static T start() {
    using Limits = std::numeric_limits<T>;
    return Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
  }
  static T fold(T acc, T v) { return v > acc || v != v ? v : acc; }
  static T merge(T a, T b) { return fold(a, b); }
  static T finish(T acc, int64_t) { return acc; }
};

template <class T>
struct Min {
  using Acc = T;
  static T start() {
    using Limits = std::numeric_limits<T>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  static T fold(T acc, T v) { return v < acc || v != v ? v : acc; }
  static T merge(T a, T b) { return fold(a, b); }
  static T finish(T acc, int64_t) { return acc; }
};

// Several accumulators: sums stay accurate and the additions need not wait for each other.
template <class Fold, class T>
typename Fold::Acc fold_row(typename Fold::Acc acc, const T* x, int64_t n, int64_t stride) {
  constexpr int64_t kParts = 8;
  if (n < 2 * kParts) {
    for (int64_t i = 0; i < n; ++i)
      acc = Fold::fold(acc, x[i * stride]);
    return acc;
  }
  std::array<typename Fold::Acc, kParts> parts;
  parts.fill(Fold::start());
  int64_t i = 0;
  for (; i + kParts <= n; i += kParts)
    for (int64_t p = 0; p < kParts; ++p)
      parts[static_cast<std::size_t>(p)] =
          Fold::fold(parts[static_cast<std::size_t>(p)], x[(i + p) * stride]);
  for (; i < n; ++i)
    acc = Fold::fold(acc, x[i * stride]);
  for (auto part : parts)
    acc = Fold::merge(acc, part);
  return acc;
}

// Each result by itself: for operands whose reduced elements are neighbours.
template <class Fold, class T>
void reduce_rows(const ReducePlan& plan, const T* x, T* result) {
  LoopNest rows = plan.reduced;
  const int last = rows.extents.rank() - 1;
  int64_t n = 1, stride = 0;
  if (last >= 0) {
    n = std::exchange(rows.extents[last], 1);
    stride = rows.strides[0][last];
  }
  using Strides = std::array<Shape, 2>;
  for_each_offset(
      plan.kept.extents, Strides{plan.kept.strides[0], plan.kept.strides[1]}, [&](const auto& at) {
        auto acc = Fold::start();
        if (n > 0)
          for_each_offset(rows.extents, std::array<Shape, 1>{rows.strides[0]}, [&](const auto& row) {
            acc = fold_row<Fold, T>(acc, x + at[0] + row[0], n, stride);
          });
        result[at[1]] = Fold::finish(acc, plan.count);
      });
}

// Many neighbouring results at once: for operands whose kept elements are neighbours.
template <class Fold, class T>
void reduce_lanes(const ReducePlan& plan, const T* x, T* result) {
  constexpr int64_t kLanes = 64;
  LoopNest kept = plan.kept;
  const int last = kept.extents.rank() - 1;
  const int64_t lanes = std::exchange(kept.extents[last], 1);
  const int64_t x_stride = kept.strides[0][last], result_stride = kept.strides[1][last];
  using Strides = std::array<Shape, 2>;
  for_each_offset(kept.extents, Strides{kept.strides[0], kept.strides[1]}, [&](const auto& at) {
    for (int64_t first = 0; first < lanes; first += kLanes) {
      const int64_t n = std::min(kLanes, lanes - first);
      std::array<typename Fold::Acc, kLanes> acc;
      acc.fill(Fold::start());
      for_each_offset(plan.reduced.extents, std::array<Shape, 1>{plan.reduced.strides[0]},
                      [&](const auto& row) {
                        const T* from = x + at[0] + row[0] + first * x_stride;
                        for (int64_t l = 0; l < n; ++l)
                          acc[static_cast<std::size_t>(l)] =
                              Fold::fold(acc[static_cast<std::size_t>(l)], from[l * x_stride]);
                      });
      for (int64_t l = 0; l < n; ++l)
        result[at[1] + (first + l) * result_stride] =
            Fold::finish(acc[static_cast<std::size_t>(l)], plan.count);
    }
  });
}

template <class Fold, class T>
void reduce(std::string_view name, const View& x, const View& result, std::span<const int64_t> axes) {
  const ReducePlan plan = plan_reduction(name, x, result, axes);
  const int kept = plan.kept.extents.rank() - 1, reduced = plan.reduced.extents.rank() - 1;
  const bool lanes = kept >= 0 && reduced >= 0 && plan.reduced.extents.elements() > 0 &&
                     std::abs(plan.kept.strides[0][kept]) < std::abs(plan.reduced.strides[0][reduced]);
  if (lanes)
    reduce_lanes<Fold, T>(plan, x.as<T>(), result.as<T>());
  else
    reduce_rows<Fold, T>(plan, x.as<T>(), result.as<T>());
}

template <template <class> class Fold>
void reduce_numbers(std::string_view name, const View& x, const View& result, std::span<const int64_t> axes) {
  require_same_dtype(name, {x, result});
  visit_number(x.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    reduce<Fold<T>, T>(name, x, result, axes);
  });
}

// `better(v, best)` must be false for equal elements: the first one wins.
template <class Better>
void arg_reduce(std::string_view name, const View& x, const View& result, int64_t axis,
                const Better& better) {
  require_dtype(name, result, DType::i64);
  const ReducePlan plan = plan_reduction(name, x, result, {&axis, 1});
  const int64_t n = x.shape[static_cast<int>(axis)], stride = x.strides[static_cast<int>(axis)];
  if (n == 0)
    throw Error(std::string(name) + ": axis " + std::to_string(axis) + " of " + to_string(x) + " is empty");
  visit_number(x.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    using Strides = std::array<Shape, 2>;
    for_each_offset(plan.kept.extents, Strides{plan.kept.strides[0], plan.kept.strides[1]},
                    [&](const auto& at) {
                      const T* row = x.as<T>() + at[0];
                      int64_t best = 0;
                      for (int64_t i = 1; i < n; ++i)
                        if (better(row[i * stride], row[best * stride]))
                          best = i;
                      result.as<int64_t>()[at[1]] = best;
                    });
  });
}

} // namespace

void reduce_sum(const View& x, const View& result, std::span<const int64_t> axes) {
  reduce_numbers<Sum>("reduce_sum", x, result, axes);
}

void reduce_mean(const View& x, const View& result, std::span<const int64_t> axes) {
  require_same_dtype("reduce_mean", {x, result});
  visit_floating(x.dtype, "reduce_mean", [&](auto zero) {
    using T = decltype(zero);
    reduce<Mean<T>, T>("reduce_mean", x, result, axes);
  });
}

void reduce_max(const View& x, const View& result, std::span<const int64_t> axes) {
  reduce_numbers<Max>("reduce_max", x, result, axes);
}

void reduce_min(const View& x, const View& result, std::span<const int64_t> axes) {
  reduce_numbers<Min>("reduce_min", x, result, axes);
}

void reduce_prod(const View& x, const View& result, std::span<const int64_t> axes) {
  reduce_numbers<Prod>("reduce_prod", x, result, axes);
}

void argmax(const View& x, const View& result, int64_t axis) {
  arg_reduce("argmax", x, result, axis,
             []<class T>(T v, T best) { return v > best || (v != v && best == best); });
}

void argmin(const View& x, const View& result, int64_t axis) {
  arg_reduce("argmin", x, result, axis,
             []<class T>(T v, T best) { return v < best || (v != v && best == best); });
}

} // namespace sinter::eager
