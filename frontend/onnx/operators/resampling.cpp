// Resize and Upsample.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

#include <algorithm>
#include <cmath>

namespace sinter::onnx_import {
namespace {

using Scales = llvm::SmallVector<double>;

struct Resampling {
  Dims sizes;
  Scales scales;
};

int64_t checked_size(double size) {
  if (!(size >= 0 && size < static_cast<double>(int64_t{1} << 40)))
    throw Error("a size of the result is out of range");
  return static_cast<int64_t>(size);
}

Resampling by_scales(llvm::ArrayRef<int64_t> dims, Scales scales) {
  if (scales.size() != dims.size())
    throw Error(std::to_string(scales.size()) + " scales given for " + std::to_string(dims.size()) +
                " dimensions");
  Resampling result{{}, std::move(scales)};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!(result.scales[i] > 0))
      throw Error("a scale is not positive");
    result.sizes.push_back(checked_size(std::floor(static_cast<double>(dims[i]) * result.scales[i])));
  }
  return result;
}

Resampling by_sizes(llvm::ArrayRef<int64_t> dims, const Dims& sizes) {
  if (sizes.size() != dims.size())
    throw Error(std::to_string(sizes.size()) + " sizes given for " + std::to_string(dims.size()) +
                " dimensions");
  Resampling result{sizes, {}};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    checked_size(static_cast<double>(sizes[i]));
    if (dims[i] == 0 && sizes[i] != 0)
      throw Error("cannot resize an empty dimension of " + to_text(dims));
    result.scales.push_back(dims[i] == 0 ? 1.0
                                         : static_cast<double>(sizes[i]) / static_cast<double>(dims[i]));
  }
  return result;
}

// One factor for all `axes`, such that no size grows above (or shrinks below) what was asked for.
Resampling keep_aspect_ratio(llvm::ArrayRef<int64_t> dims, Dims sizes, llvm::ArrayRef<int64_t> axes,
                             const std::string& policy) {
  const bool larger = policy == "not_smaller";
  if (!larger && policy != "not_larger")
    throw Error("keep_aspect_ratio_policy '" + policy + "' is not supported");
  const Resampling stretched = by_sizes(dims, sizes);
  double scale = larger ? 0 : std::numeric_limits<double>::infinity();
  for (int64_t axis : axes) {
    const double own = stretched.scales[static_cast<std::size_t>(axis)];
    scale = larger ? std::max(scale, own) : std::min(scale, own);
  }
  Resampling result = stretched;
  for (int64_t axis : axes) {
    const auto at = static_cast<std::size_t>(axis);
    result.sizes[at] = checked_size(std::floor(scale * static_cast<double>(dims[at]) + 0.5));
    result.scales[at] = scale;
  }
  return result;
}

ir::ResizeMode resize_mode(const std::string& name) {
  if (name == "nearest")
    return ir::ResizeMode::nearest;
  if (name == "linear" || name == "bilinear")
    return ir::ResizeMode::linear;
  throw Error("mode '" + name + "' is not supported");
}

ir::ResizeCoordinates resize_coordinates(const std::string& name, llvm::ArrayRef<int64_t> dims,
                                         const Resampling& resampling) {
  if (name == "half_pixel_symmetric")
    // The same as half_pixel where sizes are exact multiples; elsewhere the centre shifts.
    for (std::size_t i = 0; i < dims.size(); ++i)
      if (static_cast<double>(resampling.sizes[i]) != static_cast<double>(dims[i]) * resampling.scales[i])
        throw Error("coordinates half_pixel_symmetric with sizes that are rounded are not supported");
  if (name == "half_pixel" || name == "half_pixel_symmetric")
    return ir::ResizeCoordinates::half_pixel;
  if (name == "pytorch_half_pixel")
    return ir::ResizeCoordinates::pytorch_half_pixel;
  if (name == "align_corners")
    return ir::ResizeCoordinates::align_corners;
  if (name == "asymmetric")
    return ir::ResizeCoordinates::asymmetric;
  throw Error("coordinate_transformation_mode '" + name + "' is not supported");
}

