// Pooling.
#include "frontend/caffe/layers.h"
#include "frontend/caffe/layers/window.h"

namespace sinter::caffe_import {
namespace {

enum class Method : std::size_t { max, average, stochastic };

Method method_of(const Settings& settings) {
  static constexpr const char* kMethods[] = {"MAX", "AVE", "STOCHASTIC"};
  const auto method = static_cast<Method>(settings.word("pool", kMethods, 0));
  if (method == Method::stochastic)
    throw Error("STOCHASTIC pooling is not supported");
  return method;
}

// How many windows Caffe has along a dimension of that extent. Where the kernel is larger than what it slides
// over, it shrinks to that: by Caffe's rounding there is one window, cut off at the end of the padding.
int64_t count_windows(int64_t extent, int64_t& kernel, int64_t stride, int64_t pad, bool any_pad, bool ceil) {
  const int64_t room = extent + 2 * pad - kernel;
  if (room < 0) {
    if (!ceil || -room >= stride)
      throw Error("the kernel of " + std::to_string(kernel) + " is larger than the bottom's extent " +
                  std::to_string(extent) + ", padded by " + std::to_string(pad));
    kernel = extent + 2 * pad;
    return 1;
  }
  const int64_t count = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if ((count - 1) * stride < extent + pad)
    return count;
  // With padding, a last window that starts behind the input is dropped; without, Caffe forgets to.
  if (!any_pad)
    throw Error("the last window starts at " + std::to_string((count - 1) * stride) +
                ", outside of the bottom's extent " + std::to_string(extent) +
                "; what Caffe computes there is undefined");
  return count - 1;
}

void import_global(LayerContext& layer, Method method, const Window& window) {
  const Dims extents = spatial_extents(layer.bottom());
  if (!window.kernel.empty() || window.pads != Dims(extents.size(), 0) ||
      window.strides != Dims(extents.size(), 1))
    throw Error("with global_pooling, there is neither kernel_size nor pad nor stride");
  Dims axes;
  for (int64_t i = 2; i < rank_of(layer.bottom()); ++i)
    axes.push_back(i);
  layer.top(method == Method::max ? layer.node.make<ir::ReduceMaxOp>(layer.bottom(), axes, true)
                                  : layer.node.make<ir::ReduceMeanOp>(layer.bottom(), axes, true));
}

void import_pooling(LayerContext& layer) {
  static constexpr const char* kRoundings[] = {"CEIL", "FLOOR"};
  const Settings& settings = layer.settings;
  const Method method = method_of(settings);
  const bool ceil = settings.word("round_mode", kRoundings, 0) == 0;
  const bool global = settings.boolean("global_pooling", false);
  const Dims extents = spatial_extents(layer.bottom());
  Window window = read_window(settings, extents.size(), !global);
  if (global)
    return import_global(layer, method, window);
  Dims dims = dims_of(layer.bottom());
  const bool any_pad = window.pads != Dims(extents.size(), 0);
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (window.pads[i] >= window.kernel[i])
      throw Error("pad " + to_text(window.pads) + " is not smaller than the kernel " +
                  to_text(window.kernel));
    dims[i + 2] =
        count_windows(extents[i], window.kernel[i], window.strides[i], window.pads[i], any_pad, ceil);
  }
  // An average is over the window as far as it lies in bottom and padding, zeros and all.
  const Dims dilations(extents.size(), 1);
  const Value top = method == Method::max
                        ? layer.node.make<ir::MaxPoolOp>(layer.bottom(), window.kernel, window.strides,
                                                         dilations, window.pads, window.pads, ceil)
                        : layer.node.make<ir::AvgPoolOp>(layer.bottom(), window.kernel, window.strides,
                                                         dilations, window.pads, window.pads, ceil, true);
  if (dims_of(top) != dims)
    throw Error("pooling gives " + to_text(dims_of(top)) + " where Caffe has " + to_text(dims),
                ErrorKind::internal);
  layer.top(top);
}

} // namespace

void add_poolings(LayerTable& table) {
  table.add("Pooling", {import_pooling, "pooling_param"});
}

} // namespace sinter::caffe_import
