// Poolings.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/window.h"

namespace sinter::onnx_import {
namespace {

struct Pooling {
  Window window;
  bool ceil_mode;
};

Pooling pooling_of(NodeContext& node) {
  node.only_first_output();
  const Dims extents = spatial_extents(node.input(0));
  const auto kernel = node.integers("kernel_shape");
  if (!kernel || kernel->size() != extents.size())
    throw Error("kernel_shape is missing or does not match the input's shape " +
                to_text(dims_of(node.input(0))));
  Pooling pooling{read_window(node, *kernel), false};
  read_padding(node, extents, pooling.window);
  // With auto_pad the number of windows is given already.
  pooling.ceil_mode = node.integer("ceil_mode", 0) != 0 && !pooling.window.automatic;
  return pooling;
}

void import_max_pool(NodeContext& node) {
  const auto [window, ceil_mode] = pooling_of(node);
  node.output(node.make<ir::MaxPoolOp>(node.input(0), window.kernel, window.strides, window.dilations,
                                       window.pad_begin, window.pad_end, ceil_mode));
}

void import_average_pool(NodeContext& node) {
  const auto [window, ceil_mode] = pooling_of(node);
  node.output(node.make<ir::AvgPoolOp>(node.input(0), window.kernel, window.strides, window.dilations,
                                       window.pad_begin, window.pad_end, ceil_mode,
                                       node.integer("count_include_pad", 0) != 0));
}

template <class Op>
void import_global(NodeContext& node) {
  const Value value = node.input(0);
  Dims axes;
  for (int64_t i = 2; i < rank_of(value); ++i)
    axes.push_back(i);
  if (axes.empty())
    throw Error("the input has no spatial dimensions: " + to_text(dims_of(value)));
  node.output(node.make<Op>(value, axes, true));
}

} // namespace

void add_poolings(OperatorTable& table) {
  table.add("MaxPool", import_max_pool);
  table.add("AveragePool", import_average_pool);
  table.add("GlobalMaxPool", import_global<ir::ReduceMaxOp>);
  table.add("GlobalAveragePool", import_global<ir::ReduceMeanOp>);
}

} // namespace sinter::onnx_import
