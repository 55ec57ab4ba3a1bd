// Arithmetic of two arguments.
#include "ir/element_arithmetic.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/elementwise.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/elementwise/binary.cpp.inc"

namespace sinter::ir {
namespace {

template <class Op>
Type elementOf(Op op) {
  return op.getLhs().getType().getElementType();
}

// A divisor that cannot trap; `safe` holds where it is b itself. The least integer has no quotient by -1
// either.
struct Divisor {
  Value zero;     ///< b == 0
  Value minusOne; ///< b == -1; null for unsigned
  Value value;    ///< b, or 1 where one of the above holds
};

Divisor makeDivisor(ElementArithmetic& e, Value b, bool isUnsigned) {
  Divisor divisor;
  divisor.zero = e.compareI(arith::CmpIPredicate::eq, b, 0);
  Value unsafe = divisor.zero;
  if (!isUnsigned) {
    divisor.minusOne = e.compareI(arith::CmpIPredicate::eq, b, -1);
    unsafe = e.either(unsafe, divisor.minusOne);
  }
  divisor.value = e.choose(unsafe, e.integer(1, b), b);
  return divisor;
}

Value integerQuotient(ElementArithmetic& e, Value a, Value b, bool isUnsigned) {
  const Divisor divisor = makeDivisor(e, b, isUnsigned);
  const Value zero = e.integer(0, a);
  if (isUnsigned)
    return e.choose(divisor.zero, zero, arith::DivUIOp::create(e.builder, e.loc, a, divisor.value));
  const Value quotient = arith::DivSIOp::create(e.builder, e.loc, a, divisor.value);
  return e.choose(divisor.zero, zero, e.choose(divisor.minusOne, e.subI(zero, a), quotient));
}

// The sign of a. Where the divisor was replaced by 1 the remainder is 0, as it should be.
Value truncatedRemainder(ElementArithmetic& e, Value a, Value b, Type element) {
  if (isa<FloatType>(element))
    return arith::RemFOp::create(e.builder, e.loc, a, b); // exact, which a - b * trunc(a / b) is not
  const bool isUnsigned = isUnsignedElement(element);
  const Divisor divisor = makeDivisor(e, b, isUnsigned);
  if (isUnsigned)
    return arith::RemUIOp::create(e.builder, e.loc, a, divisor.value);
  return arith::RemSIOp::create(e.builder, e.loc, a, divisor.value);
}

Value repeatedProduct(ElementArithmetic& e, Value x, int times) {
  Value product = x;
  for (int i = 1; i < times; ++i)
    product = e.mul(product, x);
  return product;
}

Value floatPower(ElementArithmetic& e, Value x, Value y) {
  APFloat exponent(0.0);
  if (matchPattern(y, m_ConstantFloat(&exponent))) {
    bool lost = false;
    exponent.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    const double power = exponent.convertToDouble();
    if (power == 1 || power == 2 || power == 3)
      return repeatedProduct(e, x, static_cast<int>(power));
    if (power == -1)
      return e.div(1, x);
    if (power == 0.5)
      return e.sqrt(x);
  }
  return math::PowFOp::create(e.builder, e.loc, x, y);
}

// Square and multiply, one step a bit of the exponent; of a constant exponent the steps beyond its bits are
// left out.
Value integerPower(ElementArithmetic& e, Value x, Value y, bool isUnsigned) {
  unsigned bits = getElementTypeOrSelf(y.getType()).getIntOrFloatBitWidth();
  APInt constant(bits, 0);
  const bool known = matchPattern(y, m_ConstantInt(&constant)) && (isUnsigned || constant.isNonNegative());
  if (known)
    bits = constant.getActiveBits();
  else if (!isUnsigned)
    bits -= 1;
  const Value zero = e.integer(0, x), one = e.integer(1, x);
  Value power = one, square = x;
  for (unsigned bit = 0; bit < bits; ++bit) {
    if (bit != 0)
      square = e.mulI(square, square);
    if (known) {
      if (constant[bit])
        power = e.mulI(power, square);
      continue;
    }
    const Value mask = e.integer(static_cast<int64_t>(uint64_t{1} << bit), y);
    const Value set = e.compareI(arith::CmpIPredicate::ne, e.both(y, mask), zero);
    power = e.mulI(power, e.choose(set, square, one));
  }
  if (known || isUnsigned)
    return power;
  // To a negative power only 1 and -1 are not 0.
  const Value odd = e.compareI(arith::CmpIPredicate::ne, e.both(y, one), zero);
  const Value minusOne = e.compareI(arith::CmpIPredicate::eq, x, -1);
  const Value isOne = e.compareI(arith::CmpIPredicate::eq, x, 1);
  const Value inverse = e.choose(minusOne, e.choose(odd, x, one), e.choose(isOne, one, zero));
  return e.choose(e.compareI(arith::CmpIPredicate::slt, y, zero), inverse, power);
}

} // namespace

void AddOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::add(operands[0], operands[1], results[0]);
}

Value AddOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  return isa<FloatType>(elementOf(*this)) ? e.add(operands[0], operands[1])
                                          : e.addI(operands[0], operands[1]);
}

void SubOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::sub(operands[0], operands[1], results[0]);
}

Value SubOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  return isa<FloatType>(elementOf(*this)) ? e.sub(operands[0], operands[1])
                                          : e.subI(operands[0], operands[1]);
}

void MulOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::mul(operands[0], operands[1], results[0]);
}

Value MulOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  return isa<FloatType>(elementOf(*this)) ? e.mul(operands[0], operands[1])
                                          : e.mulI(operands[0], operands[1]);
}

void DivOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::div(operands[0], operands[1], results[0]);
}

Value DivOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Type element = elementOf(*this);
  if (isa<FloatType>(element))
    return e.div(operands[0], operands[1]);
  return integerQuotient(e, operands[0], operands[1], isUnsignedElement(element));
}

void PowOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::pow(operands[0], operands[1], results[0]);
}

Value PowOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Type element = elementOf(*this);
  if (isa<FloatType>(element))
    return floatPower(e, operands[0], operands[1]);
  return integerPower(e, operands[0], operands[1], isUnsignedElement(element));
}

void MaximumOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::maximum(operands[0], operands[1], results[0]);
}

Value MaximumOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return ElementArithmetic(builder, loc).max(operands[0], operands[1], elementOf(*this));
}

void MinimumOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::minimum(operands[0], operands[1], results[0]);
}

Value MinimumOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return ElementArithmetic(builder, loc).min(operands[0], operands[1], elementOf(*this));
}

void RemainderOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::remainder(operands[0], operands[1], results[0]);
}

Value RemainderOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Value b = operands[1];
  const Type element = elementOf(*this);
  const Value r = truncatedRemainder(e, operands[0], b, element);
  if (isUnsignedElement(element))
    return r;
  const bool isFloat = isa<FloatType>(element);
  auto negative = [&](Value v) {
    return isFloat ? e.compare(arith::CmpFPredicate::OLT, v, 0) : e.compareI(arith::CmpIPredicate::slt, v, 0);
  };
  const Value nonzero =
      isFloat ? e.compare(arith::CmpFPredicate::UNE, r, 0) : e.compareI(arith::CmpIPredicate::ne, r, 0);
  const Value opposite = arith::XOrIOp::create(builder, loc, negative(r), negative(b));
  return e.choose(e.both(nonzero, opposite), isFloat ? e.add(r, b) : e.addI(r, b), r);
}

void FmodOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::fmod(operands[0], operands[1], results[0]);
}

Value FmodOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  return truncatedRemainder(e, operands[0], operands[1], elementOf(*this));
}

//===-- Derivatives ---------------------------------------------------------------------------------===//

namespace {

// The larger or smaller gets all, equals share.
Partial share(GradientArithmetic& g, Value chosen, Value other, Value wins) {
  const Value equal = g.equal(chosen, other);
  return {g.select(equal, 0.5, 1, tensorType(chosen).getElementType()), g.either(wins, equal)};
}

} // namespace

Partial AddOp::partial(GradientArithmetic&, unsigned) {
  return Term(1);
}

Partial SubOp::partial(GradientArithmetic&, unsigned operand) {
  return Term(operand == 0 ? 1 : -1);
}

Partial MulOp::partial(GradientArithmetic&, unsigned operand) {
  return Value(operand == 0 ? getRhs() : getLhs());
}

Partial DivOp::partial(GradientArithmetic& g, unsigned operand) {
  return operand == 0 ? g.reciprocal(getRhs()) : g.neg(g.div(Value(getResult()), Value(getRhs())));
}

// b a^(b - 1), which is 0 for b = 0, whatever a is; a^b log(a), which is taken for 0 at a = 0.
Partial PowOp::partial(GradientArithmetic& g, unsigned operand) {
  const Value a = getLhs(), b = getRhs();
  if (operand == 0) {
    const Value exponent = g.sub(g.select(g.equal(b, 0), 1, b), 1);
    return g.mul(b, g.apply<PowOp>(a, exponent));
  }
  const Value zero = g.equal(a, 0);
  return {g.mul(getResult(), g.apply<LogOp>(g.select(zero, 1, a))), g.negation(zero)};
}

Partial MaximumOp::partial(GradientArithmetic& g, unsigned operand) {
  const Value chosen = operand == 0 ? getLhs() : getRhs(), other = operand == 0 ? getRhs() : getLhs();
  return share(g, chosen, other, g.greater(chosen, other));
}

Partial MinimumOp::partial(GradientArithmetic& g, unsigned operand) {
  const Value chosen = operand == 0 ? getLhs() : getRhs(), other = operand == 0 ? getRhs() : getLhs();
  return share(g, chosen, other, g.less(chosen, other));
}

// a - b q, with q, a whole number, as good as constant: q = (a - result) / b.
Partial RemainderOp::partial(GradientArithmetic& g, unsigned operand) {
  return operand == 0 ? Partial(1) : Partial(g.div(g.sub(getResult(), getLhs()), getRhs()));
}

Partial FmodOp::partial(GradientArithmetic& g, unsigned operand) {
  return operand == 0 ? Partial(1) : Partial(g.div(g.sub(getResult(), getLhs()), getRhs()));
}

} // namespace sinter::ir
