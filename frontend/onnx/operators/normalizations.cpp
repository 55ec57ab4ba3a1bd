// Softmax and normalisations.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

namespace sinter::onnx_import {
namespace {

// Before opset 13, softmax runs over all dimensions from `axis` on at once.
template <class Op>
void import_softmax(NodeContext& node) {
  const Value value = node.input(0);
  const Dims dims = dims_of(value);
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t given = node.integer("axis", node.opset() < 13 ? 1 : -1);
  if (node.opset() >= 13)
    return node.output(node.make<Op>(value, NodeContext::normalize_axis(given, rank)));
  const int64_t axis = given == rank ? rank : NodeContext::normalize_axis(given, rank);
  if (axis == rank - 1)
    return node.output(node.make<Op>(value, axis));
  const llvm::ArrayRef<int64_t> all = dims;
  const Value flat = node.reshape(value, {product(all.take_front(static_cast<std::size_t>(axis))),
                                          product(all.drop_front(static_cast<std::size_t>(axis)))});
  node.output(node.reshape(node.make<Op>(flat, int64_t{1}), dims));
}

void import_batch_normalization(NodeContext& node) {
  node.only_first_output();
  if (node.integer("training_mode", 0) != 0)
    throw Error("training mode is not supported");
  if (node.integer("spatial", 1) == 0)
    throw Error("spatial = 0 is not supported");
  node.output(node.make<ir::BatchNormOp>(node.input(0), node.input(1), node.input(2), node.input(3),
                                         node.input(4), llvm::APFloat(node.number("epsilon", 1e-5))));
}

// [N, groups, everything else of a group], each row normalised, in the input's shape again.
Value normalize_groups(NodeContext& node, Value value, int64_t groups) {
  const Dims dims = dims_of(value);
  if (dims.size() < 3)
    throw Error("the input has shape " + to_text(dims) + "; it needs N, C and spatial dimensions");
  if (groups < 1 || dims[1] % groups != 0)
    throw Error(std::to_string(dims[1]) + " channels do not divide into " + std::to_string(groups) +
                " groups");
  const int64_t row = product(llvm::ArrayRef<int64_t>(dims).drop_front(1)) / groups;
  const Value rows = node.reshape(value, {dims[0], groups, row});
  const Value normalized =
      node.make<ir::LayerNormOp>(rows, node.splat(1, element_of(value), {row}), Value(), int64_t{2},
                                 llvm::APFloat(node.number("epsilon", 1e-5)));
  return node.reshape(normalized, dims);
}

// value * scale + bias, where both have one element per channel.
Value scale_channels(NodeContext& node, Value value, Value scale, Value bias) {
  Dims shape(static_cast<std::size_t>(rank_of(value) - 1), 1);
  shape[0] = dims_of(value)[1];
  const Value scaled = node.make<ir::MulOp>(value, node.reshape(scale, shape));
  return node.make<ir::AddOp>(scaled, node.reshape(bias, shape));
}

void import_instance_normalization(NodeContext& node) {
  const Value value = node.input(0);
  if (rank_of(value) < 3)
    throw Error("the input has shape " + to_text(dims_of(value)) + "; it needs N, C and spatial dimensions");
  const Value normalized = normalize_groups(node, value, dims_of(value)[1]);
  node.output(scale_channels(node, normalized, node.input(1), node.input(2)));
}

void import_group_normalization(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t groups = node.required_integer("num_groups");
  const Value normalized = normalize_groups(node, value, groups);
  const int64_t channels = dims_of(value)[1];
  // Opset 18 has one scale and bias per group, later ones one per channel.
  auto per_channel = [&](Value parameter) {
    if (node.opset() >= 21)
      return parameter;
    return node.reshape(node.broadcast_to(node.reshape(parameter, {groups, 1}), {groups, channels / groups}),
                        {channels});
  };
  node.output(scale_channels(node, normalized, per_channel(node.input(1)), per_channel(node.input(2))));
}

// 1 / sqrt(mean of squares over the dimensions from `axis` on + epsilon), those kept as extent 1.
Value inverse_root_mean_square(NodeContext& node, Value value, int64_t axis, double epsilon) {
  Dims axes;
  for (int64_t i = axis; i < rank_of(value); ++i)
    axes.push_back(i);
  const Value squares = node.make<ir::MulOp>(value, value);
  const Value mean = node.make<ir::ReduceMeanOp>(squares, axes, true);
  return node.make<ir::RsqrtOp>(node.make<ir::AddOp>(mean, node.scalar_like(epsilon, mean)));
}

void import_layer_normalization(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t axis = NodeContext::normalize_axis(node.integer("axis", -1), rank_of(value));
  const double epsilon = node.number("epsilon", 1e-5);
  const Dims dims = dims_of(value), normalized(dims.begin() + axis, dims.end());
  const Value scale = node.broadcast_to(node.input(1), normalized);
  const Value bias = node.has_input(2) ? node.broadcast_to(node.input(2), normalized) : Value();
  node.output(node.make<ir::LayerNormOp>(value, scale, bias, axis, llvm::APFloat(epsilon)));
  if (!node.output_used(1) && !node.output_used(2))
    return;
  Dims axes;
  for (int64_t i = axis; i < rank_of(value); ++i)
    axes.push_back(i);
  const Value mean = node.make<ir::ReduceMeanOp>(value, axes, true);
  node.output(1, mean);
  node.output(2, inverse_root_mean_square(node, node.make<ir::SubOp>(value, mean), axis, epsilon));
}

void import_rms_normalization(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t axis = NodeContext::normalize_axis(node.integer("axis", -1), rank_of(value));
  const Value factor = inverse_root_mean_square(node, value, axis, node.number("epsilon", 1e-5));
  node.output(node.make<ir::MulOp>(node.make<ir::MulOp>(value, factor), node.input(1)));
}

// value / (sum of |value|^p along the axis)^(1/p)
void import_lp_normalization(NodeContext& node) {
  const Value value = node.input(0);
  const Dims axes{NodeContext::normalize_axis(node.integer("axis", -1), rank_of(value))};
  const int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2)
    throw Error("p is " + std::to_string(p) + "; 1 and 2 are supported");
  const Value powers = p == 1 ? node.make<ir::AbsOp>(value) : node.make<ir::MulOp>(value, value);
  const Value sum = node.make<ir::ReduceSumOp>(powers, axes, true);
  const Value norm = p == 1 ? sum : node.make<ir::SqrtOp>(sum);
  // Rows of zeros stay zeros.
  const Value zero = node.scalar_like(0, value);
  const Value quotient = node.make<ir::DivOp>(value, norm);
  node.output(node.make<ir::SelectOp>(node.make<ir::EqualOp>(norm, zero), zero, quotient));
}

void import_lrn(NodeContext& node) {
  const int64_t size = node.required_integer("size");
  if (size < 1)
    throw Error("size is " + std::to_string(size));
  node.output(node.make<ir::LrnOp>(node.input(0), size, llvm::APFloat(node.number("alpha", 1e-4)),
                                   llvm::APFloat(node.number("beta", 0.75)),
                                   llvm::APFloat(node.number("bias", 1))));
}

} // namespace

void add_normalizations(OperatorTable& table) {
  table.add("Softmax", import_softmax<ir::SoftmaxOp>);
  table.add("LogSoftmax", import_softmax<ir::LogSoftmaxOp>);
  table.add("BatchNormalization", import_batch_normalization);
  table.add("InstanceNormalization", import_instance_normalization);
  table.add("GroupNormalization", import_group_normalization, 18);
  table.add("LayerNormalization", import_layer_normalization, 17);
  table.add("RMSNormalization", import_rms_normalization, 23);
  table.add("LpNormalization", import_lp_normalization);
  table.add("LRN", import_lrn);
}

} // namespace sinter::onnx_import
