// Arithmetic and mathematical functions, element by element.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/broadcasting.h"

namespace sinter::onnx_import {

Value second_operand(NodeContext& node) {
  const Value lhs = node.input(0), rhs = node.input(1);
  const bool broadcast = node.integer("broadcast", 0) != 0;
  if (node.opset() >= 7)
    return rhs;
  const bool from_axis = node.has("axis");
  if (!broadcast || !from_axis)
    return rhs;
  // Before opset 7 the second operand could be matched from `axis` on instead of at the end.
  const int64_t rank = rank_of(lhs), axis = NodeContext::normalize_axis(node.integer("axis", 0), rank);
  Dims dims = dims_of(rhs);
  if (axis + rank_of(rhs) > rank)
    throw Error("an operand of shape " + to_text(dims) + " does not fit at axis " + std::to_string(axis) +
                " of " + to_text(dims_of(lhs)));
  dims.resize(static_cast<std::size_t>(rank - axis), 1);
  return node.reshape(rhs, dims);
}

namespace {

// The exponent may have another type than the base, which is the result's.
void import_pow(NodeContext& node) {
  Value base = node.input(0), exponent = second_operand(node);
  const Type element = element_of(base);
  if (is_float(base) || !is_float(exponent))
    return node.output(node.make<ir::PowOp>(base, node.cast(exponent, element)));
  const Value power = node.make<ir::PowOp>(node.cast(base, element_of(exponent)), exponent);
  node.output(node.cast(power, element));
}

void import_mod(NodeContext& node) {
  const Value lhs = node.input(0), rhs = node.input(1);
  if (node.integer("fmod", 0) != 0)
    return node.output(node.make<ir::FmodOp>(lhs, rhs));
  if (is_float(lhs) && node.opset() < 28)
    throw Error("floating-point operands need fmod = 1");
  node.output(node.make<ir::RemainderOp>(lhs, rhs));
}

void import_mean(NodeContext& node) {
  const Value sum = chain<ir::AddOp>(node);
  node.output(node.make<ir::DivOp>(sum, node.scalar_like(node.input_count(), sum)));
}

Value bound(NodeContext& node, const char* name, int input) {
  if (node.opset() >= 11)
    return node.optional_input(input);
  return node.has(name) ? node.scalar_like(node.number(name, 0), node.input(0)) : Value();
}

void import_clip(NodeContext& node) {
  Value value = node.input(0);
  const Value low = bound(node, "min", 1), high = bound(node, "max", 2);
  for (const Value limit : {low, high})
    if (limit && product(dims_of(limit)) != 1)
      throw Error("a bound is not a scalar: " + to_text(dims_of(limit)));
  auto known = [&](Value limit) { return !limit || limit.getDefiningOp<ir::ConstantOp>(); };
  if (is_float(value) && known(low) && known(high)) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    // From opset 11 on the bounds are inputs 1 and 2; earlier they were attributes.
    const bool inputs = node.opset() >= 11;
    const double least = low ? (inputs ? node.constant_number(1, "min") : node.number("min", 0)) : -kInfinity;
    const double most = high ? (inputs ? node.constant_number(2, "max") : node.number("max", 0)) : kInfinity;
    return node.output(node.make<ir::ClipOp>(value, llvm::APFloat(least), llvm::APFloat(most)));
  }
  // Integer bounds need all 64 bits; bounds that are computed are operands.
  if (low)
    value = node.make<ir::MaximumOp>(value, node.reshape(low, {}));
  if (high)
    value = node.make<ir::MinimumOp>(value, node.reshape(high, {}));
  node.output(value);
}

void import_tan(NodeContext& node) {
  const Value x = node.input(0);
  node.output(node.make<ir::DivOp>(node.make<ir::SinOp>(x), node.make<ir::CosOp>(x)));
}

} // namespace

void add_arithmetic(OperatorTable& table) {
  table.add("Add", import_binary<ir::AddOp>);
  table.add("Sub", import_binary<ir::SubOp>);
  table.add("Mul", import_binary<ir::MulOp>);
  table.add("Div", import_binary<ir::DivOp>);
  table.add("Pow", import_pow);
  table.add("Mod", import_mod, 10);
  table.add("Max", import_variadic<ir::MaximumOp>);
  table.add("Min", import_variadic<ir::MinimumOp>);
  table.add("Sum", import_variadic<ir::AddOp>);
  table.add("Mean", import_mean);
  table.add("Clip", import_clip);

  table.add("Abs", import_unary<ir::AbsOp>);
  table.add("Neg", import_unary<ir::NegOp>);
  table.add("Sign", import_unary<ir::SignOp>, 9);
  table.add("Reciprocal", import_unary<ir::ReciprocalOp>);
  table.add("Sqrt", import_unary<ir::SqrtOp>);
  table.add("Exp", import_unary<ir::ExpOp>);
  table.add("Log", import_unary<ir::LogOp>);
  table.add("Sin", import_unary<ir::SinOp>, 7);
  table.add("Cos", import_unary<ir::CosOp>, 7);
  table.add("Tan", import_tan, 7);
  table.add("Tanh", import_unary<ir::TanhOp>);
  table.add("Erf", import_unary<ir::ErfOp>, 9);
  table.add("Floor", import_unary<ir::FloorOp>);
  table.add("Ceil", import_unary<ir::CeilOp>);
  table.add("Round", import_unary<ir::RoundOp>, 11);
}

} // namespace sinter::onnx_import
