// Arithmetic on positions during loop emission.
#include "ir/index_math.h"

#include "ir/element_arithmetic.h"

using namespace mlir;

namespace sinter::ir {

Value IndexMath::of(const Coord& coord) {
  return coord.perLane || coord.laneStride != 0 ? e.lanes(coord) : coord.base;
}

void IndexMath::match(Value& a, Value& b) {
  if (isa<VectorType>(a.getType()) != isa<VectorType>(b.getType())) {
    a = e.splat(a);
    b = e.splat(b);
  }
}

Value IndexMath::number(int64_t n, Value like) {
  const Type type = like.getType();
  return splatConstant(e.builder, e.loc, IntegerAttr::get(getElementTypeOrSelf(type), n), type);
}

Value IndexMath::real(double n, Value like) {
  const Type type = like.getType();
  return splatConstant(e.builder, e.loc, FloatAttr::get(getElementTypeOrSelf(type), n), type);
}

Value IndexMath::add(Value a, Value b) {
  match(a, b);
  return arith::AddIOp::create(e.builder, e.loc, a, b);
}

Value IndexMath::sub(Value a, Value b) {
  match(a, b);
  return arith::SubIOp::create(e.builder, e.loc, a, b);
}

Value IndexMath::mul(Value a, Value b) {
  match(a, b);
  return arith::MulIOp::create(e.builder, e.loc, a, b);
}

Value IndexMath::div(Value value, int64_t n) {
  return n == 1 ? value : arith::DivUIOp::create(e.builder, e.loc, value, number(n, value)).getResult();
}

Value IndexMath::rem(Value value, int64_t n) {
  return n == 1 ? number(0, value)
                : arith::RemUIOp::create(e.builder, e.loc, value, number(n, value)).getResult();
}

Value IndexMath::max(Value value, int64_t n) {
  return arith::MaxSIOp::create(e.builder, e.loc, value, number(n, value));
}

Value IndexMath::min(Value value, int64_t n) {
  return arith::MinSIOp::create(e.builder, e.loc, value, number(n, value));
}

Value IndexMath::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  match(a, b);
  return arith::CmpIOp::create(e.builder, e.loc, predicate, a, b);
}

Value IndexMath::select(Value condition, Value a, Value b) {
  if (isa<VectorType>(condition.getType())) {
    a = e.splat(a);
    b = e.splat(b);
  }
  match(a, b);
  return arith::SelectOp::create(e.builder, e.loc, condition, a, b);
}

Value IndexMath::toFloat(Value value, Type element, bool wide) {
  const Type integer = shapedLike(wide ? e.builder.getI64Type() : e.builder.getI32Type(), value);
  Value number = arith::IndexCastOp::create(e.builder, e.loc, integer, value);
  return arith::SIToFPOp::create(e.builder, e.loc, shapedLike(element, value), number);
}

Value IndexMath::toIndex(Value value, bool wide) {
  const Type integer = shapedLike(wide ? e.builder.getI64Type() : e.builder.getI32Type(), value);
  Value number = arith::FPToSIOp::create(e.builder, e.loc, integer, value);
  return arith::IndexCastOp::create(e.builder, e.loc, shapedLike(e.builder.getIndexType(), value), number);
}

} // namespace sinter::ir
