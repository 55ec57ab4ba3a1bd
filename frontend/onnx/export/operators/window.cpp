// Windows of pools, and sums over them as convolutions.
#include "frontend/onnx/export/operators/window.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace sinter::onnx_export {

void Window::fit() {
  for (std::size_t d = 0; d < rank(); ++d) {
    const int64_t needed = (output[d] - 1) * strides[d] + reach(d) - input[d] - pad_begin[d];
    pad_end.push_back(ceil_mode ? std::max<int64_t>(needed, 0) : given_end[d]);
  }
}

int64_t Window::taps() const {
  return std::accumulate(kernel.begin(), kernel.end(), int64_t{1}, std::multiplies<>());
}

bool Window::is_dilated() const {
  return llvm::any_of(dilations, [](int64_t dilation) { return dilation != 1; });
}

bool Window::is_padded_widely() const {
  for (std::size_t d = 0; d < rank(); ++d)
    if (pad_begin[d] >= kernel[d] || pad_end[d] >= kernel[d])
      return true;
  return false;
}

Dims Window::pads() const {
  Dims all(pad_begin);
  all.append(pad_end.begin(), pad_end.end());
  return all;
}

llvm::SmallVector<Attribute> Window::attributes() const {
  return {{"kernel_shape", kernel}, {"strides", strides}, {"pads", pads()}};
}

llvm::SmallVector<double> Window::counts(bool include_pad) const {
  llvm::SmallVector<double> all{1};
  for (std::size_t d = 0; d < rank(); ++d) {
    const int64_t from = include_pad ? -pad_begin[d] : 0;
    const int64_t to = input[d] + (include_pad ? given_end[d] : 0);
    llvm::SmallVector<double> next;
    for (const double outer : all)
      for (int64_t i = 0; i < output[d]; ++i) {
        int64_t inside = 0;
        for (int64_t tap = 0; tap < kernel[d]; ++tap) {
          const int64_t at = i * strides[d] - pad_begin[d] + tap * dilations[d];
          inside += at >= from && at < to;
        }
        next.push_back(outer * static_cast<double>(inside));
      }
    all = std::move(next);
  }
  for (double& count : all)
    count = std::max(count, 1.0);
  return all;
}

llvm::SmallVector<Attribute> convolution_attributes(llvm::ArrayRef<int64_t> kernel,
                                                    llvm::ArrayRef<int64_t> strides,
                                                    llvm::ArrayRef<int64_t> dilations,
                                                    llvm::ArrayRef<int64_t> pads, int64_t groups) {
  return {{"kernel_shape", kernel},
          {"strides", strides},
          {"dilations", dilations},
          {"pads", pads},
          {"group", groups}};
}

Dims for_channels(llvm::ArrayRef<int64_t> extents) {
  Dims shape{1, 1};
  shape.append(extents.begin(), extents.end());
  return shape;
}

namespace {

// The same filters for every channel: [channels * filters, 1, kernel...].
Input filter_of(OpWriter& w, const Window& window, int64_t channels, int64_t filters,
                llvm::ArrayRef<double> filter, Type element) {
  llvm::SmallVector<double> all;
  for (int64_t c = 0; c < channels; ++c)
    all.append(filter.begin(), filter.end());
  Dims shape{channels * filters, 1};
  shape.append(window.kernel.begin(), window.kernel.end());
  return w.numbers("taps", all, element, shape);
}

} // namespace

std::string write_windows(OpWriter& w, const Window& window, const Input& input, int64_t channels,
                          int64_t filters, llvm::ArrayRef<double> filter, Type element) {
  return w.node(
      "Conv", {input, filter_of(w, window, channels, filters, filter, element)},
      convolution_attributes(window.kernel, window.strides, window.dilations, window.pads(), channels));
}

void write_windows_back(OpWriter& w, const Window& window, const Input& values, int64_t channels,
                        int64_t filters, llvm::ArrayRef<double> filter, Type element) {
  const Dims none(window.rank(), 0);
  auto attributes = convolution_attributes(window.kernel, window.strides, window.dilations,
                                           Dims(2 * window.rank(), 0), channels);
  attributes.push_back({"output_padding", none});
  // What reaches into padding goes; where no window reaches, there is 0.
  Dims low(2, 0), high(2, 0);
  for (std::size_t d = 0; d < window.rank(); ++d) {
    const int64_t extent = (window.output[d] - 1) * window.strides[d] + window.reach(d);
    low.push_back(-window.pad_begin[d]);
    high.push_back(window.input[d] - (extent - window.pad_begin[d]));
  }
  low.append(high.begin(), high.end());
  const Input taps = filter_of(w, window, channels, filters, filter, element);
  if (llvm::all_of(low, [](int64_t pad) { return pad == 0; }))
    return w.result("ConvTranspose", {values, taps}, attributes);
  const std::string all = w.node("ConvTranspose", {values, taps}, attributes);
  w.result("Pad", {all, w.integers("pads", low), w.number("fill", 0, element)}, {{"mode", "constant"}});
}

llvm::SmallVector<double> one_per_tap(int64_t taps) {
  llvm::SmallVector<double> filters(static_cast<std::size_t>(taps * taps), 0);
  for (int64_t tap = 0; tap < taps; ++tap)
    filters[static_cast<std::size_t>(tap * taps + tap)] = 1;
  return filters;
}

} // namespace sinter::onnx_export
