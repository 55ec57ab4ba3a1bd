// Derivatives of activation functions.
#include "ir/ops.h"

#include <numbers>

using namespace mlir;

namespace sinter::ir {
namespace {

Value sigmoid(GradientArithmetic& g, Value x) {
  return g.apply<SigmoidOp>(x);
}

// `above` where x > 0, else `otherwise`.
Value wherePositive(GradientArithmetic& g, Value x, Term above, Term otherwise) {
  return g.select(g.greater(x, 0), above, otherwise, tensorType(x).getElementType());
}

// x, no further out than where slopes of smooth activations are, to all digits of any type, those at
// infinity: what vanishes there is not multiplied by what overflows.
Value bounded(GradientArithmetic& g, Value x) {
  constexpr double kFar = 100;
  return g.apply<ClipOp>(x, APFloat(-kFar), APFloat(kFar));
}

// Phi(x) + x phi(x)
Value geluSlope(GradientArithmetic& g, Value input) {
  const Value x = bounded(g, input);
  const Value distribution = g.mul(g.add(g.apply<ErfOp>(g.mul(x, 1 / std::numbers::sqrt2)), 1), 0.5);
  const Value density =
      g.mul(g.exp(g.mul(g.square(x), -0.5)), std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return g.add(distribution, g.mul(x, density));
}

// x / 2 (1 + tanh(u)) with u = c (x + a x^3) has the slope (1 + tanh(u)) / 2 + x / 2 (1 - tanh(u)^2) c (1 + 3
// a x^2).
Value tanhGeluSlope(GradientArithmetic& g, Value input) {
  constexpr double kCubic = 0.044715;
  const double c = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const Value x = bounded(g, input), square = g.square(x);
  const Value t = g.apply<TanhOp>(g.mul(g.mul(x, g.add(g.mul(square, kCubic), 1)), c));
  const Value inner = g.mul(g.add(g.mul(square, 3 * kCubic), 1), c / 2);
  return g.add(g.mul(g.add(t, 1), 0.5), g.mul(g.mul(x, g.sub(1, g.square(t))), inner));
}

} // namespace

// By the result, which others read as well: nobody else needs the input.
Partial ReluOp::partial(GradientArithmetic& g, unsigned) {
  return {1, g.greater(getResult(), 0)};
}

Partial SigmoidOp::partial(GradientArithmetic& g, unsigned) {
  return g.mul(getResult(), g.sub(1, getResult()));
}

// s + x s (1 - s), which needs no bound where x is a number: 1 - s is 0 long before x overflows.
Partial SiluOp::partial(GradientArithmetic& g, unsigned) {
  const Value s = sigmoid(g, getInput());
  return g.add(s, g.mul(getResult(), g.sub(1, s)));
}

Partial SoftplusOp::partial(GradientArithmetic& g, unsigned) {
  return sigmoid(g, getInput());
}

Partial SoftsignOp::partial(GradientArithmetic& g, unsigned) {
  return g.reciprocal(g.square(g.add(g.apply<AbsOp>(getInput()), 1)));
}

// t + x (1 - t^2) sigmoid(x) with t = tanh(softplus(x))
Partial MishOp::partial(GradientArithmetic& g, unsigned) {
  const Value x = bounded(g, getInput());
  const Value t = g.apply<TanhOp>(g.apply<SoftplusOp>(x));
  return g.add(t, g.mul(g.mul(x, g.sub(1, g.square(t))), sigmoid(g, x)));
}

Partial HardSwishOp::partial(GradientArithmetic& g, unsigned) {
  const Value x = getInput();
  const Value slope = g.select(g.less(x, 3), g.add(g.mul(x, 1.0 / 3), 0.5), 1);
  return {slope, g.greater(x, -3)};
}

Partial GeluOp::partial(GradientArithmetic& g, unsigned) {
  return getTanhApproximation() ? tanhGeluSlope(g, getInput()) : geluSlope(g, getInput());
}

Partial LeakyReluOp::partial(GradientArithmetic& g, unsigned) {
  return wherePositive(g, getInput(), 1, getAlpha().convertToDouble());
}

// Where x is not positive, alpha e^x is the result plus alpha: unlike e^x, that never overflows elsewhere.
Partial EluOp::partial(GradientArithmetic& g, unsigned) {
  return wherePositive(g, getInput(), 1, g.add(getResult(), getAlpha().convertToDouble()));
}

Partial SeluOp::partial(GradientArithmetic& g, unsigned) {
  const double alpha = getAlpha().convertToDouble(), gamma = getGamma().convertToDouble();
  return wherePositive(g, getInput(), gamma, g.add(getResult(), alpha * gamma));
}

Partial HardSigmoidOp::partial(GradientArithmetic& g, unsigned) {
  return {getAlpha().convertToDouble(), g.both(g.greater(getResult(), 0), g.less(getResult(), 1))};
}

Partial ClipOp::partial(GradientArithmetic& g, unsigned) {
  const Value x = getInput();
  return {1,
          g.both(g.greaterEqual(x, getLow().convertToDouble()), g.lessEqual(x, getHigh().convertToDouble()))};
}

Partial PreluOp::partial(GradientArithmetic& g, unsigned operand) {
  if (operand == 0)
    return wherePositive(g, getInput(), 1, Value(getSlope()));
  return {Value(getInput()), g.lessEqual(getInput(), 0)};
}

} // namespace sinter::ir
