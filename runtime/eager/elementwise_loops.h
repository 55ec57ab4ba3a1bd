// Loops over strided views of one shape, and the maps that elementwise kernels are made of.
#pragma once

#include "sinter/runtime/error.h"
#include "sinter/runtime/view.h"

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace sinter::eager {

/// Most views that are walked together.
inline constexpr int kMaxViews = 4;

/// Nested loops over views of one shape, in an order that suits the first of them: outermost dimensions
/// first, without those of extent 1, and with those merged that are contiguous in every view.
struct LoopNest {
  Shape extents;
  std::array<Shape, kMaxViews> strides; ///< of each view, in elements
};
LoopNest plan_loops(std::span<const View> views);

/// `n` neighbouring positions of some views: their first elements and their strides in elements.
using RowFn = void (*)(const void* context, int64_t n, void* const* data, const int64_t* strides);

/// Calls `row` for all rows of views[0], the result; the others broadcast to its shape. Throws Error naming
/// the operation `name` if they do not.
void for_each_row(std::string_view name, std::initializer_list<View> views, RowFn row, const void* context);

/// Throws Error naming the operation `name` unless all views have the element type of the first.
void require_same_dtype(std::string_view name, std::initializer_list<View> views);
/// Throws Error naming the operation `name` unless `view` is of `dtype`.
void require_dtype(std::string_view name, const View& view, DType dtype);

/// As `visit_among`, of all number types but f16 and bf16.
template <class F>
decltype(auto) visit_number(DType type, std::string_view what, F&& f) {
  return visit_among<float, double, int32_t, int64_t, int8_t, uint8_t>(type, what, std::forward<F>(f));
}

/// result[i] = f(a[i]), of `A` to `R`.
template <class R, class A, class F>
void map(std::string_view name, const View& a, const View& result, const F& f) {
  const RowFn row = [](const void* context, int64_t n, void* const* data, const int64_t* strides) {
    const F& f = *static_cast<const F*>(context);
    R* r = static_cast<R*>(data[0]);
    const A* x = static_cast<const A*>(data[1]);
    if (strides[0] == 1 && strides[1] == 1) {
      for (int64_t i = 0; i < n; ++i)
        r[i] = f(x[i]);
      return;
    }
    for (int64_t i = 0; i < n; ++i)
      r[i * strides[0]] = f(x[i * strides[1]]);
  };
  for_each_row(name, {result, a}, row, &f);
}

/// result[i] = f(a[i], b[i]), of `A` and `B` to `R`.
template <class R, class A, class B, class F>
void map(std::string_view name, const View& a, const View& b, const View& result, const F& f) {
  const RowFn row = [](const void* context, int64_t n, void* const* data, const int64_t* strides) {
    const F& f = *static_cast<const F*>(context);
    R* r = static_cast<R*>(data[0]);
    const A* x = static_cast<const A*>(data[1]);
    const B* y = static_cast<const B*>(data[2]);
    if (strides[0] == 1 && strides[1] == 1 && strides[2] == 1) {
      for (int64_t i = 0; i < n; ++i)
        r[i] = f(x[i], y[i]);
      return;
    }
    if (strides[0] == 1 && strides[1] == 1 && strides[2] == 0) {
      const B scalar = *y;
      for (int64_t i = 0; i < n; ++i)
        r[i] = f(x[i], scalar);
      return;
    }
    for (int64_t i = 0; i < n; ++i)
      r[i * strides[0]] = f(x[i * strides[1]], y[i * strides[2]]);
  };
  for_each_row(name, {result, a, b}, row, &f);
}

} // namespace sinter::eager
