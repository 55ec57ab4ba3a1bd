// Mathematical functions of one argument.
#include "ir/element_arithmetic.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/elementwise.h"
#include "sinter/runtime/eager/movement.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/elementwise/unary.cpp.inc"

namespace sinter::ir {

void AbsOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::abs(operands[0], results[0]);
}

Value AbsOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  const Type element = getInput().getType().getElementType();
  if (isa<FloatType>(element))
    return e.abs(x);
  if (isUnsignedElement(element))
    return x;
  const Value zero = e.integer(0, x);
  return e.choose(e.compareI(arith::CmpIPredicate::slt, x, zero), e.subI(zero, x), x);
}

void NegOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::neg(operands[0], results[0]);
}

Value NegOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  if (isa<FloatType>(getInput().getType().getElementType()))
    return e.neg(operands[0]);
  return e.subI(e.integer(0, operands[0]), operands[0]);
}

void SignOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::sign(operands[0], results[0]);
}

Value SignOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  const Type element = getInput().getType().getElementType();
  if (isa<FloatType>(element)) {
    const Value below = e.choose(e.compare(arith::CmpFPredicate::OLT, x, 0), e.constant(-1, x), x);
    return e.choose(e.compare(arith::CmpFPredicate::OGT, x, 0), e.constant(1, x), below);
  }
  const Value zero = e.integer(0, x), one = e.integer(1, x);
  if (isUnsignedElement(element))
    return e.choose(e.compareI(arith::CmpIPredicate::ne, x, zero), one, zero);
  const Value below = e.choose(e.compareI(arith::CmpIPredicate::slt, x, zero), e.integer(-1, x), zero);
  return e.choose(e.compareI(arith::CmpIPredicate::sgt, x, zero), one, below);
}

void ReciprocalOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reciprocal(operands[0], results[0]);
}

Value ReciprocalOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return ElementArithmetic(builder, loc).div(1, operands[0]);
}

void SqrtOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::sqrt(operands[0], results[0]);
}

Value SqrtOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::SqrtOp::create(builder, loc, operands[0]);
}

void RsqrtOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::rsqrt(operands[0], results[0]);
}

Value RsqrtOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::RsqrtOp::create(builder, loc, operands[0]);
}

void ExpOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::exp(operands[0], results[0]);
}

Value ExpOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::ExpOp::create(builder, loc, operands[0]);
}

void LogOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::log(operands[0], results[0]);
}

Value LogOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::LogOp::create(builder, loc, operands[0]);
}

void SinOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::sin(operands[0], results[0]);
}

Value SinOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::SinOp::create(builder, loc, operands[0]);
}

void CosOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::cos(operands[0], results[0]);
}

Value CosOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::CosOp::create(builder, loc, operands[0]);
}

void TanhOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::tanh(operands[0], results[0]);
}

Value TanhOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::TanhOp::create(builder, loc, operands[0]);
}

void ErfOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::erf(operands[0], results[0]);
}

Value ErfOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::ErfOp::create(builder, loc, operands[0]);
}

void FloorOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::floor(operands[0], results[0]);
}

Value FloorOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::FloorOp::create(builder, loc, operands[0]);
}

void CeilOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::ceil(operands[0], results[0]);
}

Value CeilOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::CeilOp::create(builder, loc, operands[0]);
}

void RoundOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::round(operands[0], results[0]);
}

Value RoundOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return math::RoundEvenOp::create(builder, loc, operands[0]);
}

void LogicalNotOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::logical_not(operands[0], results[0]);
}

Value LogicalNotOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  const Value truth = ElementArithmetic(builder, loc).integer(1, operands[0]);
  return arith::XOrIOp::create(builder, loc, operands[0], truth);
}

void IsNanOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::is_nan(operands[0], results[0]);
}

Value IsNanOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return ElementArithmetic(builder, loc).isNan(operands[0]);
}

void StopGradientOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::copy(operands[0], results[0]);
}

Value StopGradientOp::emitPointwise(OpBuilder&, Location, ValueRange operands) {
  return operands[0];
}

// Derivatives are taken before anything is folded.
OpFoldResult StopGradientOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

void BarrierOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::copy(operands[0], results[0]);
}

Value BarrierOp::emitPointwise(OpBuilder&, Location, ValueRange operands) {
  return operands[0];
}

//===-- Derivatives ---------------------------------------------------------------------------------===//

Partial BarrierOp::partial(GradientArithmetic&, unsigned) {
  return Term(1);
}
Partial AbsOp::partial(GradientArithmetic& g, unsigned) {
  return g.apply<SignOp>(getInput());
}
Partial NegOp::partial(GradientArithmetic&, unsigned) {
  return Term(-1);
}
Partial SignOp::partial(GradientArithmetic&, unsigned) {
  return {};
}
Partial ReciprocalOp::partial(GradientArithmetic& g, unsigned) {
  return g.neg(g.square(getResult()));
}
Partial SqrtOp::partial(GradientArithmetic& g, unsigned) {
  return g.div(0.5, getResult());
}
Partial RsqrtOp::partial(GradientArithmetic& g, unsigned) {
  return g.mul(g.mul(g.square(getResult()), getResult()), -0.5);
}
Partial ExpOp::partial(GradientArithmetic&, unsigned) {
  return Value(getResult());
}
Partial LogOp::partial(GradientArithmetic& g, unsigned) {
  return g.reciprocal(getInput());
}
Partial SinOp::partial(GradientArithmetic& g, unsigned) {
  return g.apply<CosOp>(getInput());
}
Partial CosOp::partial(GradientArithmetic& g, unsigned) {
  return g.neg(g.apply<SinOp>(getInput()));
}
Partial TanhOp::partial(GradientArithmetic& g, unsigned) {
  return g.sub(1, g.square(getResult()));
}
Partial ErfOp::partial(GradientArithmetic& g, unsigned) {
  return g.mul(g.exp(g.neg(g.square(getInput()))), 2 * std::numbers::inv_sqrtpi);
}
Partial FloorOp::partial(GradientArithmetic&, unsigned) {
  return {};
}
Partial CeilOp::partial(GradientArithmetic&, unsigned) {
  return {};
}
Partial RoundOp::partial(GradientArithmetic&, unsigned) {
  return {};
}

} // namespace sinter::ir
