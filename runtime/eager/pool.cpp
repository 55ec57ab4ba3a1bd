// Sliding-window pooling.
#include "sinter/runtime/eager/pool.h"

#include "conv_volume.h"

#include <limits>
#include <type_traits>

namespace sinter::eager {
namespace {

// The windows of one pool.
struct Windows {
  Volume in, out;
  Spatial kernel, stride, dilation, pad, pad_end;

  Windows(const View& input, const View& result, const PoolGeometry& geometry)
      : in(input), out(result), kernel(spatial(geometry.kernel, 1)), stride(spatial(geometry.strides, 1)),
        dilation(spatial(geometry.dilations, 1)), pad(spatial(geometry.pad_begin, 0)),
        pad_end(spatial(geometry.pad_end, 0)) {}

  // The taps of the window at `position` of dimension `d` that meet the input, which may be taken to reach
  // further.
  Range taps(std::size_t d, int64_t position, int64_t before = 0, int64_t after = 0) const {
    return Range::inside(kernel[d], dilation[d], position * stride[d] - pad[d] + before,
                         in.extent[d] + before + after);
  }

  // Calls visit(channel offset in the input, element offset in the result, position) for every window.
  template <class F>
  void for_each(F&& visit) const {
    for (int64_t n = 0; n < out.batch; ++n)
      for (int64_t c = 0; c < out.channels; ++c)
        for (int64_t d = 0; d < out.extent[0]; ++d)
          for (int64_t h = 0; h < out.extent[1]; ++h)
            for (int64_t w = 0; w < out.extent[2]; ++w)
              visit(n * in.batch_stride + c * in.channel_stride,
                    n * out.batch_stride + c * out.channel_stride + out.offset(d, h, w), Spatial{d, h, w});
  }

  // Calls visit(offset from the channel) for every input position under the window.
  template <class F>
  void for_each_tap(const Spatial& position, F&& visit) const {
    const Range depth = taps(0, position[0]), height = taps(1, position[1]), width = taps(2, position[2]);
    const Spatial start{position[0] * stride[0] - pad[0], position[1] * stride[1] - pad[1],
                        position[2] * stride[2] - pad[2]};
    for (int64_t kd = depth.begin; kd < depth.end; ++kd)
      for (int64_t kh = height.begin; kh < height.end; ++kh)
        for (int64_t kw = width.begin; kw < width.end; ++kw)
          visit(in.offset(start[0] + kd * dilation[0], start[1] + kh * dilation[1],
                          start[2] + kw * dilation[2]));
  }
};

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
  visit_dtype(input.dtype, "max_pool", [&](auto zero) {
    using T = decltype(zero);
    const T* source = input.as<const T>();
    T* target = result.as<T>();
    windows.for_each([&](int64_t channel, int64_t to, const Spatial& position) {
      T most = least<T>();
      windows.for_each_tap(position, [&](int64_t offset) {
        const T value = source[channel + offset];
        if (value > most || value != value) // NaN is passed on
          most = value;
      });
      target[to] = most;
    });
  });
}

void avg_pool(const View& input, const View& result, const PoolGeometry& geometry, bool count_include_pad) {
  if (result.elements() == 0)
    return;
  const Windows windows(input, result, geometry);
  visit_floating(input.dtype, "avg_pool", [&](auto zero) {
    using T = decltype(zero);
    const T* source = input.as<const T>();
    T* target = result.as<T>();
    windows.for_each([&](int64_t channel, int64_t to, const Spatial& position) {
      T sum{};
      windows.for_each_tap(position, [&](int64_t offset) { sum += source[channel + offset]; });
      int64_t count = 1;
      for (std::size_t d = 0; d < 3; ++d) {
        const Range taps = count_include_pad
                               ? windows.taps(d, position[d], windows.pad[d], windows.pad_end[d])
                               : windows.taps(d, position[d]);
        count *= taps.end - taps.begin;
      }
      target[to] = sum / static_cast<T>(std::max<int64_t>(count, 1));
    });
  });
}

} // namespace sinter::eager
