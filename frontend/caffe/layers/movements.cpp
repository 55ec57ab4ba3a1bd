// Layers that move elements or give them another shape.
#include "frontend/caffe/layers.h"

namespace sinter::caffe_import {
namespace {

using llvm::ArrayRef;

int64_t extent_from(ArrayRef<int64_t> dims, int64_t first) {
  return product(dims.drop_front(static_cast<std::size_t>(first)));
}
int64_t extent_before(ArrayRef<int64_t> dims, int64_t end) {
  return product(dims.take_front(static_cast<std::size_t>(end)));
}

void import_split(LayerContext& layer) {
  for (int i = 0; i < layer.node.output_count(); ++i)
    layer.node.output(i, layer.bottom());
}

// The axis of Concat and Slice, whose old form counts from the front only.
int64_t joined_axis(LayerContext& layer, const char* old_field) {
  const int64_t rank = rank_of(layer.bottom());
  if (!layer.settings.has(old_field))
    return axis_of(layer.settings, "axis", 1, rank);
  if (layer.settings.has("axis"))
    throw Error(std::string("both axis and ") + old_field + " are given");
  return NodeContext::normalize_axis(layer.settings.integer(old_field, 1, 0, kMaxRank), rank);
}

void import_concat(LayerContext& layer) {
  const int64_t axis = joined_axis(layer, "concat_dim");
  llvm::SmallVector<Value> parts;
  for (int i = 0; i < layer.bottom_count(); ++i)
    parts.push_back(layer.bottom(i));
  layer.top(parts.size() == 1 ? parts.front() : layer.node.make<ir::ConcatOp>(parts, axis));
}

void import_slice(LayerContext& layer) {
  const int64_t axis = joined_axis(layer, "slice_dim");
  const int64_t extent = dims_of(layer.bottom())[static_cast<std::size_t>(axis)];
  const auto count = static_cast<int64_t>(layer.layer.tops.size());
  std::vector<int64_t> points = layer.settings.integers("slice_point", 1, kMostExtent);
  if (points.empty()) {
    if (extent % count != 0)
      throw Error("extent " + std::to_string(extent) + " does not divide into " + std::to_string(count) +
                  " tops");
    for (int64_t i = 1; i < count; ++i)
      points.push_back(i * (extent / count));
  }
  if (static_cast<int64_t>(points.size()) != count - 1)
    throw Error(std::to_string(points.size()) + " slice points do not make " + std::to_string(count) +
                " tops");
  points.push_back(extent);
  int64_t start = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i] <= start)
      throw Error("slice points " + to_text(points) + " do not ascend within extent " +
                  std::to_string(extent));
    layer.node.output(static_cast<int>(i), layer.node.slice(layer.bottom(), axis, start, points[i] - start));
    start = points[i];
  }
}

void import_flatten(LayerContext& layer) {
  const Dims dims = dims_of(layer.bottom());
  const int64_t axis = axis_of(layer.settings, "axis", 1, rank_of(layer.bottom()));
  const int64_t last = axis_of(layer.settings, "end_axis", -1, rank_of(layer.bottom()));
  if (last < axis)
    throw Error("end_axis " + std::to_string(last) + " lies before axis " + std::to_string(axis));
  Dims shape(dims.begin(), dims.begin() + axis);
  shape.push_back(product(ArrayRef<int64_t>(dims).slice(static_cast<std::size_t>(axis),
                                                        static_cast<std::size_t>(last + 1 - axis))));
  shape.append(dims.begin() + last + 1, dims.end());
  layer.top(layer.node.reshape(layer.bottom(), shape));
}

// Replaces dimensions [axis, axis + num_axes) by `shape`, in which 0 copies a dimension and -1 is what
// remains.
void import_reshape(LayerContext& layer) {
  const Settings shape_settings = layer.settings.message("shape");
  const std::vector<int64_t> wanted = shape_settings.integers("dim", -1, kMostExtent);
  shape_settings.check_all_read();
  const Dims dims = dims_of(layer.bottom());
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t given = layer.settings.integer("axis", 0, -kMaxRank - 1, kMaxRank);
  const int64_t axis = given < 0 ? rank + 1 + given : given;
  const int64_t count = layer.settings.integer("num_axes", -1, -1, kMaxRank);
  const int64_t end = count < 0 ? rank : axis + count;
  if (axis < 0 || axis > rank || end > rank)
    throw Error("axis " + std::to_string(given) + " and num_axes " + std::to_string(count) +
                " are out of range for " + std::to_string(rank) + " dimensions");
  Dims shape(dims.begin(), dims.begin() + axis);
  std::optional<std::size_t> inferred;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && axis + static_cast<int64_t>(i) >= rank)
      throw Error("dimension " + std::to_string(i) + " of the shape copies one that the bottom " +
                  to_text(dims) + " does not have");
    if (wanted[i] == -1 && inferred)
      throw Error("two dimensions of the shape are -1");
    if (wanted[i] == -1)
      inferred = shape.size();
    shape.push_back(wanted[i] == -1  ? 1
                    : wanted[i] == 0 ? dims[static_cast<std::size_t>(axis) + i]
                                     : wanted[i]);
  }
  shape.append(dims.begin() + end, dims.end());
  if (inferred)
    shape[*inferred] = product(dims) / std::max<int64_t>(1, checked_bytes({shape.data(), shape.size()}, 1));
  layer.top(layer.node.reshape(layer.bottom(), shape));
}

