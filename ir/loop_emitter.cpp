// The arithmetic on positions that every operation's loop emission shares.
#include "ir/loop_emitter.h"

#include "ir/element_arithmetic.h"
#include "ir/precision.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;

namespace sinter::ir {
namespace {

Type widened(Type element, int64_t width) {
  return width == 1 ? element : VectorType::get({width}, element);
}

TypedAttr elementAttr(double value, Type element) {
  if (auto type = dyn_cast<FloatType>(element)) {
    APFloat number(value);
    bool lost = false;
    number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return FloatAttr::get(type, number);
  }
  const APInt bits(64, static_cast<uint64_t>(static_cast<int64_t>(value)));
  return IntegerAttr::get(emittedType(element), bits.trunc(element.getIntOrFloatBitWidth()));
}

// Integers cannot go through double: i64's extremes have no exact counterpart there.
TypedAttr neutralAttr(Combine how, Type element) {
  if (how == Combine::add || how == Combine::mul)
    return elementAttr(how == Combine::add ? 0 : 1, element);
  const double infinity = std::numeric_limits<double>::infinity();
  if (isa<FloatType>(element))
    return elementAttr(how == Combine::max ? -infinity : infinity, element);
  const unsigned bits = element.getIntOrFloatBitWidth();
  const Type type = emittedType(element);
  if (isUnsignedElement(element))
    return IntegerAttr::get(type, how == Combine::max ? APInt::getMinValue(bits) : APInt::getMaxValue(bits));
  return IntegerAttr::get(type, how == Combine::max ? APInt::getSignedMinValue(bits)
                                                    : APInt::getSignedMaxValue(bits));
}

} // namespace

Type emittedType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

bool isUnsignedElement(Type element) {
  return element.isUnsignedInteger() || element.isInteger(1);
}

Value LoopEmitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Point LoopEmitter::broadcast(const Point& at, ArrayRef<int64_t> operandShape) {
  Point result;
  const size_t lead = at.size() - operandShape.size();
  for (size_t d = 0; d < operandShape.size(); ++d)
    result.push_back(operandShape[d] == 1 ? this->at(int64_t{0}) : at[lead + d]);
  return result;
}

Coord LoopEmitter::affine(const Coord& coord, int64_t factor, int64_t offset) {
  if (factor == 1 && offset == 0)
    return coord;
  auto apply = [&](Value value) -> Value {
    auto number = [&](int64_t n) -> Value {
      if (auto type = dyn_cast<VectorType>(value.getType()))
        return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, builder.getIndexAttr(n)));
      return index(n);
    };
    if (factor != 1)
      value = arith::MulIOp::create(builder, loc, value, number(factor));
    if (offset != 0)
      value = arith::AddIOp::create(builder, loc, value, number(offset));
    return value;
  };
  if (coord.perLane)
    return {{}, 0, apply(coord.perLane)};
  return {apply(coord.base), coord.laneStride * factor, {}};
}

Coord LoopEmitter::add(const Coord& a, const Coord& b) {
  if (a.perLane || b.perLane)
    return fromLanes(arith::AddIOp::create(builder, loc, lanes(a), lanes(b)));
  return {arith::AddIOp::create(builder, loc, a.base, b.base), a.laneStride + b.laneStride, {}};
}

Value LoopEmitter::lanes(const Coord& coord) {
  if (coord.perLane || width() == 1)
    return coord.perLane ? coord.perLane : coord.base;
  Value base = splat(coord.base);
  if (coord.laneStride == 0)
    return base;
  SmallVector<Attribute> steps;
  for (int64_t lane = 0; lane < width(); ++lane)
    steps.push_back(builder.getIndexAttr(lane * coord.laneStride));
  auto type = cast<VectorType>(base.getType());
  return arith::AddIOp::create(builder, loc, base,
                               arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, steps)));
}

Coord LoopEmitter::fromLanes(Value value) {
  if (isa<VectorType>(value.getType()))
    return {{}, 0, value};
  return {value, 0, {}};
}

Value LoopEmitter::splat(Value scalar) {
  if (isa<VectorType>(scalar.getType()) || width() == 1)
    return scalar;
  return vector::BroadcastOp::create(builder, loc, VectorType::get({width()}, scalar.getType()), scalar);
}

Value LoopEmitter::constant(double value, Type elementType) {
  if (isHalf(elementType))
    return narrowed(builder, loc, constant(value, builder.getF32Type()), elementType);
  return splatConstant(builder, loc, elementAttr(value, elementType),
                       widened(emittedType(elementType), width()));
}

Value LoopEmitter::neutral(Combine how, Type elementType) {
  return splatConstant(builder, loc, neutralAttr(how, elementType),
                       widened(emittedType(elementType), width()));
}

Value LoopEmitter::combine(Combine how, Type elementType, Value a, Value b) {
  const bool isFloat = isa<FloatType>(elementType);
  switch (how) {
  case Combine::add:
    return isFloat ? arith::AddFOp::create(builder, loc, a, b).getResult()
                   : arith::AddIOp::create(builder, loc, a, b);
  case Combine::mul:
    return isFloat ? arith::MulFOp::create(builder, loc, a, b).getResult()
                   : arith::MulIOp::create(builder, loc, a, b);
  case Combine::max:
    return ElementArithmetic(builder, loc).max(a, b, elementType);
  case Combine::min:
    return ElementArithmetic(builder, loc).min(a, b, elementType);
  }
  return {};
}

} // namespace sinter::ir
