// Convolutions and pools as plain loops over every index, in float64.
#pragma once

#include "sinter/runtime/eager/conv.h"
#include "sinter/runtime/eager/pool.h"

#include <array>
#include <vector>

namespace sinter::test {

/// Calls visit(index) for every index of `shape` in row-major order.
template <class F>
void for_each_index(const Shape& shape, F&& visit) {
  if (shape.elements() == 0)
    return;
  Shape index = Shape::filled(shape.rank(), 0);
  while (true) {
    visit(std::as_const(index));
    int d = shape.rank() - 1;
    for (; d >= 0 && ++index[d] == shape[d]; --d)
      index[d] = 0;
    if (d < 0)
      return;
  }
}

inline int64_t offset_of(const Shape& index, const Shape& strides) {
  int64_t offset = 0;
  for (int d = 0; d < index.rank(); ++d)
    offset += index[d] * strides[d];
  return offset;
}

template <class T>
double at(const View& view, const Shape& index) {
  return static_cast<double>(view.as<const T>()[offset_of(index, view.strides)]);
}

inline Shape tail(const Shape& shape, int from) {
  return Shape(shape.dims().subspan(static_cast<std::size_t>(from)));
}

template <class T>
std::vector<double> naive_conv(const View& input, const View& filter, const View* bias, const Shape& result,
                               const eager::ConvGeometry& g) {
  std::vector<double> sums;
  for_each_index(result, [&](const Shape& out) {
    double sum = bias ? at<T>(*bias, {out[1]}) : 0;
    const int64_t group = out[1] / (result[1] / g.groups);
    for_each_index(tail(filter.shape, 1), [&](const Shape& k) {
      Shape from{out[0], group * filter.shape[1] + k[0]}, weight{out[1], k[0]};
      bool inside = true;
      for (int d = 0; d + 2 < result.rank(); ++d) {
        from.push_back(out[d + 2] * g.strides[d] + k[d + 1] * g.dilations[d] - g.pad_begin[d]);
        weight.push_back(k[d + 1]);
        inside = inside && from[d + 2] >= 0 && from[d + 2] < input.shape[d + 2];
      }
      if (inside)
        sum += at<T>(input, from) * at<T>(filter, weight);
    });
    sums.push_back(sum);
  });
  return sums;
}

template <class T>
std::vector<double> naive_conv_transpose(const View& input, const View& filter, const View* bias,
                                         const Shape& result, const eager::ConvGeometry& g) {
  std::vector<double> sums(static_cast<std::size_t>(result.elements()));
  const Shape strides = result.row_major_strides();
  if (bias)
    for_each_index(result, [&](const Shape& out) {
      sums[static_cast<std::size_t>(offset_of(out, strides))] = at<T>(*bias, {out[1]});
    });
  for_each_index(input.shape, [&](const Shape& in) {
    const int64_t group = in[1] / (input.shape[1] / g.groups);
    for_each_index(tail(filter.shape, 1), [&](const Shape& k) {
      Shape to{in[0], group * filter.shape[1] + k[0]}, weight{in[1], k[0]};
      bool inside = true;
      for (int d = 0; d + 2 < result.rank(); ++d) {
        to.push_back(in[d + 2] * g.strides[d] + k[d + 1] * g.dilations[d] - g.pad_begin[d]);
        weight.push_back(k[d + 1]);
        inside = inside && to[d + 2] >= 0 && to[d + 2] < result[d + 2];
      }
      if (inside)
        sums[static_cast<std::size_t>(offset_of(to, strides))] += at<T>(input, in) * at<T>(filter, weight);
    });
  });
  return sums;
}

/// `filter` is the result's shape.
template <class T>
std::vector<double> naive_conv_filter_gradient(const View& input, const View& cotangent, const Shape& filter,
                                               const eager::ConvGeometry& g) {
  std::vector<double> sums(static_cast<std::size_t>(filter.elements()));
  const Shape strides = filter.row_major_strides();
  for_each_index(cotangent.shape, [&](const Shape& out) {
    const int64_t group = out[1] / (cotangent.shape[1] / g.groups);
    for_each_index(tail(filter, 1), [&](const Shape& k) {
      Shape from{out[0], group * filter[1] + k[0]}, weight{out[1], k[0]};
      bool inside = true;
      for (int d = 0; d + 2 < filter.rank(); ++d) {
        from.push_back(out[d + 2] * g.strides[d] + k[d + 1] * g.dilations[d] - g.pad_begin[d]);
        weight.push_back(k[d + 1]);
        inside = inside && from[d + 2] >= 0 && from[d + 2] < input.shape[d + 2];
      }
      if (inside)
        sums[static_cast<std::size_t>(offset_of(weight, strides))] +=
            at<T>(input, from) * at<T>(cotangent, out);
    });
  });
  return sums;
}

/// The elements under every window, and how many of its positions lie inside the input and its padding.
struct NaiveWindow {
  std::vector<double> elements;
  int64_t padded_count = 0;
};

template <class T>
std::vector<NaiveWindow> naive_windows(const View& input, const Shape& result, const eager::PoolGeometry& g) {
  std::vector<NaiveWindow> windows;
  for_each_index(result, [&](const Shape& out) {
    NaiveWindow window;
    for_each_index(g.kernel, [&](const Shape& k) {
      Shape from{out[0], out[1]};
      bool inside = true, in_padding = true;
      for (int d = 0; d < k.rank(); ++d) {
        const int64_t position = out[d + 2] * g.strides[d] + k[d] * g.dilations[d] - g.pad_begin[d];
        from.push_back(position);
        inside = inside && position >= 0 && position < input.shape[d + 2];
        in_padding = in_padding && position < input.shape[d + 2] + g.pad_end[d];
      }
      if (inside)
        window.elements.push_back(at<T>(input, from));
      window.padded_count += in_padding;
    });
    windows.push_back(std::move(window));
  });
  return windows;
}

} // namespace sinter::test
