// Reductions.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

namespace sinter::onnx_import {
namespace {

struct Reduction {
  Dims axes;
  bool keep_dims;
};

// The axes are an attribute, or from opset 18 on (ReduceSum: 13) input 1. None mean all, or none at all if
// the node says so.
Reduction reduction_of(NodeContext& node) {
  const int64_t rank = rank_of(node.input(0));
  const auto given = node.integers_from("axes", 1, "the axes");
  Reduction reduction{{}, node.integer("keepdims", 1) != 0};
  const bool none_means_none = node.integer("noop_with_empty_axes", 0) != 0;
  if (given && !given->empty())
    reduction.axes = NodeContext::normalize_axes(*given, rank);
  else if (!none_means_none)
    for (int64_t i = 0; i < rank; ++i)
      reduction.axes.push_back(i);
  return reduction;
}

template <class Op>
Value reduce(NodeContext& node, Value value, const Reduction& reduction) {
  return reduction.axes.empty() ? value : node.make<Op>(value, reduction.axes, reduction.keep_dims);
}

template <class Op>
void import_reduce(NodeContext& node) {
  node.output(reduce<Op>(node, node.input(0), reduction_of(node)));
}

// Of booleans, the largest is whether any holds, the smallest whether all do.
template <class Op>
void import_reduce_extreme(NodeContext& node) {
  const Value value = node.input(0);
  const Type element = element_of(value);
  if (!element.isInteger(1))
    return import_reduce<Op>(node);
  const Value bytes = node.cast(value, ir::elementTypeOf(node.builder().getContext(), DType::u8));
  node.output(node.cast(reduce<Op>(node, bytes, reduction_of(node)), element));
}

void import_reduce_mean(NodeContext& node) {
  const Value value = node.input(0);
  const Reduction reduction = reduction_of(node);
  if (is_float(value))
    return node.output(reduce<ir::ReduceMeanOp>(node, value, reduction));
  int64_t count = 1;
  for (int64_t axis : reduction.axes)
    count *= dims_of(value)[static_cast<std::size_t>(axis)];
  const Value sum = reduce<ir::ReduceSumOp>(node, value, reduction);
  node.output(node.make<ir::DivOp>(sum, node.cast(node.integer_constant(count), element_of(value))));
}

void import_reduce_l1(NodeContext& node) {
  node.output(reduce<ir::ReduceSumOp>(node, node.make<ir::AbsOp>(node.input(0)), reduction_of(node)));
}

Value sum_of_squares(NodeContext& node) {
  const Value value = node.input(0);
  return reduce<ir::ReduceSumOp>(node, node.make<ir::MulOp>(value, value), reduction_of(node));
}

void import_reduce_sum_square(NodeContext& node) {
  node.output(sum_of_squares(node));
}

void import_reduce_l2(NodeContext& node) {
  node.output(node.make<ir::SqrtOp>(sum_of_squares(node)));
}

void import_reduce_log_sum(NodeContext& node) {
  const Value sum = reduce<ir::ReduceSumOp>(node, node.input(0), reduction_of(node));
  node.output(node.make<ir::LogOp>(sum));
}

// max + log(sum(exp(x - max))): exp alone would overflow.
void import_reduce_log_sum_exp(NodeContext& node) {
  const Value value = node.input(0);
  const Reduction reduction = reduction_of(node);
  if (!is_float(value))
    throw Error("the input is not of a floating-point type");
  if (reduction.axes.empty())
    return node.output(value);
  // Clipped, so that rows of infinities do not turn into NaN by inf - inf.
  const double most = ir::dtypeOf(element_of(value)) == DType::f64 ? std::numeric_limits<double>::max()
                                                                   : std::numeric_limits<float>::max();
  Value max = node.make<ir::ReduceMaxOp>(value, reduction.axes, true);
  max = node.make<ir::ClipOp>(max, llvm::APFloat(-most), llvm::APFloat(most));
  const Value exp = node.make<ir::ExpOp>(node.make<ir::SubOp>(value, max));
  const Value sum = node.make<ir::ReduceSumOp>(exp, reduction.axes, reduction.keep_dims);
  const Value log = node.make<ir::LogOp>(sum);
  node.output(node.make<ir::AddOp>(log, node.reshape(max, dims_of(log))));
}

template <class Op>
void import_arg_reduce(NodeContext& node) {
  Value value = node.input(0);
  const int64_t axis = NodeContext::normalize_axis(node.integer("axis", 0), rank_of(value));
  const int64_t extent = dims_of(value)[static_cast<std::size_t>(axis)];
  const bool keep_dims = node.integer("keepdims", 1) != 0, last = node.integer("select_last_index", 0) != 0;
  if (extent == 0)
    throw Error("dimension " + std::to_string(axis) + " of the input is empty");
  if (!last)
    return node.output(node.make<Op>(value, axis, keep_dims));
  // The last is the first from behind.
  value = node.slice(value, axis, extent - 1, extent, -1);
  const Value from_behind = node.make<Op>(value, axis, keep_dims);
  node.output(node.make<ir::SubOp>(node.integer_constant(extent - 1), from_behind));
}

} // namespace

void add_reductions(OperatorTable& table) {
  table.add("ReduceSum", import_reduce<ir::ReduceSumOp>);
  table.add("ReduceMax", import_reduce_extreme<ir::ReduceMaxOp>);
  table.add("ReduceMin", import_reduce_extreme<ir::ReduceMinOp>);
  table.add("ReduceProd", import_reduce<ir::ReduceProdOp>);
  table.add("ReduceMean", import_reduce_mean);
  table.add("ReduceL1", import_reduce_l1);
  table.add("ReduceL2", import_reduce_l2);
  table.add("ReduceSumSquare", import_reduce_sum_square);
  table.add("ReduceLogSum", import_reduce_log_sum);
  table.add("ReduceLogSumExp", import_reduce_log_sum_exp);
  table.add("ArgMax", import_arg_reduce<ir::ArgMaxOp>);
  table.add("ArgMin", import_arg_reduce<ir::ArgMinOp>);
}

} // namespace sinter::onnx_import
