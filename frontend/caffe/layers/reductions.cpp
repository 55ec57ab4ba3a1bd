// Reduction and ArgMax.
#include "frontend/caffe/layers.h"

namespace sinter::caffe_import {
namespace {

// The dimensions from the axis on are one.
void import_reduction(LayerContext& layer) {
  static constexpr const char* kOperations[] = {"none", "SUM", "ASUM", "SUMSQ", "MEAN"};
  const std::size_t operation = layer.settings.word("operation", kOperations, 1);
  const double factor = layer.settings.number("coeff", 1);
  Value x = layer.bottom();
  const int64_t axis = axis_of(layer.settings, "axis", 0, rank_of(x));
  Dims axes;
  for (int64_t i = axis; i < rank_of(x); ++i)
    axes.push_back(i);
  if (operation == 0)
    throw Error("operation none is none of SUM, ASUM, SUMSQ, MEAN");
  if (operation == 2)
    x = layer.node.make<ir::AbsOp>(x);
  if (operation == 3)
    x = layer.node.make<ir::MulOp>(x, x);
  const Value result = operation == 4 ? layer.node.make<ir::ReduceMeanOp>(x, axes, false)
                                      : layer.node.make<ir::ReduceSumOp>(x, axes, false);
  layer.top(factor == 1 ? result
                        : layer.node.make<ir::MulOp>(result, layer.node.scalar_like(factor, result)));
}

// Of equal elements, the last. As a float, like everything of Caffe's.
Value index_of_largest(LayerContext& layer, Value value, int64_t axis) {
  NodeContext& node = layer.node;
  const int64_t extent = dims_of(value)[static_cast<std::size_t>(axis)];
  const Value backwards = node.slice(value, axis, extent - 1, extent, -1);
  const Value from_behind = node.make<ir::ArgMaxOp>(backwards, axis, true);
  return node.cast(node.make<ir::SubOp>(node.integer_constant(extent - 1), from_behind), element_of(value));
}

void import_arg_max(LayerContext& layer) {
  NodeContext& node = layer.node;
  const Value x = layer.bottom();
  const bool gives_values = layer.settings.boolean("out_max_val", false);
  if (layer.settings.integer("top_k", 1, 1, kMostExtent) != 1)
    throw Error("top_k other than 1 is not supported");
  if (layer.settings.has("axis")) {
    const int64_t axis = axis_of(layer.settings, "axis", 0, rank_of(x));
    return layer.top(gives_values ? node.make<ir::ReduceMaxOp>(x, Dims{axis}, true)
                                  : index_of_largest(layer, x, axis));
  }
  // Of every item of the batch: [N, 1, 1], or [N, 2, 1] of the index and the value.
  const Dims dims = dims_of(x);
  if (dims.empty())
    throw Error("the bottom has no dimensions");
  const Value rows = node.reshape(x, {dims[0], product(llvm::ArrayRef<int64_t>(dims).drop_front(1))});
  Value result = index_of_largest(layer, rows, 1);
  if (gives_values)
    result = node.make<ir::ConcatOp>(
        llvm::SmallVector<Value>{result, node.make<ir::ReduceMaxOp>(rows, Dims{1}, true)}, int64_t{1});
  Dims shape(std::max<std::size_t>(dims.size(), 3), 1);
  shape[0] = dims[0];
  shape[1] = gives_values ? 2 : 1;
  layer.top(node.reshape(result, shape));
}

} // namespace

void add_reductions(LayerTable& table) {
  table.add("Reduction", {import_reduction, "reduction_param"});
  table.add("ArgMax", {import_arg_max, "argmax_param"});
}

} // namespace sinter::caffe_import
