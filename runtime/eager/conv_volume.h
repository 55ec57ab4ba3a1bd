// What eager convolutions and pools share: tensors of one to three spatial dimensions seen as volumes of
// three.
#pragma once

#include "sinter/runtime/view.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sinter::eager {

/// (depth, height, width); missing dimensions come first.
using Spatial = std::array<int64_t, 3>;

/// The entries of `values` aligned at the last dimension, `missing` before them.
inline Spatial spatial(const Shape& values, int64_t missing) {
  Spatial result{missing, missing, missing};
  for (int d = 0; d < values.rank(); ++d)
    result[static_cast<std::size_t>(3 - values.rank() + d)] = values[d];
  return result;
}

/// [N, C, spatial...] (or a filter [M, C, kernel...]) as sizes and strides of five dimensions.
struct Volume {
  int64_t batch, channels;
  int64_t batch_stride, channel_stride;
  Spatial extent, stride;

  explicit Volume(const View& view)
      : batch(view.shape[0]), channels(view.shape[1]), batch_stride(view.strides[0]),
        channel_stride(view.strides[1]), extent(spatial(Shape(view.shape.dims().subspan(2)), 1)),
        stride(spatial(Shape(view.strides.dims().subspan(2)), 0)) {}

  int64_t positions() const { return extent[0] * extent[1] * extent[2]; }
  int64_t offset(int64_t d, int64_t h, int64_t w) const {
    return d * stride[0] + h * stride[1] + w * stride[2];
  }
  /// True if the positions of one channel follow each other without gaps.
  bool channel_is_dense() const {
    return (extent[2] == 1 || stride[2] == 1) && (extent[1] == 1 || stride[1] == extent[2]) &&
           (extent[0] == 1 || stride[0] == extent[1] * extent[2]);
  }
};

/// The positions x in [0, count) for which x * step + offset lies in [0, limit).
struct Range {
  int64_t begin, end;

  static Range inside(int64_t count, int64_t step, int64_t offset, int64_t limit) {
    auto ceil_div = [step](int64_t n) { return n <= 0 ? 0 : (n - 1) / step + 1; };
    const int64_t end = std::min(count, ceil_div(limit - offset));
    return {std::min(ceil_div(-offset), end), end};
  }
  bool empty() const { return begin == end; }
};

} // namespace sinter::eager
