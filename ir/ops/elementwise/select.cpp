// Choice and conversion.
#include "ir/element_arithmetic.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/elementwise.h"

#include <cmath>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/elementwise/select.cpp.inc"

namespace sinter::ir {
namespace {

// Truncates; outside of the integer's range the nearest integer, for NaN 0. arith leaves these undefined.
Value floatToInteger(ElementArithmetic& e, Value x, IntegerType to) {
  OpBuilder& builder = e.builder;
  // f16 and bf16 cannot hold the bounds.
  if (getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth() < 32)
    x = arith::ExtFOp::create(builder, e.loc, shapedLike(builder.getF32Type(), x), x);
  const int bits = static_cast<int>(to.getWidth());
  const bool isUnsigned = to.isUnsigned();
  // Powers of two, so that every float type holds them exactly.
  const double low = isUnsigned ? 0 : -std::ldexp(1.0, bits - 1),
               past = std::ldexp(1.0, isUnsigned ? bits : bits - 1);
  const Value below = e.compare(arith::CmpFPredicate::OLT, x, low);
  const Value above = e.compare(arith::CmpFPredicate::OGE, x, past);
  const Value inside =
      e.both(e.compare(arith::CmpFPredicate::OGE, x, low), e.compare(arith::CmpFPredicate::OLT, x, past));
  const Value safe = e.choose(inside, x, e.constant(0, x));
  const Type type = shapedLike(emittedType(to), x);
  const Value number = isUnsigned ? arith::FPToUIOp::create(builder, e.loc, type, safe).getResult()
                                  : arith::FPToSIOp::create(builder, e.loc, type, safe).getResult();
  const APInt least =
      isUnsigned ? APInt::getMinValue(to.getWidth()) : APInt::getSignedMinValue(to.getWidth());
  const APInt most = isUnsigned ? APInt::getMaxValue(to.getWidth()) : APInt::getSignedMaxValue(to.getWidth());
  const Value lowest = e.integer(least.getSExtValue(), number),
              highest = e.integer(most.getSExtValue(), number);
  return e.choose(below, lowest, e.choose(above, highest, number));
}

Value fromFloat(ElementArithmetic& e, Value x, Type from, Type to) {
  if (to.isInteger(1))
    return e.compare(arith::CmpFPredicate::UNE, x, 0);
  if (auto integer = dyn_cast<IntegerType>(to))
    return floatToInteger(e, x, integer);
  const unsigned width = from.getIntOrFloatBitWidth(), newWidth = to.getIntOrFloatBitWidth();
  if (newWidth > width)
    return arith::ExtFOp::create(e.builder, e.loc, shapedLike(to, x), x);
  if (newWidth < width)
    return arith::TruncFOp::create(e.builder, e.loc, shapedLike(to, x), x);
  // f16 and bf16 convert through f32.
  const Value wide = arith::ExtFOp::create(e.builder, e.loc, shapedLike(e.builder.getF32Type(), x), x);
  return arith::TruncFOp::create(e.builder, e.loc, shapedLike(to, x), wide);
}

Value fromInteger(ElementArithmetic& e, Value x, Type from, Type to) {
  const bool isUnsigned = isUnsignedElement(from);
  const Type type = shapedLike(emittedType(to), x);
  if (to.isInteger(1))
    return e.compareI(arith::CmpIPredicate::ne, x, 0);
  if (isa<FloatType>(to))
    return isUnsigned ? arith::UIToFPOp::create(e.builder, e.loc, type, x).getResult()
                      : arith::SIToFPOp::create(e.builder, e.loc, type, x).getResult();
  const unsigned width = from.getIntOrFloatBitWidth(), newWidth = to.getIntOrFloatBitWidth();
  if (newWidth < width)
    return arith::TruncIOp::create(e.builder, e.loc, type, x);
  if (newWidth == width)
    return x;
  return isUnsigned ? arith::ExtUIOp::create(e.builder, e.loc, type, x).getResult()
                    : arith::ExtSIOp::create(e.builder, e.loc, type, x).getResult();
}

} // namespace

void SelectOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::select(operands[0], operands[1], operands[2], results[0]);
}

Value SelectOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return arith::SelectOp::create(builder, loc, operands[0], operands[1], operands[2]);
}

LogicalResult CastOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties,
                                       RegionRange regions, SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  const TypeAttr to = adaptor.getProperties().to;
  auto input = operands.empty() ? RankedTensorType() : dyn_cast<RankedTensorType>(operands[0].getType());
  if (!input || !to)
    return emitOptionalError(location, getOperationName(),
                             ": takes one ranked tensor and an element type `to`");
  const Type element = to.getValue();
  const bool integer = element.isSignlessInteger(1) || element.isSignlessInteger(8) ||
                       element.isSignlessInteger(32) || element.isSignlessInteger(64) ||
                       element.isUnsignedInteger(8);
  if (!integer && !element.isF16() && !element.isBF16() && !element.isF32() && !element.isF64())
    return emitOptionalError(location, getOperationName(), ": ", element,
                             " is not an element type of tensors");
  types.push_back(input.clone(element));
  return success();
}

void CastOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::cast(operands[0], results[0]);
}

Value CastOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  ElementArithmetic e(builder, loc);
  const Type from = getInput().getType().getElementType(), to = getTo();
  if (from == to)
    return operands[0];
  const Value result =
      isa<FloatType>(from) ? fromFloat(e, operands[0], from, to) : fromInteger(e, operands[0], from, to);
  if ((*this)->hasAttr(kUnrounded) && result.getDefiningOp<arith::TruncFOp>())
    result.getDefiningOp()->setAttr(kUnrounded, builder.getUnitAttr());
  return result;
}

//===-- Derivatives ---------------------------------------------------------------------------------===//

Partial SelectOp::partial(GradientArithmetic& g, unsigned operand) {
  return {1, operand == 1 ? Value(getCondition()) : g.negation(getCondition())};
}

SmallVector<Value> CastOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return {isDifferentiable(getInput()) ? CastOp::create(builder, getLoc(), getInput().getType(),
                                                        cotangents[0], getInput().getType().getElementType())
                                             .getResult()
                                       : Value()};
}

SmallVector<Value> CastOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {isDifferentiable(getResult())
              ? CastOp::create(builder, getLoc(), getType(), tangents[0], getTo()).getResult()
              : Value()};
}

} // namespace sinter::ir