ir::ResizeRounding resize_rounding(const std::string& name) {
  if (name == "round_prefer_floor")
    return ir::ResizeRounding::round_prefer_floor;
  if (name == "round_prefer_ceil")
    return ir::ResizeRounding::round_prefer_ceil;
  if (name == "floor")
    return ir::ResizeRounding::floor;
  if (name == "ceil")
    return ir::ResizeRounding::ceil;
  throw Error("nearest_mode '" + name + "' is not supported");
}

// Upsample, and Resize as it was in opset 10: result position i lies at i / scale, nearest rounds down.
void import_upsample(NodeContext& node) {
  const Value value = node.input(0);
  Scales scales;
  if (node.has("scales"))
    scales = *node.numbers("scales");
  else if (node.has("height_scale"))
    scales = {1, 1, node.number("height_scale", 1), node.number("width_scale", 1)};
  else
    scales = node.constant_numbers(1, "the scales");
  const Resampling result = by_scales(dims_of(value), scales);
  node.output(node.make<ir::ResizeOp>(value, result.sizes, result.scales,
                                      resize_mode(node.text("mode", "nearest")),
                                      ir::ResizeCoordinates::asymmetric, ir::ResizeRounding::floor));
}

// An optional input that writers also leave empty.
bool given(NodeContext& node, int input) {
  return node.has_input(input) && product(dims_of(node.input(input))) > 0;
}

Resampling read_resampling(NodeContext& node, llvm::ArrayRef<int64_t> dims) {
  const auto rank = static_cast<int64_t>(dims.size());
  Dims axes;
  for (int64_t i = 0; i < rank; ++i)
    axes.push_back(i);
  axes = node.integers("axes").value_or(axes);
  NodeContext::normalize_axes(axes, rank); // no axis twice
  for (int64_t& axis : axes)
    axis = NodeContext::normalize_axis(axis, rank);
  auto check = [&](std::size_t count) {
    if (count != axes.size())
      throw Error(std::to_string(count) + " scales or sizes given for " + std::to_string(axes.size()) +
                  " dimensions");
  };
  const std::string policy = node.text("keep_aspect_ratio_policy", "stretch"); // of sizes only
  if (given(node, 2) == given(node, 3))
    throw Error("either scales or sizes must be given");
  if (given(node, 2)) {
    const auto numbers = node.constant_numbers(2, "the scales");
    check(numbers.size());
    Scales scales(dims.size(), 1.0);
    for (std::size_t i = 0; i < axes.size(); ++i)
      scales[static_cast<std::size_t>(axes[i])] = numbers[i];
    return by_scales(dims, scales);
  }
  const Dims numbers = node.constant_integers(3, "the sizes");
  check(numbers.size());
  Dims sizes(dims);
  for (std::size_t i = 0; i < axes.size(); ++i)
    sizes[static_cast<std::size_t>(axes[i])] = numbers[i];
  return policy == "stretch" ? by_sizes(dims, sizes) : keep_aspect_ratio(dims, sizes, axes, policy);
}

void import_resize(NodeContext& node) {
  const Value value = node.input(0);
  const Dims dims = dims_of(value);
  if (node.integer("antialias", 0) != 0)
    throw Error("antialias is not supported");
  if (node.integer("exclude_outside", 0) != 0)
    throw Error("exclude_outside is not supported");
  const Resampling result = read_resampling(node, dims);
  const ir::ResizeMode mode = resize_mode(node.text("mode", "nearest"));
  const auto coordinates =
      resize_coordinates(node.text("coordinate_transformation_mode", "half_pixel"), dims, result);
  const auto rounding = resize_rounding(node.text("nearest_mode", "round_prefer_floor"));
  node.output(node.make<ir::ResizeOp>(value, result.sizes, result.scales, mode, coordinates, rounding));
}

} // namespace

void add_resampling(OperatorTable& table) {
  table.add("Upsample", import_upsample, kFirstOpset, 9);
  table.add("Resize", import_upsample, 10, 10);
  table.add("Resize", import_resize, 11);
  table.add_setting("Upsample", 1);
  for (const int input : {1, 2, 3})
    table.add_setting("Resize", input);
}

} // namespace sinter::onnx_import
