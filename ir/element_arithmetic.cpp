// Arithmetic on elements, scalars or vectors alike.
#include "ir/element_arithmetic.h"

#include "ir/precision.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace sinter::ir {
namespace {

constexpr auto kContract = arith::FastMathFlags::contract;

} // namespace

Value splatConstant(OpBuilder& builder, Location loc, TypedAttr element, Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(vector, Attribute(element)));
  return arith::ConstantOp::create(builder, loc, element);
}

Type shapedLike(Type element, Value like) {
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value narrowed(OpBuilder& builder, Location loc, Value wide, Type half) {
  auto rounded = arith::TruncFOp::create(builder, loc, shapedLike(half, wide), wide);
  rounded->setAttr(kUnrounded, builder.getUnitAttr());
  return rounded;
}

Value ElementArithmetic::constant(double value, Value like) {
  const auto type = cast<FloatType>(getElementTypeOrSelf(like.getType()));
  if (isHalf(type)) {
    const Type wide = shapedLike(builder.getF32Type(), like);
    const auto number = builder.getF32FloatAttr(static_cast<float>(value));
    return narrowed(builder, loc, splatConstant(builder, loc, number, wide), type);
  }
  APFloat number(value);
  bool lost = false;
  number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  return splatConstant(builder, loc, FloatAttr::get(type, number), like.getType());
}

Value ElementArithmetic::integer(int64_t value, Value like) {
  const auto type = cast<IntegerType>(getElementTypeOrSelf(like.getType()));
  const APInt bits = APInt(64, static_cast<uint64_t>(value)).trunc(type.getWidth());
  return splatConstant(builder, loc, IntegerAttr::get(type, bits), like.getType());
}

Value ElementArithmetic::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b, kContract);
}
Value ElementArithmetic::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b, kContract);
}
Value ElementArithmetic::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b, kContract);
}
Value ElementArithmetic::div(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value ElementArithmetic::neg(Value x) {
  return arith::NegFOp::create(builder, loc, x);
}
Value ElementArithmetic::abs(Value x) {
  return math::AbsFOp::create(builder, loc, x);
}
Value ElementArithmetic::exp(Value x) {
  return math::ExpOp::create(builder, loc, x);
}
Value ElementArithmetic::expm1(Value x) {
  return math::ExpM1Op::create(builder, loc, x);
}
Value ElementArithmetic::expOfNegative(Value x) {
  auto power = math::ExpOp::create(builder, loc, x);
  power->setAttr(kOneSided, builder.getUnitAttr());
  return power;
}
Value ElementArithmetic::erfcOfPositive(Value x) {
  auto rest = math::ErfcOp::create(builder, loc, x);
  rest->setAttr(kOneSided, builder.getUnitAttr());
  return rest;
}
Value ElementArithmetic::log(Value x) {
  return math::LogOp::create(builder, loc, x);
}
Value ElementArithmetic::sqrt(Value x) {
  return math::SqrtOp::create(builder, loc, x);
}

Value ElementArithmetic::compare(arith::CmpFPredicate how, Value a, Value b) {
  return arith::CmpFOp::create(builder, loc, how, a, b);
}

Value ElementArithmetic::isNan(Value x) {
  return compare(arith::CmpFPredicate::UNO, x, x);
}

Value ElementArithmetic::atLeast(Value x, double low) {
  const Value bound = constant(low, x);
  return choose(compare(arith::CmpFPredicate::OLT, x, bound), bound, x);
}

Value ElementArithmetic::atMost(Value x, double high) {
  const Value bound = constant(high, x);
  return choose(compare(arith::CmpFPredicate::OGT, x, bound), bound, x);
}

Value ElementArithmetic::sigmoid(Value x) {
  const Value power = expOfNegative(neg(abs(x))); // neither overflows nor loses what is left far below zero
  const Value below = div(power, add(power, 1));
  return choose(compare(arith::CmpFPredicate::OLT, x, 0), below, sub(constant(1, x), below));
}

Value ElementArithmetic::addI(Value a, Value b) {
  return arith::AddIOp::create(builder, loc, a, b);
}
Value ElementArithmetic::subI(Value a, Value b) {
  return arith::SubIOp::create(builder, loc, a, b);
}
Value ElementArithmetic::mulI(Value a, Value b) {
  return arith::MulIOp::create(builder, loc, a, b);
}

Value ElementArithmetic::compareI(arith::CmpIPredicate how, Value a, Value b) {
  return arith::CmpIOp::create(builder, loc, how, a, b);
}

Value ElementArithmetic::max(Value a, Value b, Type element) {
  if (isa<FloatType>(element))
    return arith::MaximumFOp::create(builder, loc, a, b);
  if (isUnsignedElement(element))
    return arith::MaxUIOp::create(builder, loc, a, b);
  return arith::MaxSIOp::create(builder, loc, a, b);
}

Value ElementArithmetic::min(Value a, Value b, Type element) {
  if (isa<FloatType>(element))
    return arith::MinimumFOp::create(builder, loc, a, b);
  if (isUnsignedElement(element))
    return arith::MinUIOp::create(builder, loc, a, b);
  return arith::MinSIOp::create(builder, loc, a, b);
}

Value ElementArithmetic::choose(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, loc, condition, a, b);
}

Value ElementArithmetic::both(Value a, Value b) {
  return arith::AndIOp::create(builder, loc, a, b);
}
Value ElementArithmetic::either(Value a, Value b) {
  return arith::OrIOp::create(builder, loc, a, b);
}

} // namespace sinter::ir
