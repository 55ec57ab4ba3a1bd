// Arithmetic of rules of differentiation.
#include "ir/gradient.h"

#include "ir/constant.h"
#include "ir/op_creation.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/movement.h"

using namespace mlir;

namespace sinter::ir {

Value GradientArithmetic::number(double value, Type element) {
  const auto type = RankedTensorType::get({}, element);
  auto storage = Storage::allocate(size_of(dtypeOf(element)));
  eager::fill(View::dense(storage->data(), dtypeOf(element), Shape{}), value);
  return ConstantOp::create(builder, loc, type, makeElements(type, storage));
}

Value GradientArithmetic::filled(double value, RankedTensorType type) {
  return broadcastTo(number(value, type.getElementType()), type.getShape());
}

Value GradientArithmetic::materialized(Value x, RankedTensorType type) {
  return x ? x : filled(0, type);
}

std::pair<Value, Value> GradientArithmetic::operands(Term a, Term b, Type element) {
  if (a.value())
    element = tensorType(a.value()).getElementType();
  else if (b.value())
    element = tensorType(b.value()).getElementType();
  return {a.value() ? a.value() : number(a.number(), element),
          b.value() ? b.value() : number(b.number(), element)};
}

Value GradientArithmetic::add(Term a, Term b) {
  if (a.isZero() || b.isZero())
    return a.isZero() ? b.value() : a.value();
  auto [x, y] = operands(a, b);
  return create<AddOp>(builder, loc, x, y);
}

Value GradientArithmetic::sub(Term a, Term b) {
  if (b.isZero())
    return a.value();
  if (a.isZero())
    return neg(b.value());
  auto [x, y] = operands(a, b);
  return create<SubOp>(builder, loc, x, y);
}

Value GradientArithmetic::mul(Term a, Term b) {
  if (a.isZero() || b.isZero())
    return {};
  if (!b.value() && b.number() == 1)
    return a.value();
  if (!a.value() && a.number() == 1)
    return b.value();
  if (!b.value() && b.number() == -1)
    return neg(a.value());
  auto [x, y] = operands(a, b);
  return create<MulOp>(builder, loc, x, y);
}

Value GradientArithmetic::div(Term a, Term b) {
  if (a.isZero())
    return {};
  auto [x, y] = operands(a, b);
  return create<DivOp>(builder, loc, x, y);
}

Value GradientArithmetic::neg(Value x) {
  return x ? Value(create<NegOp>(builder, loc, x)) : x;
}

Value GradientArithmetic::pow(Value x, double exponent) {
  return create<PowOp>(builder, loc, x, number(exponent, tensorType(x).getElementType()));
}

Value GradientArithmetic::reciprocal(Value x) {
  return create<ReciprocalOp>(builder, loc, x);
}

Value GradientArithmetic::exp(Value x) {
  return create<ExpOp>(builder, loc, x);
}

Value GradientArithmetic::equal(Value a, Term b) {
  auto [x, y] = operands(a, b);
  return create<EqualOp>(builder, loc, x, y);
}

Value GradientArithmetic::less(Value a, Term b) {
  auto [x, y] = operands(a, b);
  return create<LessOp>(builder, loc, x, y);
}

Value GradientArithmetic::lessEqual(Value a, Term b) {
  auto [x, y] = operands(a, b);
  return create<LessEqualOp>(builder, loc, x, y);
}

Value GradientArithmetic::greater(Value a, Term b) {
  auto [x, y] = operands(a, b);
  return create<GreaterOp>(builder, loc, x, y);
}

Value GradientArithmetic::greaterEqual(Value a, Term b) {
  auto [x, y] = operands(a, b);
  return create<GreaterEqualOp>(builder, loc, x, y);
}

Value GradientArithmetic::both(Value a, Value b) {
  return create<LogicalAndOp>(builder, loc, a, b);
}

Value GradientArithmetic::either(Value a, Value b) {
  return create<LogicalOrOp>(builder, loc, a, b);
}

Value GradientArithmetic::negation(Value condition) {
  return create<LogicalNotOp>(builder, loc, condition);
}

Value GradientArithmetic::select(Value condition, Term a, Term b, Type element) {
  if (a.isZero() && b.isZero())
    return {};
  auto [x, y] = operands(a, b, element);
  return create<SelectOp>(builder, loc, condition, x, y);
}

Value GradientArithmetic::indicator(Value condition, Type element) {
  return create<CastOp>(builder, loc, condition, element);
}

Value GradientArithmetic::sum(Value x, ArrayRef<int64_t> axes, bool keepDims) {
  if (!x || (axes.empty() && !keepDims))
    return x;
  return create<ReduceSumOp>(builder, loc, x, axes, keepDims);
}

Value GradientArithmetic::sumTo(Value x, RankedTensorType type) {
  if (!x || tensorType(x).getShape() == type.getShape())
    return x;
  const ArrayRef<int64_t> from = tensorType(x).getShape(), to = type.getShape();
  const size_t added = from.size() - to.size();
  SmallVector<int64_t> axes;
  for (size_t d = 0; d < from.size(); ++d)
    if (d < added || (to[d - added] == 1 && from[d] != 1))
      axes.push_back(static_cast<int64_t>(d));
  return reshape(sum(x, axes), to);
}

Value GradientArithmetic::broadcastTo(Value x, ArrayRef<int64_t> shape) {
  if (!x || tensorType(x).getShape() == shape)
    return x;
  return create<BroadcastToOp>(builder, loc, x, shape);
}

Value GradientArithmetic::reshape(Value x, ArrayRef<int64_t> shape) {
  if (!x || tensorType(x).getShape() == shape)
    return x;
  return create<ReshapeOp>(builder, loc, x, shape);
}

Value GradientArithmetic::transpose(Value x, ArrayRef<int64_t> permutation) {
  return x ? Value(create<TransposeOp>(builder, loc, x, permutation)) : x;
}

namespace {

Value times(GradientArithmetic& g, Value x, const Partial& partial) {
  const Value product = g.mul(x, partial.factor);
  return product && partial.mask ? g.select(partial.mask, product, 0) : product;
}

} // namespace

SmallVector<Value> pointwiseVjp(Operation* op, OpBuilder& builder, ValueRange cotangents, PartialOf partial) {
  GradientArithmetic g(builder, op->getLoc());
  SmallVector<Value> result(op->getNumOperands());
  if (!cotangents[0])
    return result;
  for (OpOperand& operand : op->getOpOperands())
    if (isDifferentiable(operand.get()))
      result[operand.getOperandNumber()] =
          g.sumTo(times(g, cotangents[0], partial(g, operand.getOperandNumber())), tensorType(operand.get()));
  return result;
}

SmallVector<Value> pointwiseJvp(Operation* op, OpBuilder& builder, ValueRange tangents, PartialOf partial) {
  GradientArithmetic g(builder, op->getLoc());
  Value sum;
  for (OpOperand& operand : op->getOpOperands())
    if (Value tangent = tangents[operand.getOperandNumber()])
      sum = g.add(sum, times(g, tangent, partial(g, operand.getOperandNumber())));
  return {g.broadcastTo(sum, tensorType(op->getResult(0)).getShape())};
}

} // namespace sinter::ir
