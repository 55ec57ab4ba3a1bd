// Attributes that convolutions and poolings share: strides, dilations and padding of a sliding window.
#include "frontend/onnx/operators/window.h"

#include <algorithm>

namespace sinter::onnx_import {
namespace {

// Far above any model, far below where sums and products of such numbers overflow.
constexpr int64_t kMost = int64_t{1} << 20;

} // namespace

Dims spatial_attribute(NodeContext& node, const char* name, std::size_t count, int64_t otherwise,
                       int64_t least) {
  const Dims values = node.integers(name).value_or(Dims(count, otherwise));
  if (values.size() != count)
    throw Error(std::string(name) + " " + to_text(values) + " does not have " + std::to_string(count) +
                " entries");
  for (int64_t value : values)
    if (value < least || value > kMost)
      throw Error(std::string(name) + " " + to_text(values) + " is out of range");
  return values;
}

Window read_window(NodeContext& node, llvm::ArrayRef<int64_t> kernel) {
  Window window;
  window.kernel.assign(kernel.begin(), kernel.end());
  for (int64_t extent : kernel)
    if (extent < 1 || extent > kMost)
      throw Error("kernel " + to_text(kernel) + " is out of range");
  window.strides = spatial_attribute(node, "strides", kernel.size(), 1, 1);
  window.dilations = spatial_attribute(node, "dilations", kernel.size(), 1, 1);
  return window;
}

void read_pads(NodeContext& node, Window& window) {
  const std::size_t count = window.kernel.size();
  const Dims pads = spatial_attribute(node, "pads", 2 * count, 0, 0);
  window.pad_begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(count));
  window.pad_end.assign(pads.begin() + static_cast<int64_t>(count), pads.end());
}

void read_padding(NodeContext& node, llvm::ArrayRef<int64_t> extents, Window& window) {
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty())
    return read_pads(node, window);
  node.has("pads"); // has no meaning then
  window.automatic = true;
  const bool upper = mode == "SAME_UPPER";
  if (!upper && mode != "SAME_LOWER" && mode != "VALID")
    throw Error("auto_pad '" + mode + "' is not supported");
  for (std::size_t i = 0; i < extents.size(); ++i) {
    int64_t total = 0;
    if (mode != "VALID") {
      const int64_t out = (extents[i] + window.strides[i] - 1) / window.strides[i];
      total = std::max<int64_t>(0, (out - 1) * window.strides[i] +
                                       window.dilations[i] * (window.kernel[i] - 1) + 1 - extents[i]);
    }
    const int64_t smaller = total / 2;
    window.pad_begin.push_back(upper ? smaller : total - smaller);
    window.pad_end.push_back(upper ? total - smaller : smaller);
  }
}

Dims spatial_extents(Value value) {
  Dims dims = dims_of(value);
  if (dims.size() < 3 || dims.size() > 5)
    throw Error("the input has shape " + to_text(dims) +
                "; [N, C] and 1 to 3 spatial dimensions are supported");
  dims.erase(dims.begin(), dims.begin() + 2);
  return dims;
}

} // namespace sinter::onnx_import
