// Comparisons, logic and choice.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/broadcasting.h"

namespace sinter::onnx_import {
namespace {

void import_where(NodeContext& node) {
  node.output(node.make<ir::SelectOp>(node.input(0), node.input(1), node.input(2)));
}

void import_is_inf(NodeContext& node) {
  const Value x = node.input(0);
  if (!is_float(x))
    throw Error("the input is not of a floating-point type");
  const bool positive = node.integer("detect_positive", 1) != 0,
             negative = node.integer("detect_negative", 1) != 0;
  if (!positive && !negative)
    return node.output(node.splat(0, node.builder().getI1Type(), dims_of(x)));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (positive && negative)
    return node.output(node.make<ir::EqualOp>(node.make<ir::AbsOp>(x), node.scalar_like(kInfinity, x)));
  node.output(node.make<ir::EqualOp>(x, node.scalar_like(positive ? kInfinity : -kInfinity, x)));
}

} // namespace

void add_logic(OperatorTable& table) {
  table.add("Equal", import_binary<ir::EqualOp>);
  table.add("Less", import_binary<ir::LessOp>);
  table.add("LessOrEqual", import_binary<ir::LessEqualOp>, 12);
  table.add("Greater", import_binary<ir::GreaterOp>);
  table.add("GreaterOrEqual", import_binary<ir::GreaterEqualOp>, 12);
  table.add("And", import_binary<ir::LogicalAndOp>);
  table.add("Or", import_binary<ir::LogicalOrOp>);
  table.add("Xor", import_binary<ir::LogicalXorOp>);
  table.add("Not", import_unary<ir::LogicalNotOp>);
  table.add("Where", import_where, 9);
  table.add("IsNaN", import_unary<ir::IsNanOp>, 9);
  table.add("IsInf", import_is_inf, 10);
}

} // namespace sinter::onnx_import
