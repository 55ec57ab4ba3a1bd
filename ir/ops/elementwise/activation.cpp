// Activation functions.
#include "ir/element_arithmetic.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/elementwise.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/elementwise/activation.cpp.inc"

namespace sinter::ir {
namespace {

// alpha * (exp(x) - 1) where `condition` does not hold, else x.
Value exponentialUnless(ElementArithmetic& e, Value condition, Value x, double alpha) {
  return e.choose(condition, x, e.mul(e.expm1(x), alpha));
}

// The integer bounds of a clip: those of the element type where `low` and `high` say less.
std::pair<int64_t, int64_t> integerBounds(IntegerType type, double low, double high) {
  const unsigned bits = type.getWidth();
  const bool isUnsigned = type.isUnsigned();
  const int64_t least = isUnsigned ? 0 : APInt::getSignedMinValue(bits).getSExtValue();
  const int64_t most = isUnsigned ? static_cast<int64_t>(APInt::getMaxValue(bits).getZExtValue())
                                  : APInt::getSignedMaxValue(bits).getSExtValue();
  const int64_t from = std::isnan(low) ? least : eager::saturate_cast<int64_t>(std::ceil(low));
  const int64_t to = std::isnan(high) ? most : eager::saturate_cast<int64_t>(std::floor(high));
  return {std::clamp(from, least, most), std::clamp(to, least, most)};
}

} // namespace

void ReluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::relu(operands[0], results[0]);
}

Value ReluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  const Type element = getInput().getType().getElementType();
  if (isa<FloatType>(element))
    return e.atLeast(x, 0);
  return isUnsignedElement(element) ? x : e.max(x, e.integer(0, x), element);
}

void SigmoidOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::sigmoid(operands[0], results[0]);
}

Value SigmoidOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return ElementArithmetic(builder, loc).sigmoid(operands[0]);
}

void SiluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::silu(operands[0], results[0]);
}

Value SiluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  return e.mul(operands[0], e.sigmoid(operands[0]));
}

void SoftplusOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::softplus(operands[0], results[0]);
}

Value SoftplusOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  // exp(-|x|) never overflows.
  const Value small = math::Log1pOp::create(builder, loc, e.expOfNegative(e.neg(e.abs(x))));
  return e.add(e.atLeast(x, 0), small);
}

void SoftsignOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::softsign(operands[0], results[0]);
}

Value SoftsignOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  return e.div(operands[0], e.add(e.abs(operands[0]), 1));
}

void MishOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::mish(operands[0], results[0]);
}

Value MishOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  // With t = exp(x): tanh(log(1 + t)) = t (t + 2) / (t (t + 2) + 2), which is 1 from x = 20 on. f16 has no
  // room for its square.
  const bool half = getElementTypeOrSelf(x.getType()).isF16();
  const Value t = e.exp(e.atMost(x, half ? 5 : 20));
  const Value n = e.mul(t, e.add(t, 2));
  return e.mul(x, e.div(n, e.add(n, 2)));
}

void HardSwishOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::hard_swish(operands[0], results[0]);
}

Value HardSwishOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value line = e.add(e.mul(operands[0], 1.0 / 6), 0.5);
  return e.mul(operands[0], e.atLeast(e.atMost(line, 1), 0));
}

void GeluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::gelu(operands[0], results[0], getTanhApproximation());
}

Value GeluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  if (getTanhApproximation()) {
    // (1 + tanh(u)) / 2 = sigmoid(2 u), which does not cancel; 2 u = 2 scale (x + 0.044715 x^3).
    const double scale = 2 * std::sqrt(2 * std::numbers::inv_pi);
    return e.mul(x, e.sigmoid(e.mul(x, e.add(e.mul(e.mul(x, x), scale * 0.044715), scale))));
  }
  // Below zero 1 + erf would cancel: it is erfc of the magnitude, and 2 less erfc above. Nothing is left of
  // erfc at `far`, which keeps infinity from being multiplied by it.
  constexpr double far = 100;
  const Value magnitude = e.abs(e.atMost(x, far));
  const Value rest = e.erfcOfPositive(e.mul(magnitude, 1 / std::numbers::sqrt2));
  return e.sub(e.atLeast(x, -0.0), e.mul(e.mul(magnitude, 0.5), rest)); // -0 far below zero
}

void LeakyReluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::leaky_relu(operands[0], results[0], getAlpha().convertToDouble());
}

Value LeakyReluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  return e.choose(e.compare(arith::CmpFPredicate::OGE, x, 0), x, e.mul(x, getAlpha().convertToDouble()));
}

void EluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::elu(operands[0], results[0], getAlpha().convertToDouble());
}

Value EluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value positive = e.compare(arith::CmpFPredicate::OGE, operands[0], 0);
  return exponentialUnless(e, positive, operands[0], getAlpha().convertToDouble());
}

void SeluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::selu(operands[0], results[0], getAlpha().convertToDouble(), getGamma().convertToDouble());
}

Value SeluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value positive = e.compare(arith::CmpFPredicate::OGT, operands[0], 0);
  return e.mul(exponentialUnless(e, positive, operands[0], getAlpha().convertToDouble()),
               getGamma().convertToDouble());
}

void HardSigmoidOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::hard_sigmoid(operands[0], results[0], getAlpha().convertToDouble(), getBeta().convertToDouble());
}

Value HardSigmoidOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value line = e.add(e.mul(operands[0], getAlpha().convertToDouble()), getBeta().convertToDouble());
  return e.atLeast(e.atMost(line, 1), 0);
}

void ClipOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::clip(operands[0], results[0], getLow().convertToDouble(), getHigh().convertToDouble());
}

Value ClipOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  const double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
  const Type element = getInput().getType().getElementType();
  if (isa<FloatType>(element))
    return e.atMost(e.atLeast(x, low), high);
  const auto [least, most] = integerBounds(cast<IntegerType>(element), low, high);
  const Value from = e.integer(least, x), to = e.integer(most, x);
  return e.min(e.max(x, from, element), to, element);
}

void PreluOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::prelu(operands[0], operands[1], results[0]);
}

Value PreluOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value x = operands[0];
  return e.choose(e.compare(arith::CmpFPredicate::OGE, x, 0), x, e.mul(operands[1], x));
}

} // namespace sinter::ir
