// Normalisations: softmax, layer, batch and local response.
#include "sinter/runtime/eager/norm.h"

#include "eager/elementwise_loops.h"
#include "eager/line.h"
#include "eager/reduce_axes.h"

#include <algorithm>
#include <cmath>

namespace sinter::eager {
namespace {

void require_shape(std::string_view name, const View& view, const Shape& shape) {
  if (!(view.shape == shape))
    throw Error(std::string(name) + ": " + to_string(view) + " where the shape " + to_string(shape) +
                " is expected");
}

template <std::size_t N, class F>
void for_each_position(const LoopNest& nest, F&& visit) {
  std::array<Shape, N> strides;
  std::copy_n(nest.strides.begin(), N, strides.begin());
  for_each_offset(nest.extents, strides, visit);
}

// result[i] = f(x[i]) along one line.
template <class T>
struct LineMap : Line<T> {
  T* result;
  int64_t result_stride;

  template <class F>
  void set(F&& f) const {
    for (int64_t i = 0; i < this->count; ++i)
      result[i * result_stride] = static_cast<T>(f(this->at(i)));
  }
};

template <class F>
void for_each_line(std::string_view name, const View& x, const View& result, int64_t axis, F&& visit) {
  require_same_dtype(name, {x, result});
  require_shape(name, result, x.shape);
  const unsigned mask = axis_mask(name, x, {&axis, 1});
  const int a = static_cast<int>(axis);
  const LoopNest lines = plan_loops({{pick_dims(x, mask, false), pick_dims(result, mask, false)}});
  visit_floating(x.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    for_each_position<2>(lines, [&](const auto& at) {
      visit(LineMap<T>{
          {x.as<T>() + at[0], x.shape[a], x.strides[a]}, result.as<T>() + at[1], result.strides[a]});
    });
  });
}

template <class T>
void normalize_layers(const LoopNest& layers, const LoopNest& inner, int64_t count, const View& x,
                      const View& scale, const View* bias, const View& result, double epsilon) {
  for_each_position<2>(layers, [&](const auto& layer) {
    const T* from = x.as<T>() + layer[0];
    T* to = result.as<T>() + layer[1];
    double sum = 0, squares = 0;
    for_each_position<1>(inner, [&](const auto& at) { sum += static_cast<double>(from[at[0]]); });
    const double mean = sum / static_cast<double>(count);
    for_each_position<1>(inner, [&](const auto& at) {
      const double deviation = static_cast<double>(from[at[0]]) - mean;
      squares += deviation * deviation;
    });
    const double factor = 1 / std::sqrt(squares / static_cast<double>(count) + epsilon);
    for_each_position<4>(inner, [&](const auto& at) {
      const double normal = (static_cast<double>(from[at[0]]) - mean) * factor;
      const double shift = bias ? static_cast<double>(bias->as<T>()[at[3]]) : 0;
      to[at[1]] = static_cast<T>(normal * static_cast<double>(scale.as<T>()[at[2]]) + shift);
    });
  });
}

// The views at one position of dimension 1, without it.
View channel_of(const View& view, int64_t channel) {
  View slice = pick_dims(view, 1u << 1, false);
  slice.data = view.as<char>() + channel * view.strides[1] * static_cast<int64_t>(size_of(view.dtype));
  return slice;
}

void require_channels(std::string_view name, const View& x) {
  if (x.rank() < 2)
    throw Error(std::string(name) + ": " + to_string(x) + " has no dimension of channels (dimension 1)");
}

} // namespace

void softmax(const View& x, const View& result, int64_t axis) {
  for_each_line("softmax", x, result, axis, [](const auto& line) {
    const double max = line.max();
    const double sum = line.sum_of_exp(max);
    line.set([=](double v) { return std::exp(v - max) / sum; });
  });
}

void log_softmax(const View& x, const View& result, int64_t axis) {
  for_each_line("log_softmax", x, result, axis, [](const auto& line) {
    const double max = line.max();
    const double log_sum = std::log(line.sum_of_exp(max));
    line.set([=](double v) { return v - max - log_sum; });
  });
}

void layer_norm(const View& x, const View& scale, const View* bias, const View& result, int64_t axis,
                double epsilon) {
  require_same_dtype("layer_norm", {x, scale, bias ? *bias : scale, result});
  require_shape("layer_norm", result, x.shape);
  axis_mask("layer_norm", x, {&axis, 1});
  const unsigned mask = ~0u << axis;
  const View x_inner = pick_dims(x, mask, true), result_inner = pick_dims(result, mask, true);
  require_shape("layer_norm", scale, x_inner.shape);
  if (bias)
    require_shape("layer_norm", *bias, x_inner.shape);
  const int64_t count = x_inner.elements();
  if (count == 0)
    return;
  const LoopNest layers = plan_loops({{pick_dims(x, mask, false), pick_dims(result, mask, false)}});
  const LoopNest inner = plan_loops({{x_inner, result_inner, scale, bias ? *bias : scale}});
  visit_floating(x.dtype, "layer_norm", [&](auto zero) {
    normalize_layers<decltype(zero)>(layers, inner, count, x, scale, bias, result, epsilon);
  });
}

void batch_norm(const View& x, const View& scale, const View& bias, const View& mean, const View& variance,
                const View& result, double epsilon) {
  require_same_dtype("batch_norm", {x, scale, bias, mean, variance, result});
  require_channels("batch_norm", x);
  require_shape("batch_norm", result, x.shape);
  for (const View* parameter : {&scale, &bias, &mean, &variance})
    require_shape("batch_norm", *parameter, {x.shape[1]});
  visit_floating(x.dtype, "batch_norm", [&](auto zero) {
    using T = decltype(zero);
    for (int64_t c = 0; c < x.shape[1]; ++c) {
      const auto at = [c](const View& view) {
        return static_cast<double>(view.as<T>()[c * view.strides[0]]);
      };
      const double factor = at(scale) / std::sqrt(at(variance) + epsilon), center = at(mean),
                   shift = at(bias);
      map<T, T>("batch_norm", channel_of(x, c), channel_of(result, c),
                [=](T v) { return static_cast<T>((static_cast<double>(v) - center) * factor + shift); });
    }
  });
}

void lrn(const View& x, const View& result, int64_t size, double alpha, double beta, double bias) {
  require_same_dtype("lrn", {x, result});
  require_channels("lrn", x);
  require_shape("lrn", result, x.shape);
  if (size < 1)
    throw Error("lrn: a window of " + std::to_string(size) + " channels");
  const LoopNest places = plan_loops({{channel_of(x, 0), channel_of(result, 0)}});
  const int64_t channels = x.shape[1], stride = x.strides[1];
  visit_floating(x.dtype, "lrn", [&](auto zero) {
    using T = decltype(zero);
    for_each_position<2>(places, [&](const auto& at) {
      const T* from = x.as<T>() + at[0];
      for (int64_t c = 0; c < channels; ++c) {
        double squares = 0;
        const int64_t first = std::max<int64_t>(0, c - (size - 1) / 2);
        const int64_t last = size / 2 < channels - c ? c + size / 2 : channels - 1;
        for (int64_t i = first; i <= last; ++i)
          squares += static_cast<double>(from[i * stride]) * static_cast<double>(from[i * stride]);
        const double divisor = std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
        result.as<T>()[at[1] + c * result.strides[1]] =
            static_cast<T>(static_cast<double>(from[c * stride]) / divisor);
      }
    });
  });
}

} // namespace sinter::eager
