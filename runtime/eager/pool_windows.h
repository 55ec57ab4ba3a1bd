// What eager pools and their transposes share.
#pragma once

#include "conv_volume.h"
#include "sinter/runtime/eager/pool.h"

namespace sinter::eager {

/// The windows of one pool.
struct Windows {
  Volume in, out;
  Spatial kernel, stride, dilation, pad, pad_end;

  Windows(const View& input, const View& result, const PoolGeometry& geometry)
      : in(input), out(result), kernel(spatial(geometry.kernel, 1)), stride(spatial(geometry.strides, 1)),
        dilation(spatial(geometry.dilations, 1)), pad(spatial(geometry.pad_begin, 0)),
        pad_end(spatial(geometry.pad_end, 0)) {}

  /// The taps of the window at `position` of dimension `d` that meet the input, which may be taken to reach
  /// further.
  Range taps(std::size_t d, int64_t position, int64_t before = 0, int64_t after = 0) const {
    return Range::inside(kernel[d], dilation[d], position * stride[d] - pad[d] + before,
                         in.extent[d] + before + after);
  }

  /// For every row of the result and every tap that meets the input along depth and height, in the order of
  /// the taps: row(target), tap(source, step, target, range of the row), end(target, depth, height). Rows
  /// keep the inner loops long.
  template <class T, class Row, class Tap, class End>
  void for_each_row(const T* source, T* target, Row&& row, Tap&& tap, End&& end) const {
    for (int64_t n = 0; n < out.batch; ++n)
      for (int64_t c = 0; c < out.channels; ++c)
        for (int64_t d = 0; d < out.extent[0]; ++d)
          for (int64_t h = 0; h < out.extent[1]; ++h) {
            T* to = target + n * out.batch_stride + c * out.channel_stride + out.offset(d, h, 0);
            row(to);
            fold_row(source + n * in.batch_stride + c * in.channel_stride, to, d, h, tap);
            end(to, d, h);
          }
  }

private:
  template <class T, class Tap>
  void fold_row(const T* channel, T* to, int64_t d, int64_t h, Tap&& tap) const {
    const Range depth = taps(0, d), height = taps(1, h);
    for (int64_t kd = depth.begin; kd < depth.end; ++kd)
      for (int64_t kh = height.begin; kh < height.end; ++kh)
        for (int64_t kw = 0; kw < kernel[2]; ++kw) {
          const int64_t shift = kw * dilation[2] - pad[2];
          const Range range = Range::inside(out.extent[2], stride[2], shift, in.extent[2]);
          if (!range.empty())
            tap(channel + in.offset(d * stride[0] - pad[0] + kd * dilation[0],
                                    h * stride[1] - pad[1] + kh * dilation[1],
                                    range.begin * stride[2] + shift),
                stride[2] * in.stride[2], to + range.begin * out.stride[2], range.end - range.begin);
        }
  }
};

} // namespace sinter::eager
