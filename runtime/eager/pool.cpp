// Sliding-window pooling.
#include "sinter/runtime/eager/pool.h"

#include "pool_windows.h"

#include <limits>
#include <type_traits>

namespace sinter::eager {
namespace {

template <class T>
T least() {
  if constexpr (std::is_floating_point_v<T>)
    return -std::numeric_limits<T>::infinity();
  else
    return std::numeric_limits<T>::lowest();
}

} // namespace

void max_pool(const View& input, const View& result, const PoolGeometry& geometry) {
  if (result.elements() == 0)
    return;
  const Windows windows(input, result, geometry);
  const int64_t width = windows.out.extent[2], stride = windows.out.stride[2];
  visit_dtype(input.dtype, "max_pool", [&](auto zero) {
    using T = decltype(zero);
    auto start = [&](T* row) {
      for (int64_t i = 0; i < width; ++i)
        row[i * stride] = least<T>();
    };
    auto fold = [&](const T* from, int64_t step, T* to, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const T value = from[i * step], most = to[i * stride];
        to[i * stride] = value > most || value != value ? value : most; // NaN is passed on
      }
    };
    windows.for_each_row(input.as<const T>(), result.as<T>(), start, fold, [](T*, int64_t, int64_t) {});
  });
}

void avg_pool(const View& input, const View& result, const PoolGeometry& geometry, bool count_include_pad) {
  if (result.elements() == 0)
    return;
  const Windows windows(input, result, geometry);
  const int64_t width = windows.out.extent[2], stride = windows.out.stride[2];
  auto count = [&](std::size_t d, int64_t position) {
    const Range taps = count_include_pad ? windows.taps(d, position, windows.pad[d], windows.pad_end[d])
                                         : windows.taps(d, position);
    return taps.end - taps.begin;
  };
  visit_floating(input.dtype, "avg_pool", [&](auto zero) {
    using T = decltype(zero);
    auto start = [&](T* row) {
      for (int64_t i = 0; i < width; ++i)
        row[i * stride] = T{};
    };
    auto fold = [&](const T* from, int64_t step, T* to, int64_t taps) {
      for (int64_t i = 0; i < taps; ++i)
        to[i * stride] += from[i * step];
    };
    auto divide = [&](T* row, int64_t d, int64_t h) {
      const int64_t rows = count(0, d) * count(1, h);
      for (int64_t i = 0; i < width; ++i)
        row[i * stride] /= static_cast<T>(std::max<int64_t>(rows * count(2, i), 1));
    };
    windows.for_each_row(input.as<const T>(), result.as<T>(), start, fold, divide);
  });
}

} // namespace sinter::eager
