// Convolutions and transposed convolutions.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/window.h"

#include <algorithm>

namespace sinter::onnx_import {
namespace {

// The spatial extents of the filter (input 1), which attribute kernel_shape may repeat.
Dims kernel_of(NodeContext& node) {
  const Dims filter = dims_of(node.input(1));
  if (filter.size() != dims_of(node.input(0)).size())
    throw Error("the filter has shape " + to_text(filter) + ", the input " + to_text(dims_of(node.input(0))));
  const Dims kernel(filter.begin() + 2, filter.end());
  if (node.integers("kernel_shape").value_or(kernel) != kernel)
    throw Error("kernel_shape " + to_text(*node.integers("kernel_shape")) +
                " does not match the filter's shape " + to_text(filter));
  return kernel;
}

int64_t groups_of(NodeContext& node) {
  const int64_t groups = node.integer("group", 1);
  if (groups < 1)
    throw Error("group is " + std::to_string(groups));
  return groups;
}

void import_conv(NodeContext& node) {
  const Value input = node.input(0), filter = node.input(1);
  const Dims extents = spatial_extents(input);
  Window window = read_window(node, kernel_of(node));
  read_padding(node, extents, window);
  node.output(node.make<ir::ConvOp>(input, filter, node.optional_input(2), window.strides, window.dilations,
                                    window.pad_begin, window.pad_end, groups_of(node)));
}

// Padding such that the result has extents `wanted`; where no padding would do, output padding makes up for
// it.
void pad_to(const std::string& mode, llvm::ArrayRef<int64_t> extents, llvm::ArrayRef<int64_t> wanted,
            Window& window, Dims& output_padding) {
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const int64_t total = window.strides[i] * (extents[i] - 1) + output_padding[i] +
                          window.dilations[i] * (window.kernel[i] - 1) + 1 - wanted[i];
    const int64_t pad = std::max<int64_t>(0, total), smaller = pad / 2;
    const bool upper = mode == "SAME_UPPER";
    output_padding[i] += pad - total;
    window.pad_begin.push_back(upper ? smaller : pad - smaller);
    window.pad_end.push_back(upper ? pad - smaller : smaller);
  }
}

void import_conv_transpose(NodeContext& node) {
  const Value input = node.input(0), filter = node.input(1);
  const Dims extents = spatial_extents(input);
  Window window = read_window(node, kernel_of(node));
  Dims output_padding = spatial_attribute(node, "output_padding", extents.size(), 0, 0);
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "SAME_UPPER" && mode != "SAME_LOWER" && mode != "VALID")
    throw Error("auto_pad '" + mode + "' is not supported");
  node.has("pads"); // has no meaning unless read below
  if (auto wanted = node.integers("output_shape")) {
    if (wanted->size() == extents.size() + 2) // some writers include N and C
      wanted->erase(wanted->begin(), wanted->begin() + 2);
    constexpr int64_t kMost = int64_t{1} << 40;
    for (int64_t extent : *wanted)
      if (wanted->size() != extents.size() || extent < 1 || extent > kMost)
        throw Error("output_shape " + to_text(*wanted) + " is out of range");
    pad_to(mode, extents, *wanted, window, output_padding);
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    Dims same;
    for (std::size_t i = 0; i < extents.size(); ++i)
      same.push_back(extents[i] * window.strides[i]);
    pad_to(mode, extents, same, window, output_padding);
  } else if (mode == "VALID") {
    window.pad_begin.assign(extents.size(), 0);
    window.pad_end.assign(extents.size(), 0);
  } else {
    read_pads(node, window);
  }
  node.output(node.make<ir::ConvTransposeOp>(input, filter, node.optional_input(2), window.strides,
                                             window.dilations, window.pad_begin, window.pad_end,
                                             output_padding, groups_of(node)));
}

} // namespace

void add_convolutions(OperatorTable& table) {
  table.add("Conv", import_conv);
  table.add("ConvTranspose", import_conv_transpose);
}

} // namespace sinter::onnx_import