// SSD's: dimensions that are not named follow in their order.
void import_permute(LayerContext& layer) {
  const int64_t rank = rank_of(layer.bottom());
  const std::vector<int64_t> order = layer.settings.integers("order", 0, kMaxRank);
  Dims permutation(order.begin(), order.end());
  for (int64_t i = 0; i < rank; ++i)
    if (!llvm::is_contained(order, i))
      permutation.push_back(i);
  if (static_cast<int64_t>(permutation.size()) != rank ||
      static_cast<int64_t>(NodeContext::normalize_axes(permutation, rank).size()) != rank)
    throw Error("order " + to_text(order) + " is no permutation of " + std::to_string(rank) + " dimensions");
  layer.top(layer.node.transpose(layer.bottom(), permutation));
}

// As large as the second bottom from the axis on.
void import_crop(LayerContext& layer) {
  const Dims dims = dims_of(layer.bottom()), wanted = dims_of(layer.bottom(1));
  const int64_t axis = axis_of(layer.settings, "axis", 2, rank_of(layer.bottom()));
  const std::vector<int64_t> offsets = layer.settings.integers("offset", 0, kMostExtent);
  const std::size_t cropped = dims.size() - static_cast<std::size_t>(axis);
  if (wanted.size() != dims.size() || (offsets.size() > 1 && offsets.size() != cropped))
    throw Error("bottoms of shapes " + to_text(dims) + " and " + to_text(wanted) + " and " +
                std::to_string(offsets.size()) + " offsets do not fit axis " + std::to_string(axis));
  Value value = layer.bottom();
  for (std::size_t i = static_cast<std::size_t>(axis); i < dims.size(); ++i) {
    const int64_t offset = offsets.empty()       ? 0
                           : offsets.size() == 1 ? offsets[0]
                                                 : offsets[i - static_cast<std::size_t>(axis)];
    if (offset + wanted[i] > dims[i])
      throw Error("extent " + std::to_string(wanted[i]) + " at offset " + std::to_string(offset) +
                  " is not inside dimension " + std::to_string(i) + " of " + to_text(dims));
    value = layer.node.slice(value, static_cast<int64_t>(i), offset, wanted[i]);
  }
  layer.top(value);
}

void import_tile(LayerContext& layer) {
  Dims dims = dims_of(layer.bottom());
  const int64_t axis = axis_of(layer.settings, "axis", 1, rank_of(layer.bottom()));
  const int64_t tiles = layer.settings.integer("tiles", 0, 1, kMostExtent);
  if (tiles == 0)
    throw Error("tiles is missing");
  const int64_t outer = extent_before(dims, axis), inner = extent_from(dims, axis);
  const Value once = layer.node.reshape(layer.bottom(), {outer, 1, inner});
  const Value repeated = layer.node.broadcast_to(once, {outer, tiles, inner});
  dims[static_cast<std::size_t>(axis)] *= tiles;
  layer.top(layer.node.reshape(repeated, dims));
}

// ShuffleNet's: the channels of the groups in turns.
void import_shuffle(LayerContext& layer) {
  const Dims dims = dims_of(layer.bottom());
  const int64_t groups = layer.settings.integer("group", 1, 1, kMostExtent);
  if (dims.size() < 2 || dims[1] % groups != 0)
    throw Error(std::to_string(groups) + " groups do not divide the channels of " + to_text(dims));
  const Value grouped =
      layer.node.reshape(layer.bottom(), {dims[0], groups, dims[1] / groups, extent_from(dims, 2)});
  layer.top(layer.node.reshape(layer.node.transpose(grouped, {0, 2, 1, 3}), dims));
}

// A blob as a top.
void import_parameter(LayerContext& layer) {
  const Settings shape = layer.settings.message("shape");
  const std::vector<int64_t> dims = shape.integers("dim", 1, kMostExtent);
  shape.check_all_read();
  layer.top(layer.blob(0, dims));
}

BlobRanks any_blob(const Layer&, const Settings&) {
  return {-1};
}

} // namespace

void add_movements(LayerTable& table) {
  table.add("Split", {import_split, "", kOne, kAny});
  table.add("Concat", {import_concat, "concat_param", kAny});
  table.add("Slice", {import_slice, "slice_param", kOne, kAny});
  table.add("Flatten", {import_flatten, "flatten_param"});
  table.add("Reshape", {import_reshape, "reshape_param"});
  table.add("Permute", {import_permute, "permute_param"});
  table.add("Crop", {import_crop, "crop_param", {2, 2}});
  table.add("Tile", {import_tile, "tile_param"});
  table.add("ShuffleChannel", {import_shuffle, "shuffle_channel_param"});
  table.add("Parameter", {import_parameter, "parameter_param", {0, 0}, kOne, any_blob});
}

} // namespace sinter::caffe_import
