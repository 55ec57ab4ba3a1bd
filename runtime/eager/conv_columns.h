// What the taps of a filter meet, laid out in columns: convolutions and the gradient of their filters are
// products with them.
#pragma once

#include "conv_volume.h"

#include <cstring>

namespace sinter::eager {

/// The windows of one convolution.
struct WindowSteps {
  Spatial stride, dilation, pad;
};

template <class F>
void for_each_tap(const Spatial& kernel, F&& visit) {
  int64_t tap = 0;
  for (int64_t kd = 0; kd < kernel[0]; ++kd)
    for (int64_t kh = 0; kh < kernel[1]; ++kh)
      for (int64_t kw = 0; kw < kernel[2]; ++kw)
        visit(tap++, kd, kh, kw);
}

/// What the tap (kd, kh, kw) meets in `channel`, a channel of `in`, for rows [row, row + count) of outputs of
/// extents `out`: count * out[2] elements, zeros outside.
template <class T>
void unroll_tap(const Volume& in, const T* channel, const WindowSteps& steps, const Spatial& out, T* to,
                int64_t kd, int64_t kh, int64_t kw, int64_t row, int64_t count) {
  const int64_t width = out[2], shift = kw * steps.dilation[2] - steps.pad[2];
  const Range valid = Range::inside(width, steps.stride[2], shift, in.extent[2]);
  for (int64_t r = row; r < row + count; ++r, to += width) {
    const int64_t d = (r / out[1]) * steps.stride[0] + kd * steps.dilation[0] - steps.pad[0];
    const int64_t h = (r % out[1]) * steps.stride[1] + kh * steps.dilation[1] - steps.pad[1];
    if (valid.empty() || d < 0 || d >= in.extent[0] || h < 0 || h >= in.extent[1]) {
      std::fill_n(to, width, T{});
      continue;
    }
    const int64_t step = steps.stride[2] * in.stride[2], size = valid.end - valid.begin;
    const T* from = channel + in.offset(d, h, valid.begin * steps.stride[2] + shift);
    std::fill_n(to, valid.begin, T{});
    if (step == 1)
      std::memcpy(to + valid.begin, from, static_cast<std::size_t>(size) * sizeof(T));
    else
      for (int64_t i = 0; i < size; ++i)
        to[valid.begin + i] = from[i * step];
    std::fill_n(to + valid.end, width - valid.end, T{});
  }
}

/// ... of all taps of `channels` channels, one row of count * out[2] elements after the other.
template <class T>
void unroll_columns(const Volume& in, const T* source, int64_t channels, const Spatial& kernel,
                    const WindowSteps& steps, const Spatial& out, T* to, int64_t row, int64_t count) {
  for (int64_t c = 0; c < channels; ++c)
    for_each_tap(kernel, [&](int64_t, int64_t kd, int64_t kh, int64_t kw) {
      unroll_tap(in, source + c * in.channel_stride, steps, out, to, kd, kh, kw, row, count);
      to += count * out[2];
    });
}

} // namespace sinter::eager
