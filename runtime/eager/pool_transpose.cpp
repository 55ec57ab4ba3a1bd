// Which tap of a window is its maximum, and the linear maps that derivatives of pools are.
#include "pool_windows.h"

#include <algorithm>

namespace sinter::eager {
namespace {

/// One position of a tensor [N, C, spatial...].
struct Place {
  int64_t batch, channel;
  Spatial at;

  int64_t offset_in(const Volume& volume) const {
    return batch * volume.batch_stride + channel * volume.channel_stride + volume.offset(at[0], at[1], at[2]);
  }
};

/// Calls visit(number of the tap, position under it) for the taps of `window` that meet the input, in
/// their order.
template <class Visit>
void for_each_tap(const Windows& windows, const Place& window, Visit&& visit) {
  const Range depth = windows.taps(0, window.at[0]), height = windows.taps(1, window.at[1]),
              width = windows.taps(2, window.at[2]);
  const auto position = [&](std::size_t d, int64_t tap) {
    return window.at[d] * windows.stride[d] - windows.pad[d] + tap * windows.dilation[d];
  };
  for (int64_t kd = depth.begin; kd < depth.end; ++kd)
    for (int64_t kh = height.begin; kh < height.end; ++kh)
      for (int64_t kw = width.begin; kw < width.end; ++kw)
        visit((kd * windows.kernel[1] + kh) * windows.kernel[2] + kw,
              Place{window.batch, window.channel, {position(0, kd), position(1, kh), position(2, kw)}});
}

template <class Visit>
void for_each_window(const Windows& windows, Visit&& visit) {
  for (int64_t n = 0; n < windows.out.batch; ++n)
    for (int64_t c = 0; c < windows.out.channels; ++c)
      for (int64_t d = 0; d < windows.out.extent[0]; ++d)
        for (int64_t h = 0; h < windows.out.extent[1]; ++h)
          for (int64_t w = 0; w < windows.out.extent[2]; ++w)
            visit(Place{n, c, {d, h, w}});
}

template <class T>
void clear(const Volume& volume, T* data) {
  for (int64_t n = 0; n < volume.batch; ++n)
    for (int64_t c = 0; c < volume.channels; ++c)
      for (int64_t d = 0; d < volume.extent[0]; ++d)
        for (int64_t h = 0; h < volume.extent[1]; ++h)
          for (int64_t w = 0; w < volume.extent[2]; ++w)
            data[Place{n, c, {d, h, w}}.offset_in(volume)] = T{};
}

} // namespace

void max_pool_index(const View& input, const View& result, const PoolGeometry& geometry) {
  if (result.elements() == 0)
    return;
  const Windows windows(input, result, geometry);
  visit_dtype(input.dtype, "max_pool_index", [&](auto zero) {
    using T = decltype(zero);
    const T* source = input.as<const T>();
    for_each_window(windows, [&](const Place& window) {
      int64_t best = -1;
      T most{};
      for_each_tap(windows, window, [&](int64_t tap, const Place& from) {
        const T value = source[from.offset_in(windows.in)];
        if (best < 0 || (most == most && (value > most || value != value))) {
          best = tap;
          most = value;
        }
      });
      result.as<int32_t>()[window.offset_in(windows.out)] = static_cast<int32_t>(best);
    });
  });
}

void window_gather(const View& input, const View& index, const View& result, const PoolGeometry& geometry) {
  if (result.elements() == 0)
    return;
  const Windows windows(input, result, geometry);
  const Volume indices(index);
  visit_dtype(input.dtype, "window_gather", [&](auto zero) {
    using T = decltype(zero);
    for_each_window(windows, [&](const Place& window) {
      const int64_t wanted = index.as<const int32_t>()[window.offset_in(indices)];
      T& element = result.as<T>()[window.offset_in(windows.out)];
      element = T{};
      for_each_tap(windows, window, [&](int64_t tap, const Place& from) {
        if (tap == wanted)
          element = input.as<const T>()[from.offset_in(windows.in)];
      });
    });
  });
}

void window_scatter(const View& values, const View& index, const View& result, const PoolGeometry& geometry) {
  if (result.elements() == 0)
    return;
  const Windows windows(result, values, geometry);
  const Volume indices(index);
  visit_dtype(values.dtype, "window_scatter", [&](auto zero) {
    using T = decltype(zero);
    clear(windows.in, result.as<T>());
    for_each_window(windows, [&](const Place& window) {
      const int64_t wanted = index.as<const int32_t>()[window.offset_in(indices)];
      const T value = values.as<const T>()[window.offset_in(windows.out)];
      for_each_tap(windows, window, [&](int64_t tap, const Place& to) {
        if (tap == wanted)
          result.as<T>()[to.offset_in(windows.in)] += value;
      });
    });
  });
}

void avg_pool_transpose(const View& values, const View& result, const PoolGeometry& geometry,
                        bool count_include_pad) {
  if (result.elements() == 0)
    return;
  const Windows windows(result, values, geometry);
  const auto count = [&](std::size_t d, int64_t position) {
    const Range taps = count_include_pad ? windows.taps(d, position, windows.pad[d], windows.pad_end[d])
                                         : windows.taps(d, position);
    return taps.end - taps.begin;
  };
  visit_floating(values.dtype, "avg_pool_transpose", [&](auto zero) {
    using T = decltype(zero);
    clear(windows.in, result.as<T>());
    for_each_window(windows, [&](const Place& window) {
      const int64_t taps = count(0, window.at[0]) * count(1, window.at[1]) * count(2, window.at[2]);
      const T share =
          values.as<const T>()[window.offset_in(windows.out)] / static_cast<T>(std::max<int64_t>(taps, 1));
      for_each_tap(windows, window,
                   [&](int64_t, const Place& to) { result.as<T>()[to.offset_in(windows.in)] += share; });
    });
  });
}

} // namespace sinter::eager
